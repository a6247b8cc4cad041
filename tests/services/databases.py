"""Databases as the newest migration leaves them: migrating one anew costs more than most tests."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, create_engine, delete

from server.storage.migration import schemas, upgrade
from server.storage.schema import meta, metadata


def migrate(connection: Connection) -> None:
    """To the newest schema. What tells databases apart is left to whoever opens a copy first."""
    upgrade(connection)
    connection.execute(delete(meta))


@functools.cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "desk.db"
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            migrate(connection)
        engine.dispose()
        return file.read_bytes()


def new_sqlite(folder: Path, name: str = "desk.db") -> str:
    """The address of a new SQLite database in `folder`, migrated."""
    file = folder / name
    file.write_bytes(_migrated())
    return f"sqlite:///{file}"


def emptying() -> str:
    """SQL that makes a migrated PostgreSQL database new: nobody is connected to it, and it has no rows.

    Making another one and dropping this one takes eight times the CPU, and seconds of a slow disk.
    """
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    return "; ".join(
        (
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}",  # noqa: S608
            "SET session_replication_role = replica",  # whatever refers to what
            *(f"DELETE FROM {table.name}" for table in metadata.sorted_tables),  # noqa: S608
            f"UPDATE alembic_version SET version_num = '{schemas()[1]}'",  # noqa: S608
        )
    )
