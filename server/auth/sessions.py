"""What signaling asks: who may open a socket, what changed since, and what of his rights is left."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from protocol.base import Locale, Namespace
from protocol.errors import ErrorCode, Refused
from server.auth.agents import IDLE_MS, in_force
from server.auth.buyers import over
from server.auth.links import Viewer
from server.auth.permissions import narrowed, origin_allowed
from server.auth.secrets import TokenKind, token_hash
from server.storage.buyers import Buyer, BuyerSessionRow
from server.storage.calls.store import GuestLink
from server.storage.database import Database, Reader
from server.storage.people import SignIn
from signaling.ports import Actor, Client, Revision

log = logging.getLogger(__name__)

BEFORE_ALL = -1
"""The cursor where there is no revision yet; 0 asks for the newest."""
FORGET_AFTER_MS = 30 * 86_400_000
"""Sessions that are over are deleted a month later."""
VISITOR_NAME = {"zh-CN": "访客", "en": "Visitor"}


class SocketSessions:
    """Fulfils `signaling.ports.Sessions`."""

    def __init__(self, database: Database, own_origins: frozenset[str]) -> None:
        self._database = database
        self._own_origins = own_origins

    async def admit(self, namespace: Namespace, token: str, client: Client) -> Actor:
        """The person behind a token: a buyer's session, a guest's link to a call that goes on, or an agent's
        token that is used up by this."""
        if namespace == "/buyer":
            return await self._admit_buyer(token, client)
        if namespace == "/guest":
            return await self._admit_guest(token, client)
        return await self._admit_agent(token, client)

    async def revisions(self, cursor: int) -> tuple[int, Sequence[Revision]]:
        """What changed after `cursor`; 0 returns the newest cursor and nothing."""
        async with self._database.read() as reader:
            if cursor == 0:
                newest = await reader.revisions.newest()
                return (BEFORE_ALL if newest is None else newest), ()
            return await reader.revisions.after(cursor)

    async def review(self, actor: Actor) -> Actor | None:
        """The actor with today's rights, None when his session is over. His shops may be none."""
        if actor.kind == "guest":
            async with self._database.read() as reader:
                link = await reader.calls.link(participant_id=actor.id)
            return None if _closed(link, self._database.clock()) else actor
        try:
            return await self.behind(Viewer(actor.kind, actor.session_id))
        except Refused:
            return None

    async def behind(self, viewer: Viewer) -> Actor:
        """Who stands behind a session now. Raises `Refused` where it is over or was none."""
        now = self._database.clock()
        async with self._database.read() as reader:
            if viewer.audience == "buyer":
                session = await reader.buyers.session(session_id=viewer.session_id)
                return await _buyer_actor(reader, session, now)
            found = await reader.people.sign_in(session_id=viewer.session_id)
            return await _agent_actor(reader, found, now)

    async def end_idle(self, in_use: Iterable[str] = ()) -> None:
        """End sign-ins that nobody used for too long, with their sockets, and forget what is long over.

        `in_use`: sign-ins with an open socket here; having one is using it. To be called about once a minute
        on every node, so that none ends what is in use on another; calling it twice changes nothing.
        """
        now = self._database.clock()
        async with self._database.write() as unit:
            await unit.people.seen(in_use, now)
            ended = await unit.people.end_idle(now, seen_before=now - IDLE_MS)
            await unit.people.forget_sign_ins(now - FORGET_AFTER_MS)
            await unit.buyers.forget_sessions(now - FORGET_AFTER_MS)
            await unit.revisions.add([Revision("session", session_id) for session_id in ended], now)

    async def _admit_buyer(self, token: str, client: Client) -> Actor:
        async with self._database.read() as reader:
            session = await reader.buyers.session(secret_hash=token_hash(token, TokenKind.buyer_session))
            actor = await _buyer_actor(reader, session, self._database.clock())
            shop = await reader.shops.get(actor.shop_id)
        allowed = self._own_origins.union(shop.origins if shop is not None else ())
        if not origin_allowed(client.origin, allowed):
            raise Refused(ErrorCode.origin_refused)
        return actor

    async def _admit_guest(self, token: str, client: Client) -> Actor:
        secret_hash = token_hash(token, TokenKind.guest)
        # The link leads to this server's own page, wherever it was sent.
        if not origin_allowed(client.origin, self._own_origins):
            raise Refused(ErrorCode.origin_refused)
        async with self._database.read() as reader:
            link = await reader.calls.link(link_hash=secret_hash)
        if link is None or _closed(link, self._database.clock()):
            raise Refused(ErrorCode.unauthenticated, "This link opens no call, or none any more.")
        return Actor(
            kind="guest",
            id=link.participant_id,
            session_id=link.participant_id,
            name=link.name,
            shops={link.shop_id: "guest"},
            expires_at=link.until,
            verified=False,
            call_id=link.call_id,
        )

    async def _admit_agent(self, token: str, client: Client) -> Actor:
        secret_hash = token_hash(token, TokenKind.socket)
        # Before the token is used up: a foreign page must not be able to spend it.
        if not origin_allowed(client.origin, self._own_origins):
            raise Refused(ErrorCode.origin_refused)
        now = self._database.clock()
        async with self._database.write() as unit:
            ticket = await unit.people.take_socket_token(secret_hash)
        if ticket is None or ticket.expires_at <= now:
            raise Refused(ErrorCode.unauthenticated, "This socket token is used up or has expired.")
        async with self._database.read() as reader:
            sign_in = await reader.people.sign_in(session_id=ticket.session_id)
            actor = await _agent_actor(reader, sign_in, now)
        if not actor.shops:
            raise Refused(ErrorCode.forbidden, "This person works in no shop.")
        return actor


def _closed(link: GuestLink | None, now: int) -> bool:
    """Whether a guest's link opens nothing: revoked, expired, or its call is over."""
    return link is None or link.over or link.until <= now


async def _buyer_actor(reader: Reader, session: BuyerSessionRow | None, now: int) -> Actor:
    if refusal := over(session, now):
        raise refusal
    assert session is not None  # noqa: S101 - what is not there is not in force
    buyer: Buyer | None = await reader.buyers.get(session.buyer_id)
    if buyer is None:
        raise Refused(ErrorCode.unauthenticated)
    locale: Locale = "en" if session.locale == "en" else "zh-CN"
    return Actor(
        kind="buyer",
        id=buyer.id,
        session_id=session.id,
        name=buyer.name or VISITOR_NAME[locale],
        shops={session.shop_id: "buyer"},
        expires_at=session.expires_at,
        verified=buyer.verified,
        locale=locale,
        orders=None if session.orders is None else frozenset(session.orders),
    )


async def _agent_actor(reader: Reader, sign_in: SignIn | None, now: int) -> Actor:
    person = await in_force(reader, sign_in, now)
    assert sign_in is not None  # noqa: S101 - what is not there is not in force
    return Actor(
        kind="agent",
        id=person.id,
        session_id=sign_in.id,
        name=person.display_name,
        shops=narrowed(await reader.people.memberships(person.id), sign_in.only_shop_id),
        expires_at=sign_in.expires_at,
    )
