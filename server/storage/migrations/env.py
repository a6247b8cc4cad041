"""Alembic's entry: runs the steps on the connection it was given, inside the transaction that is open."""

from alembic import context

from server.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
