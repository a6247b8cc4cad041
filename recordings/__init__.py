"""Turns packets and streams into kept, hashed, consented, expiring files and clips."""
