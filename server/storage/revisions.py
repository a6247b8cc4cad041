"""The list by which every node learns of ended sessions and changed rights."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.schema import revisions
from signaling.ports import Revision

KEPT_MS = 86_400_000
"""A day: nodes read every few seconds, so nobody misses one that is deleted."""
READ_PAGE = 1_000
"""Revisions in one read; the next read goes on."""
_LOCK = 0x6C64_7265
"""PostgreSQL's advisory lock of whoever writes here."""


class Revisions:
    """The revisions of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, changed: Sequence[Revision], now: int) -> None:
        """Tell what changed. Do it last in a unit of work.

        Numbers must become visible in their order, or a reader that saw a later one would never look at an
        earlier one. SQLite has one writer at a time; on PostgreSQL writers wait for each other's commit.
        """
        if not changed:
            return
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        await self._connection.execute(delete(revisions).where(revisions.c.at < now - KEPT_MS))
        for revision in changed:
            await self._connection.execute(
                insert(revisions).values(kind=revision.kind, subject_id=revision.id, at=now)
            )

    async def newest(self) -> int | None:
        """The newest number, None when there is none."""
        number: int | None = await self._connection.scalar(select(func.max(revisions.c.number)))
        return number

    async def after(self, number: int) -> tuple[int, list[Revision]]:
        """What changed after `number`, and the number to go on from."""
        query = select(revisions.c.number, revisions.c.kind, revisions.c.subject_id)
        rows = await self._connection.execute(
            query.where(revisions.c.number > number).order_by(revisions.c.number).limit(READ_PAGE)
        )
        found = [(row.number, Revision(row.kind, row.subject_id)) for row in rows]
        return (found[-1][0] if found else number), [revision for _, revision in found]
