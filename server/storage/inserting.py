"""`INSERT … ON CONFLICT`, which SQLAlchemy spells by dialect."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_or_leave(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert whose `on_conflict_…` the connection's database understands."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
