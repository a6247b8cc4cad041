"""Who is connected here, as whom, and until when: admission, rooms, expiry, revocation, the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from protocol.base import Namespace, RateClass
from protocol.catalogue import adapter
from protocol.errors import MEANINGS, ErrorCode, Refused
from protocol.session import Connect
from signaling import packets, rooms
from signaling.clock import Clock, Timer
from signaling.facts import ActorKind
from signaling.limits import Allowance, Limits, Spending
from signaling.link import Link, Reason
from signaling.ports import Actor, Attendance, Meter, Revision, Sessions
from signaling.publisher import Publisher

log = logging.getLogger(__name__)

EndCode = Literal["session_expired", "session_revoked", "forbidden", "too_many", "too_large", "rate_limited"]

_KIND_OF: Mapping[str, tuple[Namespace, ActorKind]] = {
    "/buyer": ("/buyer", "buyer"),
    "/agent": ("/agent", "agent"),
    "/guest": ("/guest", "guest"),
}
_REVIEWS_AT_ONCE = 32
"""Reviews asked of the database side by side when a whole shop's rights change."""


class Person:
    """Somebody with sockets on this node, or whose allowances are not whole again."""

    __slots__ = ("key", "peers", "spending")

    def __init__(self, key: str) -> None:
        self.key = key
        self.peers: list[Peer] = []
        self.spending = Spending()


class Peer:
    """An admitted socket: a link in one namespace with the person behind it."""

    __slots__ = (
        "__weakref__",
        "actor",
        "deadline",
        "link",
        "looks",
        "namespace",
        "person",
        "rooms",
        "sid",
        "timer",
        "watches",
    )

    def __init__(self, link: Link, namespace: Namespace, sid: str, actor: Actor, person: Person) -> None:
        self.link = link
        self.namespace: Namespace = namespace
        self.sid = sid
        self.actor = actor
        self.person = person
        self.rooms: set[str] = set()
        self.looks: dict[str, str] = {}
        """Conversations he looks at, with their shops."""
        self.watches: dict[str, str] = {}
        """Conversations whose rows are on his screen, with their shops; bounded by a page of a list."""
        self.deadline = 0.0
        self.timer: Timer | None = None

    @property
    def agent(self) -> bool:
        return self.actor.kind == "agent"


