"""Agents' sign-ins: password and cookie, the tokens that open sockets, and how all that ends."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from protocol import session
from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth.keys import KeyHolder
from server.auth.passwords import Passwords
from server.auth.permissions import narrowed
from server.auth.secrets import TokenKind, new_token, token_hash
from server.identifiers import new_id
from server.rates import Rates, address_key
from server.storage.database import Database, Reader, Unit
from server.storage.people import Person, SignIn
from signaling.ports import Client, Revision

audit = logging.getLogger("livedesk.audit")

IDLE_MS = 12 * 3_600_000
"""A sign-in that nobody used for so long is over: a shift and its overtime, not the night after it."""
ABSOLUTE_MS = 7 * 86_400_000
"""A sign-in is over a week after it began, however much it is used."""
SEEN_EVERY_MS = 60_000
"""How exactly the last use is kept: one write a minute, not one a request."""
SOCKET_TOKEN_MS = 60_000
IMPERSONATION_MS = 3_600_000
"""A sign-in made with an API key: long enough for a run of tests, and the key can make another."""
SIGN_INS = 20
"""Sign-ins that a person has at the same time; the oldest gives way."""
SHOWN_SIGN_INS = 100
MAX_BROWSER = 300


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who holds an agent's cookie."""

    session_id: str
    person_id: str
    expires_at: int


