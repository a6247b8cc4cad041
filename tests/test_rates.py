"""Limits hold at limit + 1, over all nodes with Redis, and without it each node counts for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from protocol.errors import ErrorCode, Refused
from server import rates
from server.rates import KEYS, Rate, Rates, address_key
from tests.services.redis_server import RedisServer

SOME = Rate("some", 5, 50)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def refused_after(counter: Rates, rate: Rate, key: str) -> int:
    """Spends until the answer is no; how often it was yes, and never more than asked for."""
    for spent in range(rate.count + 10):
        try:
            await counter.spend(rate, key)
        except Refused as refusal:
            assert refusal.code is ErrorCode.rate_limited
            assert 0 < refusal.data["retry_after_ms"] <= rate.seconds * 1_000
            return spent
    raise AssertionError("nothing was refused")


async def test_one_more_than_the_limit_is_refused_and_comes_back_with_time() -> None:
    clock = Clock()
    counter = Rates(monotonic=clock)
    assert await refused_after(counter, SOME, "a") == 5
    assert await refused_after(counter, SOME, "b") == 5, "keys are counted apart"
    clock.now += 9.9
    assert await counter.wait(SOME, "a") == pytest.approx(0.1)
    clock.now += 0.1
    assert await counter.wait(SOME, "a") == 0
    assert await counter.wait(SOME, "a") > 0


async def test_two_limits_with_one_key_are_counted_apart() -> None:
    counter = Rates(monotonic=Clock())
    assert await refused_after(counter, SOME, "a") == 5
    assert await refused_after(counter, Rate("other", 3, 60), "a") == 3


async def test_only_so_many_keys_are_remembered() -> None:
    counter = Rates(monotonic=Clock())
    assert await refused_after(counter, SOME, "a") == 5
    for number in range(KEYS):
        await counter.wait(SOME, f"key-{number}")
    assert len(counter._spendings) == KEYS
    assert await refused_after(counter, SOME, "a") == 5, "the longest silent was forgotten"


async def test_without_redis_nothing_is_asked_about_sockets() -> None:
    counter = Rates(monotonic=Clock())
    assert [await counter.take("buyer:b", "write") for _ in range(1_000)] == [0.0] * 1_000


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_subscriber_is_one_key_whatever_address_he_chooses(address: str, key: str) -> None:
    assert address_key(address) == key


@pytest.fixture
async def nodes(redis_url: str) -> AsyncIterator[tuple[Rates, Rates]]:
    both = Rates(redis_url), Rates(redis_url)
    yield both
    for node in both:
        await node.close()
        await node.close()


async def test_with_redis_two_nodes_share_one_limit(nodes: tuple[Rates, Rates]) -> None:
    one, other = nodes
    for _ in range(2):
        await one.spend(SOME, "a")
    assert await refused_after(other, SOME, "a") == 3
    assert await refused_after(one, SOME, "a") == 0
    waits = [await one.take("buyer:b", "write") for _ in range(40)]
    assert waits == [0.0] * 40
    assert 0 < await other.take("buyer:b", "write") <= 12


async def test_while_redis_is_gone_a_node_counts_for_itself_and_nobody_waits_long(
    nodes: tuple[Rates, Rates], redis_server: RedisServer
) -> None:
    one, _ = nodes
    await one.spend(SOME, "a")
    redis_server.kill()
    started = time.monotonic()
    assert await refused_after(one, SOME, "a") == 5
    assert time.monotonic() - started < 4 * rates.REDIS_WAIT_S
    assert await one.take("buyer:b", "write") == 0


async def test_a_redis_that_hangs_delays_one_request_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    counter = Rates(f"redis://127.0.0.1:{port}")
    started = time.monotonic()
    assert await refused_after(counter, SOME, "a") == 5
    assert time.monotonic() - started < 4 * rates.REDIS_WAIT_S
    assert asked == 1
    await counter.close()
    silent.close()
    await silent.wait_closed()
