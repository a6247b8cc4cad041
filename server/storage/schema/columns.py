"""The one collection of tables, and the columns that most of them have."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB

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


def own_id() -> Column[str]:
    """The row's own id, its key."""
    return Column("id", Id, primary_key=True)


def of(name: str, target: str, *, nullable: bool = False) -> Column[str]:
    """The id of a row elsewhere, such as `shops.id`."""
    return Column(name, Id, ForeignKey(target), nullable=nullable)
