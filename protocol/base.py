"""The words every message is made of: the strict model, bounded fields, the descriptors of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Bounds

from protocol.errors import ErrorCode


class Wire(BaseModel):
    """A shape that crosses a wire: immutable, unknown fields are an error, nothing is coerced.

    Fail at construction rather than drop a field in silence: a misspelt field is a bug of the sender.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Empty(Wire):
    """Carries nothing: for commands without arguments and replies without data."""


MAX_FRAME_BYTES = 65_536
"""One Socket.IO frame. Protects memory before anything is parsed; files go over HTTP."""
MAX_DEPTH = 8
"""Nesting of a command's JSON. Nothing declared here nests deeper than 4; protects validators and logs."""
MAX_TEXT = 4_000
"""Characters of one chat text: longer than anything typed in a shop chat, far below a frame in any script."""
MAX_HTTP_BODY_BYTES = 1_048_576
"""One HTTP body: 500 live events of 2 kB each."""
MAX_SEQ = 2**53 - 1
"""Sequence numbers are JSON numbers and stay exact in a browser."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
"""A server-made or merchant-made identifier: 1 to 64 of letters, digits, `_ . : -`."""
ClientId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
]
"""A UUIDv7 (RFC 9562) made by the client; the same id again gets the same answer."""
Seq = Annotated[int, Bounds(ge=0, le=MAX_SEQ)]
"""Position in a conversation's log: gapless from 1; 0 means before the first."""
Fence = Annotated[int, Bounds(ge=0, le=MAX_SEQ)]
"""Rises with every change of a conversation's owner; a write with an old one is refused."""
Millis = Annotated[int, Bounds(ge=0, le=MAX_SEQ)]
"""A time: milliseconds since 1970-01-01 UTC, for display; or a length of time in milliseconds."""
WRITTEN = r"^[^\x00]*$"
"""No NUL: PostgreSQL cannot keep one in a text, so no database is given one. (Half a surrogate pair is no
JSON here: `signaling.packets` and `server.http.bodies` refuse it.)"""
SAID = r"^[^\x00]*[^\x00\s][^\x00]*$"
"""The same, and not only white space."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=SAID)]
"""What a person wrote: not only white space."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=SAID)]
"""A name or title on one line."""
Note = Annotated[str, StringConstraints(max_length=2_000, pattern=WRITTEN)]
Token = Annotated[str, StringConstraints(min_length=16, max_length=4_096)]
Cents = Annotated[int, Bounds(ge=0, le=10**12)]
"""Money in the currency's smallest unit (分)."""
Url = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^(https?://|/)[^\s\x00\"'<>\\]*$")]

Namespace = Literal["/buyer", "/agent", "/guest"]
Role = Literal["buyer", "agent", "supervisor", "admin", "guest"]
Locale = Literal["zh-CN", "en"]

Ownership = Literal["none", "shop", "conversation", "assignment", "person", "call"]
"""What must belong to the caller before a command runs.

none: the connection itself is enough. shop: he has a membership in the named shop. conversation: it is
the buyer's own, or an agent's of its shop. assignment: he owns it now (with the fence), or his role may
act on others'. person: it is his own (offer, state). call: he is part of it, or a supervisor of its shop.
Not owning and not existing get the same answer.
"""

RateClass = Literal["write", "read", "mark", "hint", "draw"]
"""Which allowance a command uses up: write (lasting rows), read (history), mark (cursors, reports),
hint (typing), draw (marks on a picture)."""

Scope = Literal["catalogue", "orders", "ingest", "webhooks", "agents:impersonate"]


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a client may ask over a socket. `noun.verb`; always acknowledged with the envelope.

    `request` is a `Wire` model or a named union of them (by `kind`).
    """

    namespace: Namespace
    name: str
    roles: frozenset[Role]
    owns: Ownership
    rate: RateClass
    request: Any
    reply: type[Wire]
    about: str
    errors: tuple[ErrorCode, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing the server says by itself. `noun.past`; only for facts already committed, or hints."""

    name: str
    namespaces: frozenset[Namespace]
    payload: Any
    about: str


HttpAuth = Literal["public", "buyer", "agent", "agent+origin", "key", "admin"]


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP endpoint. `auth` says who may call; `scope` which API key scope it needs.

    `takes` a JSON body of the shape `request`, or the bytes of a picture.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    auth: HttpAuth
    reply: type[Wire]
    about: str
    request: type[Wire] | None = None
    scope: Scope | None = None
    errors: tuple[ErrorCode, ...] = ()
    tags: tuple[str, ...] = field(default=())
    takes: Literal["json", "picture"] = "json"


Json = dict[str, Any]
