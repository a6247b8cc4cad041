"""The floor under test: a real aiohttp server with signaling on it, and a client that shows every packet."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import socketio
from aiohttp import web
from aiohttp.test_utils import TestServer

from signaling.limits import Limits
from signaling.ports import Actor, Client
from signaling.server import Signaling, build
from tests.signaling.fakes import UNHURRIED, FakeAttendance, FakeClock, FakeDesk, FakeMeter, FakeSessions

WAIT = 10.0
"""Seconds a test waits for what must come at once."""


def client_of(environ: Mapping[str, Any]) -> Client:
    """As the roof would do it behind one trusted proxy."""
    headers = environ["aiohttp.request"].headers
    return Client(headers.get("X-Test-Address", "192.0.2.1"), headers.get("Origin"), headers["User-Agent"])


class Socket:
    """A raw client: one WebSocket, packets as they are."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.events: list[tuple[str, Any]] = []
        self.close_code: int | None = None
        self._ids = itertools.count(1)

    async def packet(self) -> str | None:
        """The next Engine.IO packet but pings, which are answered; None when the connection is over."""
        while True:
            async with asyncio.timeout(WAIT):
                message = await self.ws.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                # What was received, not what became of the client's own goodbye.
                told = message.type is aiohttp.WSMsgType.CLOSE
                self.close_code = message.data if told else self.ws.close_code
                return None
            if message.data != "2":
                return str(message.data)
            await self.ws.send_str("3")

    async def send(self, text: str) -> None:
        await self.ws.send_str(text)

    async def connect(self, namespace: str, auth: Any) -> dict[str, Any]:
        """Sends CONNECT; the answer's body with `refused` in it when it was refused."""
        body = "" if auth is None else json.dumps(auth)
        await self.send(f"40{namespace},{body}")
        answer = await self.packet()
        assert answer is not None and answer[:2] in ("40", "44"), answer
        parsed: dict[str, Any] = json.loads(answer[answer.index(",") + 1 :])
        return parsed | {"refused": answer[:2] == "44"}

    async def ask(self, namespace: str, *arguments: Any) -> int:
        """Sends a command and does not wait; the id to `answer` with."""
        number = next(self._ids)
        await self.send(f"42{namespace},{number}{json.dumps(arguments)}")
        return number

    async def answer(self, namespace: str, number: int) -> dict[str, Any]:
        """Reads on to the answer under this id, keeping the events on the way."""
        head = f"43{namespace},{number}["
        while (packet := await self.packet()) is not None:
            if packet.startswith(head):
                (envelope,) = json.loads(packet[len(head) - 1 :])
                assert isinstance(envelope, dict)
                return envelope
            self._keep(packet)
        raise AssertionError(f"closed with {self.close_code} before the answer")

    async def call(self, namespace: str, name: str, argument: Any) -> dict[str, Any]:
        return await self.answer(namespace, await self.ask(namespace, name, argument))

    async def event(self, name: str) -> Any:
        """The payload of the next event of this name, read or still to come."""
        while True:
            for index, (found, payload) in enumerate(self.events):
                if found == name:
                    del self.events[index]
                    return payload
            packet = await self.packet()
            assert packet is not None, f"closed with {self.close_code} before {name}"
            self._keep(packet)

    async def until_closed(self) -> int | None:
        """Reads everything that is left; the close code."""
        while (packet := await self.packet()) is not None:
            self._keep(packet)
        return self.close_code

    def _keep(self, packet: str) -> None:
        if packet.startswith("42"):
            name, payload = json.loads(packet[packet.index("[") :])
            self.events.append((name, payload))


class Floor:
    """Signaling on a free port with everything around it made up."""

    def __init__(self, limits: Limits = UNHURRIED, **options: Any) -> None:
        self.desk: FakeDesk = options.pop("desk", None) or FakeDesk()
        self.sessions = FakeSessions()
        self.attendance = FakeAttendance()
        self.meter = FakeMeter()
        self.clock = FakeClock()
        self.manager = options.pop("client_manager", None) or socketio.AsyncManager()
        self.signaling: Signaling = build(
            self.desk,
            self.desk,
            self.desk,
            self.sessions,
            self.attendance,
            client_of,
            self.meter,
            limits=limits,
            clock=self.clock,
            client_manager=self.manager,
            **{"check": True, **options},
        )
        self._app = web.Application()
        self.signaling.attach(self._app)
        self._server = TestServer(self._app)
        self._http: aiohttp.ClientSession
        self._opened: list[aiohttp.ClientWebSocketResponse] = []

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        await self.signaling.start()
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        for ws in self._opened:
            await ws.close()
        await self._http.close()
        await self.signaling.stop()
        await self._server.close()

    def rooms(self) -> dict[str, set[str]]:
        """The rooms that somebody is in, by namespace, but the library's own of each socket."""
        namespaces = self.manager.rooms.items()
        own = {namespace: members[None].keys() for namespace, members in namespaces}
        return {
            namespace: {name for name in members if name is not None and name not in own[namespace]}
            for namespace, members in namespaces
        }

    @property
    def url(self) -> str:
        return str(self._server.make_url("/"))

    @property
    def http(self) -> aiohttp.ClientSession:
        return self._http

    async def open(self, **headers: str) -> Socket:
        """A connection past its Engine.IO handshake, not connected to any namespace."""
        ws = await self._http.ws_connect(
            self.url + "socket.io/?EIO=4&transport=websocket",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )
        self._opened.append(ws)
        socket = Socket(ws)
        hello = await socket.packet()
        assert hello is not None and hello[0] == "0", hello
        return socket

    async def join(self, actor: Actor, **headers: str) -> Socket:
        """A socket of this person."""
        socket = await self.open(**headers)
        answer = await socket.connect(f"/{actor.kind}", {"token": self.sessions.enrol(actor)})
        assert not answer["refused"], answer
        return socket


@asynccontextmanager
async def floor(limits: Limits = UNHURRIED, **options: Any) -> AsyncIterator[Floor]:
    """A floor for one test."""
    async with Floor(limits, **options) as built:
        yield built
