"""Media processes as the desk has them, and what runs in one."""
