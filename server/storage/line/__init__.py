"""The waiting line in SQL."""
