"""The deciding node's part of the line in SQL: matches made true, offers and leases ended in time.

Everything that writes asks first whether the writer still decides, and holds that answer to its end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import and_, exists, select
from sqlalchemy.sql.elements import ColumnElement

from queues import ownership, presence
from queues.model import (
    Assigned,
    Fact,
    Group,
    Match,
    Offered,
    OwnerAbsent,
    Requeued,
    RequeueReason,
    Seat,
    Ticket,
)
from queues.ownership import Refused, Released
from queues.ports import GroupLine, Taken
from server.storage.line.rows import OPEN_ASSIGNMENT, OPEN_OFFER, Reach, chunks
from server.storage.line.seats import LineSeats
from server.storage.line.shapes import SEAT, assigned_fact, explanation, seat_changed_fact, seat_of
from server.storage.schema import (
    assignments,
    group_members,
    groups,
    leases,
    memberships,
    offers,
    people,
    seats,
    skills,
)

DECIDING = "line"
"""The name of the lease row that says who decides."""

_GROUP = (groups.c.id, groups.c.shop_id, groups.c.name, groups.c.accept, groups.c.offer_seconds)


class LineDeciding(LineSeats):
    """`queues.ports.LineStore`."""

    async def changed_groups(
        self, known: Mapping[str, int], only: Collection[str] | None = None
    ) -> Collection[str]:
        """Groups whose `line_version` is another than the known one, new ones and those that are gone."""
        query = select(groups.c.id, groups.c.line_version)
        rows = []
        if only is None:
            rows = list(await self._connection.execute(query))
        else:
            for some in chunks(only):
                rows += await self._connection.execute(query.where(groups.c.id.in_(some)))
        versions: dict[str, int] = {group_id: version for group_id, version in rows}
        gone = [each for each in known if each not in versions and (only is None or each in only)]
        return [each for each, version in versions.items() if known.get(each) != version] + gone

    async def load_group(self, group_id: str) -> GroupLine | None:
        """The group and who waits in it. Its version is read first: at worst it is read once more."""
        query = select(*_GROUP, groups.c.line_version).where(groups.c.id == group_id)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        *fields, version = row
        return GroupLine(Group(*fields), tuple(await self._waiting(group_id)), version)

    async def load_seats(self, group_ids: Collection[str], person_ids: Collection[str]) -> Sequence[Seat]:
        """The seats of these groups' members and of these persons who are there; who was disabled is not."""
        members = set(person_ids)
        for some in chunks(group_ids):
            query = select(group_members.c.person_id).where(group_members.c.group_id.in_(some))
            members.update(await self._connection.scalars(query))
        found: list[Seat] = []
        for some in chunks(sorted(members)):
            found += await self._whole_seats(some)
        return found

    async def assign(self, match: Match, *, holder: int, now: int) -> Taken[Assigned] | None:
        """Make the match true at once, or None for a lost race."""
        ticket, seat = await self._of_match(match, holder)
        if ticket is None or seat is None:
            return None
        owned = ownership.assign(ticket, seat, fence=match.fence, now=now)
        if isinstance(owned, Refused):
            return None
        await self._move(ticket, owned.ticket, owner_id=seat.person_id)
        stored = await self._add_assignment(owned.assignment, explanation(match))
        await self._put_seat(seat, owned.seat, now)
        return Taken(assigned_fact(owned.ticket, stored), await self._raise(ticket.group_id))

    async def offer(
        self, match: Match, *, offer_id: str, expires_at: int, holder: int, now: int
    ) -> Taken[Offered] | None:
        """Hold the ticket out to the person, or None for a lost race."""
        ticket, seat = await self._of_match(match, holder)
        if ticket is None or seat is None:
            return None
        held = ownership.offer(
            ticket, seat, fence=match.fence, offer_id=offer_id, expires_at=expires_at, now=now
        )
        if isinstance(held, Refused):
            return None
        await self._move(ticket, held.ticket, owner_id=None)
        await self._add_offer(held.offer, ticket, explanation(match), now)
        await self._put_seat(seat, held.seat, now)
        fact = Offered(
            offer_id=offer_id,
            ticket_id=ticket.id,
            conversation_id=ticket.conversation_id,
            shop_id=ticket.shop_id,
            group_id=ticket.group_id,
            person_id=seat.person_id,
            fence=held.offer.fence,
            expires_at=expires_at,
            at=now,
        )
        return Taken(fact, await self._raise(ticket.group_id))

    async def expire_offers(self, *, holder: int, now: int) -> Sequence[Fact]:
        """End every open offer whose time is over as missed, the earliest first."""

        async def reach() -> Reach:
            # Whoever misses one may go to break by it and lose all his others: those are within reach, too.
            due = select(offers.c.person_id).where(OPEN_OFFER, offers.c.expires_at <= now)
            query = select(offers.c.conversation_id, offers.c.person_id)
            rows = list(await self._connection.execute(query.where(OPEN_OFFER, offers.c.person_id.in_(due))))
            return Reach(frozenset(row[0] for row in rows), frozenset(row[1] for row in rows))

        if not await self._decides(holder):
            return []
        facts: list[Fact] = []
        moved: set[str] = set()
        held_seats = await self._hold(reach)
        if not held_seats:
            return facts
        due = await self._held_offers(OPEN_OFFER, offers.c.expires_at <= now)
        withdrawn: set[str] = set()
        for held in sorted(due, key=lambda each: (each.offer.expires_at, each.offer.fence, each.offer.id)):
            seat = held_seats.get(held.offer.person_id)
            if seat is None or seat.person_id in withdrawn:
                continue
            over = ownership.miss(held.ticket, seat, held.offer, now=now)
            if isinstance(over, Refused):
                continue
            facts.append(await self._offer_over(held, seat, over, now))
            moved.add(held.ticket.group_id)
            held_seats[seat.person_id] = over.seat
            if over.to_break:
                facts.append(seat_changed_fact(over.seat, now))
                _, ended = await self._withdraw_offers(over.seat, now, moved)
                facts += ended
                withdrawn.add(seat.person_id)
        await self._raise_all(moved)
        return facts

    async def expire_leases(self, *, holder: int, now: int) -> Sequence[Fact]:
        """What the end of leases means: seats go offline, then lose their conversations when due."""

        async def reach() -> Reach:
            owning = exists().where(assignments.c.person_id == seats.c.person_id, OPEN_ASSIGNMENT)
            over = and_(seats.c.lease_until <= now, seats.c.state != "offline")
            due = and_(seats.c.lease_until <= now - presence.REQUEUE_AFTER_MS, owning)
            persons = list(await self._connection.scalars(select(seats.c.person_id).where(over | due)))
            found: set[str] = set()
            for some in chunks(persons):
                for table, is_open in ((offers, OPEN_OFFER), (assignments, OPEN_ASSIGNMENT)):
                    query = select(table.c.conversation_id).where(table.c.person_id.in_(some), is_open)
                    found.update(await self._connection.scalars(query))
            return Reach(frozenset(found), frozenset(persons))

        if not await self._decides(holder):
            return []
        facts: list[Fact] = []
        moved: set[str] = set()
        for person_id, seat in sorted((await self._hold(reach)).items()):
            decision = presence.expire(seat, now)
            if decision is not None:
                seat, told = await self._apply(seat, decision, now, moved)
                facts += told
                facts += [
                    OwnerAbsent(
                        ticket.id,
                        ticket.conversation_id,
                        ticket.shop_id,
                        person_id,
                        presence.requeue_at(seat),
                        now,
                    )
                    for _, ticket in await self._owned_by(person_id)
                ]
            if presence.requeue_due(seat, now):
                facts += await self._requeue_all(seat, now, moved)
        await self._raise_all(moved)
        return facts

    async def _requeue_all(self, seat: Seat, now: int, moved: set[str]) -> list[Fact]:
        facts: list[Fact] = []
        for owned, ticket in await self._owned_by(seat.person_id):
            released = ownership.requeue(ticket, seat, owned, now=now)
            if not isinstance(released, Refused):
                facts.append(await self._release(ticket, seat, released, "owner_lost", now))
                moved.add(released.ticket.group_id)
                seat = released.seat
        return facts

    async def _release(
        self, ticket: Ticket, seat: Seat, released: Released, reason: RequeueReason, now: int
    ) -> Requeued:
        await self._move(ticket, released.ticket, owner_id=None)
        await self._end_assignment(released.assignment)
        await self._put_seat(seat, released.seat, now)
        return Requeued(
            ticket_id=ticket.id,
            conversation_id=ticket.conversation_id,
            shop_id=ticket.shop_id,
            group_id=released.ticket.group_id,
            from_person=seat.person_id,
            fence=released.ticket.fence,
            reason=reason,
            at=now,
        )

    async def _decides(self, holder: int) -> bool:
        """Whether `holder` is the present fence; it stays so until this unit of work is over."""
        query = select(leases.c.fence).where(leases.c.name == DECIDING).with_for_update(read=True)
        return await self._connection.scalar(query) == holder

    async def _of_match(self, match: Match, holder: int) -> tuple[Ticket | None, Seat | None]:
        if not await self._decides(holder) or not await self._lock_conversations([match.conversation_id]):
            return None, None
        seat = await self._lock_seat(match.person_id)
        ticket = await self._ticket(match.ticket_id)
        if ticket is not None and ticket.conversation_id != match.conversation_id:
            return None, None
        return ticket, seat

    async def _whole_seats(self, person_ids: Sequence[str]) -> list[Seat]:
        """Seats with the shops, groups and skills of their persons."""
        by_shop: dict[str, dict[str, dict[str, int]]] = {}
        query = select(skills.c.person_id, skills.c.shop_id, skills.c.skill, skills.c.level)
        for person, shop, skill, level in await self._connection.execute(
            query.where(skills.c.person_id.in_(person_ids))
        ):
            by_shop.setdefault(person, {}).setdefault(shop, {})[skill] = level
        shops = await self._sets(memberships.c.person_id, memberships.c.shop_id, person_ids)
        members = await self._sets(group_members.c.person_id, group_members.c.group_id, person_ids)
        rows = await self._connection.execute(
            select(*SEAT)
            .join(people, people.c.id == seats.c.person_id)
            .where(seats.c.person_id.in_(person_ids), people.c.disabled_at.is_(None))
            .order_by(seats.c.person_id)
        )
        return [
            replace(
                seat_of(row),
                shops=shops.get(row.person_id, frozenset()),
                groups=members.get(row.person_id, frozenset()),
                skills=by_shop.get(row.person_id, {}),
            )
            for row in rows
        ]

    async def _sets(
        self, person: ColumnElement[str], of: ColumnElement[str], person_ids: Sequence[str]
    ) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for person_id, each in await self._connection.execute(
            select(person, of).where(person.in_(person_ids))
        ):
            found.setdefault(person_id, set()).add(each)
        return {person_id: frozenset(ids) for person_id, ids in found.items()}
