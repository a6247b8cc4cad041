"""The waiting line in SQL, inside a unit of work: `queues.ports` on the rows, and what the desk reads.

`tests/queues/memory_line.py` is the specification; what each step does is decided by the pure functions of
`queues.ownership` and `queues.presence` on rows that are locked first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import and_, func, or_, select

from protocol import errors
from queues import ownership
from queues.model import Assigned, Assignment, Closed, Fact, OfferEnded, Requeued, Ticket
from queues.ownership import Refused, TransferTarget
from server.storage.line.deciding import LineDeciding
from server.storage.line.rows import LIVE, OPEN_OFFER, HeldOffer
from server.storage.line.shapes import assigned_fact, offer_ended_fact
from server.storage.line.views import GroupRow, LineViews, Routing, SeatRow, WallRow
from server.storage.schema import assignments, offers, tickets

__all__ = ["GroupRow", "Line", "Routing", "SeatRow", "WallRow"]


class Line(LineDeciding, LineViews):
    """The line of one unit of work: `LineDesk` here, `LineStore` and `SeatLeases` by its bases."""

    async def join(self, ticket: Ticket) -> Ticket:
        """Put a waiting ticket into its group's line, or give the one that the conversation has."""
        if not await self._lock_conversations([ticket.conversation_id]):
            raise errors.Refused(errors.ErrorCode.not_found)
        before = await self._newest_ticket(ticket.conversation_id)
        if before is not None:
            if before.state != "done":
                return before
            ticket = replace(ticket, fence=before.fence)
        await self._add_ticket(ticket)
        await self._raise(ticket.group_id)
        return ticket

    async def position(self, conversation_id: str) -> int | None:
        """1 for the next in its group's line, also while it is held out to an agent: its buyer still waits.
        None when the conversation does not wait."""
        ticket = await self._newest_ticket(conversation_id)
        if ticket is None or ticket.state not in ("waiting", "offered"):
            return None
        priority, joined_at, ticket_id = ticket.order
        earlier = or_(
            tickets.c.priority < priority,
            and_(tickets.c.priority == priority, tickets.c.joined_at < joined_at),
            and_(tickets.c.priority == priority, tickets.c.joined_at == joined_at, tickets.c.id < ticket_id),
        )
        query = select(func.count()).select_from(tickets)
        ahead = await self._connection.scalar(
            query.where(LIVE, tickets.c.group_id == ticket.group_id, tickets.c.state == "waiting", earlier)
        )
        return 1 + (ahead or 0)

    async def owner(self, conversation_id: str) -> Assignment | None:
        """The assignment without end, if there is one."""
        return await self._open_assignment(conversation_id)

    async def assignments(self, conversation_id: str) -> Sequence[Assignment]:
        """All that ever owned it, oldest first."""
        return await self._assignments(assignments.c.conversation_id == conversation_id)

    async def accept(self, offer_id: str, *, person_id: str, fence: int, now: int) -> Assigned | Refused:
        """The person takes what was held out to him; repeated, it answers as the first time."""
        held = await self._lock_offer(offer_id)
        if held is None:
            return Refused("unknown")
        seat = await self._lock_seat(held.offer.person_id)
        if seat is None:
            return Refused("unknown")
        owned = ownership.accept(held.ticket, seat, held.offer, person_id=person_id, fence=fence, now=now)
        if isinstance(owned, Refused):
            return owned
        if owned.repeated:
            first = await self._open_assignment(held.ticket.conversation_id)
            return assigned_fact(held.ticket, first or owned.assignment)
        await self._move(held.ticket, owned.ticket, owner_id=person_id)
        await self._end_offer(replace(held.offer, state="accepted"))
        stored = await self._add_assignment(owned.assignment, held.why)
        await self._put_seat(seat, owned.seat, now)
        return assigned_fact(owned.ticket, stored)

    async def decline(self, offer_id: str, *, person_id: str, fence: int, now: int) -> OfferEnded | Refused:
        """The person says no in time; the ticket waits again in its place."""
        held = await self._lock_offer(offer_id)
        if held is None:
            return Refused("unknown")
        seat = await self._lock_seat(held.offer.person_id)
        if seat is None:
            return Refused("unknown")
        over = ownership.decline(held.ticket, seat, held.offer, person_id=person_id, fence=fence, now=now)
        if isinstance(over, Refused):
            return over
        ended = await self._offer_over(held, seat, over, now)
        await self._raise(held.ticket.group_id)
        return ended

    async def transfer(
        self, conversation_id: str, *, person_id: str, fence: int, to: TransferTarget, now: int
    ) -> Requeued | Refused:
        """The owner hands it to another group or to a named agent."""
        await self._lock_conversations([conversation_id])
        ticket = await self._newest_ticket(conversation_id)
        if ticket is None:
            return Refused("unknown")
        owned = await self._open_assignment(conversation_id)
        seat = await self._lock_seat(owned.person_id) if owned is not None else None
        if owned is None or seat is None:
            return Refused("stale_fence")
        released = ownership.transfer(ticket, seat, owned, person_id=person_id, fence=fence, to=to, now=now)
        if isinstance(released, Refused):
            return released
        requeued = await self._release(ticket, seat, released, "transferred", now)
        await self._raise(released.ticket.group_id)
        return requeued

    async def give_back(self, conversation_id: str, *, now: int) -> Requeued | Refused:
        """Take the conversation from its owner; it waits last of all for him."""
        await self._lock_conversations([conversation_id])
        ticket = await self._newest_ticket(conversation_id)
        owned = await self._open_assignment(conversation_id)
        seat = await self._lock_seat(owned.person_id) if owned is not None else None
        if ticket is None or owned is None or seat is None:
            return Refused("stale_fence" if ticket is not None else "unknown")
        last = frozenset({owned.person_id})
        released = ownership.requeue(ticket, seat, owned, now=now, refused_by=last)
        if isinstance(released, Refused):
            return released
        requeued = await self._release(ticket, seat, released, "owner_lost", now)
        await self._raise(ticket.group_id)
        return requeued

    async def take_over(self, conversation_id: str, *, person_id: str, now: int) -> Assigned | Refused:
        """Give the conversation to this person, whoever has it."""
        await self._lock_conversations([conversation_id])
        ticket = await self._newest_ticket(conversation_id)
        if ticket is None:
            return Refused("unknown")
        owned = await self._open_assignment(conversation_id)
        before = [owned.person_id] if owned is not None else []
        held = {each: await self._lock_seat(each) for each in sorted({person_id, *before})}
        seat = held[person_id]
        if seat is None:
            return Refused("seat_absent")
        left = held[owned.person_id] if owned is not None else None
        taken = ownership.take_over(ticket, seat, now=now, owned=owned, left=left)
        if isinstance(taken, Refused):
            return taken
        await self._move(ticket, taken.ticket, owner_id=person_id)
        if taken.released is not None:
            await self._end_assignment(taken.released)
        if left is not None and taken.left is not None:
            await self._put_seat(left, taken.left, now)
        stored = await self._add_assignment(taken.assignment, {"candidates": [], "considered": 0})
        await self._put_seat(seat, taken.seat, now)
        if ticket.state == "waiting":
            await self._raise(ticket.group_id)
        return assigned_fact(taken.ticket, stored)

    async def weigh(self, conversation_id: str, units: int, *, now: int) -> bool:
        """Let the conversation take so many units of whoever has it; False where it did before."""
        await self._lock_conversations([conversation_id])
        ticket = await self._newest_ticket(conversation_id)
        if ticket is None or ticket.state == "done" or ticket.units == units:
            return False
        owned = await self._open_assignment(conversation_id)
        held = await self._held_offer(offers.c.ticket_id == ticket.id, OPEN_OFFER)
        holder = owned.person_id if owned is not None else held.offer.person_id if held is not None else None
        seat = await self._lock_seat(holder) if holder is not None else None
        heavier, fuller = ownership.weigh(ticket, seat, units)
        await self._move(ticket, heavier, owner_id=owned.person_id if owned is not None else None)
        if seat is not None and fuller is not None:
            await self._put_seat(seat, fuller, now)
        if ticket.state == "waiting":
            await self._raise(ticket.group_id)
        return True

    async def close(
        self, conversation_id: str, *, now: int, person_id: str | None = None, fence: int | None = None
    ) -> Sequence[Fact] | Refused:
        """End the conversation's service, from any state; nothing is told if it was over already."""
        await self._lock_conversations([conversation_id])
        ticket = await self._newest_ticket(conversation_id)
        if ticket is None:
            return Refused("unknown")
        owned = await self._served_last(ticket)
        held = await self._held_offer(offers.c.ticket_id == ticket.id, OPEN_OFFER)
        holder = owned.person_id if owned is not None else held.offer.person_id if held is not None else None
        seat = await self._lock_seat(holder) if holder is not None and ticket.state != "done" else None
        done = ownership.close(
            ticket,
            now=now,
            seat=seat,
            held=held.offer if held is not None else None,
            owned=owned,
            person_id=person_id,
            fence=fence,
        )
        if isinstance(done, Refused):
            return done
        if done.repeated:
            return []
        facts: list[Fact] = []
        await self._move(ticket, done.ticket, owner_id=None)
        if done.offer is not None:
            await self._end_offer(done.offer)
            facts.append(offer_ended_fact(done.offer, ticket, now))
        if done.assignment is not None:
            await self._end_assignment(done.assignment)
        if seat is not None and done.seat is not None:
            await self._put_seat(seat, done.seat, now)
        if ticket.state == "waiting":
            await self._raise(ticket.group_id)
        by = done.assignment.person_id if done.assignment is not None else None
        facts.append(
            Closed(ticket.id, conversation_id, ticket.shop_id, ticket.group_id, by, done.ticket.fence, now)
        )
        return facts

    async def _served_last(self, ticket: Ticket) -> Assignment | None:
        """The open assignment of a ticket or, when it is done, its last."""
        of_it = await self._assignments(
            assignments.c.conversation_id == ticket.conversation_id, assignments.c.ticket_id == ticket.id
        )
        last = max(of_it, key=lambda each: each.fence, default=None)
        return None if last is None or (last.until is not None and ticket.state != "done") else last

    async def _lock_offer(self, offer_id: str) -> HeldOffer | None:
        """Hold the offer's conversation, and read the offer under it."""
        query = select(offers.c.conversation_id).where(offers.c.id == offer_id)
        conversation_id = await self._connection.scalar(query)
        if conversation_id is None:
            return None
        await self._lock_conversations([conversation_id])
        return await self._held_offer(offers.c.id == offer_id)
