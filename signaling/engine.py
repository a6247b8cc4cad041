"""The gate: takes WebSocket upgrades, refuses all else with a code, bounds what comes before any name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import engineio
from aiohttp import web

from protocol.errors import MEANINGS, ErrorCode
from signaling.clock import Clock
from signaling.limits import Limits, Spending
from signaling.link import Hub, Link
from signaling.ports import Client, Meter

log = logging.getLogger(__name__)

ClientOf = Callable[[Mapping[str, Any]], Client]
"""The real client of an `environ` with `aiohttp.request` in it; engineio itself says 127.0.0.1 for all."""


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # published without types
    """python-engineio's server with its own way in: WebSocket only, own links, own limits."""

    def __init__(self, client_of: ClientOf, meter: Meter, limits: Limits, clock: Clock) -> None:
        super().__init__(
            async_mode="aiohttp",
            transports=["websocket"],
            monitor_clients=False,  # links have their own timers
            cors_allowed_origins=[],  # origins are a shop's own list, checked with its token
            max_http_buffer_size=limits.frame_bytes,
            logger=log,
        )
        self.links: dict[str, Link] = {}
        self.stopping = False
        self._hub: Hub
        self._empty = asyncio.Event()
        self._empty.set()
        self._client_of = client_of
        self._meter = meter
        self._limits = limits
        self._clock = clock
        self._addresses: OrderedDict[str, Spending] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, hub: Hub) -> None:
        """Links give to `hub` what arrives on them."""
        self._hub = hub

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """One request at the Socket.IO endpoint: an upgrade that is served to its end, or a refusal."""
        query = request.query
        if (
            request.method != "GET"
            or query.get("transport") != "websocket"
            or request.headers.get("Upgrade", "").lower() != "websocket"
            or "sid" in query
        ):
            return self._refuse(ErrorCode.bad_request, "Only the WebSocket transport is served here.")
        if query.get("EIO") != "4":
            return self._refuse(ErrorCode.bad_request, "Only protocol 4 of Engine.IO is served here.")
        if self.stopping or len(self.links) >= self._limits.sockets:
            return self._refuse(ErrorCode.retry, "This server takes no more connections now.", 1.0)
        client = self._client_of({"aiohttp.request": request})
        wait = self._wait_of(client.address)
        if wait:
            return self._refuse(ErrorCode.rate_limited, None, wait)
        link_id = self.generate_id()
        link = await Link.upgrade(link_id, client, request, self._hub, self._limits, self._clock, self._tasks)
        self.links[link_id] = link
        self._empty.clear()
        try:
            return await link.run()
        finally:
            del self.links[link_id]
            if not self.links:
                self._empty.set()

    def _wait_of(self, address: str) -> float:
        """Seconds until this address may connect again; 0 when it may now."""
        spending = self._addresses.pop(address, None) or Spending()
        self._addresses[address] = spending
        if len(self._addresses) > self._limits.addresses:
            self._addresses.popitem(last=False)
        return spending.take("connects", self._limits.connects, self._clock.monotonic())

    def _refuse(self, code: ErrorCode, message: str | None, wait: float = 0.0) -> web.Response:
        self._meter.refused(code.value)
        data: dict[str, Any] = {}
        headers = {}
        if wait:
            data["retry_after_ms"] = ceil(wait * 1000)
            headers["Retry-After"] = str(ceil(wait))
        error = {"code": code.value, "message": message or MEANINGS[code].en, "data": data}
        return web.json_response({"ok": False, "error": error}, status=MEANINGS[code].status, headers=headers)

    async def close(self) -> None:
        """Closes every link and returns when all are gone, or after they were cut."""
        for link in list(self.links.values()):
            link.close("stopped", 1012)
        # Each is cut after `close_seconds`; what may still be at work then is a command.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._limits.close_seconds):
                await self._empty.wait()
