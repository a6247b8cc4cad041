"""The line under real concurrency: several units of work at once, on PostgreSQL from two nodes.

Where a race has two outcomes each is forced in turn: one unit of work is kept open until the other waits for
it. A deadlock would show as `Refused(retry)`, which nothing here catches.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from queues.model import DECIDING_LEASE_MS, Assigned, OfferEnded, SeatChanged
from queues.ownership import Refused
from queues.presence import LEASE_MS, REASON_LEASE_EXPIRED, REASON_RETURNED
from server.storage.database import Unit
from server.storage.line.leases import SqlDecidingLease
from tests.queues.build import NOW, group, match, seat, ticket
from tests.queues.contract_line_store import held, offered, open_shop
from tests.rounds import rounds
from tests.storage.line_world import Nodes, agree

BLOCKED_WITHIN_S = 10.0
LOOK_EVERY_S = 0.005


async def all_wait(nodes: Nodes, many: int = 1) -> None:
    """Return when so many wait for rows that others hold; on SQLite they wait for their turns anyway."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :name")
    async with asyncio.timeout(BLOCKED_WITHIN_S):
        while nodes.near.dialect == "postgresql":
            async with nodes.near.read() as reader:
                name = await reader.connection.scalar(text("SELECT current_database()"))
                if await reader.connection.scalar(query, {"name": name}) == many:
                    return
            await asyncio.sleep(LOOK_EVERY_S)


async def one_then_other(
    nodes: Nodes, first: Callable[[Unit], Awaitable[Any]], second: Callable[[Unit], Awaitable[Any]]
) -> tuple[Any, Any]:
    """Both at once: `first` has written and is not committed when `second` comes and has to wait."""

    async def later() -> Any:
        async with nodes.far.write() as unit:
            return await second(unit)

    async with nodes.near.write() as unit:
        answer = await first(unit)
        waiting = asyncio.create_task(later())
        await all_wait(nodes)
        assert not waiting.done()
    return answer, await waiting


# One offer, many hands


async def test_of_fifty_who_accept_one_offer_one_owns_it_and_all_others_are_told(nodes: Nodes) -> None:
    line, far = nodes.lines
    people = [f"p-{number}" for number in range(50)]
    await line.add_group(group("sales"))
    for person_id in people:
        await line.add_seat(seat(person_id, lease_until=NOW + 86_400_000))
    for number in range(rounds(reduced=4, full=1_000)):
        name, offer_id = f"c-{number}", f"o-{number}"
        rng = random.Random(number)
        asked = rng.choice(people)
        fence = await offered(line, name, asked, offer_id)
        hands = [
            rng.choice([line, far]).accept(offer_id, person_id=person_id, fence=fence, now=NOW + 1)
            for person_id in rng.sample(people, len(people))
        ]
        answers = await asyncio.gather(*hands)
        (taken,) = [each for each in answers if isinstance(each, Assigned)]
        assert (taken.person_id, taken.fence) == (asked, fence)
        assert Counter(answers) == {taken: 1, Refused("already_taken"): 49}
        assert [each.person_id for each in await line.assignments(name)] == [asked]
        await line.close(name, now=NOW + 2)
    await agree(nodes)


async def test_fifty_tabs_of_the_one_who_was_asked_get_one_answer_and_one_conversation(nodes: Nodes) -> None:
    line, far = nodes.lines
    await open_shop(line)
    fence = await offered(line)
    hands = [
        (line, far)[number % 2].accept("o-1", person_id="mei", fence=fence, now=NOW + number)
        for number in range(50)
    ]
    answers = await asyncio.gather(*hands)
    assert len(set(answers)) == 1 and isinstance(answers[0], Assigned)
    assert len(await line.assignments("ann")) == 1
    assert (await line.seat("mei")).units_used == 20
    await agree(nodes)


async def test_an_accept_just_before_the_end_leaves_nothing_to_miss(nodes: Nodes) -> None:
    line, _ = nodes.lines
    await open_shop(line)
    fence = await offered(line)
    holder = await held(line)
    taken, ended = await one_then_other(
        nodes,
        lambda unit: unit.line.accept("o-1", person_id="mei", fence=fence, now=NOW + 19_999),
        lambda unit: unit.line.expire_offers(holder=holder, now=NOW + 20_000),
    )
    assert isinstance(taken, Assigned) and list(ended) == []
    assert (await line.seat("mei")).misses == 0
    await agree(nodes)


async def test_an_accept_while_its_offer_is_being_missed_is_told_that_it_expired(nodes: Nodes) -> None:
    line, _ = nodes.lines
    await open_shop(line)
    fence = await offered(line)
    holder = await held(line)
    ended, late = await one_then_other(
        nodes,
        lambda unit: unit.line.expire_offers(holder=holder, now=NOW + 20_000),
        lambda unit: unit.line.accept("o-1", person_id="mei", fence=fence, now=NOW + 19_999),
    )
    assert list(ended) == [OfferEnded("o-1", "t-ann", "ann", "mei", "missed", NOW + 20_000)]
    assert late == Refused("offer_expired")
    assert await line.owner("ann") is None
    await agree(nodes)


