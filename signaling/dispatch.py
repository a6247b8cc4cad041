"""The one door: a command is found, validated, counted, identified, authorised, called and always answered.

No handler holds a `try`. Nothing that a client can send is left without an answer where it gave an id to
answer under, and nothing refused reaches a use case.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Literal

from protocol.base import Command, Empty, Namespace
from protocol.conversation import Context, Look, Unlook, Watch, Watched
from protocol.errors import ErrorCode as E
from protocol.errors import Refused
from protocol.session import Renew, Renewed
from signaling import packets
from signaling.clock import Clock, Timer
from signaling.handlers.table import Route
from signaling.limits import Limits
from signaling.link import Link
from signaling.ports import Actor, Done, Meter, SharedAllowances
from signaling.publisher import Publisher
from signaling.sessions import Peer, Roster

log = logging.getLogger(__name__)

Stage = Literal["committed", "acknowledged"]
Failpoint = Callable[[Stage, str], None]
"""Called between a command's commit and its ack, and between its ack and its fan-out: for kill tests."""

_OFFENCES = frozenset(
    (
        E.bad_request,
        E.unknown_command,
        E.too_large,
        E.too_deep,
        E.binary_refused,
        E.rate_limited,
        E.unauthenticated,
    )
)
"""Refusals that a sane client does not collect."""
_BUSY_MS = 1_000
"""What a client is told to wait when the node is full or stopping."""


