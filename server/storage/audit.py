"""The audit: who did what that must be answered for. Lines are added and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.schema import audit, people


@dataclass(frozen=True, slots=True)
class Audited:
    """One line. `subject_id` is a call or a recording, `at` epoch ms."""

    id: str
    shop_id: str
    at: int
    person_id: str
    act: str
    subject_id: str
    about: Mapping[str, Any]


class Audit:
    """The lines of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, line: Audited) -> None:
        """Write a line, together with what it tells of or not at all."""
        values = {name: getattr(line, name) for name in Audited.__slots__} | {"about": dict(line.about)}
        await self._connection.execute(insert(audit).values(values))

    async def get(self, shop_id: str, id_: str) -> Audited | None:
        """One line of a shop."""
        query = select(audit).where(audit.c.shop_id == shop_id, audit.c.id == id_)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Audited(**row._mapping)

    async def lines(
        self,
        shop_id: str,
        limit: int,
        *,
        subject_id: str | None = None,
        since: int | None = None,
        before: Audited | None = None,
    ) -> Sequence[tuple[Audited, str | None]]:
        """Lines of a shop, the newest first, each with its person's name; a guest has none here.

        Those of one call or recording, from a time on, or from another line back.
        """
        query = select(audit, people.c.display_name).outerjoin(people, people.c.id == audit.c.person_id)
        query = query.where(audit.c.shop_id == shop_id)
        if subject_id is not None:
            query = query.where(audit.c.subject_id == subject_id)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if before is not None:
            query = query.where(tuple_(audit.c.at, audit.c.id) < (before.at, before.id))
        rows = await self._connection.execute(
            query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
        )
        return [
            (Audited(**{name: row._mapping[name] for name in Audited.__slots__}), row.display_name)
            for row in rows
        ]
