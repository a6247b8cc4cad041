"""Calls booked for a time (预约): by either side, told in the log, and brought back when their time comes."""

from __future__ import annotations

import logging
from typing import Any

from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.bridges import Telling
from server.desk.opening import Opening, by_system
from server.desk.scope import buyer_of
from server.identifiers import new_client_id
from server.storage.calls.bookings import Booking
from server.storage.database import Unit
from server.storage.records import Appended, Conversation
from signaling import facts
from signaling.ports import Actor, Done

log = logging.getLogger(__name__)

DUE_AT_ONCE = 100
"""Bookings that one sweep looks at; the next is a second later."""


class Bookings(Opening):
    """A booking is kept beside its conversation, also when that is closed: then its time opens it again."""

    async def book_by_buyer(self, actor: Actor, request: wire.BookCall) -> Done[wire.Booked]:
        """The buyer books."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id, lock=True)
            return await self._book(unit, actor, found, request)

    async def book_by_agent(self, actor: Actor, request: wire.AgentBook) -> Done[wire.Booked]:
        """Whoever has the conversation, under its fence, books."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
            return await self._book(unit, actor, found, request, request.fence)

    async def unbook_by_buyer(self, actor: Actor, request: wire.UnbookCall) -> Done[wire.Booked]:
        """The buyer takes a booking back."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id, lock=True)
            return await self._unbook(unit, actor, found, request)

    async def unbook_by_agent(self, actor: Actor, request: wire.AgentUnbook) -> Done[wire.Booked]:
        """Whoever has the conversation, under its fence, takes a booking back."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
            return await self._unbook(unit, actor, found, request, request.fence)

    async def _book(
        self,
        unit: Unit,
        actor: Actor,
        found: Conversation,
        request: wire.BookCall,
        fence: int | None = None,
    ) -> Done[wire.Booked]:
        now = self.world.clock()
        telling = self.world.telling(unit, now)
        stored = await unit.conversations.stored(found.id, "public", actor.id, request.client_id)
        if stored is not None:
            return await self._told(unit, telling, Appended(found.place, stored, repeated=True))
        if not now <= request.at <= now + wire.BOOK_AHEAD_MS:
            raise Refused(ErrorCode.bad_request, "Book a time of the next fourteen days.")
        booking = Booking(found.id, request.at, request.media)
        before = await unit.bookings.of(found.id)
        if before is not None and before.at <= now:
            # Its time came within the second since the last sweep: a later one does not take its place.
            await self._owe(unit, telling, found, before, now)
            before = None
        replaced = _said(before) if before != booking else None
        said = {"happened": "booked", "at": request.at, "media": request.media, "replaced": replaced}
        entry = self._entry(actor, found.id, request.client_id, "booking", said, now, fence)
        appended = await unit.conversations.append(entry, now=now)
        await unit.bookings.put(booking, now)
        return await self._told(unit, telling, appended)

    async def _unbook(
        self,
        unit: Unit,
        actor: Actor,
        found: Conversation,
        request: wire.UnbookCall,
        fence: int | None = None,
    ) -> Done[wire.Booked]:
        now = self.world.clock()
        telling = self.world.telling(unit, now)
        stored = await unit.conversations.stored(found.id, "public", actor.id, request.client_id)
        if stored is not None:
            return await self._told(unit, telling, Appended(found.place, stored, repeated=True))
        booking = await unit.bookings.take(found.id)
        if booking is None:
            raise Refused(ErrorCode.not_found)
        said = {"happened": "cancelled", "at": booking.at, "media": booking.media, "replaced": None}
        entry = self._entry(actor, found.id, request.client_id, "booking", said, now, fence)
        return await self._told(unit, telling, await unit.conversations.append(entry, now=now))

    async def _told(self, unit: Unit, telling: Telling, stored: Appended) -> Done[wire.Booked]:
        # Told again where it was stored before: nobody may have heard it then (see `messages`).
        telling.facts.append(facts.EntryStored(stored.place, "public", stored.entry))
        telling.row(stored.place.conversation_id)
        booking = await unit.bookings.of(stored.place.conversation_id)
        shown = wire.Booking.model_validate(_said(booking)) if booking is not None else None
        return Done(wire.Booked(seq=stored.entry.seq, booking=shown), await telling.all())

    # When the time comes.

    async def bring_back(self) -> None:
        """Tell of every booking whose time has come. To be called every second."""
        async with self.world.db.read() as unit:
            due = await unit.bookings.due(self.world.clock(), DUE_AT_ONCE)
        for conversation_id in due:
            try:
                await self._come_due(conversation_id)
            except Exception:
                log.exception("a booking was not told of", extra={"conversation_id": conversation_id})

    async def _come_due(self, conversation_id: str) -> None:
        """The buyer's open conversation hears it, or the closed one goes on and joins the line."""
        now = self.world.clock()
        group_id = None
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            found = await unit.conversations.head(conversation_id, lock=True)
            booking = await unit.bookings.take(conversation_id)
            if found is None or booking is None:
                return
            if found.state == "closed":
                actor = await _buyer(unit, found)
                other = await unit.conversations.open_of_buyer(found.shop_id, found.buyer_id)
                if other is not None:
                    found = other
                else:
                    reopened = self._entry(
                        actor, found.id, new_client_id(), "reopened", {"by": "system"}, now
                    )
                    _, group_id = await self._go_on(unit, telling, by_system(reopened), actor, found, now)
            await self._owe(unit, telling, found, booking, now)
            told = await telling.all()
        self.world.publish(told)
        if group_id is not None:
            self.world.wake(group_id)

    async def _owe(
        self, unit: Unit, telling: Telling, found: Conversation, booking: Booking, now: int
    ) -> None:
        """The booking is due: in the buyer's name, who is owed a call from now on."""
        said = {"happened": "due", "at": booking.at, "media": booking.media, "replaced": None}
        buyer = await _buyer(unit, found)
        entry = self._entry(buyer, found.id, new_client_id(), "booking", said, now)
        stored = await unit.conversations.append(entry, now=now)
        telling.facts.append(facts.EntryStored(stored.place, "public", stored.entry))
        telling.row(found.id)


def _said(booking: Booking | None) -> dict[str, Any] | None:
    return {"at": booking.at, "media": booking.media} if booking is not None else None


async def _buyer(unit: Unit, found: Conversation) -> Actor:
    """The buyer, in whose name something is written that he asked for before."""
    buyer = await buyer_of(unit, found.buyer_id)
    return Actor(
        kind="buyer",
        id=buyer.id,
        session_id="",
        name=buyer.name or "",
        shops={found.shop_id: "buyer"},
        expires_at=0,
        verified=buyer.verified,
    )
