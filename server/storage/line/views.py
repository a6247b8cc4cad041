"""What is read of the line beside its steps: routing, seats as people see them, the wall, places, gauges."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

from protocol.errors import ErrorCode, Refused
from queues.model import AcceptMode, Requirement, Rule, RuleCondition, SeatState
from server.storage.line.rows import LIVE, OPEN_ASSIGNMENT, LineRows, chunks
from server.storage.schema import (
    assignments,
    conversations,
    group_members,
    groups,
    memberships,
    offers,
    people,
    routing_rules,
    seats,
    tickets,
)
from signaling.facts import Place


@dataclass(frozen=True, slots=True)
class Routing:
    """A shop's rules in their order, the group that takes what no rule does, and the names of its groups."""

    rules: tuple[Rule, ...]
    default_group: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A person at the desk. One who never sat down reads as offline. `active`: conversations he owns."""

    person_id: str
    name: str
    state: SeatState
    reason: str | None
    since: int
    lease_until: int
    units_used: int
    units_capacity: int
    active: int
    shop_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A skill group of a shop."""

    group_id: str
    shop_id: str
    name: str
    accept: AcceptMode


@dataclass(frozen=True, slots=True)
class WallRow:
    """A group now. `waiting` and the longest wait count buyers who are held out to an agent, too: they still
    wait. `ready`: names of those who are ready and there."""

    group_id: str
    name: str
    waiting: int
    longest_wait_ms: int
    in_service: int
    ready: tuple[str, ...]


_ACTIVE = (
    select(func.count())
    .select_from(assignments)
    .where(assignments.c.person_id == people.c.id, OPEN_ASSIGNMENT)
    .scalar_subquery()
)
_SEAT_ROW = (
    people.c.id,
    people.c.display_name,
    func.coalesce(seats.c.state, "offline"),
    seats.c.reason,
    func.coalesce(seats.c.since, 0),
    func.coalesce(seats.c.lease_until, 0),
    func.coalesce(seats.c.units_used, 0),
    func.coalesce(seats.c.units_capacity, 0),
    _ACTIVE,
)
_WAITS = tickets.c.state.in_(("waiting", "offered"))
_COLLEAGUE = people.c.disabled_at.is_(None)


