"""Builds the middle floor and is its face: attach it to an application, start it, publish facts, stop it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import socketio
from aiohttp import web
from socketio.async_pubsub_manager import AsyncPubSubManager

from protocol.errors import ErrorCode, Refused
from signaling import packets
from signaling.clock import Clock, LoopClock
from signaling.dispatch import Dispatch, Failpoint
from signaling.engine import ClientOf, Engine
from signaling.facts import Fact
from signaling.handlers import agent, buyer, guest
from signaling.handlers.table import routes
from signaling.limits import Limits
from signaling.link import Link, Reason
from signaling.ports import (
    AgentDesk,
    Attendance,
    BuyerDesk,
    CallDesk,
    Census,
    Meter,
    Sessions,
    SharedAllowances,
)
from signaling.publisher import Publisher, Relay
from signaling.sessions import Roster
from signaling.told import Told

log = logging.getLogger(__name__)

RETRY_AFTER_MS = (500, 5_000)
"""When the clients of a stopping server come back: spread, so that they do not come all at once."""


class Server(socketio.AsyncServer):  # type: ignore[misc]  # published without types
    """python-socketio's server and manager with the project's door in front.

    By default an event handler that raises sends no ack, an unknown event is acked with nothing, and a
    declared attachment is waited for without an end; so packets are read here and handed to the door.
    """

    def __init__(self, engine: Engine, manager: Any) -> None:
        self._engine = engine
        super().__init__(
            client_manager=manager,
            logger=log,
            serializer=packets.Packet,
            async_handlers=False,
            namespaces=["/buyer", "/agent", "/guest"],
        )
        engine.handlers.clear()
        self.roster: Roster
        self.dispatch: Dispatch
        self.told: Told

    def _engineio_server_class(self) -> Callable[..., Engine]:
        return lambda **_: self._engine

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        """What the manager sends to a link for another node."""
        link = self._engine.links.get(eio_sid)
        if link is not None:
            link.send(packets.frame(b"4" + eio_pkt.data.encode()))

    def relayed(self, event: str, arguments: list[Any]) -> None:
        """An event of another node was handed to this node's sockets."""
        self.told.hear(event, arguments[0])

    # What links give us (signaling.link.Hub)

    async def received(self, link: Link, packet: bytes) -> None:
        try:
            kind, namespace, ack, body = packets.read(packet)
        except Refused:
            self.offended(link, "bad_request")
            return
        if kind == packets.EVENT:
            await self.dispatch.command(link, namespace, ack, body)
        elif kind == packets.CONNECT:
            await self.roster.connect(link, namespace, body)
        elif kind == packets.DISCONNECT:
            if link.peer is not None and link.peer.namespace == namespace:
                await self.roster.gone(link, "client")
                link.await_handshake()
        elif kind in (packets.BINARY_EVENT, packets.BINARY_ACK):
            self.dispatch.refuse(link, namespace, ack, ErrorCode.binary_refused)
        else:
            # Nobody here asks for acks, and errors are the server's to send.
            self.offended(link, "bad_request")

    def offended(self, link: Link, code: Literal["bad_request", "binary_refused"]) -> None:
        self.dispatch.refuse(link, "/", None, ErrorCode(code))

    def oversized(self, link: Link, head: bytes) -> None:
        try:
            kind, namespace, ack, _ = packets.read(head)
        except Refused:
            kind, namespace, ack = -1, "/", None
        answerable = ack if kind in (packets.EVENT, packets.BINARY_EVENT) else None
        self.dispatch.refuse(link, namespace, answerable, ErrorCode.too_large)

    def flooded(self, link: Link) -> None:
        if link.peer is not None:
            self.roster.end(link.peer, "rate_limited", "offences")
        link.close("offences")

    def silent(self, link: Link) -> None:
        if link.peer is None or link.peer.sid not in self.roster.peers:
            link.close("handshake")

    async def lost(self, link: Link, reason: Reason) -> None:
        await self.roster.gone(link, reason)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who has sockets on this node: buyers; agents, their sign-ins and shops, and what they look at."""

    buyers: frozenset[str]
    agents: frozenset[str]
    sign_ins: frozenset[str]
    shops: frozenset[str]
    looked: frozenset[str]


class Signaling:
    """The middle floor as the roof sees it."""

    def __init__(
        self,
        engine: Engine,
        server: Server,
        publisher: Publisher,
        relay: Relay | None,
        limits: Limits,
        chance: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._server = server
        self._publisher = publisher
        self._relay = relay
        self._limits = limits
        self._chance = chance
        self._tasks: list[asyncio.Task[None]] = []

    def attach(self, app: web.Application, path: str = "socket.io") -> None:
        """Serves Socket.IO under `/{path}/`."""
        self._engine.attach(app, path)

    def publish(self, facts: Iterable[Fact]) -> None:
        """Tells committed facts to whom they concern. Never waits and never raises."""
        self._publisher.publish(facts)

    def tell_here(self, told: Iterable[Fact]) -> None:
        """The same for this node's own sockets only."""
        self._publisher.publish(told, elsewhere=False)

    @property
    def told(self) -> Told:
        """How far this node's sockets were told; kept where several nodes serve together."""
        return self._publisher.told

    def audience(self) -> Audience:
        """Who is here now."""
        peers = list(self._server.roster.peers.values())
        agents = [peer for peer in peers if peer.agent]
        return Audience(
            buyers=frozenset(peer.actor.id for peer in peers if peer.actor.kind == "buyer"),
            agents=frozenset(peer.actor.id for peer in agents),
            sign_ins=frozenset(peer.actor.session_id for peer in agents),
            shops=frozenset(shop_id for peer in agents for shop_id in peer.actor.shops),
            looked=frozenset(each for peer in agents for each in (*peer.looks, *peer.watches)),
        )

    def census(self) -> Census:
        """The sockets as of now."""
        waiting = [link.pending for link in self._engine.links.values()]
        return Census(
            sockets=Counter(peer.namespace for peer in self._server.roster.peers.values()),
            connections=len(waiting),
            pending_messages=sum(messages for messages, _ in waiting),
            pending_bytes=sum(size for _, size in waiting),
            in_flight=self._server.dispatch.in_flight,
            relay_waiting=len(self._relay) if self._relay is not None else 0,
        )

    async def start(self) -> None:
        """Begins to look up revisions, and to hear and tell other nodes."""
        self._server.manager_initialized = True
        self._server.manager.initialize()
        self._tasks.append(asyncio.create_task(self._server.roster.watch()))
        if self._relay is not None:
            self._tasks.append(self._server.manager.thread)
            self._tasks.append(asyncio.create_task(self._relay.run()))

    async def stop(self) -> None:
        """Sends everybody away in an orderly way, within `stop_seconds` and twice `close_seconds`."""
        self._engine.stopping = True
        low, high = RETRY_AFTER_MS
        for peer in list(self._server.roster.peers.values()):
            told = {"retry_after_ms": int(low + (high - low) * self._chance())}
            self._publisher.tell(peer.link, peer.namespace, "server.stopped", told)
        try:
            async with asyncio.timeout(self._limits.stop_seconds):
                await self._server.dispatch.stop()
        except TimeoutError:
            log.warning("commands were still at work when the server stopped")
        await self._engine.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def build(
    desk_buyer: BuyerDesk,
    desk_agent: AgentDesk,
    desk_guest: CallDesk,
    sessions: Sessions,
    attendance: Attendance,
    client_of: ClientOf,
    meter: Meter,
    *,
    client_manager: Any = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
    shared: SharedAllowances | None = None,
    failpoint: Failpoint | None = None,
    chance: Callable[[], float] = random.random,
    check: bool = False,
) -> Signaling:
    """Puts the middle floor together.

    `client_manager` is a `socketio.AsyncRedisManager` where several nodes serve together. `check` compares
    every event and refusal with the catalogue (tests).
    """
    limits = limits or Limits()
    clock = clock or LoopClock()
    engine = Engine(client_of, meter, limits, clock)
    server = Server(engine, client_manager or socketio.AsyncManager())
    shares = isinstance(server.manager, AsyncPubSubManager)
    relay = Relay(server.manager, meter, limits.relay_messages) if shares else None
    publisher = Publisher(server.manager, engine.links, meter, relay, check=check)
    server.told = publisher.told
    server.roster = Roster(server.manager, sessions, attendance, publisher, meter, limits, clock)
    server.dispatch = Dispatch(
        routes(
            {
                "/buyer": buyer.handlers(desk_buyer),
                "/agent": agent.handlers(desk_agent),
                "/guest": guest.handlers(desk_guest),
            }
        ),
        server.roster,
        publisher,
        meter,
        limits,
        clock,
        shared=shared,
        failpoint=failpoint,
        check=check,
    )
    engine.serve(server)
    return Signaling(engine, server, publisher, relay, limits, chance)
