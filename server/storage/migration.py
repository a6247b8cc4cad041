"""Brings a database to the schema that this program knows, in one transaction: the old one or the new one."""

from __future__ import annotations

import secrets

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

from server.storage.refusal import StorageRefused
from server.storage.schema import meta

_TURN = 0x11FEDE5C
"""PostgreSQL's advisory lock that nodes starting together take turns by; SQLite has one writer anyway."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "server.storage:migrations")
    config.attributes["connection"] = connection
    return config


def schemas() -> tuple[frozenset[str], str]:
    """Every schema that this program knows, and the one it works with."""
    scripts = ScriptDirectory.from_config(_config())
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head() or ""


def upgrade(connection: Connection) -> None:
    """Migrate inside the connection's transaction. Raises `StorageRefused` for a schema from the future."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
    found = MigrationContext.configure(connection).get_current_revision()
    known, newest = schemas()
    if found is not None and found not in known:
        raise StorageRefused(
            f"The database has schema {found}, which is newer than this program; "
            "run the program that wrote it or restore a backup from before."
        )
    if found != newest:
        command.upgrade(_config(connection), "head")
    _initialise(connection)


def _initialise(connection: Connection) -> None:
    """Give a new database what it is told apart by, and the secret that seals what must be read again."""
    kept = set(connection.execute(select(meta.c.key)).scalars())
    made = {"epoch": secrets.token_hex(8), "secret": secrets.token_hex(32)}
    missing = [{"key": key, "value": value} for key, value in made.items() if key not in kept]
    if missing:
        connection.execute(insert(meta), missing)