async def test_accept_and_timeout_at_the_same_instant_have_one_outcome(nodes: Nodes) -> None:
    line, far = nodes.lines
    await open_shop(line)
    holder = await held(line)
    for number in range(rounds(reduced=10, full=1_000)):
        name, offer_id = f"c-{number}", f"o-{number}"
        fence = await offered(line, name, "bo", offer_id)
        await line.declare("bo", state="ready", reason=None, now=NOW)
        both: list[Awaitable[Any]] = [
            line.accept(offer_id, person_id="bo", fence=fence, now=NOW + 19_999),
            far.expire_offers(holder=holder, now=NOW + 20_000),
        ]
        if number % 2:
            both.reverse()
        answers = await asyncio.gather(*both)
        taken, ended = reversed(answers) if number % 2 else answers
        if isinstance(taken, Assigned):
            assert list(ended) == []
        else:
            assert taken == Refused("offer_expired")
            assert [type(each) for each in ended] == [OfferEnded]
        await line.close(name, now=NOW + 20_001)
    await agree(nodes)


# Two nodes that decide


async def test_a_node_takes_over_only_after_the_write_under_way_and_then_the_old_fence_writes_nothing(
    nodes: Nodes,
) -> None:
    line, far = nodes.lines
    await open_shop(line)
    first, second = await line.join(ticket("ann")), await line.join(ticket("ben"))
    here = SqlDecidingLease(nodes.near, "node-a")
    former = await here.hold(NOW)
    assert former is not None
    there = SqlDecidingLease(nodes.far, "node-b")
    later = NOW + DECIDING_LEASE_MS
    async with nodes.near.write() as unit:
        taken = await unit.line.assign(match(first, "mei"), holder=former, now=NOW)
        takeover = asyncio.create_task(there.hold(later))
        await all_wait(nodes)
        assert taken is not None and not takeover.done()
    present = await takeover
    assert present is not None and present > former
    wish = match(second, "mei", accept="offer")
    for attempt in (
        await line.assign(match(second, "mei"), holder=former, now=later),
        await line.offer(wish, offer_id="o-1", expires_at=later + 1, holder=former, now=later),
    ):
        assert attempt is None
    assert list(await line.expire_leases(holder=former, now=NOW + LEASE_MS)) == []
    assert await line.ticket("ben") == second
    assert await far.assign(match(second, "mei"), holder=present, now=later) is not None
    await agree(nodes)


async def test_of_many_nodes_that_ask_at_once_one_decides(nodes: Nodes) -> None:
    for number in range(rounds(reduced=5, full=100)):
        now = NOW + number * 2 * DECIDING_LEASE_MS
        leases = [SqlDecidingLease(nodes[each % 2], f"node-{each}") for each in range(10)]
        fences = await asyncio.gather(*(lease.hold(now) for lease in leases))
        assert [each for each in fences if each is not None] == [number + 1]


async def test_a_node_that_renews_in_a_burst_writes_once_a_second(nodes: Nodes) -> None:
    lease = SqlDecidingLease(nodes.near, "node-a")
    fence = await lease.hold(NOW)
    assert await lease.hold(NOW + 999) == fence
    rival = SqlDecidingLease(nodes.far, "node-b")
    assert await rival.hold(NOW + DECIDING_LEASE_MS - 1) is None
    assert await lease.hold(NOW + 1_000) == fence
    assert await rival.hold(NOW + DECIDING_LEASE_MS + 999) is None
    assert await rival.hold(NOW + DECIDING_LEASE_MS + 1_000) is not None


# One seat, many conversations


async def test_a_seat_never_takes_more_than_it_has_room_for(nodes: Nodes) -> None:
    line, far = nodes.lines
    await open_shop(line)
    holder = await held(line)
    wishes = [match(await line.join(ticket(f"c-{number}")), "mei") for number in range(30)]
    answers = await asyncio.gather(
        *(
            (line, far)[number % 2].assign(wish, holder=holder, now=NOW)
            if number % 3
            else (line, far)[number % 2].offer(
                wish, offer_id=f"o-{number}", expires_at=NOW + 9, holder=holder, now=NOW
            )
            for number, wish in enumerate(wishes)
        )
    )
    assert len([each for each in answers if each is not None]) == 5
    assert (await line.seat("mei")).units_used == 100
    await agree(nodes)


async def test_one_ticket_goes_to_one_of_many_seats(nodes: Nodes) -> None:
    line, far = nodes.lines
    await line.add_group(group("sales"))
    people = [f"p-{number}" for number in range(10)]
    for person_id in people:
        await line.add_seat(seat(person_id))
    holder = await held(line)
    joined = await line.join(ticket("ann"))
    answers = await asyncio.gather(
        *(
            (line, far)[each % 2].assign(match(joined, p), holder=holder, now=NOW)
            for each, p in enumerate(people)
        )
    )
    (taken,) = [each for each in answers if each is not None]
    assert [each.person_id for each in await line.assignments("ann")] == [taken.fact.person_id]
    await agree(nodes)


