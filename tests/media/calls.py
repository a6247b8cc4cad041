"""Two and more callers in a room: who joins, what they send, what reaches whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiortc.rtp import RtcpPacket, RtpPacket

from benchmarks.caller import NOTHING_LOST, Caller
from media.ice import Ports
from media.room import Role, Room

PORTS = range(45_000, 49_000)
WITHIN_S = 10.0

#: The first bytes of VP8 frames: payload descriptor (start of partition 0), then the frame's own first byte.
KEY, DELTA, INSIDE = b"\x10\x00", b"\x10\x01", b"\x00\x55"


class Heard:
    """What reached one caller, by media type; `until` waits for something of it."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.rtp: list[RtpPacket] = []
        self.rtcp: list[Any] = []
        self._changed = asyncio.Event()
        caller.on_rtp = self._packet
        caller.on_rtcp = self._report

    def _packet(self, packet: bytes, now: float) -> None:
        self.rtp.append(RtpPacket.parse(packet))
        self._changed.set()

    def _report(self, packet: bytes) -> None:
        self.rtcp += RtcpPacket.parse(packet)
        self._changed.set()

    def of(self, payload_type: int) -> list[RtpPacket]:
        return [packet for packet in self.rtp if packet.payload_type == payload_type]

    def said(self, kind: type) -> list[Any]:
        return [packet for packet in self.rtcp if isinstance(packet, kind)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not true():
                await self._changed.wait()
                self._changed.clear()


class Call:
    """A room with its events kept."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._told = asyncio.Event()
        self.room = Room("call", Ports("127.0.0.1", PORTS), self._tell)
        self.heard: dict[str, Heard] = {}
        self._callers: list[Caller] = []

    def _tell(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._told.set()

    async def until(self, event: str, participant: str, count: int = 1) -> dict[str, Any]:
        """The event, once it has happened so often."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = [e for e in self.events if (e["event"], e["participant"]) == (event, participant)]
                if len(found) >= count:
                    return found[count - 1]
                self._told.clear()
                await self._told.wait()

    async def join(
        self,
        name: str,
        role: Role = "speaker",
        *,
        loss_out: Iterable[bool] = NOTHING_LOST,
        loss_in: Iterable[bool] = NOTHING_LOST,
    ) -> Caller:
        """A caller, connected and told of."""
        caller = Caller(loss_out, loss_in)
        self._callers.append(caller)
        before = sum((e["event"], e["participant"]) == ("connected", name) for e in self.events)
        self.room.answer(name, await caller.answer(await self.room.join(name, role)))
        await caller.connected()
        await self.until("connected", name, before + 1)
        self.heard[name] = Heard(caller)
        return caller

    async def close(self) -> None:
        await self.room.close()
        for caller in self._callers:
            await caller.close()


@asynccontextmanager
async def call() -> AsyncIterator[Call]:
    """A room that ends with its callers."""
    made = Call()
    try:
        yield made
    finally:
        await made.close()
