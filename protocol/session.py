"""Sessions: how a buyer, an agent and a merchant's server prove who they are, and how that ends."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from protocol.base import Empty, Id, Line, Locale, Millis, Token, Wire


class Connect(Wire):
    """The Socket.IO auth payload."""

    token: Token


class Renew(Empty):
    """Asks for a fresh token on a living session."""


class Renewed(Wire):
    """The token to use from now on, and until when."""

    token: Token
    expires_at: Millis


class Ended(Wire):
    """This session is over; the socket closes next. `code` says why."""

    code: Literal["session_expired", "session_revoked", "forbidden", "too_many", "too_large", "rate_limited"]
    message: str


class ServerStopped(Wire):
    """This server stops; connect again after `retry_after_ms` (spread by chance)."""

    retry_after_ms: Millis


class BuyerSessionRequest(Wire):
    """Starts a buyer's session: with a merchant-signed identity, a one-time code, or as a visitor.

    `visitor` is the secret this browser got as a visitor: without an identity it brings the same
    visitor back; with one, his open conversation goes on under the verified buyer.
    """

    shop: Id
    identity: Token | None = None
    code: Token | None = None
    visitor: Token | None = None
    locale: Locale | None = None


class BuyerSession(Wire):
    """A buyer's session. `visitor` comes with a new visitor only and is kept by his browser."""

    token: Token
    expires_at: Millis
    buyer_id: Id
    name: Line | None = None
    verified: bool
    visitor: Token | None = None


class BuyerCodeRequest(Wire):
    """Trades a signed identity for a one-time code that may stand in a link (60 s)."""

    shop: Id
    identity: Token


class BuyerCode(Wire):
    """Good once, until `expires_at`."""

    code: Token
    expires_at: Millis


class EndBuyerSession(Empty):
    """Ends the buyer session whose token is the bearer."""


class WidgetShop(Wire):
    """What the widget must know of a shop before anybody signs in."""

    shop_id: Id
    name: Line
    locale: Locale
    anonymous: bool
    accent: str | None = Field(default=None, pattern="^#[0-9a-fA-F]{6}$")
    origins: list[str] = Field(max_length=100)


class Login(Wire):
    """An agent signs in with 工号, phone or e-mail, and his password."""

    login: Line
    password: str = Field(min_length=1, max_length=200)


class Membership(Wire):
    """A shop in which a person works, and as what."""

    shop_id: Id
    shop_name: Line
    role: Literal["agent", "supervisor", "admin"]


class Me(Wire):
    """The signed-in person."""

    person_id: Id
    name: Line
    memberships: list[Membership] = Field(max_length=100)


class AgentSession(Wire):
    """One of a person's sign-ins."""

    session_id: Id
    current: bool
    created_at: Millis
    seen_at: Millis
    address: str
    agent: str = Field(max_length=300, description="The browser's own description of itself.")


class AgentSessions(Wire):
    """All living sign-ins, newest first."""

    sessions: list[AgentSession] = Field(max_length=100)


class SocketToken(Wire):
    """Opens one `/agent` socket within 60 s."""

    token: Token
    expires_at: Millis


class Impersonate(Wire):
    """Asks for a socket token in an agent's name, for tests and integrations of the shop's own server."""

    login: Line
