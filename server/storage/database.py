"""Opens the database, sees that it keeps what it is told, and lends it out: reads, units of work, appends."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from sqlalchemy import select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.errors import Refused
from server.storage.audit import Audit
from server.storage.buyers import Buyers
from server.storage.calls.bookings import Bookings
from server.storage.calls.recordings import Recordings
from server.storage.calls.rights import CallRights
from server.storage.calls.runs import CarryingRuns
from server.storage.calls.store import Calls
from server.storage.cases import CaseFiles
from server.storage.catalogue import Catalogue
from server.storage.conversations import Conversations
from server.storage.files import Files
from server.storage.heads import Heads
from server.storage.holding import hold
from server.storage.line.store import Line
from server.storage.lists import Lists
from server.storage.live import Live
from server.storage.migration import upgrade
from server.storage.people import People
from server.storage.postgres import PostgresEngine
from server.storage.records import Appended, Marked, NewEntry, NewMark
from server.storage.refusal import StorageRefused
from server.storage.revisions import Revisions
from server.storage.schema import meta
from server.storage.selftests import Selftests
from server.storage.shops import Shops
from server.storage.sqlite import SqliteEngine
from server.storage.writer import Tally

Dialect = Literal["sqlite", "postgresql"]


class Reader:
    """One consistent view of the database, by repository."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @cached_property
    def conversations(self) -> Conversations:
        return Conversations(self.connection)

    @cached_property
    def line(self) -> Line:
        return Line(self.connection)

    @cached_property
    def lists(self) -> Lists:
        return Lists(self.connection)

    @cached_property
    def heads(self) -> Heads:
        return Heads(self.connection)

    @cached_property
    def calls(self) -> Calls:
        return Calls(self.connection)

    @cached_property
    def runs(self) -> CarryingRuns:
        return CarryingRuns(self.connection)

    @cached_property
    def call_rights(self) -> CallRights:
        return CallRights(self.connection)

    @cached_property
    def bookings(self) -> Bookings:
        return Bookings(self.connection)

    @cached_property
    def recordings(self) -> Recordings:
        return Recordings(self.connection)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.connection)

    @cached_property
    def files(self) -> Files:
        return Files(self.connection)

    @cached_property
    def cases(self) -> CaseFiles:
        return CaseFiles(self.connection)

    @cached_property
    def selftests(self) -> Selftests:
        return Selftests(self.connection)

    @cached_property
    def live(self) -> Live:
        return Live(self.connection)

    @cached_property
    def shops(self) -> Shops:
        return Shops(self.connection)

    @cached_property
    def people(self) -> People:
        return People(self.connection)

    @cached_property
    def buyers(self) -> Buyers:
        return Buyers(self.connection)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.connection)

    @cached_property
    def revisions(self) -> Revisions:
        return Revisions(self.connection)


class Unit(Reader):
    """A unit of work: all of it is committed, or nothing.

    Keep it short and do nothing else meanwhile: on SQLite everybody who writes waits for it. `afterwards`
    is called in its order once it is committed; nothing in it may wait or raise.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.afterwards: list[Callable[[], None]] = []


class Engine(Protocol):
    """What both databases offer."""

    @property
    def tally(self) -> Tally: ...
    @property
    def waiting(self) -> int: ...
    def read(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    def write(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    async def append(self, entry: NewEntry) -> Appended: ...
    async def mark(self, mark: NewMark) -> Marked: ...
    async def close(self) -> None: ...


class Database:
    """The one door to storage. Made by `open`; `close` twice is harmless."""

    epoch: str
    """Names this database: a cursor read under another epoch means nothing here."""
    secret: str
    """Seals what must be read again (shared secrets of merchants)."""

    def __init__(self, engine: Engine, dialect: Dialect, clock: Callable[[], int]) -> None:
        self._engine = engine
        self.dialect = dialect
        self.clock = clock
        self._held: int | None = None  # the folder, on SQLite

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], int]) -> Database:
        """Open `sqlite:///path` or `postgresql://…`, migrate it and see that commits are durable.

        `clock` gives epoch milliseconds. Raises `StorageRefused` with one sentence where it cannot run.
        """
        parsed, dialect = _parsed(url)
        engine: Engine = SqliteEngine(parsed, clock) if dialect == "sqlite" else PostgresEngine(parsed, clock)
        database = cls(engine, dialect, clock)
        try:
            if dialect == "sqlite":
                database._held = hold(Path(parsed.database or "").parent)
            async with engine.write() as connection:
                await connection.run_sync(upgrade)
                kept = {key: value for key, value in await connection.execute(select(meta))}
        except (Refused, SQLAlchemyError, sqlite3.Error) as error:
            await database.close()
            raise StorageRefused(
                f"The database {parsed.render_as_string(hide_password=True)} cannot be opened: "
                f"{_reason(error)}."
            ) from error
        except BaseException:
            await database.close()
            raise
        database.epoch, database.secret = kept["epoch"], kept["secret"]
        return database

    @property
    def tally(self) -> Tally:
        """What was appended and refused since the start."""
        return self._engine.tally

    @property
    def waiting(self) -> int:
        """Appends that wait for their commit."""
        return self._engine.waiting

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """Lend a view that does not change while it is read. Raises `Refused(retry)` when it cannot."""
        async with self._engine.read() as connection:
            yield Reader(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        """Lend a unit of work: committed durably on leaving, rolled back when an exception leaves it."""
        async with self._engine.write() as connection:
            unit = Unit(connection)
            yield unit
        for act in unit.afterwards:
            act()

    async def append(self, entry: NewEntry) -> Appended:
        """Store one entry of a log; returns after the durable commit.

        A client id that was stored before gets the stored entry, whatever it says now. Raises `Refused`:
        `not_found`, `conversation_closed`, `stale_fence`, `recall_refused`, or `retry` when it is unknown
        whether it is stored (send the same client id again).
        """
        return await self._engine.append(entry)

    async def mark(self, mark: NewMark) -> Marked:
        """Move one side's marks forward. Raises `Refused`: `not_found`, `forbidden`, `retry`."""
        return await self._engine.mark(mark)

    async def close(self) -> None:
        await self._engine.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _parsed(url: str) -> tuple[URL, Dialect]:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageRefused(
            "The database URL cannot be read; write sqlite:///path or postgresql://…."
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database and not Path(parsed.database).parent.is_dir():
                raise StorageRefused(f"There is no folder for the database {parsed.database}; make it first.")
            return parsed, "sqlite"
        case "postgresql":
            return parsed, "postgresql"
        case other:
            raise StorageRefused(f"There is no storage on {other}; use sqlite:///path or postgresql://….")


def _reason(error: Exception) -> str:
    """What the database itself said, on one line."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return " ".join(str(error).split()).rstrip(".")
