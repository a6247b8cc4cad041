"""How often something may be asked: counted here, or by Redis for all nodes together.

Here each key has one number (signaling's GCRA; the memory store of `limits` walks over all its keys at
every hit). With Redis the store of `limits` counts; while Redis does not answer, each node counts for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from protocol.base import RateClass
from protocol.errors import ErrorCode, Refused
from signaling.limits import AGENT_PERSON, BUYER_PERSON, Allowance, Spending

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` at once or spread over `seconds`; the next one is refused until one is free again."""

    name: str
    count: int
    seconds: int

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.count / self.seconds, self.count)


API_ADDRESS = Rate("api-address", 1_200, 60)
"""Calls of one address. A carrier puts thousands of buyers behind one; a program asks more than this."""
LOGIN_ADDRESS = Rate("login-address", 100, 300)
"""Sign-ins of one address: a shift of agents who come to work at one office, not a list of passwords."""
LOGIN_NAME = Rate("login-name", 10, 300)
"""Sign-ins as one login, from wherever: guessing a password takes years, and a typist gets in."""
SESSION_ADDRESS = Rate("session-address", 600, 60)
"""Buyer sessions and codes of one address, above all behind a carrier during a sale."""
VISITOR_ADDRESS = Rate("visitor-address", 120, 60)
"""New visitors of one address. Each is a lasting row that nobody signed for."""
VISITOR_SHOP = Rate("visitor-shop", 3_000, 60)
"""New visitors of one shop, from however many addresses."""
SIGNED_IN = Rate("signed-in", 600, 60)
"""Calls of one sign-in of an agent."""
UPLOAD_BUYER = Rate("upload-buyer", 60, 60)
"""Pictures of one buyer: each costs a process and half a second of a processor."""
SELFTEST_ADDRESS = Rate("selftest-address", 20, 600)
"""Self-test reports of one address: a table of phones tried one after the other, behind one router."""
API_KEY = Rate("api-key", 3_000, 60)
"""Calls with one API key: a shop that sends each order by itself, and live events in bundles."""
IMPERSONATE = Rate("impersonate", 300, 60)
"""Socket tokens in agents' names with one API key."""

REDIS_WAIT_S = 0.25
"""How long a request waits for Redis to count it."""
REDIS_PAUSE_S = 5.0
"""How long Redis is left alone after it did not answer: not every request must find out by itself."""
KEYS = 50_000
"""Keys remembered here; beyond it the longest silent are forgotten."""
_IPV6_SUBSCRIBER = 64
"""Bits of an IPv6 address that name a subscriber; he chooses the rest himself."""


def address_key(address: str) -> str:
    """What of a client address is counted together."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_SUBSCRIBER), strict=False))
    return address


class Rates:
    """Counts uses. Without `redis_url` nothing leaves the process. `close` may be called twice."""

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        overrides: Mapping[str, Rate] | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._overrides = overrides or {}
        self._spendings: OrderedDict[str, Spending] = OrderedDict()
        self._redis_again_at = 0.0
        self._storage: RedisStorage | None = None
        self._limiter: SlidingWindowCounterRateLimiter | None = None
        if redis_url is not None:
            self._storage = RedisStorage(
                f"async+{redis_url}",
                implementation="redispy",
                key_prefix="livedesk:rate",
                socket_timeout=REDIS_WAIT_S,
                socket_connect_timeout=REDIS_WAIT_S,
            )
            self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    async def spend(self, rate: Rate, key: str) -> None:
        """Use one up. Raises `Refused(rate_limited)` with `retry_after_ms` when none is left."""
        wait = await self.wait(rate, key)
        if wait:
            raise Refused(ErrorCode.rate_limited, retry_after_ms=ceil(wait * 1_000))

    async def wait(self, rate: Rate, key: str) -> float:
        """Use one up and return 0, or use none and return the seconds until there is one again."""
        rate = self._overrides.get(rate.name, rate)
        shared = await self._shared_wait(rate, key)
        return self._own_wait(rate, key) if shared is None else shared

    async def take(self, person: str, rate: RateClass) -> float:
        """One allowance of a person over all nodes (signaling's `SharedAllowances`).

        Each node counts for itself anyway, so without Redis's answer this allows.
        """
        allowance = (AGENT_PERSON if person.startswith("agent:") else BUYER_PERSON)[rate]
        seconds = max(1, round(allowance.burst / allowance.per_second))
        return await self._shared_wait(Rate(f"socket-{rate}", allowance.burst, seconds), person) or 0.0

    async def close(self) -> None:
        """Let Redis go."""
        storage, self._storage, self._limiter = self._storage, None, None
        if storage is not None:
            bridge: Any = storage.bridge  # its type leaves out whose client it holds
            await bridge.get_connection().aclose()

    def _own_wait(self, rate: Rate, key: str) -> float:
        name = f"{rate.name}:{key}"
        spending = self._spendings.get(name)
        if spending is None:
            spending = self._spendings[name] = Spending()
            if len(self._spendings) > KEYS:
                self._spendings.popitem(last=False)
        else:
            self._spendings.move_to_end(name)
        return spending.take(rate.name, rate.allowance, self._monotonic())

    async def _shared_wait(self, rate: Rate, key: str) -> float | None:
        """The wait as Redis counts it; None when there is no Redis that answers in time."""
        if self._limiter is None or self._monotonic() < self._redis_again_at:
            return None
        # A digest: addresses and logins are personal data, and a key of any length is of one length there.
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        item = RateLimitItemPerSecond(rate.count, rate.seconds, namespace=rate.name)
        try:
            async with asyncio.timeout(REDIS_WAIT_S):
                if await self._limiter.hit(item, digest):
                    return 0.0
                stats = await self._limiter.get_window_stats(item, digest)
        # Whatever is wrong with Redis (the library raises its own errors), requests go on without it.
        except Exception as error:
            self._redis_again_at = self._monotonic() + REDIS_PAUSE_S
            log.warning("rates.redis_unavailable", extra={"error": type(error).__name__})
            return None
        return min(float(rate.seconds), max(0.001, stats.reset_time - time.time()))
