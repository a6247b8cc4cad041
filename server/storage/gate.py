"""Lets work in until it closes, and lets the closing wait for who is inside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from protocol.errors import ErrorCode, Refused

CLOSE_WAIT_S = 5.0
"""How long closing waits for units of work under way: half of what a graceful stop may take."""


class Gate:
    """Counts who is inside. `close` twice is harmless."""

    def __init__(self) -> None:
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self.closed = False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be counted. Raises `Refused(retry)` when the gate is closed."""
        if self.closed:
            raise Refused(ErrorCode.retry)
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def close(self) -> None:
        """Let nobody in any more and wait until all are out, at most `CLOSE_WAIT_S`."""
        self.closed = True
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._empty.wait()
        except TimeoutError:
            return
