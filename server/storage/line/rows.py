"""The rows of the line: locked in one order, read as the model's shapes, written by compare-and-set.

Locks are taken in this order by everybody, so that nobody waits in a circle: the deciding lease, then
conversations by id, then seats by person, and the groups' versions at the very end. A conversation's row is
the lock of its ticket, its offers and its assignments; a seat's row is the lock of which offers and
assignments the person has. (SQLite has one writer at a time and needs none of them.)

Each step of a ticket also writes the conversation's `fence` and `owner_id`: writing a message asks that row
alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import case, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.errors import ErrorCode, Refused
from queues.model import Assignment, Offer, Seat, Ticket
from server.storage.line.shapes import ASSIGNMENT, OFFER, SEAT, TICKET, seat_of, ticket_of, ticket_values
from server.storage.schema import assignments, conversations, groups, offers, seats, tickets

IDS_AT_ONCE = 500
"""Ids in one statement: both databases take some 32 000 parameters; this keeps plans and locks short."""
_HOLDING_TRIES = 5
"""How often a step looks again for rows that joined its reach while it waited for their locks."""

LIVE = tickets.c.state != literal("done", literal_execute=True)
OPEN_OFFER = offers.c.state == literal("open", literal_execute=True)
OPEN_ASSIGNMENT = assignments.c.until.is_(None)
# Written out, not bound: a partial index serves only a condition that it can read.


@dataclass(frozen=True, slots=True)
class Reach:
    """The conversations and persons whose rows a step may write."""

    conversations: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.conversations or self.persons)

    def within(self, other: Reach) -> bool:
        return self.conversations <= other.conversations and self.persons <= other.persons


class HeldOffer(NamedTuple):
    """An offer with the ticket that it holds out, and the explanation stored with it."""

    offer: Offer
    ticket: Ticket
    why: dict[str, Any]


class LineRows:
    """What the steps of the line are made of."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # Locks

    async def _lock_conversations(self, ids: Collection[str]) -> set[str]:
        """Hold these conversations to the end of the unit of work; gives those that exist."""
        found: set[str] = set()
        for some in chunks(sorted(ids)):
            query = select(conversations.c.id).where(conversations.c.id.in_(some))
            found.update(await self._connection.scalars(query.order_by(conversations.c.id).with_for_update()))
        return found

    async def _lock_seats(self, person_ids: Collection[str]) -> dict[str, Seat]:
        """Hold these seats to the end of the unit of work; gives those there are, without skills."""
        found: dict[str, Seat] = {}
        for some in chunks(sorted(person_ids)):
            query = select(*SEAT).where(seats.c.person_id.in_(some)).order_by(seats.c.person_id)
            for row in await self._connection.execute(query.with_for_update()):
                found[row.person_id] = seat_of(row)
        return found

    async def _lock_seat(self, person_id: str) -> Seat | None:
        return (await self._lock_seats([person_id])).get(person_id)

    async def _hold(self, reach: Callable[[], Awaitable[Reach]]) -> dict[str, Seat]:
        """Hold all that `reach` finds, found anew once it is held; gives the seats.

        Locks that turn out too few are given back before more are asked for, because those may stand earlier
        in the order. Raises `Refused(retry)` where it grows faster than it can be held.
        """
        wanted = await reach()
        for _ in range(_HOLDING_TRIES):
            if not wanted:
                return {}
            savepoint = await self._connection.begin_nested()
            await self._lock_conversations(wanted.conversations)
            held = await self._lock_seats(wanted.persons)
            now_wanted = await reach()
            if now_wanted.within(wanted):
                await savepoint.commit()
                return {person: seat for person, seat in held.items() if person in now_wanted.persons}
            await savepoint.rollback()
            wanted = now_wanted
        raise Refused(ErrorCode.retry)

    # Reading

    async def _ticket(self, ticket_id: str) -> Ticket | None:
        row = (await self._connection.execute(select(*TICKET).where(tickets.c.id == ticket_id))).one_or_none()
        return None if row is None else ticket_of(row)

    async def _newest_ticket(self, conversation_id: str) -> Ticket | None:
        """The ticket that is not done, or else the last that was."""
        query = (
            select(*TICKET)
            .where(tickets.c.conversation_id == conversation_id)
            .order_by(tickets.c.state == "done", tickets.c.fence.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else ticket_of(row)

    async def _waiting(self, group_id: str) -> list[Ticket]:
        query = (
            select(*TICKET)
            .where(LIVE, tickets.c.group_id == group_id, tickets.c.state == "waiting")
            .order_by(tickets.c.priority, tickets.c.joined_at, tickets.c.id)
        )
        return [ticket_of(row) for row in await self._connection.execute(query)]

    async def _held_offers(self, *conditions: Any) -> list[HeldOffer]:
        """Offers with their tickets, by id."""
        query = (
            select(*OFFER, offers.c.why, *TICKET)
            .join(tickets, tickets.c.id == offers.c.ticket_id)
            .where(*conditions)
            .order_by(offers.c.id)
        )
        found = []
        for row in await self._connection.execute(query):
            fields = tuple(row)
            offer, why, ticket = fields[: len(OFFER)], fields[len(OFFER)], fields[len(OFFER) + 1 :]
            found.append(HeldOffer(Offer(*offer), ticket_of(ticket), why))
        return found

    async def _held_offer(self, *conditions: Any) -> HeldOffer | None:
        return next(iter(await self._held_offers(*conditions)), None)

    async def _assignments(self, *conditions: Any) -> list[Assignment]:
        """Assignments, oldest first."""
        query = (
            select(*ASSIGNMENT)
            .where(*conditions)
            .order_by(assignments.c.since, assignments.c.fence, assignments.c.conversation_id)
        )
        return [Assignment(*row) for row in await self._connection.execute(query)]

    async def _open_assignment(self, conversation_id: str) -> Assignment | None:
        found = await self._assignments(assignments.c.conversation_id == conversation_id, OPEN_ASSIGNMENT)
        return next(iter(found), None)

    async def _owned_by(self, person_id: str) -> list[tuple[Assignment, Ticket]]:
        """The person's open assignments with their tickets, oldest first."""
        query = (
            select(*ASSIGNMENT, *TICKET)
            .join(tickets, tickets.c.id == assignments.c.ticket_id)
            .where(assignments.c.person_id == person_id, OPEN_ASSIGNMENT)
            .order_by(assignments.c.since, assignments.c.fence, assignments.c.conversation_id)
        )
        return [
            (Assignment(*row[: len(ASSIGNMENT)]), ticket_of(row[len(ASSIGNMENT) :]))
            for row in map(tuple, await self._connection.execute(query))
        ]

    # Writing

    async def _move(self, before: Ticket, after: Ticket, *, owner_id: str | None) -> None:
        """Write a step of a ticket and of its conversation. `owner_id` while the ticket is active."""
        changed = await self._connection.execute(
            update(tickets)
            .where(
                tickets.c.id == before.id, tickets.c.fence == before.fence, tickets.c.state == before.state
            )
            .values(ticket_values(after))
        )
        _written(changed.rowcount)
        await self._mirror(after, owner_id)

    async def _add_ticket(self, ticket: Ticket) -> None:
        await self._connection.execute(insert(tickets).values(ticket_values(ticket)))
        await self._mirror(ticket, None)

    async def _mirror(self, ticket: Ticket, owner_id: str | None) -> None:
        await self._connection.execute(
            update(conversations)
            .where(conversations.c.id == ticket.conversation_id)
            .values(owner_id=owner_id, fence=ticket.fence)
        )

    async def _put_seat(self, before: Seat, after: Seat, now: int) -> None:
        values: dict[str, Any] = {
            "state": after.state,
            "reason": after.reason,
            "units_used": after.units_used,
            "idle_since": after.idle_since,
            "lease_until": after.lease_until,
            "misses": after.misses,
        }
        if (after.state, after.reason) != (before.state, before.reason):
            values["since"] = now
        changed = await self._connection.execute(
            update(seats)
            .where(seats.c.person_id == before.person_id, seats.c.units_used == before.units_used)
            .values(values)
        )
        _written(changed.rowcount)

    async def _add_assignment(self, assignment: Assignment, why: dict[str, Any]) -> Assignment:
        """Write who owns it from now on, as it is stored: never from before the last owner's end, however
        far the clocks of two nodes are apart."""
        last = await self._connection.scalar(
            select(func.max(assignments.c.until)).where(
                assignments.c.conversation_id == assignment.conversation_id
            )
        )
        assignment = replace(assignment, from_=max(assignment.from_, last or 0))
        await self._connection.execute(
            insert(assignments).values(
                conversation_id=assignment.conversation_id,
                ticket_id=assignment.ticket_id,
                fence=assignment.fence,
                person_id=assignment.person_id,
                since=assignment.from_,
                until=None,
                reason=assignment.reason,
                why=why,
            )
        )
        return assignment

    async def _end_assignment(self, ended: Assignment) -> None:
        later = case((assignments.c.since > ended.until, assignments.c.since), else_=ended.until)
        changed = await self._connection.execute(
            update(assignments)
            .where(
                assignments.c.conversation_id == ended.conversation_id,
                assignments.c.fence == ended.fence,
                OPEN_ASSIGNMENT,
            )
            .values(until=later, ended_by=ended.ended_by)
        )
        _written(changed.rowcount)

    async def _add_offer(self, offer: Offer, ticket: Ticket, why: dict[str, Any], now: int) -> None:
        await self._connection.execute(
            insert(offers).values(
                id=offer.id,
                ticket_id=offer.ticket_id,
                conversation_id=ticket.conversation_id,
                person_id=offer.person_id,
                fence=offer.fence,
                state=offer.state,
                made_at=now,
                expires_at=offer.expires_at,
                why=why,
            )
        )

    async def _end_offer(self, ended: Offer) -> None:
        changed = await self._connection.execute(
            update(offers).where(offers.c.id == ended.id, OPEN_OFFER).values(state=ended.state)
        )
        _written(changed.rowcount)

    async def _raise(self, group_id: str) -> int:
        """Who waits in the group changed: gives its new `line_version`."""
        raised = await self._connection.execute(
            update(groups)
            .where(groups.c.id == group_id)
            .values(line_version=groups.c.line_version + 1)
            .returning(groups.c.line_version)
        )
        version: int = raised.scalar_one()
        return version

    async def _raise_all(self, group_ids: Iterable[str]) -> None:
        for group_id in sorted(set(group_ids)):
            await self._raise(group_id)


def _written(rowcount: int) -> None:
    """A row that was not as it had been read: somebody else was faster, and nothing of this step is kept."""
    if rowcount != 1:
        raise Refused(ErrorCode.retry)


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in lists short enough for one statement each."""
    left = iter(ids)
    while some := list(islice(left, IDS_AT_ONCE)):
        yield some
