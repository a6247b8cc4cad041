"""A day at the desk: a thousand chats over ten agents, by the real dispatcher on the memory line."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from queues.dispatcher import Dispatcher
from queues.model import CAPACITY_UNITS, Assigned, Fact
from tests.queues.build import NOW, group, seat, ticket
from tests.queues.memory_line import MemoryLine
from tests.rounds import rounds

CHATS = 1_000
AGENTS = [f"agent-{number}" for number in range(10)]
FAIR = 0.95


def jain(shares: Sequence[int]) -> float:
    """Jain's index: 1 when all have the same, 1/n when one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(each * each for each in shares))


def test_the_index_itself_knows_fair_from_unfair() -> None:
    assert jain([100] * 10) == 1.0
    assert jain([1_000] + [0] * 9) == pytest.approx(0.1)
    assert jain([150] * 5 + [50] * 5) < FAIR


async def a_day(seed: int, *, gap_ms: int, chat_ms: int) -> tuple[Counter[str], list[str], int]:
    """Chats arrive ``gap_ms`` apart and last ``chat_ms`` on average; gives shares, order of service,
    overfull seats."""
    chance, line, now, overfull = random.Random(seed), MemoryLine(), NOW, 0
    await line.add_group(group("sales"))
    for person in AGENTS:
        await line.add_seat(seat(person, lease_until=NOW + 10**10))
    served: list[str] = []
    shares: Counter[str] = Counter()
    ends: list[tuple[int, str]] = []

    async def hear(facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, Assigned):
                served.append(fact.conversation_id)
                shares[fact.person_id] += 1
                heapq.heappush(ends, (now + chance.randint(1, 2 * chat_ms), fact.conversation_id))

    def no_error(error: Exception) -> None:
        raise AssertionError("a pass failed") from error

    dispatcher = Dispatcher(
        store=line,
        lease=line.deciding_lease("node-a"),
        announce=hear,
        new_id=lambda: "none",
        clock=lambda: now,
        on_error=no_error,
    )
    arrivals = [
        (NOW + number * gap_ms + chance.randrange(gap_ms), f"c{number:04}") for number in range(CHATS)
    ]
    while arrivals or ends:
        if arrivals and (not ends or arrivals[0] <= ends[0]):
            now, name = arrivals.pop(0)
            await line.join(ticket(name, joined=now - NOW))
        else:
            now, name = heapq.heappop(ends)
            await line.close(name, now=now)
        await dispatcher.run_once(now)
        overfull += sum(each.units_used > each.units_capacity for each in line.seats.values())
    return shares, served, overfull


@pytest.mark.parametrize(
    ("gap_ms", "chat_ms"),
    [
        pytest.param(6_000, 12_000, id="a quiet day: mostly nobody has more than one chat"),
        pytest.param(3_000, 120_000, id="a busy day: nearly all seats are full"),
        pytest.param(1_000, 90_000, id="a flood: the line is long all day"),
    ],
)
async def test_a_thousand_chats_are_shared_fairly_and_served_in_order(gap_ms: int, chat_ms: int) -> None:
    for seed in range(rounds(reduced=1, full=20)):
        shares, served, overfull = await a_day(seed, gap_ms=gap_ms, chat_ms=chat_ms)
        assert overfull == 0
        assert len(served) == CHATS
        assert served == sorted(served), "no two were served in another order than they came"
        fairness = jain([shares[person] for person in AGENTS])
        assert fairness >= FAIR, f"seed {seed}: {fairness:.3f} {shares}"


def test_the_flood_really_has_a_line_and_the_quiet_day_none() -> None:
    seats = len(AGENTS) * CAPACITY_UNITS // 20
    assert 120_000 / 3_000 < seats < 90_000 / 1_000
