"""Calls as people command them, and as their media goes."""
