"""Reports of the self-test page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.inserting import insert_or_leave
from server.storage.schema import selftests


class Selftests:
    """What browsers can do, each once."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, digest: str, body: dict[str, Any], *, now: int, until: int, at_most: int) -> bool:
        """Store one, or keep the one that is there on; False where there is no room for another."""
        known = select(selftests.c.digest).where(selftests.c.digest == digest)
        if (await self._connection.execute(known)).one_or_none() is None:
            count = (await self._connection.execute(select(func.count()).select_from(selftests))).scalar_one()
            if count >= at_most:
                return False
        times = {"received_at": now, "kept_until": until}
        await self._connection.execute(
            insert_or_leave(self._connection, selftests)
            .values(digest=digest, body=body, **times)
            .on_conflict_do_update(index_elements=[selftests.c.digest], set_=times)
        )
        return True

    async def all(self, now: int) -> list[tuple[int, dict[str, Any]]]:
        """When each was received, and what it says; the newest first."""
        query = select(selftests.c.received_at, selftests.c.body).where(selftests.c.kept_until > now)
        ordered = query.order_by(selftests.c.received_at.desc(), selftests.c.digest)
        return [(row.received_at, row.body) for row in await self._connection.execute(ordered)]

    async def forget(self, now: int) -> None:
        """Delete those whose time is over."""
        await self._connection.execute(delete(selftests).where(selftests.c.kept_until <= now))
