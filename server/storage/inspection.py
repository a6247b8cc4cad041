"""Looks at a database without changing it: for `livedesk doctor`, which may run beside a serving node."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from server.storage.migration import schemas
from server.storage.postgres import CONNECT_TIMEOUT_S, prepare
from server.storage.refusal import StorageRefused


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `found`: the database's schema, None where there is none; `known`: the program's."""

    place: str
    found: str | None
    known: str
    newer: bool
    durable: str
    clock_ms: int | None

    @property
    def current(self) -> bool:
        return self.found == self.known


async def inspect(url: str) -> Inspection:
    """Look. Raises `StorageRefused` with one sentence where it cannot be reached or is not durable."""
    parsed = make_url(url)
    place = parsed.render_as_string(hide_password=True)
    revisions, known = schemas()
    if parsed.get_backend_name() == "sqlite":
        found, durable, clock_ms = _look_at_file(Path(parsed.database or "")), "WAL, synchronous=FULL", None
    else:
        engine = create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"), connect_args={"timeout": CONNECT_TIMEOUT_S}
        )
        try:
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                await prepare(raw.driver_connection)
                found = await connection.run_sync(_revision)
                clock_ms = int(
                    await connection.scalar(text("SELECT extract(epoch FROM clock_timestamp()) * 1000"))
                )
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StorageRefused(
                f"The database {place} cannot be reached: {type(error).__name__}."
            ) from error
        finally:
            await engine.dispose()
        durable = "fsync, full_page_writes and synchronous_commit are on"
    return Inspection(place, found, known, found is not None and found not in revisions, durable, clock_ms)


def _look_at_file(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            row: Any = None
            if "alembic_version" in tables:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageRefused(f"The database {path.name} cannot be read: {error}.") from error
    if row is not None and mode != "wal":
        raise StorageRefused(f"The database {path.name} has journal_mode = {mode} where wal is needed.")
    return None if row is None else str(row[0])


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
