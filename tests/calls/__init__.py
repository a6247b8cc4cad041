"""Calls as the server knows them: the state machine, its storage, its use cases."""
