"""The tables of files on the shelf, and of the pictures to ask for."""

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
)

from server.storage.schema import Document, Id, Millis, metadata

files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    Column("buyer_id", Id, ForeignKey("buyers.id"), nullable=False),
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
    Column("id", Id, primary_key=True),
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
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
    Column("product_id", Id, nullable=False),
    Column("shots", Document, nullable=False),
    Column("updated_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "product_id"),
)
"""Pictures to ask for with a product; a product without a row has the usual list."""