def folded(login: str) -> str:
    """A login as it is stored and compared: 工号, phone or e-mail in any case and width."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


class SignIns:
    """The sign-ins of agents. Every refusal is a `Refused` with a code that its route declares."""

    def __init__(
        self,
        database: Database,
        counter: Rates,
        passwords: Passwords,
        *,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._database = database
        self._counter = counter
        self._passwords = passwords
        self._new_id = new_id

    async def login(
        self, request: session.Login, client: Client, *, replaces: str | None = None
    ) -> tuple[session.Me, str]:
        """The person and a new cookie secret. `replaces`: the cookie that the browser had, which ends.

        An unknown login, a wrong password and a disabled person look and cost the same.
        """
        login = folded(request.login)
        await self._counter.spend(rates.LOGIN_ADDRESS, address_key(client.address))
        await self._counter.spend(rates.LOGIN_NAME, login)
        async with self._database.read() as reader:
            person = await reader.people.by_login(login)
        right = await self._passwords.verify(
            None if person is None else person.password_hash, request.password
        )
        if person is None or not right or person.disabled_at is not None:
            audit.info("login.failed", extra={"person_id": None if person is None else person.id})
            raise Refused(ErrorCode.login_failed)
        stronger = None
        if self._passwords.outdated(person.password_hash):
            stronger = await self._passwords.hash_again(request.password)
        secret, now = new_token(TokenKind.agent_session), self._database.clock()
        sign_in = self._sign_in(person.id, client, now, ABSOLUTE_MS)
        async with self._database.write() as unit:
            current = await unit.people.get(person.id)
            if (
                current is None
                or current.disabled_at is not None
                or current.password_hash != person.password_hash
            ):
                raise Refused(ErrorCode.login_failed)
            if stronger is not None:
                await unit.people.change(person.id, password_hash=stronger)
            await unit.people.add_sign_in(sign_in, token_hash(secret, TokenKind.agent_session))
            await self._end_others(unit, person.id, sign_in.id, replaces, now)
            me = await _me(unit, current, None)
        audit.info("login", extra={"person_id": person.id, "session_id": sign_in.id})
        return me, secret

    async def signed_in(self, cookie: str) -> SignedIn:
        """Who holds the cookie. Raises `Refused`: unauthenticated, session_expired or session_revoked."""
        now = self._database.clock()
        async with self._database.read() as reader:
            found = await reader.people.sign_in(secret_hash=token_hash(cookie, TokenKind.agent_session))
            await in_force(reader, found, now)
        assert found is not None  # noqa: S101 - what is not there is not in force
        await self._counter.spend(rates.SIGNED_IN, found.id)
        if now - found.seen_at >= SEEN_EVERY_MS:
            async with self._database.write() as unit:
                await unit.people.seen([found.id], now)
        return SignedIn(found.id, found.person_id, found.expires_at)

    async def me(self, signed_in: SignedIn) -> session.Me:
        """The person with his shops."""
        async with self._database.read() as reader:
            person = await reader.people.get(signed_in.person_id)
            found = await reader.people.sign_in(session_id=signed_in.session_id)
            if person is None or found is None:
                raise Refused(ErrorCode.unauthenticated)
            return await _me(reader, person, found.only_shop_id)

    async def list(self, signed_in: SignedIn) -> session.AgentSessions:
        """All sign-ins of the person in force, those made with API keys in his name among them."""
        now = self._database.clock()
        async with self._database.read() as reader:
            found = await reader.people.sign_ins(
                signed_in.person_id, now=now, seen_after=now - IDLE_MS, most=SHOWN_SIGN_INS
            )
        return session.AgentSessions(
            sessions=[
                session.AgentSession(
                    session_id=row.id,
                    current=row.id == signed_in.session_id,
                    created_at=row.created_at,
                    seen_at=row.seen_at,
                    address=row.address,
                    agent=row.browser,
                )
                for row in found
            ]
        )

    async def end(self, signed_in: SignedIn, session_id: str) -> None:
        """End one of one's own sign-ins. Another's, and one that is not there, are both `not_found`."""
        now = self._database.clock()
        async with self._database.write() as unit:
            ended = await unit.people.end_sign_ins(now, session_id=session_id, person_id=signed_in.person_id)
            if not ended:
                raise Refused(ErrorCode.not_found)
            await unit.revisions.add([Revision("session", session_id)], now)
        audit.info("login.ended", extra={"person_id": signed_in.person_id, "session_id": session_id})

    async def socket_token(self, signed_in: SignedIn) -> session.SocketToken:
        """A token for one `/agent` socket."""
        async with self._database.write() as unit:
            return await self._socket_token(unit, signed_in.session_id)

    async def impersonate(self, holder: KeyHolder, request: session.Impersonate) -> session.SocketToken:
        """A socket token in the name of an agent of the key's shop, good in that shop alone."""
        await self._counter.spend(rates.IMPERSONATE, holder.key_id)
        now = self._database.clock()
        async with self._database.write() as unit:
            person = await unit.people.by_login(folded(request.login))
            works_here = person is not None and holder.shop_id in await unit.people.memberships(person.id)
            if person is None or not works_here or person.disabled_at is not None:
                raise Refused(ErrorCode.not_found)
            maker = Client(address=key_address(holder.key_id), origin=None, browser="API key")
            sign_in = self._sign_in(person.id, maker, now, IMPERSONATION_MS, holder.shop_id)
            # Nobody is given this secret: the sign-in opens sockets, never pages.
            nobodys = token_hash(new_token(TokenKind.agent_session), TokenKind.agent_session)
            await unit.people.add_sign_in(sign_in, nobodys)
            token = await self._socket_token(unit, sign_in.id)
        audit.info(
            "login.impersonated",
            extra={"person_id": person.id, "key_id": holder.key_id, "session_id": sign_in.id},
        )
        return token

    def _sign_in(
        self, person_id: str, client: Client, now: int, lasts_ms: int, only_shop_id: str | None = None
    ) -> SignIn:
        return SignIn(
            id=self._new_id(),
            person_id=person_id,
            created_at=now,
            seen_at=now,
            expires_at=now + lasts_ms,
            ended_at=None,
            address=client.address[:64],
            browser=client.browser[:MAX_BROWSER],
            only_shop_id=only_shop_id,
        )

    async def _end_others(
        self, unit: Unit, person_id: str, new_id: str, replaces: str | None, now: int
    ) -> None:
        """End the sign-in that this browser had, whoever it was, and the oldest beyond the limit."""
        ended: list[str] = []
        if replaces is not None:
            try:
                secret_hash = token_hash(replaces, TokenKind.agent_session)
            except Refused:
                replaced = None
            else:
                replaced = await unit.people.sign_in(secret_hash=secret_hash)
            if replaced is not None:
                ended += await unit.people.end_sign_ins(now, session_id=replaced.id)
        living = await unit.people.sign_ins(
            person_id, now=now, seen_after=now - IDLE_MS, most=SHOWN_SIGN_INS + SIGN_INS
        )
        own = [row for row in living if row.only_shop_id is None and row.id != new_id]
        for row in own[SIGN_INS - 1 :]:
            ended += await unit.people.end_sign_ins(now, session_id=row.id)
        await unit.revisions.add([Revision("session", session_id) for session_id in ended], now)

    async def _socket_token(self, unit: Unit, session_id: str) -> session.SocketToken:
        token, now = new_token(TokenKind.socket), self._database.clock()
        expires_at = now + SOCKET_TOKEN_MS
        await unit.people.add_socket_token(token_hash(token, TokenKind.socket), session_id, expires_at, now)
        return session.SocketToken(token=token, expires_at=expires_at)


def key_address(key_id: str) -> str:
    """Stands where the address of a sign-in stands, so that a revoked key ends what it made."""
    return f"key:{key_id}"


async def in_force(reader: Reader, found: SignIn | None, now: int) -> Person:
    """The person of a sign-in. Raises `Refused` with the reason why it is not in force."""
    if found is None:
        raise Refused(ErrorCode.unauthenticated)
    person = await reader.people.get(found.person_id)
    if found.ended_at is not None or person is None or person.disabled_at is not None:
        raise Refused(ErrorCode.session_revoked)
    if found.expires_at <= now or found.seen_at + IDLE_MS <= now:
        raise Refused(ErrorCode.session_expired)
    return person


async def _me(reader: Reader, person: Person, only_shop_id: str | None) -> session.Me:
    roles = narrowed(await reader.people.memberships(person.id), only_shop_id)
    names = await reader.people.shop_names(person.id)
    return session.Me(
        person_id=person.id,
        name=person.display_name,
        memberships=[
            session.Membership(
                shop_id=shop_id,
                shop_name=names[shop_id],
                role="agent" if role == "buyer" or role == "guest" else role,
            )
            for shop_id, role in roles.items()
        ],
    )
