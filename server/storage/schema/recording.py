"""What is kept of calls."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

UNFINISHED = "state IN ('finishing', 'failed')"
"""In these very words: a database knows a partial index again by them."""

recordings = Table(
    "recordings",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    of("call_id", "calls.id"),
    of("conversation_id", "conversations.id"),
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
    own_id(),
    of("recording_id", "recordings.id"),
    Column("participant_id", Id),
    Column("holds", String(12), nullable=False),
    Column("name", String(255), nullable=False, unique=True),
    Column("media_type", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Index(None, "recording_id"),
)
"""A recording's files on the shelf, as they were measured there under `name`. Rows outlive the bytes."""