class Roster:
    """Every socket of this node and the sessions behind them."""

    def __init__(
        self,
        manager: Any,
        sessions: Sessions,
        attendance: Attendance,
        publisher: Publisher,
        meter: Meter,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._manager = manager
        self._sessions = sessions
        self._attendance = attendance
        self._publisher = publisher
        self._meter = meter
        self._limits = limits
        self._clock = clock
        self._persons: dict[str, Person] = {}
        self._absent: dict[str, Person] = {}
        self._cursor = 0
        self._changes = 0
        """Rises with every look-up that found something."""
        self.peers: dict[str, Peer] = {}

    # Coming

    async def connect(self, link: Link, namespace: str, body: bytes) -> None:
        """Answers a CONNECT: accepted with a sid, or refused with a code."""
        try:
            await self._admit(link, namespace, body)
        except Refused as refusal:
            error = refusal.as_wire()
        except Exception:
            log.exception("a socket could not be admitted", extra={"namespace": namespace})
            error = Refused(ErrorCode.retry).as_wire()
        else:
            return
        self._meter.refused(error["code"])
        link.send(packets.connect_refused_frame(namespace, error))
        link.connect_tries += 1
        if link.connect_tries >= self._limits.connect_tries:
            link.close("offences")

    async def _admit(self, link: Link, namespace: str, body: bytes) -> None:
        if namespace not in _KIND_OF:
            raise Refused(ErrorCode.not_found, "There is no such namespace.")
        where, kind = _KIND_OF[namespace]
        if link.peer is not None:
            raise Refused(ErrorCode.conflict, "This connection has a namespace already.")
        auth = packets.loads(body) if body else None
        try:
            connect: Connect = adapter(Connect).validate_python(auth)
        except ValueError:
            raise Refused(ErrorCode.unauthenticated, "The auth payload is {token}.") from None
        changes = self._changes
        actor = await self._sessions.admit(where, connect.token, link.client)
        if actor.kind != kind or not actor.shops:
            raise Refused(ErrorCode.unauthenticated)
        if actor.expires_at <= self._clock.now_ms():
            raise Refused(ErrorCode.session_expired)
        if link.closed:
            return
        sid: str | None = await self._manager.pre_connect(link.id, where)
        if sid is None:
            raise Refused(ErrorCode.conflict)
        key = f"{actor.kind}:{actor.id}"
        person = self._persons.get(key) or self._persons.setdefault(key, Person(key))
        peer = Peer(link, where, sid, replace(actor, sid=sid), person)
        link.peer = peer
        self.peers[sid] = peer
        self._make_room(person, self._limits.agent_sockets if peer.agent else self._limits.buyer_sockets)
        person.peers.append(peer)
        self._absent.pop(key, None)
        self.extend(peer, actor.expires_at)
        try:
            if self._changes != changes:
                # Rights changed while his token was read; nobody had reviewed him, for he was not here yet.
                await self._review(peer)
                if sid not in self.peers:
                    link.peer = None
                    return
            facts = await self._attendance.arrived(peer.actor) if peer.agent else ()
        except BaseException:
            self._forget(peer)
            link.peer = None
            raise
        if sid not in self.peers:
            return  # it gave way to a newer socket, or this server stops
        if link.handshake is not None:
            link.handshake.cancel()
            link.handshake = None
        # Rooms and the acceptance in one step: nothing is told before it, and nothing after it is missed.
        self._enter(peer, self._rooms_of(peer.actor))
        link.send(packets.connected_frame(where, sid))
        await self._manager.connect(sid, where)
        self._meter.opened(where)
        self._publisher.publish(facts)

    def _make_room(self, person: Person, limit: int) -> None:
        """The oldest socket gives way: a phone that lost its line must not lock its owner out."""
        while len(person.peers) >= limit:
            self.end(person.peers[0], "too_many")

    @staticmethod
    def _rooms_of(actor: Actor) -> set[str]:
        if actor.kind == "buyer":
            return {rooms.buyer(actor.id)}
        if actor.kind == "guest":
            return {rooms.guest(actor.id)}
        return {rooms.agent(actor.id), *(rooms.shop(shop_id) for shop_id in actor.shops)}

    # Staying

    def extend(self, peer: Peer, expires_at: int) -> None:
        """The session lasts until `expires_at` (epoch ms), from here on counted by the monotonic clock."""
        if peer.timer is not None:
            peer.timer.cancel()
        peer.actor = replace(peer.actor, expires_at=expires_at)
        remaining = max(0.0, (expires_at - self._clock.now_ms()) / 1000)
        peer.deadline = self._clock.monotonic() + remaining
        peer.timer = self._clock.call_later(remaining, lambda: self.end(peer, "session_expired"))

    def look(self, peer: Peer, conversation_id: str, shop_id: str) -> None:
        """From now on he hears this conversation. Call it only after the desk has shown it to him."""
        if peer.sid in self.peers:
            peer.looks[conversation_id] = shop_id
            if len(peer.looks) > self._limits.looks:
                self.unlook(peer, next(iter(peer.looks)))
            self._enter(peer, {rooms.look(conversation_id)})

    def unlook(self, peer: Peer, conversation_id: str) -> None:
        """He hears it no more."""
        if peer.looks.pop(conversation_id, None) is not None and conversation_id not in peer.watches:
            self._leave(peer, {rooms.look(conversation_id)})

    def follow(self, peer: Peer, shops: dict[str, str]) -> None:
        """From now on he hears these conversations, given with their shops, and what he looks at, only. Call
        it only with what the desk has shown to him."""
        if peer.sid in self.peers:
            over = peer.watches.keys() - shops.keys() - peer.looks.keys()
            peer.watches = shops
            self._leave(peer, {rooms.look(conversation_id) for conversation_id in over})
            self._enter(peer, {rooms.look(conversation_id) for conversation_id in shops})

    def _enter(self, peer: Peer, names: Iterable[str]) -> None:
        for name in names:
            self._manager.basic_enter_room(peer.sid, peer.namespace, name)
            peer.rooms.add(name)

    def _leave(self, peer: Peer, names: Iterable[str]) -> None:
        for name in names:
            self._manager.basic_leave_room(peer.sid, peer.namespace, name)
            peer.rooms.discard(name)

    # Rights that change

    async def watch(self) -> None:
        """Looks up ended sessions and changed rights again and again, until cancelled."""
        while True:
            try:
                await self.look_up_revisions()
            except Exception:
                log.exception("revisions could not be read; they are read again")
            await self._clock.sleep(self._limits.revision_seconds)

    async def look_up_revisions(self) -> None:
        """Asks once what changed and reviews whom it concerns."""
        first = self._cursor == 0
        cursor, revisions = await self._sessions.revisions(self._cursor)
        self._changes += first or bool(revisions)
        # Before the first look-up nobody knows what changed: whoever is here already is reviewed.
        concerned = list(self.peers.values()) if first else self._concerned(revisions)
        for start in range(0, len(concerned), _REVIEWS_AT_ONCE):
            await asyncio.gather(*map(self._review, concerned[start : start + _REVIEWS_AT_ONCE]))
        # Only now: a failed review is looked up again.
        self._cursor = cursor
        self._sweep()

    def _concerned(self, revisions: Sequence[Revision]) -> list[Peer]:
        if not revisions:
            return []
        persons = {
            f"{'agent' if revision.kind == 'person' else revision.kind}:{revision.id}"
            for revision in revisions
            if revision.kind != "session"
        }
        sessions = {revision.id for revision in revisions if revision.kind == "session"}
        return [
            peer
            for peer in self.peers.values()
            if peer.person.key in persons or peer.actor.session_id in sessions
        ]

    async def _review(self, peer: Peer) -> None:
        before = peer.actor
        actor = await self._sessions.review(before)
        if peer.sid not in self.peers:
            return
        if actor is None:
            self.end(peer, "session_revoked")
        elif not actor.shops:
            self.end(peer, "forbidden")
        elif actor.expires_at <= self._clock.now_ms():
            self.end(peer, "session_expired")
        else:
            # A renewal that came in between is newer than what was read.
            expires_at = actor.expires_at if peer.actor is before else peer.actor.expires_at
            peer.actor = replace(actor, sid=peer.sid)
            self.extend(peer, expires_at)
            for heard in (peer.looks, peer.watches):
                for conversation_id in [
                    each for each, shop_id in heard.items() if shop_id not in actor.shops
                ]:
                    del heard[conversation_id]
            hears = peer.looks.keys() | peer.watches.keys()
            stays = self._rooms_of(actor) | {rooms.look(conversation_id) for conversation_id in hears}
            self._leave(peer, peer.rooms - stays)
            self._enter(peer, stays - peer.rooms)

    # Going

    def end(self, peer: Peer, code: EndCode, reason: Reason = "ended") -> None:
        """Tells a socket why its session is over and closes it. He hears nothing more from this moment."""
        if peer.sid not in self.peers:
            return
        self._forget(peer)
        message = MEANINGS[ErrorCode(code)].en
        self._publisher.tell(peer.link, peer.namespace, "session.ended", {"code": code, "message": message})
        peer.link.send(packets.disconnect_frame(peer.namespace))
        peer.link.close(reason)

    async def gone(self, link: Link, reason: Reason) -> None:
        """A link's namespace is over, whoever ended it. Call it once for each link, or at its DISCONNECT."""
        peer, link.peer = link.peer, None
        if peer is None:
            return
        self._forget(peer)
        self._meter.closed(peer.namespace, reason)
        if peer.agent:
            try:
                last_here = not peer.person.peers
                self._publisher.publish(await self._attendance.left(peer.actor, last_here=last_here))
            except Exception:
                log.exception("an agent's leaving was not noted; his lease runs out", extra={"sid": peer.sid})

    def _forget(self, peer: Peer) -> None:
        """Takes a peer out of every room and list; harmless the second time."""
        if self.peers.pop(peer.sid, None) is None:
            return
        if peer.timer is not None:
            peer.timer.cancel()
        peer.person.peers.remove(peer)
        if not peer.person.peers:
            self._absent[peer.person.key] = peer.person
        self._leave(peer, list(peer.rooms))
        manager, sid, namespace = self._manager, peer.sid, peer.namespace
        # BaseManager.disconnect would look through every room of the node; the rooms of a peer are known.
        for room in (sid, None):
            manager.basic_leave_room(sid, namespace, room)
        for waiting in (manager.pending_connect, manager.pending_disconnect):
            if sid in waiting.get(namespace, ()):
                waiting[namespace].remove(sid)

    def _sweep(self) -> None:
        """Forgets persons without sockets whose allowances are whole again."""
        now = self._clock.monotonic()
        for key in [key for key, person in self._absent.items() if person.spending.rested(now)]:
            del self._absent[key], self._persons[key]

    # Rates

    def wait_for(self, peer: Peer, rate: RateClass, now: float) -> float:
        """Uses up an allowance of the socket and of the person; the seconds to wait when one is used up."""
        limits = self._limits
        of_socket: Allowance = (limits.agent_socket if peer.agent else limits.buyer_socket)[rate]
        of_person: Allowance = (limits.agent_person if peer.agent else limits.buyer_person)[rate]
        wait = peer.link.spending.take(rate, of_socket, now)
        return wait or peer.person.spending.take(rate, of_person, now)
