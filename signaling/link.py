"""One connection: Engine.IO over a WebSocket, with a send side that never waits and never grows unbounded.

python-engineio gives each socket a queue, a writer task and two more tasks a message; that was a fifth of a
message's CPU, and its queue has no end. Here a frame goes straight to the transport while the reader keeps
up, waits in a counted line when he does not, and he is dropped when the line is full. Ping timers run on the
monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson
from aiohttp import WebSocketError, WSCloseCode, WSMsgType
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web import Request, WebSocketResponse

from signaling import packets
from signaling.clock import Clock, Timer
from signaling.limits import Limits, Spending
from signaling.ports import Client

if TYPE_CHECKING:
    from signaling.sessions import Peer

log = logging.getLogger(__name__)

Reason = Literal[
    "client",
    "lost",
    "ping_timeout",
    "handshake",
    "slow_consumer",
    "too_large",
    "ended",
    "offences",
    "stopped",
]
"""Why a connection is over: the client said so, the line broke, no pong, no CONNECT in time, messages not
read, a frame beyond the transport's limit, its session ended, too many offences, this server stops."""

_PING = packets.frame(b"2")
_HEAD_BYTES = 512
"""Enough of an oversized packet to answer under its id."""


class Hub(Protocol):
    """Who takes what arrives on a link."""

    async def received(self, link: Link, packet: bytes) -> None:
        """A Socket.IO packet; the next one is read when this returns."""

    def offended(self, link: Link, code: Literal["bad_request", "binary_refused"]) -> None:
        """A frame that is no packet at all."""

    def oversized(self, link: Link, head: bytes) -> None:
        """A packet above the limit; its first bytes."""

    def flooded(self, link: Link) -> None:
        """More frames than allowed."""

    def silent(self, link: Link) -> None:
        """No CONNECT was accepted in time."""

    async def lost(self, link: Link, reason: Reason) -> None:
        """The link is over; called once."""


