"""The tables. Times are epoch milliseconds (UTC, for display and deadlines); ids are made by the server.

Every row of a shop carries `shop_id`; every query on one names it. What must hold in any state stands
here as a constraint, not in code: one open conversation per buyer, shop and channel; one seq per place in
a log; one client id per sender and conversation; one active ticket and one active owner per conversation.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(64)
Millis = BigInteger
Document = JSON().with_variant(JSONB(), "postgresql")


def _id() -> Column[str]:
    return Column("id", Id, primary_key=True)


def _of(name: str, target: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Id, ForeignKey(target), nullable=nullable)


meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)
"""`epoch` (opaque, made once a database), `secret` (seals what must be read again)."""

shops = Table(
    "shops",
    metadata,
    _id(),
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
    _of("shop_id", "shops.id"),
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
    _id(),
    _of("shop_id", "shops.id"),
    Column("name", String(200), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("scopes", Document, nullable=False),
    Column("created_at", Millis, nullable=False),
    Column("revoked_at", Millis),
)

people = Table(
    "people",
    metadata,
    _id(),
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
    _of("person_id", "people.id"),
)
"""工号, phone or e-mail, folded to lower case; several may lead to one person."""

memberships = Table(
    "memberships",
    metadata,
    _of("person_id", "people.id"),
    _of("shop_id", "shops.id"),
    Column("role", String(16), nullable=False),
    PrimaryKeyConstraint("person_id", "shop_id"),
    Index(None, "shop_id"),
)

agent_sessions = Table(
    "agent_sessions",
    metadata,
    _id(),
    _of("person_id", "people.id"),
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
    _of("session_id", "agent_sessions.id"),
    Column("expires_at", Millis, nullable=False),
)
"""60 s, single use: admitted by deleting the row."""

buyers = Table(
    "buyers",
    metadata,
    _id(),
    _of("shop_id", "shops.id"),
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
    _id(),
    _of("buyer_id", "buyers.id"),
    _of("shop_id", "shops.id"),
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
    _of("shop_id", "shops.id"),
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

groups = Table(
    "groups",
    metadata,
    _id(),
    _of("shop_id", "shops.id"),
    Column("name", String(200), nullable=False),
    Column("accept", String(8), nullable=False, server_default="auto"),
    Column("offer_seconds", Integer, nullable=False, server_default="20"),
    Column("is_default", Boolean, nullable=False),
    Column("line_version", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("shop_id", "name"),
)
"""Skill groups (技能组). `line_version` is raised in every transaction that changes the group's line."""

group_members = Table(
    "group_members",
    metadata,
    _of("group_id", "groups.id"),
    _of("person_id", "people.id"),
    PrimaryKeyConstraint("group_id", "person_id"),
    Index(None, "person_id"),
)

skills = Table(
    "skills",
    metadata,
    _of("person_id", "people.id"),
    _of("shop_id", "shops.id"),
    Column("skill", String(64), nullable=False),
    Column("level", Integer, nullable=False),
    PrimaryKeyConstraint("person_id", "shop_id", "skill"),
)

routing_rules = Table(
    "routing_rules",
    metadata,
    _of("shop_id", "shops.id"),
    Column("position", Integer, nullable=False),
    Column("condition", Document, nullable=False),
    _of("group_id", "groups.id"),
    Column("requirements", Document, nullable=False),
    PrimaryKeyConstraint("shop_id", "position"),
)
"""Ordered, first match wins. `condition`: any of entry_point, product_category, language, tier."""

