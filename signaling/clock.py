"""Time as signaling sees it: the monotonic clock for deadlines, the wall clock only to read `expires_at`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """It will not come; harmless when it has."""


class Clock(Protocol):
    """What a test may replace to let hours pass."""

    def monotonic(self) -> float:
        """Seconds that only ever go forward."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Calls `callback` from the event loop in `seconds`."""

    async def sleep(self, seconds: float) -> None:
        """Returns in `seconds`."""


class LoopClock:
    """The running event loop's time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
