"""Which runs of a server carry calls now: each holds a lease, and one whose lease is over is dead."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.inserting import insert_or_leave
from server.storage.schema import leases

PREFIX = "calls:"
"""Of the names of these leases; behind it stands the run."""
LEASE_MS = 6_000
"""So long after its last word a run counts as alive: a database that is slow for a moment must not cost the
calls of a node, and whoever was in those of a dead one has thirty seconds to come back."""
FORGOTTEN_AFTER_MS = 3_600_000
"""A lease that is over so long is nobody's any more."""


class CarryingRuns:
    """The leases of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self, run: str, now: int) -> None:
        """This run carries calls for another `LEASE_MS`."""
        over = leases.c.name.startswith(PREFIX) & (leases.c.until < now - FORGOTTEN_AFTER_MS)
        await self._connection.execute(delete(leases).where(over))
        added = insert_or_leave(self._connection, leases).values(
            name=PREFIX + run, holder=run, fence=1, until=now + LEASE_MS
        )
        await self._connection.execute(
            added.on_conflict_do_update(index_elements=["name"], set_={"until": now + LEASE_MS})
        )

    async def release(self, run: str) -> None:
        """This run carries no calls any more."""
        await self._connection.execute(delete(leases).where(leases.c.name == PREFIX + run))

    async def alive(self, now: int) -> frozenset[str]:
        """The runs that carry calls now."""
        query = select(leases.c.holder).where(leases.c.name.startswith(PREFIX), leases.c.until > now)
        return frozenset(await self._connection.scalars(query))
