"""Buyers, their sessions and one-time codes, and the one way in which a visitor becomes a verified buyer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.schema import buyer_codes, buyer_sessions, buyers, conversations, public_log


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer of one shop: verified (`subject`) or a visitor of one browser."""

    id: str
    shop_id: str
    subject: str | None
    name: str | None
    tier: str | None
    created_at: int

    @property
    def verified(self) -> bool:
        return self.subject is not None


@dataclass(frozen=True, slots=True)
class BuyerSessionRow:
    """A buyer's session. `orders`: the order ids that his identity named, None where it named none."""

    id: str
    buyer_id: str
    shop_id: str
    locale: str
    orders: tuple[str, ...] | None
    created_at: int
    expires_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class CodeRow:
    """What a one-time code stood for."""

    shop_id: str
    claims: dict[str, Any]
    expires_at: int


_BUYER = tuple(buyers.c[name] for name in Buyer.__dataclass_fields__)
_SESSION = tuple(buyer_sessions.c[name] for name in BuyerSessionRow.__dataclass_fields__)


class Buyers:
    """The buyers of one transaction. Getters answer None for what is not there."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, buyer_id: str) -> Buyer | None:
        row = (await self._connection.execute(select(*_BUYER).where(buyers.c.id == buyer_id))).one_or_none()
        return None if row is None else Buyer(*row)

    async def verified(
        self, new_id: str, shop_id: str, subject: str, *, name: str | None, tier: str | None, now: int
    ) -> Buyer:
        """The shop's buyer of this subject, made as `new_id` at the first time.

        The tier is the one that was signed last; a name stays known when a later identity has none.
        """
        values = {"id": new_id, "shop_id": shop_id, "subject": subject, "created_at": now}
        statement = self._insert(buyers).values(values | {"name": name, "tier": tier})
        statement = statement.on_conflict_do_update(
            index_elements=["shop_id", "subject"],
            set_={"name": func.coalesce(statement.excluded.name, buyers.c.name), "tier": tier},
        )
        return Buyer(*(await self._connection.execute(statement.returning(*_BUYER))).one())

    async def visitor(self, shop_id: str, visitor_hash: str) -> Buyer | None:
        """The visitor of this shop whose browser holds the secret."""
        query = select(*_BUYER).where(buyers.c.shop_id == shop_id, buyers.c.visitor_hash == visitor_hash)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Buyer(*row)

    async def add_visitor(self, new_id: str, shop_id: str, visitor_hash: str, now: int) -> Buyer:
        values = {"id": new_id, "shop_id": shop_id, "visitor_hash": visitor_hash, "created_at": now}
        statement = insert(buyers).values(values).returning(*_BUYER)
        return Buyer(*(await self._connection.execute(statement)).one())

    async def hand_over(self, visitor: Buyer, verified: Buyer) -> str | None:
        """Let the visitor's open conversation go on under the verified buyer; its id.

        None, and nothing changes, when the visitor has none open or the verified buyer has one of his own.
        The visitor's entries become the verified buyer's, so that a message that is sent again after the
        sign-in is still known by its client id.
        """
        if visitor.verified or not verified.verified or visitor.shop_id != verified.shop_id:
            raise ValueError("only a visitor is handed over, and only to a verified buyer of the same shop")
        try:
            async with self._connection.begin_nested():
                moved = await self._connection.execute(
                    update(conversations)
                    .where(
                        conversations.c.shop_id == visitor.shop_id,
                        conversations.c.buyer_id == visitor.id,
                        conversations.c.state == "open",
                    )
                    .values(buyer_id=verified.id)
                    .returning(conversations.c.id)
                )
                conversation_id: str | None = moved.scalar_one_or_none()
        except IntegrityError:
            return None  # the verified buyer's own open conversation keeps its place
        if conversation_id is not None:
            await self._connection.execute(
                update(public_log)
                .where(
                    public_log.c.conversation_id == conversation_id,
                    public_log.c.sender_kind == "buyer",
                    public_log.c.sender_id == visitor.id,
                )
                .values(sender_id=verified.id)
            )
        return conversation_id

    async def add_session(self, session: BuyerSessionRow, secret_hash: str) -> None:
        values: dict[str, Any] = {
            name: getattr(session, name) for name in BuyerSessionRow.__dataclass_fields__
        }
        values |= {"orders": None if session.orders is None else list(session.orders)}
        await self._connection.execute(insert(buyer_sessions).values(values | {"secret_hash": secret_hash}))

    async def session(
        self, *, secret_hash: str | None = None, session_id: str | None = None
    ) -> BuyerSessionRow | None:
        """The session behind a token (today's or the one before its last renewal) or with an id."""
        query = select(*_SESSION)
        if secret_hash is not None:
            either = (buyer_sessions.c.secret_hash, buyer_sessions.c.previous_hash)
            query = query.where(or_(*(column == secret_hash for column in either)))
        else:
            query = query.where(buyer_sessions.c.id == session_id)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _session(row)

    async def renew_session(self, session_id: str, secret_hash: str, *, now: int, expires_at: int) -> bool:
        """Give a session in force a new token and a later end; False when it is over."""
        statement = (
            update(buyer_sessions)
            .where(
                buyer_sessions.c.id == session_id,
                buyer_sessions.c.ended_at.is_(None),
                buyer_sessions.c.expires_at > now,
            )
            .values(
                previous_hash=buyer_sessions.c.secret_hash, secret_hash=secret_hash, expires_at=expires_at
            )
        )
        return bool((await self._connection.execute(statement)).rowcount)

    async def end_sessions(
        self, now: int, *, session_id: str | None = None, buyer_id: str | None = None
    ) -> list[str]:
        """End one session, or all of a buyer; their ids."""
        if session_id is None and buyer_id is None:
            raise ValueError("name whose sessions are to end")
        statement = update(buyer_sessions).where(buyer_sessions.c.ended_at.is_(None))
        if session_id is not None:
            statement = statement.where(buyer_sessions.c.id == session_id)
        if buyer_id is not None:
            statement = statement.where(buyer_sessions.c.buyer_id == buyer_id)
        ended = await self._connection.scalars(statement.values(ended_at=now).returning(buyer_sessions.c.id))
        return list(ended)

    async def forget_sessions(self, before: int) -> None:
        """Delete sessions that were over before `before`."""
        over = or_(buyer_sessions.c.ended_at < before, buyer_sessions.c.expires_at < before)
        await self._connection.execute(delete(buyer_sessions).where(over))

    async def add_code(
        self, secret_hash: str, shop_id: str, claims: Mapping[str, Any], *, expires_at: int, now: int
    ) -> None:
        """Store a code; those that nobody used in time go at the same moment."""
        await self._connection.execute(delete(buyer_codes).where(buyer_codes.c.expires_at <= now))
        await self._connection.execute(
            insert(buyer_codes).values(
                secret_hash=secret_hash, shop_id=shop_id, claims=dict(claims), expires_at=expires_at
            )
        )

    async def take_code(self, secret_hash: str) -> CodeRow | None:
        """Use a code up: of all who try, one gets it, and only once."""
        taken = await self._connection.execute(
            delete(buyer_codes)
            .where(buyer_codes.c.secret_hash == secret_hash)
            .returning(buyer_codes.c.shop_id, buyer_codes.c.claims, buyer_codes.c.expires_at)
        )
        row = taken.one_or_none()
        return None if row is None else CodeRow(*row)

    def _insert(self, table: Any) -> Any:
        postgres = self._connection.dialect.name == "postgresql"
        return postgresql.insert(table) if postgres else sqlite.insert(table)


def _session(row: Any) -> BuyerSessionRow:
    found = BuyerSessionRow(*row)
    return found if found.orders is None else replace(found, orders=tuple(found.orders))
