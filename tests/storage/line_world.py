"""The line on a database, as the contracts of `tests.queues` want it: each call is a unit of work of its own,
and after each the rows must agree with one another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple, cast

from sqlalchemy import func, insert, select, update

from queues.model import Group, Match, Seat, Ticket
from queues.ports import DecidingLease
from server.storage import schema
from server.storage.database import Database, Reader
from server.storage.line.leases import SqlDecidingLease
from server.storage.line.rows import LineRows
from server.storage.line.shapes import candidates
from tests.journal.checker import Ownership
from tests.journal.checker import check as journal_violations
from tests.queues.contract_line_store import LineUnderTest

MADE_AT = 1_700_000_000_000


class CommittedLine:
    """A `LineUnderTest` on an empty, migrated database: shops, people and conversations appear as needed."""

    def __init__(self, database: Database, *, checked: bool) -> None:
        self._database = database
        self._checked = checked

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            async with self._database.write() as unit:
                answer = await getattr(unit.line, name)(*args, **kwargs)
            if self._checked:
                async with self._database.read() as reader:
                    await check(reader)
            return answer

        return call

    def deciding_lease(self, node_id: str) -> DecidingLease:
        return SqlDecidingLease(self._database, node_id)

    async def add_group(self, group: Group) -> None:
        async with self._database.write() as unit:
            await _shop(unit, group.shop_id)
            await _unless_there(
                unit,
                "groups",
                {"id": group.id},
                {
                    "shop_id": group.shop_id,
                    "name": group.name,
                    "accept": group.accept,
                    "offer_seconds": group.offer_seconds,
                    "is_default": False,
                },
            )

    async def add_seat(self, seat: Seat, node_id: str = "node-a") -> None:
        person = {"person_id": seat.person_id}
        async with self._database.write() as unit:
            for shop_id in seat.shops:
                await _shop(unit, shop_id)
            await _person(unit, seat.person_id)
            for shop_id in seat.shops:
                await _unless_there(unit, "memberships", person | {"shop_id": shop_id}, {"role": "agent"})
            for group_id in seat.groups:
                shop_id = min(seat.shops)
                name = {"shop_id": shop_id, "name": group_id, "is_default": False}
                await _unless_there(unit, "groups", {"id": group_id}, name)
                await _unless_there(unit, "group_members", person | {"group_id": group_id}, {})
            for shop_id, levels in seat.skills.items():
                for skill, level in levels.items():
                    key = person | {"shop_id": shop_id, "skill": skill}
                    await _unless_there(unit, "skills", key, {"level": level})
            values = {
                "state": seat.state,
                "reason": seat.reason,
                "since": seat.idle_since,
                "idle_since": seat.idle_since,
                "lease_until": seat.lease_until,
                "misses": seat.misses,
                "units_capacity": seat.units_capacity,
                "units_used": seat.units_used,
            }
            await _unless_there(unit, "seats", person, values)
            await unit.connection.execute(
                update(schema.seats).where(schema.seats.c.person_id == seat.person_id).values(values)
            )
            await _unless_there(
                unit, "seat_leases", person | {"node_id": node_id}, {"until": seat.lease_until}
            )

    async def join(self, ticket: Ticket) -> Ticket:
        async with self._database.write() as unit:
            await add_conversation(unit, ticket.conversation_id, ticket.shop_id)
        joined: Ticket = await self.__getattr__("join")(ticket)
        return joined

    async def seat(self, person_id: str) -> Seat:
        async with self._database.read() as reader:
            (found,) = await reader.line.load_seats(set(), {person_id})
        return found

    async def ticket(self, conversation_id: str) -> Ticket:
        async with self._database.read() as reader:
            found = await newest_ticket(reader, conversation_id)
        assert found is not None
        return found

    async def explanation(self, ticket_id: str, fence: int) -> Match:
        async with self._database.read() as reader:
            for table in (schema.assignments, schema.offers):
                query = select(table.c.why, table.c.person_id, table.c.conversation_id)
                found = await reader.connection.execute(
                    query.where(table.c.ticket_id == ticket_id, table.c.fence == fence)
                )
                if (row := found.one_or_none()) is not None:
                    break
            assert row is not None
            ticket = await newest_ticket(reader, row.conversation_id)
            assert ticket is not None
        return Match(
            ticket_id=ticket_id,
            conversation_id=row.conversation_id,
            shop_id=ticket.shop_id,
            group_id=ticket.group_id,
            person_id=row.person_id,
            fence=fence - 1,
            units=ticket.units,
            accept="auto",
            offer_seconds=20,
            candidates=candidates(row.why),
            considered=row.why["considered"],
        )


def line_on(database: Database, *, checked: bool = True) -> LineUnderTest:
    """The line of this database, each call committed and, unless it is called very often, checked."""
    return cast(LineUnderTest, CommittedLine(database, checked=checked))


class Nodes(NamedTuple):
    """Two nodes on one database. On SQLite they are one: it serves one process."""

    near: Database
    far: Database

    @property
    def lines(self) -> tuple[LineUnderTest, LineUnderTest]:
        return line_on(self.near, checked=False), line_on(self.far, checked=False)


async def newest_ticket(reader: Reader, conversation_id: str) -> Ticket | None:
    """The conversation's ticket as it is stored."""
    return await LineRows(reader.connection)._newest_ticket(conversation_id)