class Link:
    """A connection from its upgrade to its end. `send` is safe at any time and does nothing after the end."""

    __slots__ = (
        "__weakref__",
        "_awaiting_pong",
        "_clock",
        "_hub",
        "_limits",
        "_pending",
        "_pending_bytes",
        "_protocol",
        "_pump",
        "_reason",
        "_tasks",
        "_timer",
        "_transport",
        "_writer",
        "_ws",
        "client",
        "closed",
        "connect_tries",
        "handshake",
        "id",
        "peer",
        "spending",
    )

    def __init__(
        self,
        link_id: str,
        client: Client,
        ws: WebSocketResponse,
        request: Request,
        writer: AbstractStreamWriter,
        hub: Hub,
        limits: Limits,
        clock: Clock,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        """A link on an upgraded connection. Raises ConnectionError when it is gone already."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("gone during the upgrade")
        self.id = link_id
        self.client = client
        self.peer: Peer | None = None
        self.spending = Spending()
        self.connect_tries = 0
        self.handshake: Timer | None = None
        self.closed = False
        self._ws = ws
        self._writer = writer
        self._transport = transport
        self._protocol = request.protocol
        self._hub = hub
        self._limits = limits
        self._clock = clock
        self._tasks = tasks
        self._reason: Reason = "lost"
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._pump: asyncio.Task[None] | None = None
        self._awaiting_pong = False
        self._timer: Timer | None = None

    @classmethod
    async def upgrade(
        cls,
        link_id: str,
        client: Client,
        request: Request,
        hub: Hub,
        limits: Limits,
        clock: Clock,
        tasks: set[asyncio.Task[None]],
    ) -> Link:
        """Answers the upgrade and takes the connection over."""
        ws = WebSocketResponse(
            compress=False,  # a tenth of a message's CPU, and an open door for zip bombs
            autoping=False,  # pings count as frames like everything else
            decode_text=False,  # orjson reads bytes
            max_msg_size=limits.transport_frame_bytes + 1,  # aiohttp refuses what is as large as this
            timeout=limits.close_seconds,
        )
        writer = await ws.prepare(request)
        link = cls(link_id, client, ws, request, writer, hub, limits, clock, tasks)
        link._transport.set_write_buffer_limits(high=limits.write_ahead_bytes)
        sock = link._transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.kernel_buffer_bytes)
        return link

    @property
    def pending(self) -> tuple[int, int]:
        """Messages and bytes that wait for this reader."""
        return len(self._pending), self._pending_bytes + self._transport.get_write_buffer_size()

    async def run(self) -> WebSocketResponse:
        """Serves the connection until it ends; what it returns is aiohttp's response."""
        try:
            self._open()
            await self._read()
        finally:
            self._end()
            await self._hub.lost(self, self._reason)
        return self._ws

    def _open(self) -> None:
        limits = self._limits
        hello = {
            "sid": self.id,
            "upgrades": [],
            "pingTimeout": int(limits.ping_timeout_seconds * 1000),
            "pingInterval": int(limits.ping_interval_seconds * 1000),
            "maxPayload": limits.frame_bytes,
        }
        self.send(packets.frame(b"0" + orjson.dumps(hello)))
        self._timer = self._clock.call_later(limits.ping_interval_seconds, self._ping)
        self.await_handshake()

    def await_handshake(self) -> None:
        """From now on a CONNECT must be accepted in time."""
        self.handshake = self._clock.call_later(
            self._limits.handshake_seconds, lambda: self._hub.silent(self)
        )

    async def _read(self) -> None:
        ws, limits, hub, monotonic = self._ws, self._limits, self._hub, self._clock.monotonic
        while not self.closed:
            message = await ws.receive()
            kind = message.type
            if kind is WSMsgType.CLOSE or kind is WSMsgType.CLOSED or kind is WSMsgType.CLOSING:
                if kind is WSMsgType.CLOSE and not self.closed:
                    self._reason = "client"
                return
            if kind is WSMsgType.ERROR:
                error = message.data
                if isinstance(error, WebSocketError) and error.code == WSCloseCode.MESSAGE_TOO_BIG:
                    self._reason = "too_large"
                return
            if self.spending.take("frames", limits.frames, monotonic()):
                hub.flooded(self)
            elif kind is WSMsgType.TEXT:
                data: bytes = message.data
                if data[:1] == b"4" and len(data) <= limits.frame_bytes:
                    await hub.received(self, data[1:])
                else:
                    self._engine_packet(data)
            elif kind is WSMsgType.BINARY:
                hub.offended(self, "binary_refused")
            elif kind is WSMsgType.PING:
                self.send(packets.frame(message.data, packets.PONG))

    def _engine_packet(self, data: bytes) -> None:
        """Everything but an ordinary message: pongs, a goodbye, and what is refused."""
        if data == b"3":
            self._pong()
        elif data == b"1":
            self._reason = "client"
            self.close()
        elif data[:1] == b"4":
            self._hub.oversized(self, data[1:_HEAD_BYTES])
        else:
            self._hub.offended(self, "bad_request")

    # Sending

    def send(self, frame: bytes) -> None:
        """Hands a frame to the transport, or lets it wait when the reader is behind. Never blocks."""
        transport = self._transport
        if self.closed or transport.is_closing():
            return
        if not self._pending and not self._protocol.writing_paused:
            transport.write(frame)
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        limits = self._limits
        if len(self._pending) > limits.pending_messages or self._pending_bytes > limits.pending_bytes:
            self.drop("slow_consumer")
        elif self._pump is None:
            self._pump = self._start(self._drain())

    async def _drain(self) -> None:
        """Gives waiting frames to the transport as fast as the reader takes them."""
        try:
            while self._pending and not self.closed:
                async with asyncio.timeout(self._limits.stall_seconds):
                    await self._writer.drain()
                while self._pending and not self._protocol.writing_paused:
                    frame = self._pending.popleft()
                    self._pending_bytes -= len(frame)
                    self._transport.write(frame)
        except TimeoutError:
            self.drop("slow_consumer")
        except ConnectionError:
            self.drop("lost")
        finally:
            self._pump = None

    # Ending

    def close(self, reason: Reason | None = None, code: int = WSCloseCode.OK) -> None:
        """Sends what waits, says goodbye and cuts the line a moment later. May be called twice."""
        if self.closed:
            return
        for frame in self._pending:
            self._transport.write(frame)
        self._end(reason)
        self._start(self._say_goodbye(code))
        # A reader who takes nothing would keep a closing transport forever.
        self._clock.call_later(self._limits.close_seconds, self._transport.abort)

    async def _say_goodbye(self, code: int) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._limits.close_seconds):
                await self._ws.close(code=code, drain=False)

    def drop(self, reason: Reason) -> None:
        """Cuts the line now; what waits is thrown away (it is in the log)."""
        if self.closed:
            return
        self._end(reason)
        self._transport.abort()

    def _end(self, reason: Reason | None = None) -> None:
        if self.closed:
            return
        self.closed = True
        if reason is not None:
            self._reason = reason
        self._pending.clear()
        self._pending_bytes = 0
        for timer in (self._timer, self.handshake):
            if timer is not None:
                timer.cancel()
        if self._pump is not None:
            self._pump.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Heartbeat

    def _ping(self) -> None:
        self._awaiting_pong = True
        self.send(_PING)
        self._timer = self._clock.call_later(
            self._limits.ping_timeout_seconds, lambda: self.drop("ping_timeout")
        )

    def _pong(self) -> None:
        # Only the pong that was asked for counts: a flood of them changes nothing.
        if self._awaiting_pong and not self.closed:
            self._awaiting_pong = False
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._clock.call_later(self._limits.ping_interval_seconds, self._ping)
