"""The hot path on SQLite: entries and marks of concurrent callers, decided one by one, committed together.

A batch is one synchronous function in one hop to the writer connection's thread: one transaction, one
fsync. While it runs the next batch gathers, so a commit is shared by all that arrived meanwhile and nobody
waits for a timer. Every caller is answered after the commit that holds his entry, or refused.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from protocol.errors import ErrorCode, Refused
from server.storage.batch import Outcome, Write, commit_batch, prepared
from server.storage.records import Appended, Marked, NewEntry, NewMark

logger = logging.getLogger(__name__)

BATCH_MAX = 512
"""Writes in one commit: bounds how long the other units of work wait for their turn (a few milliseconds)."""
WAITING_MAX = 4_096
"""Writes that wait for their commit. Protects memory (16 kB each at most) while the disk is slow; beyond it
the caller is told to try again, which is sooner than he would have been served."""

Result = TypeVar("Result")


class Driver(Protocol):
    """The writer's connection: runs a function in its own thread."""

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result: ...


class Lender(Protocol):
    """Where the writer's connection is lent: to who holds `turns`, in the order they asked."""

    turns: asyncio.Lock

    async def driver(self) -> Driver:
        """The connection, for the holder of `turns`. Raises `Refused(retry)` when it cannot be had."""


@dataclass(slots=True)
class Tally:
    """What the writer has done since it began: for the metrics."""

    batches: int = 0
    stored: int = 0
    refused: int = 0
    repeated: int = 0
    failed: int = 0


class Writer:
    """Gathers writes and commits them in batches. `close` twice is harmless."""

    def __init__(self, lender: Lender, clock: Callable[[], int]) -> None:
        self._lender = lender
        self._clock = clock
        self._waiting: list[tuple[Write, asyncio.Future[Outcome]]] = []
        self._draining: asyncio.Task[None] | None = None
        self._closed = False
        self.tally = Tally()

    @property
    def waiting(self) -> int:
        """Writes that are not answered yet and not in the running batch."""
        return len(self._waiting)

    async def append(self, entry: NewEntry) -> Appended:
        """Store one entry. Raises `Refused`; `retry` means that nothing of it was acknowledged."""
        stored = await self._ask(prepared(entry))
        assert isinstance(stored, Appended)  # noqa: S101 - the batch answers in kind
        return stored

    async def mark(self, mark: NewMark) -> Marked:
        """Move one side's marks forward. Raises `Refused`."""
        stored = await self._ask(mark)
        assert isinstance(stored, Marked)  # noqa: S101 - the batch answers in kind
        return stored

    async def close(self) -> None:
        """Take nothing new, commit what waits, then return."""
        self._closed = True
        if self._draining is not None:
            await asyncio.shield(self._draining)

    async def _ask(self, write: Write) -> Appended | Marked:
        if self._closed or len(self._waiting) >= WAITING_MAX:
            raise Refused(ErrorCode.retry)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, answer))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        outcome = await answer
        if isinstance(outcome, ErrorCode):
            raise Refused(outcome)
        return outcome

    async def _drain(self) -> None:
        try:
            while self._waiting:
                async with self._lender.turns:
                    batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                    outcomes = await self._commit([write for write, _ in batch])
                self._count(outcomes)
                for (_, answer), outcome in zip(batch, outcomes, strict=True):
                    if not answer.done():
                        answer.set_result(outcome)
        finally:
            self._draining = None

    async def _commit(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        now = self._clock()
        try:
            driver = await self._lender.driver()
            return await driver.run(lambda db: commit_batch(db, writes, now))
        except Refused as refused:
            return [refused.code] * len(writes)
        except sqlite3.OperationalError as error:
            # Full, locked or failing: true of every write of the batch.
            logger.warning("storage.batch_failed", extra={"writes": len(writes), "error": str(error)})
            return [ErrorCode.retry] * len(writes)
        except UnicodeEncodeError:
            if len(writes) == 1:
                return [ErrorCode.bad_request]
            return await self._commit_each(writes)
        except Exception:
            # One write that cannot be stored must not keep its neighbours from being stored.
            logger.exception("storage.batch_broken", extra={"writes": len(writes)})
            if len(writes) == 1:
                return [ErrorCode.retry]
            return await self._commit_each(writes)

    async def _commit_each(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        return [outcome for write in writes for outcome in await self._commit([write])]

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        tally = self.tally
        tally.batches += 1
        for outcome in outcomes:
            if isinstance(outcome, ErrorCode):
                if outcome is ErrorCode.retry:
                    tally.failed += 1
                else:
                    tally.refused += 1
            elif isinstance(outcome, Appended) and outcome.repeated:
                tally.repeated += 1
            else:
                tally.stored += 1
