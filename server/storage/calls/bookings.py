"""Calls booked for a time, inside a unit of work. A conversation has one at most; its log has the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.schema import call_bookings


@dataclass(frozen=True, slots=True)
class Booking:
    """A call that is to be made at `at` (epoch ms)."""

    conversation_id: str
    at: int
    media: str


class Bookings:
    """Whoever writes holds the conversation's row first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, booking: Booking, now: int) -> None:
        """Store it in place of an earlier one."""
        await self.take(booking.conversation_id)
        await self._connection.execute(
            insert(call_bookings).values(
                conversation_id=booking.conversation_id, at=booking.at, media=booking.media, booked_at=now
            )
        )

    async def of(self, conversation_id: str) -> Booking | None:
        """The conversation's booking."""
        query = select(call_bookings.c.conversation_id, call_bookings.c.at, call_bookings.c.media)
        row = (
            await self._connection.execute(query.where(call_bookings.c.conversation_id == conversation_id))
        ).one_or_none()
        return None if row is None else Booking(*row)

    async def take(self, conversation_id: str) -> Booking | None:
        """Take it away; None where there is none."""
        taken = await self._connection.execute(
            delete(call_bookings)
            .where(call_bookings.c.conversation_id == conversation_id)
            .returning(call_bookings.c.conversation_id, call_bookings.c.at, call_bookings.c.media)
        )
        row = taken.one_or_none()
        return None if row is None else Booking(*row)

    async def due(self, now: int, limit: int) -> Sequence[str]:
        """Conversations whose time has come, the longest due first."""
        query = select(call_bookings.c.conversation_id).where(call_bookings.c.at <= now)
        rows = await self._connection.execute(query.order_by(call_bookings.c.at).limit(limit))
        return [conversation_id for (conversation_id,) in rows]
