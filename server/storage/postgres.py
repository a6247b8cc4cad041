"""PostgreSQL: a pool of connections, ordinary transactions, and a server that keeps what it commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from protocol.errors import ErrorCode, Refused
from server.storage.conversations import Conversations
from server.storage.gate import Gate
from server.storage.records import Appended, Marked, NewEntry, NewMark
from server.storage.refusal import StorageRefused, failures_as_retry
from server.storage.writer import Tally

CONNECTIONS = 16
"""Of one node: a tenth of PostgreSQL's usual hundred, so that several nodes and a person fit."""
CONNECTION_WAIT_S = 5.0
"""How long a unit of work waits for one of them before it is told to retry."""
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 10.0
"""One statement: a server that answers slower than this is treated as gone."""
WAITING_MAX = 4_096
"""Appends that are under way at once; beyond it the caller is told to retry. Protects memory."""

_STRONG = frozenset({"on", "remote_apply"})
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


async def prepare(connection: Any) -> None:
    """Read the durability settings of an asyncpg connection and strengthen what a session may strengthen.

    Raises `StorageRefused` where the server would acknowledge what a crash can take back.
    """
    if await _setting(connection, "synchronous_commit") not in _STRONG:
        await connection.execute("SET synchronous_commit = on")
    for name in _SETTINGS:
        value = await _setting(connection, name)
        if value != "on" and not (name == "synchronous_commit" and value in _STRONG):
            raise StorageRefused(
                f"PostgreSQL runs with {name} = {value}, so a crash could take back what was acknowledged; "
                f"set {name} = on."
            )


async def _setting(connection: Any, name: str) -> str:
    return str(await connection.fetchval("SELECT current_setting($1)", name))


class PostgresEngine:
    """What `Database` stands on when its URL names a PostgreSQL. `close` twice is harmless."""

    dialect = "postgresql"

    def __init__(self, url: URL, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=CONNECTION_WAIT_S,
            connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S},
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._gate = Gate()
        self.waiting = 0
        self.tally = Tally()

        @event.listens_for(self._engine.sync_engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            try:
                connection.run_async(prepare)
            except BaseException:
                connection.close()
                raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database, for reading."""
        with self._gate.inside(), failures_as_retry():
            async with self._snapshots.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction."""
        with self._gate.inside(), failures_as_retry():
            async with self._engine.begin() as connection:
                yield connection

    async def append(self, entry: NewEntry) -> Appended:
        with self._counted():
            async with self.write() as connection:
                appended = await Conversations(connection).append(entry, now=self._clock())
        self.tally.repeated += appended.repeated
        self.tally.stored += not appended.repeated
        return appended

    async def mark(self, mark: NewMark) -> Marked:
        with self._counted():
            async with self.write() as connection:
                marked = await Conversations(connection).mark(mark)
        self.tally.stored += 1
        return marked

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self.waiting >= WAITING_MAX:
            raise Refused(ErrorCode.retry)
        self.waiting += 1
        try:
            yield
            self.tally.batches += 1
        except Refused as refused:
            if refused.code is ErrorCode.retry:
                self.tally.failed += 1
            else:
                self.tally.refused += 1
            raise
        finally:
            self.waiting -= 1

    async def close(self) -> None:
        await self._gate.close()
        await self._engine.dispose()
