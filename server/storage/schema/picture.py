"""Files on the shelf, and the pictures to ask for."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

files = Table(
    "files",
    metadata,
    own_id(),
    of("shop_id", "shops.id"),
    of("conversation_id", "conversations.id"),
    of("buyer_id", "buyers.id"),
    Column("client_id", String(36), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("likeness", String(16), nullable=False),
    Column("stored_at", Millis, nullable=False),
    Column("placed_seq", BigInteger),
    UniqueConstraint("conversation_id", "client_id"),
    Index(None, "shop_id", "stored_at"),
    Index(None, "buyer_id", "stored_at"),
)
"""Pictures on the shelf, below their shop's id. `buyer_id` sent it; who may see it follows the conversation.

`likeness`: the 64-bit hash as 16 hex digits. `placed_seq`: the entry that shows it, null until there is one.
"""

uploads = Table(
    "uploads",
    metadata,
    own_id(),
    Column("name", String(255), nullable=False),
    Column("begun_at", Millis, nullable=False),
    Column("given_up", Boolean, nullable=False),
    Index(None, "begun_at"),
)
"""Files that are being put on the shelf, until `files` says that they are there: what a crash leaves behind.

`given_up`: its bytes are being taken away, so no row may be made of it any more.
"""

shot_lists = Table(
    "shot_lists",
    metadata,
    of("shop_id", "shops.id"),
    Column("product_id", Id, nullable=False),
    Column("shots", Document, nullable=False),
    Column("updated_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "product_id"),
)
"""Pictures to ask for with a product; a product without a row has the usual list."""