seats = Table(
    "seats",
    metadata,
    Column("person_id", Id, ForeignKey("people.id"), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("reason", String(200)),
    Column("since", Millis, nullable=False),
    Column("idle_since", Millis, nullable=False),
    Column("lease_until", Millis, nullable=False),
    Column("misses", Integer, nullable=False, server_default="0"),
    Column("units_capacity", Integer, nullable=False, server_default="100"),
    Column("units_used", Integer, nullable=False, server_default="0"),
)
"""A person's place at the desk: one state, one lease and one capacity over all his shops.

`lease_until` is the latest of his `seat_leases`, kept here so that who is there is one column away.
`units_used` is the sum over his open offers and assignments.
"""

seat_leases = Table(
    "seat_leases",
    metadata,
    _of("person_id", "people.id"),
    Column("node_id", Id, nullable=False),
    Column("until", Millis, nullable=False),
    PrimaryKeyConstraint("person_id", "node_id"),
)
"""Until when each node that holds a person's sockets says that he is there."""

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _of("shop_id", "shops.id"),
    _of("buyer_id", "buyers.id"),
    Column("channel", String(16), nullable=False, server_default="chat"),
    Column("state", String(8), nullable=False),
    Column("locale", String(8), nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("desk_last_seq", BigInteger, nullable=False, server_default="0"),
    _of("owner_id", "people.id", nullable=True),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("buyer_delivered", BigInteger, nullable=False, server_default="0"),
    Column("buyer_read", BigInteger, nullable=False, server_default="0"),
    Column("agent_delivered", BigInteger, nullable=False, server_default="0"),
    Column("agent_read", BigInteger, nullable=False, server_default="0"),
    Column("owed_since", Millis),
    Column("preview", String(200), nullable=False, server_default=""),
    Column("opened_at", Millis, nullable=False),
    Column("closed_at", Millis),
    Column("live_session_id", Id),
    Column("position_ms", Millis),
    Column("product_id", Id),
    Column("order_id", Id),
    Column("topic", String(200)),
    Index(
        "uq_conversations_open",
        "shop_id",
        "buyer_id",
        "channel",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "shop_id", "opened_at"),
    Index(None, "buyer_id", "opened_at"),
    Index(
        "ix_conversations_owner",
        "owner_id",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)
"""`owed_since`: time of the oldest buyer's message that no agent has answered. `preview`: the newest text."""


def _log(name: str, *extra: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        _of("conversation_id", "conversations.id"),
        Column("seq", BigInteger, nullable=False),
        Column("message_id", Id, nullable=False),
        Column("client_id", String(36)),
        Column("sender_kind", String(8), nullable=False),
        Column("sender_id", Id),
        Column("sender_name", String(200)),
        Column("sent_at", Millis, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("body", Text, nullable=False),
        *extra,
        PrimaryKeyConstraint("conversation_id", "seq"),
        # Client ids begin with their time: put first, a batch changes one page of this index, not many.
        UniqueConstraint("client_id", "sender_id", "conversation_id"),
        sqlite_with_rowid=False,
    )


public_log = _log(
    "public_log",
    Column("recalled_seq", BigInteger),
    Index(
        "uq_public_log_recalled",
        "conversation_id",
        "recalled_seq",
        unique=True,
        sqlite_where=text("recalled_seq is not null"),
        postgresql_where=text("recalled_seq is not null"),
    ),
)
"""All that a buyer may see. Append-only; `body` is JSON text; `recalled_seq` stands on recall entries."""
desk_log = _log("desk_log")
"""Notes and reasons: agents only."""

tickets = Table(
    "tickets",
    metadata,
    _id(),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    _of("shop_id", "shops.id"),
    _of("group_id", "groups.id"),
    Column("requirements", Document, nullable=False),
    Column("state", String(8), nullable=False),
    Column("joined_at", Millis, nullable=False),
    Column("head_start_s", Integer, nullable=False),
    Column("priority", Millis, nullable=False),
    Column("units", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("refused_by", Document, nullable=False),
    _of("preferred_id", "people.id", nullable=True),
    Column("preferred_until", Millis, nullable=False, server_default="0"),
    Column("transfers", Integer, nullable=False, server_default="0"),
    Index(
        "uq_tickets_live",
        "conversation_id",
        unique=True,
        sqlite_where=text("state <> 'done'"),
        postgresql_where=text("state <> 'done'"),
    ),
    Index(
        "ix_tickets_waiting",
        "shop_id",
        sqlite_where=text("state in ('waiting', 'offered')"),
        postgresql_where=text("state in ('waiting', 'offered')"),
    ),
    Index(
        "ix_tickets_line",
        "group_id",
        "state",
        "priority",
        "joined_at",
        "id",
        sqlite_where=text("state <> 'done'"),
        postgresql_where=text("state <> 'done'"),
    ),
    Index(None, "conversation_id", "fence"),
)
"""A conversation's place in a group's line. `joined_at` is kept over misses and transfers.

`priority` is `joined_at` less the head start: the line's order, with `joined_at` and `id` for equals.
"""

offers = Table(
    "offers",
    metadata,
    _id(),
    _of("ticket_id", "tickets.id"),
    _of("conversation_id", "conversations.id"),
    _of("person_id", "people.id"),
    Column("fence", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("made_at", Millis, nullable=False),
    Column("expires_at", Millis, nullable=False),
    Column("why", Document, nullable=False),
    Index(
        "uq_offers_open",
        "ticket_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "person_id", "state"),
    Index(
        "ix_offers_due",
        "expires_at",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)
"""A ticket held out to one person; `why` goes on to the assignment that it becomes."""

assignments = Table(
    "assignments",
    metadata,
    _of("conversation_id", "conversations.id"),
    _of("ticket_id", "tickets.id"),
    Column("fence", BigInteger, nullable=False),
    _of("person_id", "people.id"),
    Column("since", Millis, nullable=False),
    Column("until", Millis),
    Column("reason", String(16), nullable=False),
    Column("ended_by", String(16)),
    Column("why", Document, nullable=False),
    PrimaryKeyConstraint("conversation_id", "fence"),
    Index(
        "uq_assignments_active",
        "conversation_id",
        unique=True,
        sqlite_where=text("until is null"),
        postgresql_where=text("until is null"),
    ),
    Index(
        "ix_assignments_owned",
        "person_id",
        sqlite_where=text("until is null"),
        postgresql_where=text("until is null"),
    ),
)
"""Who owned what, from when to when, and why: the candidates that were considered."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", Id, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Millis, nullable=False),
)
"""`line`: the one node that decides at a time."""

products = Table(
    "products",
    metadata,
    _of("shop_id", "shops.id"),
    Column("id", Id, nullable=False),
    Column("title", String(200), nullable=False),
    Column("price", BigInteger),
    Column("currency", String(3), nullable=False),
    Column("category", String(200)),
    Column("picture", Text),
    Column("updated_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
)

orders = Table(
    "orders",
    metadata,
    _of("shop_id", "shops.id"),
    Column("id", Id, nullable=False),
    Column("buyer_subject", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("placed_at", Millis, nullable=False),
    Column("paid_at", Millis),
    Column("total", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("receiver_name", String(200)),
    Column("receiver_phone", String(200)),
    Column("receiver_address", String(200)),
    Column("updated_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "buyer_subject", "placed_at"),
    Index(None, "shop_id", "placed_at"),
)
"""Receiver fields are stored masked; the whole never reaches the disk."""

order_lines = Table(
    "order_lines",
    metadata,
    _of("shop_id", "shops.id"),
    Column("order_id", Id, nullable=False),
    Column("line_id", Id, nullable=False),
    Column("place", Integer, nullable=False),
    Column("product_id", Id, nullable=False),
    Column("sku", String(200)),
    Column("title", String(200), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("live_session_id", Id),
    Column("position_ms", Millis),
    PrimaryKeyConstraint("shop_id", "order_id", "line_id"),
    Index(None, "shop_id", "product_id"),
)

live_sessions = Table(
    "live_sessions",
    metadata,
    _of("shop_id", "shops.id"),
    Column("id", Id, nullable=False),
    Column("room", String(200), nullable=False),
    Column("title", String(200), nullable=False),
    Column("started_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Column("delay_ms", Millis, nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("shop_id", "id"),
)

live_events = Table(
    "live_events",
    metadata,
    _of("shop_id", "shops.id"),
    Column("live_session_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("source_event_id", Id, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Millis, nullable=False),
    Column("product_id", Id),
    Column("body", Document, nullable=False),
    Column("received_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "live_session_id", "seq"),
    UniqueConstraint("shop_id", "live_session_id", "source_event_id"),
    Index(None, "shop_id", "product_id", "kind", "at"),
)
"""What happened on stream, append-only; `body` holds the fields of its kind."""

provenances = Table(
    "provenances",
    metadata,
    _of("shop_id", "shops.id"),
    Column("order_id", Id, nullable=False),
    Column("line_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", Document, nullable=False),
    Column("bound_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "order_id", "line_id", "version"),
)
"""The birth certificates, one row a version: a later event makes a new row, none is ever changed."""

selftests = Table(
    "selftests",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("received_at", Millis, nullable=False),
    Column("kept_until", Millis, nullable=False),
    Column("body", Document, nullable=False),
    Index(None, "kept_until"),
)
"""What browsers can do for calls. `digest` is of the body, so that the same report is one row."""

case_counters = Table(
    "case_counters",
    metadata,
    Column("shop_id", Id, ForeignKey("shops.id"), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The number of each shop's newest case: raised in the transaction that opens it, so none is given twice."""

cases = Table(
    "cases",
    metadata,
    _id(),
    _of("shop_id", "shops.id"),
    Column("number", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    _of("conversation_id", "conversations.id"),
    _of("buyer_id", "buyers.id"),
    Column("order_id", Id),
    _of("holder_id", "people.id", nullable=True),
    Column("client_id", String(36), nullable=False),
    Column("call_id", Id),
    Column("last_seq", Integer, nullable=False),
    Column("opened_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    Column("closed_at", Millis),
    UniqueConstraint("shop_id", "number"),
    UniqueConstraint("conversation_id", "client_id"),
    Index(None, "shop_id", "updated_at"),
    Index(None, "holder_id", "updated_at"),
)
"""Cases (工单). `number` counts within the shop; `state` is one of `aftersales.cases`; `call_id` is the
recorded call that opened it, if one did."""

case_entries = Table(
    "case_entries",
    metadata,
    _of("case_id", "cases.id"),
    Column("seq", Integer, nullable=False),
    Column("client_id", String(36), nullable=False),
    _of("person_id", "people.id"),
    Column("person_name", String(200), nullable=False),
    Column("at", Millis, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Document, nullable=False),
    PrimaryKeyConstraint("case_id", "seq"),
    UniqueConstraint("case_id", "person_id", "client_id"),
)
"""A case's history, append-only and gapless from 1."""
