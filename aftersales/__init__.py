"""Knows the business (live timeline, provenance, promises, cases, automation, warnings, care), without clock, wire or disk."""
