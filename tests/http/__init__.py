"""The HTTP side: the door, the pages, the admin side."""
