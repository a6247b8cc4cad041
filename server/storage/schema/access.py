"""Shops, everybody who comes in, by which key, and what he answers for."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

shops = Table(
    "shops",
    metadata,
    own_id(),
    Column("name", String(200), nullable=False),
    Column("locale", String(8), nullable=False, server_default="zh-CN"),
    Column("accent", String(7)),
    Column("anonymous", Boolean, nullable=False),
    Column("origins", Document, nullable=False),
    Column("created_at", Millis, nullable=False),
    Column("recordings_kept_days", Integer, nullable=False, server_default="180"),
    Column("recordings_statutory_days", Integer),
)

identity_keys = Table(
    "identity_keys",
    metadata,
    of("shop_id", "shops.id"),
    Column("kid", Id, nullable=False),
    Column("alg", String(8), nullable=False),
    Column("material", Text, nullable=False),
    Column("created_at", Millis, nullable=False),
    Column("revoked_at", Millis),
    PrimaryKeyConstraint("shop_id", "kid"),
)
"""`material`: a public JWK, or for HS256 the secret sealed with `meta.secret`."""

api_keys = Table(
    "api_keys",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    Column("name", String(200), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("scopes", Document, nullable=False),
    Column("created_at", Millis, nullable=False),
    Column("revoked_at", Millis),
)

people = Table(
    "people",
    metadata,
    own_id(),
    Column("display_name", String(200), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("disabled_at", Millis),
    Column("created_at", Millis, nullable=False),
)
"""An agent is a person; `display_name` (花名) is all that buyers ever see of him."""

logins = Table(
    "logins",
    metadata,
    Column("login", String(200), primary_key=True),
    of("person_id", "people.id"),
)
"""工号, phone or e-mail, folded to lower case; several may lead to one person."""

memberships = Table(
    "memberships",
    metadata,
    of("person_id", "people.id"),
    of("shop_id", "shops.id"),
    Column("role", String(16), nullable=False),
    PrimaryKeyConstraint("person_id", "shop_id"),
    Index(None, "shop_id"),
)

agent_sessions = Table(
    "agent_sessions",
    metadata,
    own_id(),
    of("person_id", "people.id"),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("created_at", Millis, nullable=False),
    Column("seen_at", Millis, nullable=False),
    Column("expires_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Column("address", String(64), nullable=False),
    Column("browser", String(300), nullable=False),
    Column("only_shop_id", Id),
    Index(None, "person_id"),
)
"""A sign-in. `only_shop_id` narrows one made by an API key (`agents:impersonate`) to the key's shop."""

socket_tokens = Table(
    "socket_tokens",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    of("session_id", "agent_sessions.id"),
    Column("expires_at", Millis, nullable=False),
)
"""60 s, single use: admitted by deleting the row."""

buyers = Table(
    "buyers",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    Column("subject", String(64)),
    Column("visitor_hash", String(64), unique=True),
    Column("name", String(200)),
    Column("tier", String(64)),
    Column("created_at", Millis, nullable=False),
    UniqueConstraint("shop_id", "subject"),
)
"""`subject` is the `sub` of the merchant's identity; a visitor has a secret in his browser instead."""

buyer_sessions = Table(
    "buyer_sessions",
    metadata,
    own_id(),
    of("buyer_id", "buyers.id"),
    of("shop_id", "shops.id"),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("previous_hash", String(64), unique=True),
    Column("locale", String(8), nullable=False),
    Column("orders", Document),
    Column("created_at", Millis, nullable=False),
    Column("expires_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Index(None, "buyer_id"),
)
"""`orders`: the order ids that the identity named, or null where it named none.

`previous_hash`: the token before the last renewal still opens the session, for a renewal's answer may be lost
and another tab may not have read the new one yet.
"""

buyer_codes = Table(
    "buyer_codes",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    of("shop_id", "shops.id"),
    Column("claims", Document, nullable=False),
    Column("expires_at", Millis, nullable=False),
)
"""One-time codes for links, 60 s; used by deleting the row."""

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(8), nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("at", Millis, nullable=False),
    sqlite_autoincrement=True,
)
"""Sessions ended, people disabled or changed: open sockets read on from a number they remember."""

audit = Table(
    "audit",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    Column("at", Millis, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("about", Document, nullable=False),
    Index(None, "shop_id", "at"),
    Index(None, "subject_id"),
)
"""Who did what that must be answered for: supervisors in calls, guests let in, recordings watched and ended.
Append-only."""
