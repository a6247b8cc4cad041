"""Several nodes: events reach the others through python-socketio's Redis manager; its loss stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio
from socketio.async_pubsub_manager import AsyncPubSubManager

from signaling.facts import RowChanged
from signaling.limits import Limits
from signaling.present import present
from signaling.publisher import Relay
from tests.services.redis_server import RedisServer
from tests.signaling.fakes import FakeMeter, agent, buyer, client_id, summary
from tests.signaling.floor import Floor, Socket, floor


class RedisManager(socketio.AsyncRedisManager):  # type: ignore[misc]  # published without types
    """The manager that the roof hands in. The library's own leaves a connection open at every reconnect."""

    def __init__(self, url: str) -> None:
        super().__init__(url, redis_options={"socket_timeout": 2, "socket_connect_timeout": 2})
        self._opened: list[Any] = []

    def _redis_connect(self) -> None:
        super()._redis_connect()
        self._opened += [self.pubsub, self.redis]

    async def aclose(self) -> None:
        for connection in self._opened:
            await connection.aclose()


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Floor]:
    """One of several nodes that share a Redis."""
    manager = RedisManager(url)
    try:
        async with floor(client_manager=manager) as built:
            yield built
    finally:
        await manager.aclose()


def text(number: int) -> dict[str, Any]:
    return {"conversation_id": "c1", "client_id": client_id(number), "kind": "text", "text": str(number)}


async def heard_across(here: Floor, there: Socket) -> None:
    """Tells something on one node until a socket of another has heard it: both are subscribed.

    What was tried again while Redis came back may come before it.
    """
    for attempt in range(200):
        here.signaling.publish([RowChanged(summary(f"probe-{attempt}"))])
        try:
            async with asyncio.timeout(0.05):
                while "conversation.changed" not in (await there.ws.receive()).data:
                    pass
        except TimeoutError:
            continue
        return
    raise AssertionError("the other node never heard anything")


async def test_a_buyer_on_one_node_and_an_agent_on_another_hear_each_other(redis_url: str) -> None:
    async with node(redis_url) as one, node(redis_url) as two:
        customer, owner = await one.join(buyer()), await two.join(agent())
        same_node = await one.join(agent())
        await heard_across(one, owner)
        for number in range(20):
            assert (await customer.call("/buyer", "chat.send", text(number)))["ok"]
        for socket in (owner, same_node):
            heard = [(await socket.event("chat.posted"))["entry"]["text"] for _ in range(20)]
            assert heard == [str(number) for number in range(20)]
        answer = text(99) | {"fence": 3}
        assert (await owner.call("/agent", "chat.send", answer))["ok"]
        entry = (await customer.event("chat.posted"))["entry"]
        assert entry["text"] == "99"
        assert entry["sender"] == {"kind": "agent", "id": None, "name": "小青"}
        assert one.meter.lost == two.meter.lost == 0


async def test_without_redis_nobody_waits_and_what_is_lost_is_counted(
    redis_url: str, redis_server: RedisServer
) -> None:
    async with node(redis_url) as one, node(redis_url) as two:
        customer, owner = await one.join(buyer()), await two.join(agent())
        same_node = await one.join(agent())
        await heard_across(one, owner)
        redis_server.kill()
        try:
            async with asyncio.timeout(5):
                for number in range(50):
                    assert (await customer.call("/buyer", "chat.send", text(number)))["ok"]
                for number in range(50):
                    assert (await same_node.event("chat.posted"))["entry"]["text"] == str(number)
        finally:
            redis_server.start()
        await heard_across(one, owner)
        assert one.meter.lost > 0


class Gated(AsyncPubSubManager):  # type: ignore[misc]  # published without types
    """A pub/sub manager whose other end opens when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int | None] = []
        self.reached = asyncio.Condition()

    async def _publish(self, data: dict[str, Any]) -> int | None:
        await self.gate.wait()
        async with self.reached:
            self.taken.append(data)
            self.reached.notify_all()
        return self.answers.pop(0) if self.answers else 1


async def test_a_full_line_forgets_the_oldest_and_counts_them() -> None:
    manager, meter = Gated(), FakeMeter()
    relay = Relay(manager, meter, 3)
    running = asyncio.create_task(relay.run())
    for number in range(5):
        (emission,) = present(RowChanged(summary(f"c{number}")))
        relay.add(emission)
    assert len(relay) == 3
    assert meter.lost == 2
    manager.answers = [1, None, 1]
    manager.gate.set()
    async with manager.reached, asyncio.timeout(10):
        await manager.reached.wait_for(lambda: len(manager.taken) == 3)
    rows = [message["data"][0]["summary"]["conversation_id"] for message in manager.taken]
    assert rows == ["c2", "c3", "c4"]
    # One more is lost when the other end takes nothing.
    while meter.lost < 3:
        await asyncio.wait_for(asyncio.sleep(0), 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_the_line_is_bounded() -> None:
    assert Limits().relay_messages == 10_000
