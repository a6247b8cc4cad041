"""What was sold, and what was shown and said on stream when it was."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of

products = Table(
    "products",
    metadata,
    of("shop_id", "shops.id"),
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
    of("shop_id", "shops.id"),
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
    of("shop_id", "shops.id"),
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
    of("shop_id", "shops.id"),
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
    of("shop_id", "shops.id"),
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
    of("shop_id", "shops.id"),
    Column("order_id", Id, nullable=False),
    Column("line_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", Document, nullable=False),
    Column("bound_at", Millis, nullable=False),
    PrimaryKeyConstraint("shop_id", "order_id", "line_id", "version"),
)
"""The birth certificates, one row a version: a later event makes a new row, none is ever changed."""
