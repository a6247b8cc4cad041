"""Several nodes through Redis: fan-out, wake-ups, words to one node, the canary. No truth lives here.

Redis may be gone or emptied at any time. What is lost then are hints: `server.catchup` reads on in SQL, the
deciding node sweeps every second, and each node counts rates for itself.

One subscription hears everything, so the canary speaks for the fan-out, too. python-socketio's own Redis
manager waits up to a minute between two tries to subscribe, leaves a connection open at each and tells nobody
that it was deaf; what is used of it here is how it hands what it hears to a node's sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from socketio.async_pubsub_manager import AsyncPubSubManager

log = logging.getLogger(__name__)

FANOUT_CHANNEL = "livedesk:fanout"
WAKE_CHANNEL = "livedesk:wake"
CANARY_CHANNEL = "livedesk:canary"
NODE_CHANNEL = "livedesk:node"
"""Of each node one: what other nodes say to it alone (`server.asks`)."""
WAIT_S = 2.0
"""No call waits longer for Redis: a paused one must not hold anything up (scenario 6)."""
CANARY_EVERY_S = 5.0
"""Each node publishes a sign of its own and must hear it (rule 17)."""
CANARY_MISSES = 3
"""As many unheard in a row, while Redis takes publications, say that this node is deaf."""
SILENT_S = 2.5 * CANARY_EVERY_S
"""A subscription on which not even the canary is heard is taken for dead and made anew."""
RETRY_S = 0.5
"""Between two tries to subscribe again."""
WAKES_WAITING = 1_000
"""Wake-ups not yet published; beyond it they are dropped, for the sweep finds what they hinted at."""
_AWAY = (RedisError, OSError, TimeoutError)


class Cluster:
    """This node's part in the cluster. `close` may be called twice."""

    def __init__(self, redis_url: str, node_id: str) -> None:
        self.manager = Fanout(self)
        self.deaf = asyncio.Event()
        self.misses = 0
        # The client's own retries would make a call wait for many times the timeout.
        once = Retry(NoBackoff(), 0)
        self._redis = Redis.from_url(
            redis_url, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S, retry=once
        )
        self._listener = partial(Redis.from_url, redis_url, socket_connect_timeout=WAIT_S, retry=once)
        self._canary = f"{CANARY_CHANNEL}:{node_id}"
        self._own = _of_node(node_id)
        self._addressed: Callable[[bytes], None] = lambda _: None
        self._heard = asyncio.Event()
        self._woken: Callable[[str | None], None] = lambda _: None
        self._listening: Callable[[], None] = lambda: None
        self._wakes: asyncio.Queue[str] = asyncio.Queue(WAKES_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    def start(
        self,
        woken: Callable[[str | None], None],
        listening: Callable[[], None],
        addressed: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """Begins to tell; listening begins with the manager.

        `woken` gets the group whose line changed on another node, None for any. `listening` is called each
        time that this node begins to hear: what was said before was not heard. `addressed` gets what another
        node says to this one alone.
        """
        self._woken = woken
        self._listening = listening
        self._addressed = addressed
        self._tasks = [asyncio.create_task(self._publish_wakes()), asyncio.create_task(self._sing())]

    def wake(self, group_id: str | None) -> None:
        """Tells the deciding node, wherever it is. Never waits, never raises."""
        with contextlib.suppress(asyncio.QueueFull):
            self._wakes.put_nowait(group_id or "")

    async def address(self, node_id: str, message: bytes) -> bool:
        """Says something to one node; whether it can have heard it."""
        return bool(await self.publish(_of_node(node_id), message))

    async def reachable(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._redis.ping())
        except _AWAY:
            return False

    async def publish(self, channel: str, message: str | bytes) -> int | None:
        """How many heard it; None when Redis did not take it."""
        try:
            heard: int | None = int(await self._redis.publish(channel, message))
        except _AWAY:
            heard = None
        _heed_cancellation()
        return heard

    async def hear(self) -> AsyncIterator[bytes]:
        """What other nodes say to this one's sockets, for as long as it is asked for. Never raises."""
        while True:
            try:
                # A client of its own each time: one that lost its connection may go on without hearing.
                async with self._listener() as client, client.pubsub() as ears:
                    await ears.subscribe(FANOUT_CHANNEL, WAKE_CHANNEL, self._own, self._canary)
                    _heed_cancellation()
                    async for message in self._said(ears):
                        yield message
            except _AWAY as error:
                log.warning("redis is not heard: %s", type(error).__name__)
            _heed_cancellation()
            await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Stops telling and lets the connections go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with contextlib.suppress(*_AWAY):
            await self._redis.aclose()

    async def _said(self, ears: PubSub) -> AsyncIterator[bytes]:
        fanout, wake = FANOUT_CHANNEL.encode(), WAKE_CHANNEL.encode()
        own, canary = self._own.encode(), self._canary.encode()
        while True:
            said = await ears.get_message(timeout=SILENT_S)
            if said is None:
                raise TimeoutError("not even the canary is heard")
            kind, channel = said["type"], said["channel"]
            if kind == "subscribe":
                # The last of the four. It also comes when the client subscribed again by itself.
                if channel == canary:
                    self._woken(None)
                    self._listening()
                    # One that was sung meanwhile is lost: a node that hears again must not count as deaf.
                    await self.publish(self._canary, b"1")
            elif kind != "message":
                continue
            elif channel == fanout:
                yield said["data"]
            elif channel == wake:
                self._woken(said["data"].decode(errors="replace")[:64] or None)
            elif channel == own:
                self._addressed(said["data"])
            elif channel == canary:
                self._heard.set()

    async def _publish_wakes(self) -> None:
        while True:
            said = {await self._wakes.get()}
            while not self._wakes.empty():
                said.add(self._wakes.get_nowait())
            for group_id in said:
                await self.publish(WAKE_CHANNEL, group_id)

    async def _sing(self) -> None:
        while True:
            self._heard.clear()
            if await self.publish(self._canary, b"1") is None:
                # Redis itself is away: the node is degraded, not deaf.
                await asyncio.sleep(CANARY_EVERY_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANARY_EVERY_S):
                    await self._heard.wait()
            self.misses = 0 if self._heard.is_set() else self.misses + 1
            if self.misses >= CANARY_MISSES:
                log.error("this node does not hear its own canary and leaves")
                self.deaf.set()
                return
            await asyncio.sleep(CANARY_EVERY_S)


def _of_node(node_id: str) -> str:
    return f"{NODE_CHANNEL}:{node_id}"


def _heed_cancellation() -> None:
    """Raises CancelledError in a task that was cancelled and goes on all the same.

    redis-py connects and writes inside asyncio.wait_for, and that of Python 3.11 may swallow a cancellation:
    whoever ends the task would wait forever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Fanout(AsyncPubSubManager):  # type: ignore[misc]  # published without types
    """python-socketio's manager on the cluster's two connections."""

    name = "livedesk"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(channel=FANOUT_CHANNEL, json=_Json)
        self._cluster = cluster

    async def _publish(self, data: dict[str, Any]) -> int | None:
        return await self._cluster.publish(FANOUT_CHANNEL, _Json.dumps(data))

    def _listen(self) -> AsyncIterator[bytes]:
        return self._cluster.hear()

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        await super()._handle_emit(message)
        self.server.relayed(message["event"], message["data"])


class _Json:
    """What goes over the channel: JSON, never pickled objects; another's words are data."""

    @staticmethod
    def dumps(value: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:
        return orjson.loads(text)
