"""The use cases: each command of the wire as one function on one unit of work."""
