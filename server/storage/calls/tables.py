"""The tables of calls, what is kept of them, and the audit. A conversation's row is the lock of its calls."""

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

from server.storage.schema import Document, Id, Millis, metadata

_LIVE = "state <> 'ended'"
_AT_WORK = "role = 'agent' and state <> 'left'"
_SIDES = "role in ('buyer', 'agent') and state <> 'left'"

calls = Table(
    "calls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
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
    Column("id", Id, primary_key=True),
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
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

`link_hash` is what is kept of a guest's token. `level` and `step` are the last ones told.
"""

call_consents = Table(
    "call_consents",
    metadata,
    Column("participant_id", Id, ForeignKey("call_participants.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
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
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
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
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
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
    Column("participant_id", Id, ForeignKey("call_participants.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
    Column("at", Millis, nullable=False),
    Column("level", String(8), nullable=False),
    Column("body", Document, nullable=False),
    PrimaryKeyConstraint("participant_id", "number"),
    Index(None, "call_id"),
)
"""What each browser measured, one row a report."""

UNFINISHED = "state IN ('finishing', 'failed')"
"""In these very words: a database knows a partial index again by them."""

recordings = Table(
    "recordings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
    Column("call_id", Id, ForeignKey("calls.id"), nullable=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    Column("state", String(12), nullable=False),
    Column("code", String(24)),
    Column("ended_code", String(24)),
    Column("began_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Column("duration_ms", Millis),
    Column("tries", Integer, nullable=False),
    Column("due", Millis),
    Column("erasure_asked_at", Millis),
    Column("restriction_asked_at", Millis),
    Column("about", Document),
    Index(None, "call_id"),
    Index(None, "conversation_id"),
    Index(None, "due"),
    Index(
        "ix_recordings_unfinished",
        "state",
        sqlite_where=text(UNFINISHED),
        postgresql_where=text(UNFINISHED),
    ),
)
"""What was written of a call, from when its writer let go of it. `ended_code`: why the writing ended.

`due`: when it is tried again, or when its keeping is looked at again. `about`: what is known of it once it is
kept. Rows stay when the bytes are erased.
"""

recording_files = Table(
    "recording_files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("recording_id", Id, ForeignKey("recordings.id"), nullable=False),
    Column("participant_id", Id),
    Column("holds", String(12), nullable=False),
    Column("name", String(255), nullable=False, unique=True),
    Column("media_type", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Index(None, "recording_id"),
)
"""A recording's files on the shelf, as they were measured there under `name`. Rows outlive the bytes."""

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

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
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
