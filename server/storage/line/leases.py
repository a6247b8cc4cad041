"""Who decides in the line: one row that the nodes take from each other by compare-and-set."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from queues.model import DECIDING_LEASE_MS
from server.storage.database import Database
from server.storage.line.deciding import DECIDING
from server.storage.schema import leases

WRITE_EVERY_MS = 1_000
"""A lease renewed within this time is not written again: a burst of hints costs one durable write a second.
What other nodes see is shorter by at most this."""


class SqlDecidingLease:
    """`queues.ports.DecidingLease` on a database, for one process.

    `node_id` names a run, not a machine: a process started anew must not take itself for the one that died.
    """

    def __init__(self, database: Database, node_id: str) -> None:
        self._database = database
        self._node_id = node_id

    async def hold(self, now: int) -> int | None:
        """Take the lease or renew it; None while another node holds it. Raises `Refused(retry)`."""
        async with self._database.read() as unit:
            query = select(leases.c.holder, leases.c.fence, leases.c.until)
            row = (await unit.connection.execute(query.where(leases.c.name == DECIDING))).one_or_none()
        if row is not None and row.until > now:
            if row.holder != self._node_id:
                return None
            if row.until - now > DECIDING_LEASE_MS - WRITE_EVERY_MS:
                fence: int = row.fence
                return fence
        async with self._database.write() as unit:
            taken: int | None = await unit.connection.scalar(self._taking(now))
        return taken

    async def release(self) -> None:
        """Give the lease up, if held, so that another node need not wait for its end."""
        async with self._database.write() as unit:
            await unit.connection.execute(
                update(leases)
                .where(leases.c.name == DECIDING, leases.c.holder == self._node_id)
                .values(until=0)
            )

    async def outlive(self) -> None:
        """End whoever holds the lease. For a database of one process: its former run is dead, and a line
        that waited for a dead run's lease would stand still for as long after every crash."""
        async with self._database.write() as unit:
            await unit.connection.execute(update(leases).where(leases.c.name == DECIDING).values(until=0))

    def _taking(self, now: int) -> Any:
        """Gives the fence, or no row where another node's lease is alive."""
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        until = now + DECIDING_LEASE_MS
        return (
            insert(leases)
            .values(name=DECIDING, holder=self._node_id, fence=1, until=until)
            .on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "fence": leases.c.fence + case((leases.c.until > now, 0), else_=1),
                    "holder": self._node_id,
                    "until": until,
                },
                where=or_(leases.c.until <= now, leases.c.holder == self._node_id),
            )
            .returning(leases.c.fence)
        )
