"""Decides who is served next and by whom; it alone knows who owns a conversation."""
