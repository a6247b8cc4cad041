"""The whole server under faults: kills, lost and swapped frames, readers who do not read, networks that end."""
