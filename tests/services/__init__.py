"""The real servers that tests talk to, each started on the loopback and ended by its own process id."""
