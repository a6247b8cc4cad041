"""Two servers on one PostgreSQL and one Redis: what becomes of what one says to the other."""
