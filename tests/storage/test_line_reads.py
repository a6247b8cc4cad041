"""What the desk reads of the line, on both databases; and what each reading costs."""

import itertools
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from protocol.errors import ErrorCode, Refused
from queues.model import Assigned, Requirement, Rule, RuleCondition, Seat
from queues.ownership import TransferTarget
from queues.presence import LEASE_MS, REQUEUE_AFTER_MS
from server.storage import schema
from server.storage.database import Database, Unit
from server.storage.line.store import GroupRow, SeatRow, WallRow
from server.storage.records import NewEntry
from signaling.facts import Place
from tests.queues.build import NOW, SHOP, group, match, seat, ticket
from tests.queues.contract_line_store import LineUnderTest, assigned, held, offered, open_shop
from tests.storage.line_world import add_conversation, count, line_on
from tests.storage.test_plans import statements, whole_readings
from tests.storage.world import Clock


@pytest.fixture
async def store(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def line(store: Database) -> LineUnderTest:
    return line_on(store)


def row(person_id: str, **other: Any) -> SeatRow:
    values: dict[str, Any] = {
        "person_id": person_id,
        "name": person_id,
        "state": "ready",
        "reason": None,
        "since": NOW,
        "lease_until": NOW + LEASE_MS,
        "units_used": 0,
        "units_capacity": 100,
        "active": 0,
        "shop_ids": (SHOP,),
    }
    return SeatRow(**(values | other))


async def code_of(call: Any) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value.code


# Routing


async def test_routing_gives_the_rules_in_order_with_the_default_group(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    async with store.write() as unit:
        returns = schema.groups.c.id == "returns"
        await unit.connection.execute(update(schema.groups).where(returns).values(is_default=True))
        for position, condition, group_id, levels in (
            (2, {}, "returns", {}),
            (1, {"tier": "vip", "language": "en"}, "sales", {"tea": 2, "english": 4}),
        ):
            await unit.connection.execute(
                insert(schema.routing_rules).values(
                    shop_id=SHOP,
                    position=position,
                    condition=condition,
                    group_id=group_id,
                    requirements=levels,
                )
            )
    async with store.read() as reader:
        routing = await reader.line.routing(SHOP)
    assert routing.default_group == "returns"
    assert routing.names == {"sales": "Sales", "returns": "Returns"}
    assert routing.rules == (
        Rule(
            1,
            RuleCondition(tier="vip", language="en"),
            "sales",
            (Requirement("english", 4), Requirement("tea", 2)),
        ),
        Rule(2, RuleCondition(), "returns"),
    )


async def test_a_shop_without_groups_routes_nowhere(store: Database) -> None:
    async with store.read() as reader:
        assert await code_of(reader.line.routing("shop-none")) == ErrorCode.not_found


async def test_groups_are_listed_by_shop_and_name(store: Database, line: LineUnderTest) -> None:
    await open_shop(line)
    await line.add_group(group("theirs", shop_id="shop-other"))
    async with store.read() as reader:
        assert await reader.line.groups_of([SHOP]) == [
            GroupRow("returns", SHOP, "Returns", "offer"),
            GroupRow("sales", SHOP, "Sales", "auto"),
        ]
        assert len(await reader.line.groups_of([SHOP, "shop-other"])) == 3
        assert await reader.line.groups_of([]) == []


# Seats


async def test_a_seat_reads_with_its_load_and_shops(store: Database, line: LineUnderTest) -> None:
    await open_shop(line)
    await assigned(line, "ann", "bo")
    await offered(line, "ben", "bo")
    async with store.read() as reader:
        bo = await reader.line.seat("bo")
        colleagues = await reader.line.seats_of_shops([SHOP])
        assert await reader.line.seats_of_shops([SHOP, "shop-other"]) == colleagues
        assert await reader.line.seats_of_shops([]) == []
    assert bo == row("bo", lease_until=NOW + 86_400_000, units_used=40, active=1)
    assert colleagues == [bo, row("mei", since=NOW - 5_000)]


async def test_who_never_sat_down_reads_as_offline_and_gets_his_seat_by_arriving(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    async with store.write() as unit:
        values = {"id": "new", "display_name": "new", "password_hash": "x", "created_at": NOW}
        await unit.connection.execute(insert(schema.people).values(values))
        await unit.people.set_role("new", SHOP, "agent")
    nothing = {"state": "offline", "since": 0, "lease_until": 0, "units_capacity": 0}
    async with store.read() as reader:
        assert await reader.line.seat("new") == row("new", **nothing)
        assert await reader.line.seats(["new", "nobody", "mei"]) == [
            row("new", **nothing),
            row("mei", since=NOW - 5_000),
        ]
        assert await code_of(reader.line.seat("nobody")) == ErrorCode.not_found
    assert list(await line.arrive("node-a", "new", now=NOW)) == []
    async with store.read() as reader:
        assert await reader.line.seat("new") == row("new", state="offline")
    told = await line.declare("new", state="ready", reason=None, now=NOW + 7)
    assert len(told) == 1  # type: ignore[arg-type]
    async with store.read() as reader:
        assert await reader.line.seat("new") == row("new", since=NOW + 7)


async def test_who_was_disabled_is_no_colleague_and_gets_no_work(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    async with store.write() as unit:
        await unit.people.change("mei", disabled_at=NOW)
    async with store.read() as reader:
        assert [each.person_id for each in await reader.line.seats_of_shops([SHOP])] == ["bo"]
        assert [each.person_id for each in await reader.line.load_seats({"sales"}, {"mei"})] == ["bo"]
        assert [each.ready for each in await reader.line.wall(SHOP, NOW)] == [(), ("bo",)]
        assert (await reader.line.seat("mei")).name == "mei", "his name is still told of what he did"


async def test_a_seat_says_since_when_it_is_how_it_is(store: Database, line: LineUnderTest) -> None:
    await open_shop(line)
    await line.declare("mei", state="break", reason="lunch", now=NOW + 5)
    await line.declare("mei", state="break", reason="lunch", now=NOW + 9)
    await assigned(line, "ann", "bo", now=NOW + 9)
    async with store.read() as reader:
        assert (await reader.line.seat("mei")).since == NOW + 5
        assert (await reader.line.seat("bo")).since == NOW, "work does not change the state"


# Tickets and offers


async def test_needs_and_offer_states_are_told(store: Database, line: LineUnderTest) -> None:
    await open_shop(line)
    await line.join(ticket("ann", skills={"tea": 2}))
    await offered(line, "ben")
    async with store.read() as reader:
        assert await reader.line.needs("t-ann") == (Requirement("tea", 2),)
        assert await reader.line.needs("t-none") == ()
        assert await reader.line.offer_state("o-1") == "open"
        assert await reader.line.offer_state("o-none") is None
    await line.close("ben", now=NOW)
    async with store.read() as reader:
        assert await reader.line.offer_state("o-1") == "withdrawn"


async def test_an_accepted_offer_keeps_its_explanation(line: LineUnderTest, store: Database) -> None:
    await open_shop(line)
    fence = await offered(line)
    before = await line.explanation("t-ann", fence)
    await line.accept("o-1", person_id="mei", fence=fence, now=NOW)
    async with store.read() as reader:
        assert await count(reader, schema.assignments) == 1
    assert await line.explanation("t-ann", fence) == before


async def test_nobody_waits_for_a_conversation_that_is_not_there(store: Database) -> None:
    async with store.write() as unit:
        assert await unit.line.position("none") is None
        assert await code_of(unit.line.join(ticket("none"))) == ErrorCode.not_found


async def test_places_in_line_are_those_of_each_group_s_order_without_whom_is_held_out(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    await offered(line, "ann", "bo")
    for name, joined, group_id in (("ben", -4_000, "sales"), ("cid", -9_000, "sales"), ("eve", 0, "returns")):
        await line.join(ticket(name, joined=joined, group_id=group_id))
    async with store.read() as reader:
        places = await reader.line.places_in_line(["ann", "ben", "eve", "none"])
        assert places == {"ben": (2, 2), "eve": (1, 1)}
        assert await reader.line.places_in_line([]) == {}


# The wall, the gauges and places


async def test_the_wall_shows_each_group_in_three_queries_at_most(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    await line.add_group(group("quiet"))
    await line.add_group(group("theirs", shop_id="shop-other"))
    await line.add_seat(seat("gone", lease_until=NOW + 60))
    await line.add_seat(seat("resting", state="break"))
    await line.join(ticket("ann", joined=-9_000))
    await line.join(ticket("ben", joined=-4_000, head_start_s=60))
    await assigned(line, "cid", "bo")
    await offered(line, "dan", "bo")
    await line.close("ben", now=NOW)
    await line.join(ticket("eve", group_id="returns", joined=500))
    with statements() as seen:
        async with store.read() as reader:
            wall = await reader.line.wall(SHOP, NOW + 60)
    assert wall == [
        WallRow("quiet", "Quiet", 0, 0, 0, ()),
        WallRow("returns", "Returns", 1, 0, 0, ("mei",)),
        WallRow("sales", "Sales", 2, 9_060, 1, ("bo", "mei")),
    ]
    assert len([each for each in seen if each.startswith("SELECT")]) <= 3
    with statements() as seen:
        async with store.read() as reader:
            gauges = await reader.line.gauges(NOW + 60)
    assert gauges == [("quiet", 0, 0), ("returns", 1, 0), ("sales", 2, 9_060), ("theirs", 0, 0)]
    assert len([each for each in seen if each.startswith("SELECT")]) == 1


async def test_places_are_told_of_those_conversations_that_exist(
    store: Database, line: LineUnderTest
) -> None:
    await open_shop(line)
    await assigned(line, "ann")
    await line.join(ticket("ben"))
    many = [f"none-{number}" for number in range(1_200)]
    async with store.read() as reader:
        places = await reader.line.places([*many, "ann", "ben"])
    assert places == {
        "ann": Place("ann", SHOP, "buyer-ann", "mei"),
        "ben": Place("ben", SHOP, "buyer-ben", None),
    }


# The conversation's row


async def test_the_message_path_follows_every_owner_at_once(store: Database, line: LineUnderTest) -> None:
    numbers = itertools.count(1)

    def words(person_id: str, fence: int) -> NewEntry:
        number = next(numbers)
        return NewEntry(
            conversation_id="ann",
            log="public",
            message_id=f"m-{number}",
            client_id=f"c-{number}",
            sender_kind="agent",
            sender_id=person_id,
            sender_name=person_id,
            sent_at=NOW,
            kind="text",
            body={"text": "在的"},
            shop_ids=frozenset({SHOP}),
            fence=fence,
        )

    await open_shop(line)
    first = await assigned(line)
    assert (await store.append(words("mei", first.fence))).entry.seq == 1
    to = TransferTarget(group("sales"))
    await line.transfer("ann", person_id="mei", fence=first.fence, to=to, now=NOW)
    assert await code_of(store.append(words("mei", first.fence + 1))) == ErrorCode.stale_fence
    taken = await line.assign(match(await line.ticket("ann"), "bo"), holder=await held(line), now=NOW)
    assert taken is not None
    assert (await store.append(words("bo", taken.fact.fence))).entry.seq == 2
    assert await code_of(store.append(words("mei", taken.fact.fence))) == ErrorCode.stale_fence
    await line.close("ann", now=NOW, person_id="bo", fence=taken.fact.fence)
    assert await code_of(store.append(words("bo", taken.fact.fence))) == ErrorCode.stale_fence


async def test_an_owner_never_begins_before_the_former_one_ended(line: LineUnderTest) -> None:
    await open_shop(line)
    first = await assigned(line, now=NOW + 50)
    to = TransferTarget(group("sales"))
    await line.transfer("ann", person_id="mei", fence=first.fence, to=to, now=NOW + 20)
    wish = match(await line.ticket("ann"), "bo")
    taken = await line.assign(wish, holder=await held(line), now=NOW + 10)
    assert taken is not None and taken.fact.at == NOW + 50, "another node's clock was ahead"
    assert [(each.from_, each.until) for each in await line.assignments("ann")] == [
        (NOW + 50, NOW + 50),
        (NOW + 50, None),
    ]


# What it costs


@pytest.mark.parametrize("people", [1, 40])
async def test_a_renewal_takes_the_same_two_statements_for_one_and_for_many(
    store: Database, line: LineUnderTest, people: int
) -> None:
    persons = [f"p-{number}" for number in range(people)]
    for person_id in persons:
        await line.add_seat(seat(person_id, groups=()))
    with statements() as seen:
        async with store.write() as unit:
            assert list(await unit.line.renew("node-a", persons, now=NOW + 5)) == []
    sent = [each.split()[0] for each in seen if not each.startswith("BEGIN")]
    assert sent == ["UPDATE", "INSERT"]
    async with store.read() as reader:
        assert {each.lease_until for each in await reader.line.seats(persons)} == {NOW + 5 + LEASE_MS}


async def test_leases_of_dead_nodes_go_when_the_person_comes_again(
    store: Database, line: LineUnderTest
) -> None:
    await line.add_seat(seat("mei", groups=()))
    for number in range(5):
        await line.arrive(f"run-{number}", "mei", now=NOW + number)
    async with store.read() as reader:
        assert await count(reader, schema.seat_leases) == 6
    await line.arrive("run-6", "mei", now=NOW + 4 + LEASE_MS)
    async with store.read() as reader:
        assert await count(reader, schema.seat_leases) == 1


async def test_a_node_that_never_held_him_shortens_nothing(store: Database, line: LineUnderTest) -> None:
    await line.add_seat(seat("mei", groups=()))
    await line.leave("node-b", "mei", now=NOW)
    await line.leave("node-b", "nobody", now=NOW)
    async with store.read() as reader:
        assert (await reader.line.seat("mei")).lease_until == NOW + LEASE_MS


async def test_no_step_of_the_line_walks_through_a_long_table(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "plans.sqlite3"
    database = await Database.open(f"sqlite:///{file}", clock=clock)
    line = line_on(database)
    await open_shop(line)
    holder = await held(line)
    with statements() as seen:
        async with database.write() as unit:
            await _use(unit, holder)
    await database.close()
    readings = [each for each in seen if each.lstrip().split()[0] in {"SELECT", "UPDATE", "INSERT", "DELETE"}]
    assert len(readings) > 60
    db = sqlite3.connect(file)
    try:
        assert {each: whole for each in readings if (whole := whole_readings(db, each))} == {}
    finally:
        db.close()


async def _use(unit: Unit, holder: int) -> None:
    """Every step once."""
    line = unit.line
    for name in ("ann", "ben", "cid"):
        await add_conversation(unit, name, SHOP)
    first = await line.assign(match(await line.join(ticket("ann")), "mei"), holder=holder, now=NOW)
    assert first is not None
    for name, offer_id in (("ben", "o-1"), ("cid", "o-2")):
        wish = match(await line.join(ticket(name)), "bo", accept="offer")
        await line.offer(wish, offer_id=offer_id, expires_at=NOW + 9, holder=holder, now=NOW)
    assert isinstance(await line.accept("o-1", person_id="bo", fence=1, now=NOW), Assigned)
    await line.decline("o-2", person_id="bo", fence=1, now=NOW)
    wish = match((await _waiting(unit, "cid")), "bo", accept="offer")
    await line.offer(wish, offer_id="o-3", expires_at=NOW + 9, holder=holder, now=NOW)
    await line.expire_offers(holder=holder, now=NOW + 9)
    to = TransferTarget(group("returns"))
    await line.transfer("ann", person_id="mei", fence=1, to=to, now=NOW)
    await line.position("ann")
    await line.owner("ben")
    await line.assignments("ben")
    await line.expire_leases(holder=holder, now=NOW + 86_400_000 + REQUEUE_AFTER_MS)
    await line.arrive("node-a", "bo", now=NOW + 86_500_000)
    await line.declare("bo", state="ready", reason=None, now=NOW + 86_500_000)
    await line.leave("node-a", "bo", now=NOW + 86_500_000)
    await line.changed_groups({"sales": 1}, only={"sales"})
    seats: list[Seat] = list(await line.load_seats({"sales"}, {"mei"}))
    assert len(seats) == 2
    await line.close("ben", now=NOW)
    await line.routing(SHOP)
    await line.seats_of_shops([SHOP])
    await line.wall(SHOP, NOW)
    await line.gauges(NOW)
    await line.places(["ann"])
    await line.places_in_line(["ann"])
    await line.needs("t-ann")
    await line.offer_state("o-1")


async def _waiting(unit: Unit, conversation_id: str) -> Any:
    loaded = await unit.line.load_group("sales")
    assert loaded is not None
    return next(each for each in loaded.tickets if each.conversation_id == conversation_id)
