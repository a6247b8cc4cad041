"""Keeps the truth: the only SQL of the house, on SQLite (WAL, FULL) or PostgreSQL."""
