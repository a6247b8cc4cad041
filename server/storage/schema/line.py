"""Who serves what, who is there, and the line: tickets, offers, assignments."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

groups = Table(
    "groups",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
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
    of("group_id", "groups.id"),
    of("person_id", "people.id"),
    PrimaryKeyConstraint("group_id", "person_id"),
    Index(None, "person_id"),
)

skills = Table(
    "skills",
    metadata,
    of("person_id", "people.id"),
    of("shop_id", "shops.id"),
    Column("skill", String(64), nullable=False),
    Column("level", Integer, nullable=False),
    PrimaryKeyConstraint("person_id", "shop_id", "skill"),
)

routing_rules = Table(
    "routing_rules",
    metadata,
    of("shop_id", "shops.id"),
    Column("position", Integer, nullable=False),
    Column("condition", Document, nullable=False),
    of("group_id", "groups.id"),
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
    of("person_id", "people.id"),
    Column("node_id", Id, nullable=False),
    Column("until", Millis, nullable=False),
    PrimaryKeyConstraint("person_id", "node_id"),
)
"""Until when each node that holds a person's sockets says that he is there."""

tickets = Table(
    "tickets",
    metadata,
    own_id(),
    of("conversation_id", "conversations.id"),
    of("shop_id", "shops.id"),
    of("group_id", "groups.id"),
    Column("requirements", Document, nullable=False),
    Column("state", String(8), nullable=False),
    Column("joined_at", Millis, nullable=False),
    Column("head_start_s", Integer, nullable=False),
    Column("priority", Millis, nullable=False),
    Column("units", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("refused_by", Document, nullable=False),
    of("preferred_id", "people.id", nullable=True),
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
    own_id(),
    of("ticket_id", "tickets.id"),
    of("conversation_id", "conversations.id"),
    of("person_id", "people.id"),
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
    of("conversation_id", "conversations.id"),
    of("ticket_id", "tickets.id"),
    Column("fence", BigInteger, nullable=False),
    of("person_id", "people.id"),
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
