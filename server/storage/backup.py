"""Copies of a living database, and what a restored one must forget."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, update
from sqlalchemy.engine import make_url

from server.storage.database import Database
from server.storage.holding import hold
from server.storage.migration import schemas
from server.storage.refusal import StorageRefused
from server.storage.schema import agent_sessions, meta, socket_tokens

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is in use, or whose process was killed."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A database that was written: its bytes, its schema's revision, its epoch."""

    file: Path
    size: int
    schema: str
    epoch: str


def back_up(url: str, target: Path) -> Copy:
    """Write a consistent copy of a SQLite database, in use or not, to `target`: durable, or nothing at all.

    Nobody waits for it, and the original is not migrated. The copy has an epoch of its own: also put in place
    by hand it is told apart from the original. Raises `StorageRefused` with one sentence.
    """
    source = _file(url, "PostgreSQL is backed up by its own tools: use pg_dump or pg_basebackup.")
    if not source.is_file():
        raise StorageRefused(f"There is no database {source} yet.")
    with _written(target) as unfinished:
        with closing(_opened(source, "mode=rw")) as db:
            _told_apart(db, source)
            db.execute("VACUUM INTO ?", [str(unfinished)])
        with closing(sqlite3.connect(unfinished)) as copy, copy:
            copy.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", [secrets.token_hex(8)])
    return _copied(target)


def restore(url: str, file: Path, *, clock: Callable[[], int]) -> Copy:
    """Put the backup `file` where `url` says that the database is: whole and migrated, or nothing at all.

    What `forget` says is done. `file` is looked at without being changed, and nothing is overwritten. Runs a
    loop of its own: not for where one runs. Raises `StorageRefused` with one sentence.
    """
    target = _file(
        url,
        "PostgreSQL is restored by its own tools: use pg_restore or psql for what pg_dump wrote, "
        "then `livedesk restored` before the servers start.",
    )
    _look(file)
    _need_folder(target)
    handle = hold(target.parent, alone=True)
    try:
        _refuse_to_overwrite(target)
        for left in (f"{target}{suffix}" for suffix in _BESIDE):
            if os.path.lexists(left):
                raise StorageRefused(f"{left} is left of another database; move it away first.")
        with _written(target) as unfinished:
            shutil.copyfile(file, unfinished)
            _whole(unfinished, file)
            asyncio.run(_settle(f"sqlite:///{unfinished}", clock))
        return _copied(target)
    finally:
        os.close(handle)


async def forget(database: Database) -> None:
    """After a restore: from the next start on cursors from before mean nothing, and agents sign in anew.

    A sign-in that was ended after the backup would be in force again.
    """
    async with database.write() as unit:
        run = unit.connection.execute
        await run(update(meta).where(meta.c.key == "epoch").values(value=secrets.token_hex(8)))
        await run(delete(socket_tokens))
        in_force = agent_sessions.c.ended_at.is_(None)
        await run(update(agent_sessions).where(in_force).values(ended_at=database.clock()))


async def _settle(url: str, clock: Callable[[], int]) -> None:
    database = await Database.open(url, clock=clock)
    try:
        await forget(database)
    finally:
        await database.close()


def _file(url: str, otherwise: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise StorageRefused(otherwise)
    return Path(parsed.database or "").absolute()


def _opened(file: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)


def _look(file: Path) -> None:
    """Raises `StorageRefused` where `file` is no backup that this program can read. Changes nothing."""
    if not file.is_file():
        raise StorageRefused(f"There is no file {file}.")
    for beside in (f"{file}{suffix}" for suffix in _BESIDE):
        if os.path.lexists(beside):
            raise StorageRefused(
                f"{file} is no backup but a database that was in use ({beside} is a part of it); "
                "`livedesk backup` makes one of it."
            )
    try:
        # Nobody else has it open, and SQLite leaves nothing beside it.
        with closing(_opened(file, "mode=ro&immutable=1")) as db:
            schema, _ = _told_apart(db, file)
    except sqlite3.Error as error:
        raise StorageRefused(f"{file} cannot be read as a database: {error}.") from error
    if schema not in schemas()[0]:
        raise StorageRefused(
            f"{file} has schema {schema}, which is newer than this program; "
            "restore it with the program that wrote it."
        )


def _told_apart(db: sqlite3.Connection, file: Path) -> tuple[str, str]:
    """Schema and epoch. Raises `StorageRefused` where it is no database of livedesk."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if {"meta", "alembic_version"} <= tables:
        schema = db.execute("SELECT version_num FROM alembic_version").fetchone()
        epoch = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if schema is not None and epoch is not None:
            return str(schema[0]), str(epoch[0])
    raise StorageRefused(f"{file} is no database of livedesk.")


def _whole(copy: Path, file: Path) -> None:
    """Raises `StorageRefused` where pages are missing or damaged: a copy that was cut off, a bad disk."""
    try:
        with closing(sqlite3.connect(copy)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise StorageRefused(f"{file} is damaged ({' '.join(found.split())}); take another backup.")


def _copied(file: Path) -> Copy:
    with closing(_opened(file, "mode=ro&immutable=1")) as db:
        schema, epoch = _told_apart(db, file)
    return Copy(file, file.stat().st_size, schema, epoch)


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """Lend the path of a file to write; on leaving it is at `target`, durable, for its owner's eyes alone.

    It is made in a folder of its own beside `target`, with whatever SQLite puts beside it; what a killed
    process left there is removed by the next. Raises `StorageRefused`: `target` is there, or not writable.
    """
    _need_folder(target)
    _refuse_to_overwrite(target)
    # Two: the outer one is locked, and whoever opens the database holds the inner one.
    outer = target.with_name(f"{target.name}.unfinished")
    unfinished = outer / "database" / target.name
    try:
        outer.mkdir(mode=0o700, exist_ok=True)
        with _alone_in(outer, target):
            try:
                for left in outer.iterdir():
                    shutil.rmtree(left)
                unfinished.parent.mkdir()
                unfinished.touch(mode=0o600)
                yield unfinished
                _sync(unfinished)
                if len(list(unfinished.parent.iterdir())) > 1:
                    raise StorageRefused(f"{target} was not written: its log could not be closed.")
                _refuse_to_overwrite(target)
                unfinished.rename(target)
                _sync(target.parent)
            finally:
                shutil.rmtree(outer, ignore_errors=True)
    except sqlite3.Error as error:
        raise StorageRefused(f"{target} was not written: {error}.") from error
    except OSError as error:
        raise StorageRefused(f"{target} was not written: {error.strerror or error}.") from error


def _need_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise StorageRefused(f"There is no folder {target.parent}; make it first.")


def _refuse_to_overwrite(target: Path) -> None:
    if os.path.lexists(target):
        raise StorageRefused(f"There is a file {target} already; it is not overwritten.")


@contextmanager
def _alone_in(folder: Path, target: Path) -> Iterator[None]:
    try:
        handle = hold(folder, alone=True)
    except StorageRefused:
        raise StorageRefused(f"{target} is being written already.") from None
    try:
        # Whoever held it before may have finished and removed it.
        if not folder.is_dir() or not os.path.samestat(os.fstat(handle), folder.stat()):
            raise StorageRefused(f"{target} is being written already.")
        yield
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
