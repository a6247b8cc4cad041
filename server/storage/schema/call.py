"""Calls, and what browsers can do for them. A conversation's row is the lock of its calls."""

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
    Text,
    UniqueConstraint,
    text,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

_LIVE = "state <> 'ended'"
_AT_WORK = "role = 'agent' and state <> 'left'"
_SIDES = "role in ('buyer', 'agent') and state <> 'left'"

calls = Table(
    "calls",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    of("conversation_id", "conversations.id"),
    Column("buyer_id", Id, nullable=False),
    Column("client_id", String(36), nullable=False),
    Column("media", String(8), nullable=False),
    Column("state", String(10), nullable=False),
    Column("invited_by", String(8), nullable=False),
    Column("rang_at", Millis, nullable=False),
    Column("ring_until", Millis, nullable=False),
    Column("due", Millis),
    Column("next_due", Millis),
    Column("answered_at", Millis),
    Column("connected_at", Millis),
    Column("ended_at", Millis),
    Column("reason", String(24)),
    Column("ended_by", String(10)),
    Column("recording", String(8), nullable=False),
    Column("recording_code", String(64)),
    Column("revision", BigInteger, nullable=False),
    Column("marks", BigInteger, nullable=False, server_default="0"),
    Column("boot_id", Id),
    Index(
        "uq_calls_live",
        "conversation_id",
        unique=True,
        sqlite_where=text(_LIVE),
        postgresql_where=text(_LIVE),
    ),
    UniqueConstraint("conversation_id", "client_id"),
    Index("ix_calls_due", "next_due", sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)),
    Index("ix_calls_shop", "shop_id", "rang_at", sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)),
)
"""One that is not over at most per conversation. `next_due`: when a sweep has something to do at the latest.

`marks` counts the track of marks. `boot_id` names the run of a server that carries the call: with it the room
is gone.
"""

call_participants = Table(
    "call_participants",
    metadata,
    own_id(),
    of("call_id", "calls.id"),
    Column("place", Integer, nullable=False),
    Column("role", String(10), nullable=False),
    Column("person_id", Id, nullable=False),
    Column("name", String(200), nullable=False),
    Column("mode", String(8)),
    Column("state", String(12), nullable=False),
    Column("reconnect_until", Millis),
    Column("lost", String(10)),
    Column("camera", Boolean, nullable=False),
    Column("microphone", Boolean, nullable=False),
    Column("screen", Boolean, nullable=False),
    Column("controls", Document),
    Column("consent", String(9), nullable=False),
    Column("leg_id", Id),
    Column("rejoin_hash", String(64)),
    Column("level", String(8)),
    Column("step", String(16)),
    Column("reports", Integer, nullable=False, server_default="0"),
    Column("link_hash", String(64), unique=True),
    Column("link_until", Millis),
    UniqueConstraint("call_id", "place"),
    Index(
        "uq_call_participants_sides",
        "call_id",
        "role",
        unique=True,
        sqlite_where=text(_SIDES),
        postgresql_where=text(_SIDES),
    ),
    Index(
        "uq_call_participants_at_work",
        "person_id",
        unique=True,
        sqlite_where=text(_AT_WORK),
        postgresql_where=text(_AT_WORK),
    ),
    Index(
        "ix_call_participants_person",
        "person_id",
        sqlite_where=text("state <> 'left'"),
        postgresql_where=text("state <> 'left'"),
    ),
)
"""Who is or was in a call. One buyer and one agent live in each, and an agent in one call at a time.

`controls` is what can be set of his camera. `link_hash` is what is kept of a guest's token. `level` and
`step` are the last ones told.
"""

call_consents = Table(
    "call_consents",
    metadata,
    of("participant_id", "call_participants.id"),
    Column("number", Integer, nullable=False),
    of("call_id", "calls.id"),
    Column("granted", Boolean, nullable=False),
    Column("text_version", Id, nullable=False),
    Column("locale", String(8), nullable=False),
    Column("at", Millis, nullable=False),
    PrimaryKeyConstraint("participant_id", "number"),
    Index(None, "call_id"),
)
"""What each participant said to being recorded, to which text, when. Append-only."""

call_marks = Table(
    "call_marks",
    metadata,
    of("call_id", "calls.id"),
    Column("seq", BigInteger, nullable=False),
    Column("participant_id", Id, nullable=False),
    Column("mark_id", String(36), nullable=False),
    Column("at", Millis, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("call_id", "seq"),
    Index(None, "call_id", "mark_id"),
)
"""The track of marks: what was drawn on which picture, beside a recording that stays clean. Append-only."""

call_held = Table(
    "call_held",
    metadata,
    of("call_id", "calls.id"),
    Column("participant_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("picture", Text, nullable=False),
    PrimaryKeyConstraint("call_id", "participant_id"),
)
"""The frame at which a participant's picture is held now, by the mark that holds it. Nobody agreed to its
being kept: it goes with the hold, and with the call."""

call_quality = Table(
    "call_quality",
    metadata,
    of("participant_id", "call_participants.id"),
    Column("number", Integer, nullable=False),
    of("call_id", "calls.id"),
    Column("at", Millis, nullable=False),
    Column("level", String(8), nullable=False),
    Column("body", Document, nullable=False),
    PrimaryKeyConstraint("participant_id", "number"),
    Index(None, "call_id"),
)
"""What each browser measured, one row a report."""

call_bookings = Table(
    "call_bookings",
    metadata,
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True),
    Column("at", Millis, nullable=False),
    Column("media", String(8), nullable=False),
    Column("booked_at", Millis, nullable=False),
    Index(None, "at"),
)
"""Calls that are to be made at a time. What became of each stands in its conversation's log."""

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
