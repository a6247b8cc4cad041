"""Live sessions, what happened in them, and where orders come from: append-only, by shop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.errors import ErrorCode, Refused
from server.storage.inserting import insert_or_leave
from server.storage.schema import live_events, live_sessions, provenances

EVENTS_READ = 20_000
"""Events of one session in one reading, without comments: a line every second over more than five hours."""
COMMENTS_READ = 2_000
"""Comments of one session in one reading, the newest. A busy room has more in a minute than a panel shows."""


@dataclass(frozen=True, slots=True)
class LiveSessionRecord:
    """A live session as its platform announced it."""

    shop_id: str
    id: str
    room: str
    title: str
    started_at: int
    ended_at: int | None
    delay_ms: int


@dataclass(frozen=True, slots=True)
class LiveEventRecord:
    """Something that happened in a session. `body` holds the fields of its kind."""

    shop_id: str
    live_session_id: str
    source_event_id: str
    kind: str
    at: int
    product_id: str | None
    body: dict[str, Any]
    received_at: int


@dataclass(frozen=True, slots=True)
class EventStored:
    """What became of one event. `duplicate`: its source had told it before, and `seq` is from then."""

    seq: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class ProvenanceRecord:
    """One version of where an order line comes from. No version is ever changed."""

    shop_id: str
    order_id: str
    line_id: str
    version: int
    verdict: dict[str, Any]
    bound_at: int


_SESSION = tuple(live_sessions.c[name] for name in LiveSessionRecord.__dataclass_fields__)
_EVENT = tuple(live_events.c[name] for name in LiveEventRecord.__dataclass_fields__)
_PROVENANCE = tuple(provenances.c[name] for name in ProvenanceRecord.__dataclass_fields__)


class Live:
    """The live sessions of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def session(self, shop_id: str, live_session_id: str) -> LiveSessionRecord | None:
        """The shop's session of this id."""
        query = select(*_SESSION).where(_is_session(shop_id, live_session_id))
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else LiveSessionRecord(*row)

    async def put_session(self, session: LiveSessionRecord) -> bool:
        """Store a session; False when it is there as it is."""
        if await self.session(session.shop_id, session.id) == session:
            return False
        values = {name: getattr(session, name) for name in LiveSessionRecord.__dataclass_fields__}
        await self._connection.execute(
            insert_or_leave(self._connection, live_sessions)
            .values(values)
            .on_conflict_do_update(index_elements=["shop_id", "id"], set_=values)
        )
        return True

    async def append(self, events: Sequence[LiveEventRecord]) -> list[EventStored]:
        """Store events of one session in the order they are given; one result for each.

        What the source has told before keeps its place and its first words. Raises `Refused(not_found)`
        where the shop has no such session.
        """
        if not events:
            return []
        first = events[0]
        here = _is_session(first.shop_id, first.live_session_id)
        seq = (
            await self._connection.execute(select(live_sessions.c.last_seq).where(here).with_for_update())
        ).scalar_one_or_none()
        if seq is None:
            raise Refused(ErrorCode.not_found)
        known = await self._known(first, (event.source_event_id for event in events))
        stored: list[EventStored] = []
        rows: list[dict[str, Any]] = []
        for event in events:
            if (event.shop_id, event.live_session_id) != (first.shop_id, first.live_session_id):
                raise ValueError("events of one call belong to one session")
            before = known.get(event.source_event_id)
            if before is None:
                seq += 1
                known[event.source_event_id] = seq
                rows.append({name: getattr(event, name) for name in _EVENT_COLUMNS} | {"seq": seq})
            stored.append(EventStored(seq if before is None else before, duplicate=before is not None))
        if rows:
            await self._connection.execute(insert(live_events), rows)
            await self._connection.execute(update(live_sessions).where(here).values(last_seq=seq))
        return stored

    async def events(self, shop_id: str, live_session_id: str) -> list[LiveEventRecord]:
        """What happened in a session, by the order of arrival; of very many events the newest."""
        here = and_(live_events.c.shop_id == shop_id, live_events.c.live_session_id == live_session_id)
        is_comment = live_events.c.kind == "comment"
        found: list[Any] = []
        for which, limit in ((~is_comment, EVENTS_READ), (is_comment, COMMENTS_READ)):
            query = (
                select(live_events.c.seq, *_EVENT)
                .where(here, which)
                .order_by(live_events.c.seq.desc())
                .limit(limit)
            )
            found += await self._connection.execute(query)
        return [LiveEventRecord(*fields) for _, *fields in sorted(found, key=lambda row: row.seq)]

    async def sessions_around(
        self, shop_id: str, product_id: str, *, since: int, until: int, named: str | None
    ) -> list[LiveSessionRecord]:
        """The named session, and those in which the explanation of the product began between two times."""
        explained = (
            select(live_events.c.live_session_id)
            .where(
                live_events.c.shop_id == shop_id,
                live_events.c.product_id == product_id,
                live_events.c.kind == "explain_start",
                live_events.c.at.between(since, until),
            )
            .distinct()
        )
        query = (
            select(*_SESSION)
            .where(
                live_sessions.c.shop_id == shop_id,
                or_(live_sessions.c.id == named, live_sessions.c.id.in_(explained)),
            )
            .order_by(live_sessions.c.started_at, live_sessions.c.id)
        )
        return [LiveSessionRecord(*row) for row in await self._connection.execute(query)]

    async def provenances(self, shop_id: str, order_id: str) -> dict[str, ProvenanceRecord]:
        """The newest version of each line of an order, by line."""
        versions = provenances.alias("versions")
        newest = (
            select(func.max(versions.c.version))
            .where(
                versions.c.shop_id == provenances.c.shop_id,
                versions.c.order_id == provenances.c.order_id,
                versions.c.line_id == provenances.c.line_id,
            )
            .scalar_subquery()
        )
        query = select(*_PROVENANCE).where(
            provenances.c.shop_id == shop_id,
            provenances.c.order_id == order_id,
            provenances.c.version == newest,
        )
        return {row.line_id: ProvenanceRecord(*row) for row in await self._connection.execute(query)}

    async def add_provenance(self, provenance: ProvenanceRecord) -> None:
        """Store the next version. Raises `Refused(retry)` when somebody else has stored that one."""
        values = {name: getattr(provenance, name) for name in ProvenanceRecord.__dataclass_fields__}
        inserted = await self._connection.execute(
            insert_or_leave(self._connection, provenances).values(values).on_conflict_do_nothing()
        )
        if inserted.rowcount != 1:
            raise Refused(ErrorCode.retry)

    async def _known(self, one: LiveEventRecord, source_event_ids: Iterable[str]) -> dict[str, int]:
        query = select(live_events.c.source_event_id, live_events.c.seq).where(
            live_events.c.shop_id == one.shop_id,
            live_events.c.live_session_id == one.live_session_id,
            live_events.c.source_event_id.in_(sorted(set(source_event_ids))),
        )
        return {name: seq for name, seq in await self._connection.execute(query)}


_EVENT_COLUMNS = tuple(LiveEventRecord.__dataclass_fields__)


def _is_session(shop_id: str, live_session_id: str) -> Any:
    return and_(live_sessions.c.shop_id == shop_id, live_sessions.c.id == live_session_id)
