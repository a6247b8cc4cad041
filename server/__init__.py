"""Builds the whole and runs it."""
