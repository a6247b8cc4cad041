"""A node's ears: heard again after every kind of silence, and a node that stays deaf leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from server import cluster as module
from server.cluster import FANOUT_CHANNEL, Cluster
from tests.faults.client import WITHIN_S
from tests.faults.proxy import proxied
from tests.rounds import rounds
from tests.services.redis_server import RedisServer


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds as hundredths."""
    monkeypatch.setattr(module, "CANARY_EVERY_S", 0.05)
    monkeypatch.setattr(module, "SILENT_S", 0.5)
    monkeypatch.setattr(module, "WAIT_S", 0.2)
    monkeypatch.setattr(module, "RETRY_S", 0.01)


class Node:
    """The cluster's part of a node, with what it heard."""

    def __init__(self, redis_url: str, node_id: str) -> None:
        self.cluster = Cluster(redis_url, node_id)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.woken: asyncio.Queue[str | None] = asyncio.Queue()
        self.began: asyncio.Queue[None] = asyncio.Queue()

    async def listen(self) -> None:
        async for message in self.cluster.hear():
            await self.heard.put(message)


@asynccontextmanager
async def node(redis_url: str, node_id: str = "n1") -> AsyncIterator[Node]:
    built = Node(redis_url, node_id)
    built.cluster.start(built.woken.put_nowait, lambda: built.began.put_nowait(None))
    listening = asyncio.create_task(built.listen())
    try:
        yield built
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await built.cluster.close()


async def test_nodes_wake_each_other_and_hear_what_is_published(redis_url: str) -> None:
    async with asyncio.timeout(WITHIN_S), node(redis_url, "n1") as one, node(redis_url, "n2") as two:
        for each in (one, two):
            await each.began.get()
            assert await each.woken.get() is None
        one.cluster.wake("g1")
        assert await two.woken.get() == "g1"
        assert await one.cluster.publish(FANOUT_CHANNEL, b"news") == 2
        assert await two.heard.get() == b"news"


async def test_a_killed_subscription_is_made_anew_and_says_so(redis_url: str) -> None:
    async with asyncio.timeout(WITHIN_S), node(redis_url) as one:
        await one.began.get()
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            assert await client.client_kill_filter(_type="pubsub") == 1
        await one.began.get()
        assert await one.cluster.publish(FANOUT_CHANNEL, b"again") == 1
        assert await one.heard.get() == b"again"


async def test_a_subscription_that_fell_silent_is_made_anew(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with (
        asyncio.timeout(WITHIN_S),
        proxied(redis_server.port) as network,
        node(f"redis://127.0.0.1:{network.port}/0") as one,
        redis.asyncio.Redis.from_url(redis_url) as other,
    ):
        await one.began.get()
        network.freeze(later=False)
        await one.began.get()
        await other.publish(FANOUT_CHANNEL, b"news")
        assert await one.heard.get() == b"news"


async def test_a_node_whose_subscription_is_killed_again_and_again_stays(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Subscriptions stand for moments only, so that canaries of the beat alone are hardly ever heard.
    monkeypatch.setattr(module, "CANARY_EVERY_S", 0.2)
    monkeypatch.setattr(module, "RETRY_S", 0.15)
    async with asyncio.timeout(WITHIN_S), node(redis_url) as one:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            for _ in range(rounds(reduced=20, full=100)):
                await one.began.get()
                await one.cluster.publish(FANOUT_CHANNEL, b"news")
                assert await one.heard.get() == b"news"
                await client.client_kill_filter(_type="pubsub")
        await one.began.get()
        assert not one.cluster.deaf.is_set()


async def test_a_node_that_may_speak_but_not_hear_leaves(redis_url: str) -> None:
    async with asyncio.timeout(WITHIN_S), node(redis_url) as one:
        await one.began.get()
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            await client.execute_command("ACL", "SETUSER", "default", "-subscribe")  # type: ignore[no-untyped-call]
            try:
                await client.client_kill_filter(_type="pubsub")
                await one.cluster.deaf.wait()
            finally:
                await client.execute_command("ACL", "SETUSER", "default", "+subscribe")  # type: ignore[no-untyped-call]
            await one.began.get()


async def test_a_redis_that_is_gone_makes_nobody_deaf_and_nobody_wait(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with asyncio.timeout(WITHIN_S), node(redis_url) as one:
        await one.began.get()
        redis_server.kill()
        for number in range(2 * module.WAKES_WAITING):
            one.cluster.wake(f"g{number}")
        assert await one.cluster.publish(FANOUT_CHANNEL, b"lost") is None
        assert not await one.cluster.reachable()
        redis_server.start()
        await one.began.get()
        assert await one.cluster.reachable()
        assert not one.cluster.deaf.is_set()
        await one.cluster.close()
        await one.cluster.close()