class Dispatch:
    """Answers commands."""

    def __init__(
        self,
        routes: Mapping[Namespace, Mapping[str, Route]],
        roster: Roster,
        publisher: Publisher,
        meter: Meter,
        limits: Limits,
        clock: Clock,
        *,
        shared: SharedAllowances | None = None,
        failpoint: Failpoint | None = None,
        check: bool = False,
    ) -> None:
        self._routes = routes
        self._roster = roster
        self._publisher = publisher
        self._meter = meter
        self._limits = limits
        self._clock = clock
        self._shared = shared
        self._failpoint = failpoint
        self._check = check
        self._effects: Mapping[str, Callable[[Peer, Any, Any], None]] = {
            "session.renew": self._renewed,
            "conversation.look": self._looked,
            "conversation.unlook": self._unlooked,
            "conversation.watch": self._watched,
        }
        self._at_work: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._watch: Timer | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    @property
    def in_flight(self) -> int:
        """Commands at work."""
        return len(self._at_work)

    async def stop(self) -> None:
        """From now on commands are answered `retry`; returns when those at work are answered."""
        self._stopping = True
        await self._idle.wait()

    async def command(self, link: Link, namespace: str, ack: bytes | None, body: bytes) -> None:
        """Answers one event packet."""
        started = self._clock.monotonic()
        route: Route | None = None
        try:
            if ack is None:
                raise Refused(E.bad_request, "A command asks for an acknowledgement.")
            peer = link.peer
            if peer is None or peer.namespace != namespace:
                raise Refused(E.unauthenticated)
            name, argument = packets.read_command(body)
            route = self._routes[peer.namespace].get(name)
            if route is None:
                raise Refused(E.unknown_command)
            request = _validated(route, argument)
            await self._spend(peer, route, started)
            self._identify(peer)
            authorise(route.command, peer.actor, request)
            done = await self._call(peer, route, request)
            effect = self._effects.get(name)
            if effect is not None:
                effect(peer, request, done.reply)
            answer = packets.ack_frame(namespace, ack, route.write(done.reply))
        except Refused as refusal:
            self._refuse(link, namespace, ack, route, refusal, started)
            return
        except Exception:
            incident = secrets.token_hex(6)
            command = route.command.name if route is not None else "unknown"
            log.exception("a command failed", extra={"incident": incident, "command": command})
            self._refuse(link, namespace, ack, route, Refused(E.internal, incident=incident), started)
            return
        name = route.command.name
        if self._failpoint is not None:
            self._failpoint("committed", name)
        link.send(answer)
        self._meter.answered(namespace, name, "ok", self._clock.monotonic() - started)
        if self._failpoint is not None:
            self._failpoint("acknowledged", name)
        if done.facts:
            self._publisher.publish(done.facts)

    def refuse(self, link: Link, namespace: str, ack: bytes | None, code: E) -> None:
        """Answers a packet that is not worth reading further."""
        self._refuse(link, namespace, ack, None, Refused(code), self._clock.monotonic())

    async def _spend(self, peer: Peer, route: Route, now: float) -> None:
        rate = route.command.rate
        wait = self._roster.wait_for(peer, rate, now)
        if not wait and self._shared is not None:
            wait = await self._shared.take(peer.person.key, rate)
        if wait:
            raise Refused(E.rate_limited, retry_after_ms=ceil(wait * 1000))

    def _identify(self, peer: Peer) -> None:
        if peer.sid not in self._roster.peers:
            raise Refused(E.session_revoked)
        if peer.deadline <= self._clock.monotonic():
            raise Refused(E.session_expired)

    async def _call(self, peer: Peer, route: Route, request: Any) -> Done[Any]:
        if self._stopping or len(self._at_work) >= self._limits.in_flight:
            raise Refused(E.retry, retry_after_ms=_BUSY_MS)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a link reads in a task
        self._at_work[task] = self._clock.monotonic() + self._limits.command_seconds
        self._idle.clear()
        if self._watch is None:
            self._watch = self._clock.call_later(self._limits.command_seconds, self._end_overdue)
        try:
            return await route.handle(peer.actor, request)
        except asyncio.CancelledError:
            if task not in self._overdue or task.cancelling() > 1:
                raise
            log.warning("a command took too long", extra={"command": route.command.name})
            raise Refused(E.retry, retry_after_ms=_BUSY_MS) from None
        finally:
            if task in self._overdue:
                self._overdue.remove(task)
                task.uncancel()
            del self._at_work[task]
            if not self._at_work:
                self._idle.set()

    def _end_overdue(self) -> None:
        """Cancels what took too long; the oldest comes first. One timer for all: a timeout for each command
        was a thirtieth of a message's CPU."""
        self._watch = None
        now = self._clock.monotonic()
        for task, deadline in self._at_work.items():
            if deadline > now:
                self._watch = self._clock.call_later(deadline - now, self._end_overdue)
                return
            if task not in self._overdue:
                self._overdue.add(task)
                task.cancel()

    # What an answer changes about the socket itself, before it is sent

    def _renewed(self, peer: Peer, request: Renew, reply: Renewed) -> None:
        self._roster.extend(peer, reply.expires_at)

    def _looked(self, peer: Peer, request: Look, reply: Context) -> None:
        self._roster.look(peer, request.conversation_id, reply.summary.shop_id)

    def _unlooked(self, peer: Peer, request: Unlook, reply: Empty) -> None:
        self._roster.unlook(peer, request.conversation_id)

    def _watched(self, peer: Peer, request: Watch, reply: Watched) -> None:
        self._roster.follow(peer, {row.conversation_id: row.shop_id for row in reply.conversations})

    def _refuse(
        self,
        link: Link,
        namespace: str,
        ack: bytes | None,
        route: Route | None,
        refusal: Refused,
        started: float,
    ) -> None:
        if route is not None and refusal.code not in route.codes:
            log.error(
                "a refusal is not declared", extra={"command": route.command.name, "code": refusal.code.value}
            )
            if self._check:
                refusal = Refused(E.internal, undeclared=refusal.code.value)
        code = refusal.code
        if ack is None:
            self._meter.refused(code.value)
        else:
            link.send(packets.refusal_frame(namespace, ack, refusal.as_wire()))
            name = route.command.name if route is not None else "unknown"
            self._meter.answered(namespace, name, code.value, self._clock.monotonic() - started)
        if code in _OFFENCES:
            self.offence(link)

    def offence(self, link: Link) -> None:
        """Counts something that a sane client does not do; too much of it ends the connection."""
        if not link.spending.take("offences", self._limits.offences, self._clock.monotonic()):
            return
        if link.peer is not None:
            self._roster.end(link.peer, "rate_limited", "offences")
        link.close("offences")


def _validated(route: Route, argument: Any) -> Any:
    try:
        return route.validate(argument)
    except ValueError as error:
        raise Refused(E.bad_request, **_where(error)) from None


def _where(error: ValueError) -> dict[str, str]:
    """The first field that is wrong and why, never its value."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return {}
    first = errors(include_url=False, include_context=False, include_input=False)[0]
    return {"field": ".".join(map(str, first["loc"]))[:100], "why": str(first["type"])}


def authorise(command: Command, actor: Actor, request: Any) -> None:
    """The role, in the named shop where a shop is named. What belongs to whom is the desk's to say.

    Raises `Refused`: forbidden, or not_found for a shop that is not the actor's, as if it did not exist.
    """
    shop_id = vars(request).get("shop_id")
    if shop_id is None:
        if command.roles.isdisjoint(actor.shops.values()):
            raise Refused(E.forbidden)
        return
    role = actor.shops.get(shop_id)
    if role is None:
        raise Refused(E.not_found)
    if role not in command.roles:
        raise Refused(E.forbidden)
