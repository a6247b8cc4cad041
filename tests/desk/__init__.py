"""The whole desk: a real node on a real database, spoken to over real sockets and HTTP."""
