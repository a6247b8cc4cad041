"""Databases as the newest migration leaves them, to be copied: migrating anew costs more than most tests."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, create_engine, delete

from server.storage.migration import upgrade
from server.storage.schema import meta


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