async def test_a_conversation_that_joins_from_many_sides_has_one_ticket(nodes: Nodes) -> None:
    line, far = nodes.lines
    await open_shop(line)
    await line.join(ticket("ann"))
    await line.close("ann", now=NOW)
    again = [
        (line, far)[number % 2].join(replace(ticket("ann", joined=number), id=f"t-{number}"))
        for number in range(10)
    ]
    assert len(set(await asyncio.gather(*again))) == 1
    await agree(nodes)


# Presence


async def test_who_goes_on_break_while_he_is_being_offered_more_keeps_none_of_it(nodes: Nodes) -> None:
    line, _ = nodes.lines
    await open_shop(line)
    await offered(line, "ann", "mei", "o-1")
    joined = await line.join(ticket("ben"))
    holder = await held(line)
    wish = match(joined, "mei", accept="offer")
    out, told = await one_then_other(
        nodes,
        lambda unit: unit.line.offer(wish, offer_id="o-2", expires_at=NOW + 9, holder=holder, now=NOW),
        lambda unit: unit.line.declare("mei", state="break", reason=None, now=NOW),
    )
    assert out is not None
    assert told == [
        SeatChanged("mei", "break", None, NOW),
        OfferEnded("o-1", "t-ann", "ann", "mei", "withdrawn", NOW),
        OfferEnded("o-2", "t-ben", "ben", "mei", "withdrawn", NOW),
    ]
    await agree(nodes)


async def test_a_buyer_who_leaves_and_an_agent_who_rests_do_not_wait_for_each_other(nodes: Nodes) -> None:
    line, far = nodes.lines
    await open_shop(line)
    await offered(line, "ann", "mei", "o-1")
    joined = await line.join(ticket("ben"))
    holder = await held(line)
    async with nodes.near.write() as unit:
        wish = match(joined, "mei", accept="offer")
        assert await unit.line.offer(wish, offer_id="o-2", expires_at=NOW + 9, holder=holder, now=NOW)
        resting = asyncio.create_task(far.declare("mei", state="break", reason=None, now=NOW))
        await all_wait(nodes)
        leaving = asyncio.create_task(far.close("ben", now=NOW))
        await all_wait(nodes, 2)
    # The agent has seat and first offer, the buyer has the second: each now wants what the other has.
    for told in await asyncio.gather(resting, leaving):
        assert not isinstance(told, Refused)
    assert [(await line.ticket(name)).state for name in ("ann", "ben")] == ["waiting", "done"]
    assert (await line.seat("mei")).units_used == 0
    await agree(nodes)


async def test_a_lease_renewed_while_the_sweep_looks_is_alive(nodes: Nodes) -> None:
    line, _ = nodes.lines
    await open_shop(line)
    holder = await held(line)
    _, facts = await one_then_other(
        nodes,
        lambda unit: unit.line.renew("node-a", ["mei"], now=NOW + LEASE_MS - 1),
        lambda unit: unit.line.expire_leases(holder=holder, now=NOW + LEASE_MS),
    )
    assert list(facts) == []
    assert (await line.seat("mei")).state == "ready"


async def test_a_renewal_of_many_and_the_sweep_do_not_wait_for_each_other(nodes: Nodes) -> None:
    line, far = nodes.lines
    people = ["zoe", "ann"]  # stored in another order than the one that everybody locks in
    for person_id in people:
        await line.add_seat(seat(person_id, groups=(), lease_until=NOW))
    holder = await held(line)
    async with nodes.near.write() as unit:
        await unit.line.leave("node-a", "ann", now=NOW)
        sweep = asyncio.create_task(far.expire_leases(holder=holder, now=NOW))
        await all_wait(nodes)
        renewal = asyncio.create_task(far.renew("node-a", people, now=NOW))
        await all_wait(nodes, 2)
    swept, back = await asyncio.gather(sweep, renewal)
    assert list(swept) == [SeatChanged(each, "offline", REASON_LEASE_EXPIRED, NOW) for each in sorted(people)]
    assert list(back) == [SeatChanged(each, "break", REASON_RETURNED, NOW) for each in people]


async def test_a_lease_swept_while_it_is_renewed_comes_back(nodes: Nodes) -> None:
    line, _ = nodes.lines
    await open_shop(line)
    holder = await held(line)
    swept, back = await one_then_other(
        nodes,
        lambda unit: unit.line.expire_leases(holder=holder, now=NOW + LEASE_MS),
        lambda unit: unit.line.renew("node-a", ["mei"], now=NOW + LEASE_MS + 1),
    )
    assert list(swept) == [SeatChanged("mei", "offline", REASON_LEASE_EXPIRED, NOW + LEASE_MS)]
    assert list(back) == [SeatChanged("mei", "break", REASON_RETURNED, NOW + LEASE_MS + 1)]
