"""Cases and their histories."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from server.storage.schema.columns import Document, Id, Millis, metadata, of, own_id

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
    own_id(),
    of("shop_id", "shops.id"),
    Column("number", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    of("conversation_id", "conversations.id"),
    of("buyer_id", "buyers.id"),
    Column("order_id", Id),
    of("holder_id", "people.id", nullable=True),
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
    of("case_id", "cases.id"),
    Column("seq", Integer, nullable=False),
    Column("client_id", String(36), nullable=False),
    of("person_id", "people.id"),
    Column("person_name", String(200), nullable=False),
    Column("at", Millis, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Document, nullable=False),
    PrimaryKeyConstraint("case_id", "seq"),
    UniqueConstraint("case_id", "person_id", "client_id"),
)
"""A case's history, append-only and gapless from 1."""