async def add_conversation(unit: Reader, conversation_id: str, shop_id: str) -> None:
    """An open conversation of a buyer who has no other."""
    await _shop(unit, shop_id)
    buyer = {"id": f"buyer-{conversation_id}"}
    await _unless_there(unit, "buyers", buyer, {"shop_id": shop_id, "created_at": MADE_AT})
    await _unless_there(
        unit,
        "conversations",
        {"id": conversation_id},
        {
            "shop_id": shop_id,
            "buyer_id": buyer["id"],
            "state": "open",
            "locale": "zh-CN",
            "opened_at": MADE_AT,
        },
    )


async def check(reader: Reader) -> None:
    """What holds after every step, whatever it was.

    A conversation's row says what its ticket says; whoever owns it has an open assignment with the ticket's
    fence; an offered ticket has one open offer; a seat's used units are those of its offers and assignments;
    owners follow one another without overlapping.
    """
    rows = await _all(reader, schema.conversations)
    mirrored = {row.id: (row.owner_id, row.fence) for row in rows}
    newest: dict[str, Any] = {}
    tickets = {row.id: row for row in await _all(reader, schema.tickets)}
    for row in tickets.values():
        known = newest.get(row.conversation_id)
        if known is None or (row.state != "done", row.fence) > (known.state != "done", known.fence):
            newest[row.conversation_id] = row
    assignments = await _all(reader, schema.assignments)
    owners = {row.conversation_id: row for row in assignments if row.until is None}
    offers = {row.ticket_id: row for row in await _all(reader, schema.offers) if row.state == "open"}
    for conversation_id, ticket in newest.items():
        owner = owners.get(conversation_id)
        assert mirrored[conversation_id] == (owner and owner.person_id, ticket.fence), ticket
        assert (ticket.state == "active") == (owner is not None), ticket
        assert owner is None or (owner.ticket_id, owner.fence) == (ticket.id, ticket.fence), owner
        held = offers.get(ticket.id)
        assert (ticket.state == "offered") == (held is not None), ticket
        assert held is None or held.fence == ticket.fence, held
    used: dict[str, int] = {}
    for row in [*owners.values(), *offers.values()]:
        used[row.person_id] = used.get(row.person_id, 0) + tickets[row.ticket_id].units
    for seat in await _all(reader, schema.seats):
        assert seat.units_used == used.get(seat.person_id, 0), seat
        assert seat.units_used <= seat.units_capacity, seat
    by_conversation: dict[str, list[Any]] = {}
    for row in sorted(assignments, key=lambda each: each.fence):
        by_conversation.setdefault(row.conversation_id, []).append(row)
    for owned in by_conversation.values():
        for earlier, later in pairwise(owned):
            assert earlier.until is not None and earlier.until <= later.since, (earlier, later)


async def agree(nodes: Nodes) -> None:
    """The rows agree with one another, and no conversation ever had two owners."""
    async with nodes.near.read() as reader:
        await check(reader)
        rows = await reader.connection.execute(select(schema.assignments))
        owners = [
            Ownership(row.conversation_id, row.person_id, row.fence, row.since, row.until) for row in rows
        ]
    assert journal_violations([], [], owners) == []


async def count(reader: Reader, table: Any) -> int:
    """The rows of a table."""
    return int(await reader.connection.scalar(select(func.count()).select_from(table)) or 0)


async def _all(reader: Reader, table: Any) -> list[Any]:
    return list(await reader.connection.execute(select(table)))


async def _shop(unit: Reader, shop_id: str) -> None:
    values = {"name": shop_id, "anonymous": True, "origins": [], "created_at": MADE_AT}
    await _unless_there(unit, "shops", {"id": shop_id}, values)


async def _person(unit: Reader, person_id: str) -> None:
    values = {"display_name": person_id, "password_hash": "x", "created_at": MADE_AT}
    await _unless_there(unit, "people", {"id": person_id}, values)


async def _unless_there(unit: Reader, name: str, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    table = schema.metadata.tables[name]
    found = await unit.connection.execute(select(table).where(*(table.c[each] == key[each] for each in key)))
    if found.first() is None:
        await unit.connection.execute(insert(table).values({**key, **values}))
