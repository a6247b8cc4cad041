"""One table a namespace: which use case answers which command."""