class LineViews(LineRows):
    """Reads only."""

    async def routing(self, shop_id: str) -> Routing:
        """How conversations find their group. Raises `Refused(not_found)` for a shop without any."""
        query = select(groups.c.id, groups.c.name).where(groups.c.shop_id == shop_id)
        rows = await self._connection.execute(
            query.order_by(groups.c.is_default.desc(), groups.c.name, groups.c.id)
        )
        names: dict[str, str] = {group_id: name for group_id, name in rows}
        if not names:
            raise Refused(ErrorCode.not_found)
        rules = await self._connection.execute(
            select(
                routing_rules.c.position,
                routing_rules.c.condition,
                routing_rules.c.group_id,
                routing_rules.c.requirements,
            )
            .where(routing_rules.c.shop_id == shop_id)
            .order_by(routing_rules.c.position)
        )
        return Routing(
            tuple(
                Rule(position, RuleCondition(**condition), group_id, _requirements(levels))
                for position, condition, group_id, levels in rules
            ),
            next(iter(names)),
            names,
        )

    async def seat(self, person_id: str) -> SeatRow:
        """A person's place at the desk. Raises `Refused(not_found)` where there is no such person."""
        found = await self.seats([person_id])
        if not found:
            raise Refused(ErrorCode.not_found)
        return found[0]

    async def seats(self, person_ids: Collection[str]) -> list[SeatRow]:
        """Those of these people who are known, in the order asked for."""
        found: dict[str, SeatRow] = {}
        for some in chunks(person_ids):
            for row in await self._seat_rows(people.c.id.in_(some)):
                found[row.person_id] = row
        return [found[each] for each in dict.fromkeys(person_ids) if each in found]

    async def seats_of_shops(self, shop_ids: Collection[str]) -> list[SeatRow]:
        """All who work in any of the shops, once each, by name; who was disabled does not."""
        found: dict[str, SeatRow] = {}
        for some in chunks(sorted(shop_ids)):
            workers = select(memberships.c.person_id).where(memberships.c.shop_id.in_(some))
            for row in await self._seat_rows(people.c.id.in_(workers), _COLLEAGUE):
                found[row.person_id] = row
        return list(found.values())

    async def groups_of(self, shop_ids: Collection[str]) -> list[GroupRow]:
        """The groups of these shops, by shop and name."""
        query = select(groups.c.id, groups.c.shop_id, groups.c.name, groups.c.accept)
        found: list[GroupRow] = []
        for some in chunks(sorted(shop_ids)):
            rows = await self._connection.execute(
                query.where(groups.c.shop_id.in_(some)).order_by(groups.c.shop_id, groups.c.name, groups.c.id)
            )
            found += [GroupRow(*row) for row in rows]
        return found

    async def needs(self, ticket_id: str) -> tuple[Requirement, ...]:
        """The skills that a ticket asks for; none where there is no such ticket."""
        ticket = await self._ticket(ticket_id)
        return () if ticket is None else ticket.requirements

    async def offer_state(self, offer_id: str) -> str | None:
        """How an offer stands; None where there is none."""
        found: str | None = await self._connection.scalar(
            select(offers.c.state).where(offers.c.id == offer_id)
        )
        return found

    async def wall(self, shop_id: str, now: int) -> list[WallRow]:
        """The shop's groups by name, in two queries."""
        ready: dict[str, list[str]] = {}
        rows = await self._connection.execute(
            select(group_members.c.group_id, people.c.display_name)
            .join(groups, groups.c.id == group_members.c.group_id)
            .join(people, people.c.id == group_members.c.person_id)
            .join(seats, seats.c.person_id == group_members.c.person_id)
            .where(
                groups.c.shop_id == shop_id, seats.c.state == "ready", seats.c.lease_until > now, _COLLEAGUE
            )
            .order_by(people.c.display_name, people.c.id)
        )
        for group_id, name in rows:
            ready.setdefault(group_id, []).append(name)
        in_service = func.count(case((tickets.c.state == "active", 1)))
        lines = await self._connection.execute(
            select(groups.c.id, groups.c.name, *_waiting(), in_service)
            .outerjoin(tickets, and_(tickets.c.group_id == groups.c.id, LIVE))
            .where(groups.c.shop_id == shop_id)
            .group_by(groups.c.id, groups.c.name)
            .order_by(groups.c.name, groups.c.id)
        )
        return [
            WallRow(group_id, name, waiting, _wait_ms(oldest, now), served, tuple(ready.get(group_id, ())))
            for group_id, name, waiting, oldest, served in lines
        ]

    async def gauges(self, now: int) -> list[tuple[str, int, int]]:
        """Each group with how many wait and how long the oldest has, in milliseconds; in one query."""
        rows = await self._connection.execute(
            select(groups.c.id, *_waiting())
            .outerjoin(tickets, and_(tickets.c.group_id == groups.c.id, LIVE))
            .group_by(groups.c.id)
            .order_by(groups.c.id)
        )
        return [(group_id, waiting, _wait_ms(oldest, now)) for group_id, waiting, oldest in rows]

    async def places_in_line(self, conversation_ids: Collection[str]) -> dict[str, tuple[int, int]]:
        """The places of those that wait and are not held out to an agent, each with how many wait there."""
        waits = and_(LIVE, tickets.c.state == literal("waiting", literal_execute=True))
        order = (tickets.c.priority, tickets.c.joined_at, tickets.c.id)
        found: dict[str, tuple[int, int]] = {}
        for some in chunks(conversation_ids):
            theirs = select(tickets.c.group_id).where(tickets.c.conversation_id.in_(some), waits)
            line = (
                select(
                    tickets.c.conversation_id,
                    func.row_number().over(partition_by=tickets.c.group_id, order_by=order),
                    func.count().over(partition_by=tickets.c.group_id),
                )
                .where(tickets.c.group_id.in_(theirs), waits)
                .subquery()
            )
            rows = await self._connection.execute(select(line).where(line.c.conversation_id.in_(some)))
            found |= {conversation_id: (place, waiting) for conversation_id, place, waiting in rows}
        return found

    async def places(self, conversation_ids: Collection[str]) -> dict[str, Place]:
        """Whom a fact about each of these conversations concerns; those that exist."""
        found: dict[str, Place] = {}
        query = select(
            conversations.c.id, conversations.c.shop_id, conversations.c.buyer_id, conversations.c.owner_id
        )
        for some in chunks(conversation_ids):
            for row in await self._connection.execute(query.where(conversations.c.id.in_(some))):
                found[row.id] = Place(*row)
        return found

    async def _seat_rows(self, *conditions: ColumnElement[bool]) -> list[SeatRow]:
        shop_ids: dict[str, list[str]] = {}
        working = (
            select(memberships.c.person_id, memberships.c.shop_id)
            .join(people, people.c.id == memberships.c.person_id)
            .where(*conditions)
            .order_by(memberships.c.shop_id)
        )
        for person_id, shop_id in await self._connection.execute(working):
            shop_ids.setdefault(person_id, []).append(shop_id)
        rows = await self._connection.execute(
            select(*_SEAT_ROW)
            .outerjoin(seats, seats.c.person_id == people.c.id)
            .where(*conditions)
            .order_by(people.c.display_name, people.c.id)
        )
        return [SeatRow(*row, tuple(shop_ids.get(row[0], ()))) for row in rows]


def _waiting() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """How many wait and since when the oldest does, over the tickets of a group."""
    return func.count(case((_WAITS, 1))), func.min(case((_WAITS, tickets.c.joined_at)))


def _wait_ms(oldest: int | None, now: int) -> int:
    return 0 if oldest is None else max(0, now - oldest)


def _requirements(levels: Mapping[str, int]) -> tuple[Requirement, ...]:
    return tuple(Requirement(skill, level) for skill, level in sorted(levels.items()))
