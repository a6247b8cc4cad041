"""Bytes from strangers: what is taken, what is refused, and where it is kept."""
