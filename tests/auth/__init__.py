"""Who is asking: identities, passwords, tokens and sessions."""
