"""Proves who is asking: merchants' signed identities, passwords, tokens, and the sessions behind sockets."""
