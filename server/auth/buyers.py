"""Buyers' sessions: begun with a signed identity, a one-time code or as a visitor; renewed; ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol import session
from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth import identity
from server.auth.identity import Identity, IdentityKey, KeyAlgorithm
from server.auth.permissions import origin_allowed
from server.auth.secrets import Seal, TokenKind, new_token, token_hash
from server.identifiers import new_id
from server.rates import Rates, address_key
from server.storage.buyers import Buyer, BuyerSessionRow
from server.storage.database import Database, Reader, Unit
from server.storage.shops import Shop
from signaling.ports import Actor, Client, Revision

audit = logging.getLogger("livedesk.audit")

SESSION_MS = 30 * 60_000
"""A buyer's session, from its start or last renewal: a lost phone is not a lost account."""
CODE_MS = 60_000
"""A one-time code stands in a link; it is used at once or not at all."""
LINK_MS = 10 * 60_000
"""A one-time code that its owner carries by hand into another browser: copied, an app left, another found."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that began. `handed_over` is the visitor's conversation that goes on in it, if one does."""

    reply: session.BuyerSession
    shop_id: str
    handed_over: str | None = None


@dataclass(frozen=True, slots=True)
class BuyerBearer:
    """Who holds a buyer's token, on HTTP."""

    session_id: str
    buyer_id: str
    shop_id: str


