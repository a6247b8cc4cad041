"""Plays recorded dialogues through the whole desk with real sockets and compares what everyone has at the end."""
