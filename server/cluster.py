"""Several nodes through Redis: fan-out, wake-ups and the canary. Nothing that must be true lives here.

Redis may be gone or emptied at any time. What is lost then are hints: sockets read on by cursor, the deciding
node sweeps every second, and each node counts rates for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import orjson
import socketio
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

FANOUT_CHANNEL = "livedesk:fanout"
WAKE_CHANNEL = "livedesk:wake"
CANARY_CHANNEL = "livedesk:canary"
WAIT_S = 2.0
"""No call waits longer for Redis: a paused one must not hold anything up (scenario 6)."""
CANARY_EVERY_S = 5.0
"""Each node publishes a sign of its own and must hear it (rule 17)."""
CANARY_MISSES = 3
"""As many unheard in a row, while Redis takes publications, say that this node is deaf."""
RETRY_S = 0.5
"""Between two tries to subscribe again."""
WAKES_WAITING = 1_000
"""Wake-ups not yet published; beyond it they are dropped, for the sweep finds what they hinted at."""


class Cluster:
    """This node's part in the cluster. `close` may be called twice."""

    def __init__(self, redis_url: str, node_id: str) -> None:
        self.manager: Any = socketio.AsyncRedisManager(
            redis_url,
            channel=FANOUT_CHANNEL,
            redis_options={"socket_timeout": WAIT_S, "socket_connect_timeout": WAIT_S},
            json=_Json,
        )
        self.deaf = asyncio.Event()
        self.misses = 0
        self._redis = Redis.from_url(redis_url, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S)
        # Listening waits for as long as nothing is said; its silence is judged by the canary.
        self._ears = Redis.from_url(redis_url, socket_connect_timeout=WAIT_S)
        self._node_id = node_id
        self._heard = asyncio.Event()
        self._wakes: asyncio.Queue[str] = asyncio.Queue(WAKES_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, woken: Callable[[str | None], None]) -> None:
        """Begins to listen; `woken` gets the group whose line changed on another node, None for any."""
        self._tasks = [
            asyncio.create_task(self._listen(woken)),
            asyncio.create_task(self._publish_wakes()),
            asyncio.create_task(self._sing()),
        ]

    def wake(self, group_id: str | None) -> None:
        """Tells the deciding node, wherever it is. Never waits, never raises."""
        with contextlib.suppress(asyncio.QueueFull):
            self._wakes.put_nowait(group_id or "")

    async def reachable(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        """Stops listening and lets the connections go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for client in (self._redis, self._ears):
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await client.aclose()

    async def _listen(self, woken: Callable[[str | None], None]) -> None:
        while True:
            try:
                async with self._ears.pubsub(ignore_subscribe_messages=True) as ears:
                    await ears.subscribe(WAKE_CHANNEL, f"{CANARY_CHANNEL}:{self._node_id}")
                    woken(None)
                    async for said in ears.listen():
                        if said["channel"] == WAKE_CHANNEL.encode():
                            woken(said["data"].decode(errors="replace")[:64] or None)
                        else:
                            self._heard.set()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("redis is not heard: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _publish_wakes(self) -> None:
        while True:
            said = {await self._wakes.get()}
            while not self._wakes.empty():
                said.add(self._wakes.get_nowait())
            for group_id in said:
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await self._redis.publish(WAKE_CHANNEL, group_id)

    async def _sing(self) -> None:
        while True:
            self._heard.clear()
            try:
                await self._redis.publish(f"{CANARY_CHANNEL}:{self._node_id}", b"1")
            except (RedisError, OSError, TimeoutError):
                # Redis itself is away: the node is degraded, not deaf.
                await asyncio.sleep(CANARY_EVERY_S)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), CANARY_EVERY_S)
            self.misses = 0 if self._heard.is_set() else self.misses + 1
            if self.misses >= CANARY_MISSES:
                log.error("this node does not hear its own canary and leaves")
                self.deaf.set()
                return
            await asyncio.sleep(CANARY_EVERY_S)


class _Json:
    """What goes over the channel: JSON, never pickled objects; another's words are data."""

    @staticmethod
    def dumps(value: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:
        return orjson.loads(text)
