"""Conversations and their two logs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from server.storage.schema.columns import Id, Millis, metadata, of, own_id

conversations = Table(
    "conversations",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    of("buyer_id", "buyers.id"),
    Column("channel", String(16), nullable=False, server_default="chat"),
    Column("state", String(8), nullable=False),
    Column("locale", String(8), nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("desk_last_seq", BigInteger, nullable=False, server_default="0"),
    of("owner_id", "people.id", nullable=True),
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
        of("conversation_id", "conversations.id"),
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
