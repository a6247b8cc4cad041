"""Calls, their appointments and recordings in SQL."""
