"""What people meet, in a real browser on the real demo."""
