"""A process that is killed at its work: `python -m tests.storage.victim migrate|append URL …`.

migrate URL N   opens the database and kills itself before statement N of the migration, or before the commit.
append URL CONVERSATION MOMENT N   appends without end and kills itself at the Nth such moment:
    `commit` before a commit, `ack` after a commit and before its acknowledgement, `told` after one, `never`.
    Each acknowledgement is a line `message_id seq`.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from server.storage import batch, writer
from server.storage.database import Database
from server.storage.postgres import PostgresEngine
from tests.storage.world import said

WRITERS = 20


def die(*_: Any) -> None:
    """As a machine would: no cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def changes(statement: str) -> bool:
    """Whether a statement of the migration counts."""
    return statement.split()[0] in {"CREATE", "INSERT", "UPDATE", "ALTER", "DROP"}


def countdown(fatal: int) -> Callable[[], None]:
    """A failpoint that kills at its Nth passing."""
    left = fatal

    def passing() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            die()

    return passing


async def migrate(url: str, fatal: int) -> None:
    """Dies at the statement, or at the commit where there are fewer."""
    passing = countdown(fatal)

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if changes(statement):
            passing()

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", die)
    await Database.open(url, clock=lambda: 0)


def arm(moment: str, passing: Callable[[], None]) -> None:
    """Puts the failpoint before or after the commits of appends, on both databases."""
    store, commit, append = batch._Batch.store, batch.commit_batch, PostgresEngine.append

    def stored(self: batch._Batch) -> None:
        store(self)
        passing()

    def committed(*arguments: Any) -> Any:
        outcome = commit(*arguments)
        passing()
        return outcome

    async def appended(self: PostgresEngine, *arguments: Any) -> Any:
        outcome = await append(self, *arguments)
        passing()
        return outcome

    if moment == "commit":
        setattr(batch._Batch, "store", stored)  # noqa: B010 - mypy forbids the assignment
        event.listen(Engine, "commit", lambda _: passing())
    elif moment == "ack":
        setattr(writer, "commit_batch", committed)  # noqa: B010
        setattr(PostgresEngine, "append", appended)  # noqa: B010


async def append(url: str, conversation_id: str, moment: str, fatal: int) -> None:
    """Tells each acknowledgement at once: a line that was written survives the process."""
    database = await Database.open(url, clock=lambda: time.time_ns() // 1_000_000)
    passing = countdown(fatal)
    arm(moment, passing)

    async def write() -> None:
        while True:
            stored = await database.append(
                said(conversation_id, message_id=os.urandom(8).hex(), client_id=None)
            )
            os.write(1, f"{stored.entry.message_id} {stored.entry.seq}\n".encode())
            if moment == "told":
                passing()

    await asyncio.gather(*(write() for _ in range(WRITERS)))


if __name__ == "__main__":
    what, address, *rest = sys.argv[1:]
    if what == "migrate":
        asyncio.run(migrate(address, int(rest[0])))
    else:
        asyncio.run(append(address, rest[0], rest[1], int(rest[2])))
