"""Copies of a living database, and what a restored one must forget."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import update

from server.storage.database import Database
from server.storage.refusal import StorageRefused
from server.storage.schema import meta


async def back_up(database: Database, target: Path) -> None:
    """Write a consistent copy of a SQLite database in use to `target`, durable when this returns.

    The copy has an epoch of its own: who holds a cursor from the original is told to resync once the copy
    is put in its place, instead of waiting for entries that are gone. Raises `StorageRefused` where the
    target exists or the database is not SQLite.
    """
    if database.file is None:
        raise StorageRefused("PostgreSQL is backed up by its own tools: use pg_basebackup or pg_dump.")
    await asyncio.to_thread(_copy, database.file, target)


async def renew_epoch(database: Database) -> None:
    """After a restore by other means: from the next start on, cursors from before mean nothing."""
    async with database.write() as unit:
        await unit.connection.execute(
            update(meta).where(meta.c.key == "epoch").values(value=secrets.token_hex(8))
        )


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise StorageRefused(f"There is a file {target} already; name another.")
    if not target.parent.is_dir():
        raise StorageRefused(f"There is no folder {target.parent}; make it first.")
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as db:
        db.execute("VACUUM INTO ?", [str(unfinished)])
    with closing(sqlite3.connect(unfinished)) as copy, copy:
        copy.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", [secrets.token_hex(8)])
    _sync(unfinished)
    unfinished.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