class BuyerSessions:
    """The sessions of buyers. Every refusal is a `Refused` with a code that its route declares."""

    def __init__(
        self,
        database: Database,
        counter: Rates,
        own_origins: frozenset[str],
        *,
        seal: Seal | None = None,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._database = database
        self._counter = counter
        self._own_origins = own_origins
        self._seal = seal or Seal(database.secret)
        self._new_id = new_id

    async def shop(self, shop_id: str) -> session.WidgetShop:
        """What the widget must know of a shop."""
        async with self._database.read() as reader:
            shop = await _shop(reader, shop_id)
        return session.WidgetShop(
            shop_id=shop.id,
            name=shop.name,
            locale="en" if shop.locale == "en" else "zh-CN",
            anonymous=shop.anonymous,
            accent=shop.accent,
            origins=list(shop.origins),
        )

    async def begin(self, request: session.BuyerSessionRequest, client: Client) -> Begun:
        """Begin a session: with the code or the identity that was given, else as a visitor."""
        await self._counter.spend(rates.SESSION_ADDRESS, address_key(client.address))
        if request.identity is not None and request.code is not None:
            raise Refused(ErrorCode.bad_request, "Give an identity or a code, not both.")
        async with self._database.read() as reader:
            shop = await _shop(reader, request.shop)
            if not origin_allowed(client.origin, self._own_origins.union(shop.origins)):
                raise Refused(ErrorCode.origin_refused)
            known = await self._verified(reader, shop.id, request.identity)
        if known is None and request.code is None:
            return await self._begin_as_visitor(shop, request, client)
        async with self._database.write() as unit:
            if request.code is not None:
                claims = await self._use_code(unit, shop.id, request.code)
                if claims is not None and _VISITOR in claims:
                    return await self._go_on(unit, shop, str(claims[_VISITOR]), request)
                known = Identity.from_claims(claims) if claims is not None else None
            if known is None:
                raise Refused(ErrorCode.code_used)
            return await self._begin_verified(unit, shop, known, request)

    async def make_code(self, request: session.BuyerCodeRequest, client: Client) -> session.BuyerCode:
        """Trade an identity for a code: what stands in a link says nothing and is good once."""
        await self._counter.spend(rates.SESSION_ADDRESS, address_key(client.address))
        async with self._database.read() as reader:
            shop = await _shop(reader, request.shop)
            known = await self._verified(reader, shop.id, request.identity)
        assert known is not None  # noqa: S101 - the request has an identity
        code = new_token(TokenKind.code)
        now = self._database.clock()
        async with self._database.write() as unit:
            await unit.buyers.add_code(
                token_hash(code, TokenKind.code),
                shop.id,
                known.as_claims(),
                expires_at=now + CODE_MS,
                now=now,
            )
        return session.BuyerCode(code=code, expires_at=now + CODE_MS)

    async def renew(self, actor: Actor) -> session.Renewed:
        """A new token for a session in force. The one before it still opens the session until the next."""
        token, now = new_token(TokenKind.buyer_session), self._database.clock()
        expires_at = now + SESSION_MS
        async with self._database.write() as unit:
            renewed = await unit.buyers.renew_session(
                actor.session_id,
                token_hash(token, TokenKind.buyer_session),
                now=now,
                expires_at=expires_at,
            )
            if not renewed:
                found = await unit.buyers.session(session_id=actor.session_id)
                raise over(found, now) or Refused(ErrorCode.session_revoked)
        return session.Renewed(token=token, expires_at=expires_at)

    async def bearer(self, token: str) -> BuyerBearer:
        """Who holds `token`. Raises `Refused`: unauthenticated, session_expired or session_revoked."""
        async with self._database.read() as reader:
            found = await reader.buyers.session(secret_hash=token_hash(token, TokenKind.buyer_session))
        if found is None:
            raise Refused(ErrorCode.unauthenticated)
        if refusal := over(found, self._database.clock()):
            raise refusal
        return BuyerBearer(found.id, found.buyer_id, found.shop_id)

    async def end(self, session_id: str) -> None:
        """End one session; its sockets close within seconds on every node."""
        now = self._database.clock()
        async with self._database.write() as unit:
            await unit.buyers.end_sessions(now, session_id=session_id)
            await unit.revisions.add([Revision("session", session_id)], now)

    async def _verified(self, reader: Reader, shop_id: str, token: str | None) -> Identity | None:
        if token is None:
            return None
        row = await reader.shops.identity_key(shop_id, identity.key_id(token))
        if row is None:
            raise Refused(
                ErrorCode.identity_invalid,
                "The signed identity was refused: the shop has no key of its `kid`.",
            )
        algorithm: KeyAlgorithm = (
            "HS256" if row.alg == "HS256" else "ES256" if row.alg == "ES256" else "EdDSA"
        )
        material = row.material
        if algorithm == "HS256":
            material = self._seal.open(material, seal_place(shop_id, row.kid))
        key = IdentityKey(shop_id, row.kid, algorithm, material)
        return identity.verify(token, key, self._database.clock() // 1_000)

    async def _use_code(self, unit: Unit, shop_id: str, code: str) -> Mapping[str, Any] | None:
        try:
            hashed = token_hash(code, TokenKind.code)
        except Refused:
            return None
        found = await unit.buyers.take_code(hashed)
        if found is None or found.shop_id != shop_id or found.expires_at <= self._database.clock():
            return None
        return found.claims

    async def _go_on(
        self, unit: Unit, shop: Shop, visitor_id: str, request: session.BuyerSessionRequest
    ) -> Begun:
        """A visitor in another browser of his, for as long as this session lasts."""
        visitor = await unit.buyers.get(visitor_id)
        if visitor is None or visitor.shop_id != shop.id:
            raise Refused(ErrorCode.code_used)
        return Begun(await self._add_session(unit, shop, visitor, request, ()), shop.id)

    async def _begin_verified(
        self, unit: Unit, shop: Shop, known: Identity, request: session.BuyerSessionRequest
    ) -> Begun:
        now = self._database.clock()
        buyer = await unit.buyers.verified(
            self._new_id(), shop.id, known.subject, name=known.name, tier=known.tier, now=now
        )
        visitor = await _visitor(unit, shop.id, request.visitor)
        reply = await self._add_session(unit, shop, buyer, request, known.orders)
        handed_over = None
        if visitor is not None:
            handed_over = await unit.buyers.hand_over(visitor, buyer)
        if visitor is not None and handed_over is not None:
            # The visitor's open sockets and tokens must not go on hearing what is the verified buyer's now.
            await unit.buyers.end_sessions(now, buyer_id=visitor.id)
            await unit.revisions.add([Revision("buyer", visitor.id)], now)
            audit.info("visitor.handed_over", extra={"visitor_id": visitor.id, "buyer_id": buyer.id})
        return Begun(reply, shop.id, handed_over)

    async def _begin_as_visitor(
        self, shop: Shop, request: session.BuyerSessionRequest, client: Client
    ) -> Begun:
        if not shop.anonymous:
            raise Refused(ErrorCode.anonymous_refused)
        async with self._database.read() as reader:
            known = await _visitor(reader, shop.id, request.visitor)
        if known is None:
            await self._counter.spend(rates.VISITOR_ADDRESS, address_key(client.address))
            await self._counter.spend(rates.VISITOR_SHOP, shop.id)
        async with self._database.write() as unit:
            if known is not None:
                return Begun(await self._add_session(unit, shop, known, request, ()), shop.id)
            secret = new_token(TokenKind.visitor)
            buyer = await unit.buyers.add_visitor(
                self._new_id(), shop.id, token_hash(secret, TokenKind.visitor), self._database.clock()
            )
            reply = await self._add_session(unit, shop, buyer, request, ())
            return Begun(reply.model_copy(update={"visitor": secret}), shop.id)

    async def _add_session(
        self,
        unit: Unit,
        shop: Shop,
        buyer: Buyer,
        request: session.BuyerSessionRequest,
        orders: tuple[str, ...] | None,
    ) -> session.BuyerSession:
        token, now = new_token(TokenKind.buyer_session), self._database.clock()
        row = BuyerSessionRow(
            id=self._new_id(),
            buyer_id=buyer.id,
            shop_id=shop.id,
            locale=request.locale or shop.locale,
            orders=orders,
            created_at=now,
            expires_at=now + SESSION_MS,
            ended_at=None,
        )
        await unit.buyers.add_session(row, token_hash(token, TokenKind.buyer_session))
        return session.BuyerSession(
            token=token,
            expires_at=row.expires_at,
            buyer_id=buyer.id,
            name=buyer.name,
            verified=buyer.verified,
        )


_VISITOR = "visitor"


def visitor_claims(visitor_id: str) -> dict[str, Any]:
    """What a code says that was made for a visitor: he has no identity that a shop could sign."""
    return {_VISITOR: visitor_id}


def seal_place(shop_id: str, kid: str) -> str:
    """Where a sealed HS256 secret belongs."""
    return f"{shop_id}/{kid}"


def over(found: BuyerSessionRow | None, now: int) -> Refused | None:
    """Why a session is not in force, None when it is."""
    if found is None:
        return Refused(ErrorCode.unauthenticated)
    if found.ended_at is not None:
        return Refused(ErrorCode.session_revoked)
    return Refused(ErrorCode.session_expired) if found.expires_at <= now else None


async def _shop(reader: Reader, shop_id: str) -> Shop:
    shop = await reader.shops.get(shop_id)
    if shop is None:
        raise Refused(ErrorCode.not_found)
    return shop


async def _visitor(reader: Reader, shop_id: str, secret: str | None) -> Buyer | None:
    """The visitor whose browser holds `secret`; another shop's secret, or nobody's, is nobody."""
    if secret is None:
        return None
    try:
        return await reader.buyers.visitor(shop_id, token_hash(secret, TokenKind.visitor))
    except Refused:
        return None
