"""Recordings from the media process to the case: finished, kept, made into one file."""
