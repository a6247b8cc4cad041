"""Servers of the same job, written plainly: what a message costs without a desk around it."""
