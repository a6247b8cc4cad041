"""SQLite: one connection that writes, in turns; a few that read; all with WAL, FULL and foreign keys."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any, TypeVar

import aiosqlite
import orjson
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from server.storage.gate import Gate
from server.storage.records import Appended, Marked, NewEntry, NewMark
from server.storage.refusal import StorageRefused, failures_as_retry
from server.storage.writer import Tally, Writer

BUSY_TIMEOUT_MS = 2_000
"""How long a write waits for another process (a command, a backup): then its callers are told to retry,
sooner than a client gives up on its acknowledgement."""
READERS = 4
"""Connections that read at the same time: each is a thread; two cores gain nothing by more."""
READER_WAIT_S = 5.0
"""How long a read waits for one of them before it is told to retry."""
CHECKPOINT_PAGES = 4_000
"""Pages (4 kB) in the log before they are copied into the database: 16 MB, so that pages written by many
batches are copied once."""
STATEMENTS_KEPT = 256
"""Prepared statements a connection keeps: more than the program has."""

Result = TypeVar("Result")

_WANTED = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}
"""Read back on every connection. `synchronous` 2 is FULL: a commit is on the disk before it is told."""


class SqliteCursor:
    """A statement with all its rows in one hop to the connection's thread, where aiosqlite takes four.

    What SQLAlchemy asks of a cursor of aiosqlite; rows are fetched at once, as it does itself.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> SqliteCursor:
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> SqliteCursor:
        """Run a statement and keep what it gives."""
        return await self._connection.run(partial(self._take, sqlite3.Cursor.execute, statement, parameters))

    async def executemany(self, statement: str, parameters: Any) -> SqliteCursor:
        """Run a statement once for each of the parameters."""
        return await self._connection.run(
            partial(self._take, sqlite3.Cursor.executemany, statement, parameters)
        )

    def _take(self, run: Any, statement: str, parameters: Any, db: sqlite3.Connection) -> SqliteCursor:
        with closing(db.cursor()) as cursor:
            run(cursor, statement, parameters)
            self._rows = cursor.fetchall() if cursor.description else []
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.lastrowid = cursor.lastrowid
        return self

    async def fetchall(self) -> list[Any]:
        """The rows of the statement."""
        return self._rows

    async def close(self) -> None:
        """Nothing is open."""


class SqliteConnection(aiosqlite.Connection):
    """A connection with a thread of its own that can also run whole functions there, in one hop."""

    def __init__(self, path: str) -> None:
        def connect() -> sqlite3.Connection:
            # No implicit transactions: who begins one says so.
            return sqlite3.connect(
                path,
                isolation_level=None,
                cached_statements=STATEMENTS_KEPT,
                check_same_thread=False,
            )

        super().__init__(connect, 64)
        # A process that ends without closing must not wait for this thread.
        self._thread.daemon = True

    def cursor(self) -> SqliteCursor:  # type: ignore[override]
        """What SQLAlchemy runs its statements with."""
        return SqliteCursor(self)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in the connection's thread, in turn with its other calls."""
        done: Result = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return done


def _begin_wal(db: sqlite3.Connection) -> None:
    """Write ahead from now on.

    Who changes the journal while another does is told at once that the database is busy, whatever the busy
    timeout; here he waits as long as anybody else.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def prepare(db: sqlite3.Connection, *, only_reads: bool) -> None:
    """Set what durability needs and read it back. Raises `StorageRefused` where the database has it not."""
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _begin_wal(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    db.execute(f"PRAGMA query_only = {only_reads:d}")
    for name, wanted in _WANTED.items():
        (found,) = db.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise StorageRefused(
                f"SQLite gives {name} = {found} where {wanted} is needed to keep what is acknowledged; "
                "put the database in a file on a local disk."
            )


class SqliteEngine:
    """What `Database` stands on when its URL names a SQLite file. `close` twice is harmless."""

    dialect = "sqlite"

    def __init__(self, url: URL, clock: Callable[[], int]) -> None:
        self._path = url.database or ":memory:"
        self.turns = asyncio.Lock()
        self._readers = self._engine(
            "BEGIN", only_reads=True, pool_size=READERS, max_overflow=0, pool_timeout=READER_WAIT_S
        )
        self._writers = self._engine("BEGIN IMMEDIATE", only_reads=False, poolclass=NullPool)
        self._connection: AsyncConnection | None = None
        self._driver: SqliteConnection | None = None
        self._writer = Writer(self, clock)
        self._gate = Gate()

    @property
    def tally(self) -> Tally:
        return self._writer.tally

    @property
    def waiting(self) -> int:
        return self._writer.waiting

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database, for reading."""
        with self._gate.inside(), failures_as_retry():
            async with self._readers.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """The writer's connection in a transaction that nobody else can be in."""
        with self._gate.inside(), failures_as_retry():
            async with self.turns:
                connection, _ = await self._writing()
                async with connection.begin():
                    yield connection

    async def driver(self) -> SqliteConnection:
        if self._driver is None or self._connection is None or self._connection.invalidated:
            with failures_as_retry():
                await self._writing()
        assert self._driver is not None  # noqa: S101 - _writing opens it
        return self._driver

    async def append(self, entry: NewEntry) -> Appended:
        return await self._writer.append(entry)

    async def mark(self, mark: NewMark) -> Marked:
        return await self._writer.mark(mark)

    async def close(self) -> None:
        await asyncio.gather(self._writer.close(), self._gate.close())
        async with self.turns:
            if self._connection is not None:
                await self._connection.close()
                self._connection = self._driver = None
        await self._writers.dispose()
        await self._readers.dispose()

    async def _writing(self) -> tuple[AsyncConnection, SqliteConnection]:
        """The writer's connection, opened anew where a cancelled unit of work broke it."""
        if self._connection is not None and self._connection.invalidated:
            await self._connection.close()
            self._connection = None
        if self._connection is None or self._driver is None:
            self._connection = await self._writers.connect()
            raw = await self._connection.get_raw_connection()
            assert isinstance(raw.driver_connection, SqliteConnection)  # noqa: S101 - made by _connect
            self._driver = raw.driver_connection
        return self._connection, self._driver

    async def _connect(self, *, only_reads: bool) -> SqliteConnection:
        connection = SqliteConnection(self._path)
        await connection
        try:
            await connection.run(partial(prepare, only_reads=only_reads))
        except BaseException:
            await connection.close()
            raise
        return connection

    def _engine(self, begin: str, *, only_reads: bool, **options: Any) -> AsyncEngine:
        engine = create_async_engine(
            # The path is the creator's; with a file's name the dialect chooses its pool for files.
            "sqlite+aiosqlite:///file",
            async_creator=partial(self._connect, only_reads=only_reads),
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            **options,
        )

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine
