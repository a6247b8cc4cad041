"""Joins peers in a call: negotiation, forwarding without transcoding, admission, closing."""
