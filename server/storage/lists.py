"""Conversations as people look through them: the console's lists, the context column, the buyer's history."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CompoundSelect, FromClause

from protocol.conversation import LIST_PAGE
from server.storage.admission import SAID
from server.storage.records import Conversation, HistoryRow, Look, SummaryRow, Tab
from server.storage.schema import (
    assignments,
    buyers,
    conversations,
    groups,
    live_sessions,
    people,
    products,
    public_log,
    shops,
    tickets,
)

_HERE = conversations
_OWNER = people.alias("owner")
_WAITS = tickets.c.state.in_([literal(state, literal_execute=True) for state in ("waiting", "offered")])
_OPEN = _HERE.c.state == literal("open", literal_execute=True)
# Written out, not bound: a partial index serves only a condition that it can read.


def _unread(sender_kind: str, read: ColumnElement[int]) -> ColumnElement[int]:
    """How many words of the other side lie beyond a read mark: a look at the end of one log, by its key."""
    return (
        select(func.count())
        .select_from(public_log)
        .where(
            public_log.c.conversation_id == _HERE.c.id,
            public_log.c.seq > read,
            public_log.c.sender_kind == sender_kind,
            public_log.c.kind.in_(sorted(SAID)),
        )
        .scalar_subquery()
    )


_SUMMARY = (
    _HERE.c.id,
    _HERE.c.shop_id,
    shops.c.name.label("shop_name"),
    _HERE.c.buyer_id,
    buyers.c.name.label("buyer_name"),
    buyers.c.tier,
    buyers.c.subject.is_not(None).label("verified"),
    _HERE.c.state,
    func.coalesce(tickets.c.state, "done").label("line"),
    tickets.c.group_id,
    groups.c.name.label("group_name"),
    _HERE.c.owner_id,
    _OWNER.c.display_name,
    _HERE.c.fence,
    _HERE.c.last_seq,
    _HERE.c.desk_last_seq,
    _HERE.c.opened_at,
    case((_WAITS, tickets.c.joined_at)).label("waiting_since"),
    _HERE.c.owed_since,
    _HERE.c.closed_at,
    products.c.title.label("product_title"),
    _HERE.c.order_id,
    _HERE.c.preview,
    _unread("buyer", _HERE.c.agent_read).label("unread"),
)
_LIVE_TICKET = and_(
    tickets.c.conversation_id == _HERE.c.id, tickets.c.state != literal("done", literal_execute=True)
)
_NAMES: FromClause = (
    _HERE.join(shops, shops.c.id == _HERE.c.shop_id)
    .join(buyers, buyers.c.id == _HERE.c.buyer_id)
    .outerjoin(tickets, _LIVE_TICKET)
    .outerjoin(groups, groups.c.id == tickets.c.group_id)
    .outerjoin(_OWNER, _OWNER.c.id == _HERE.c.owner_id)
    .outerjoin(products, and_(products.c.shop_id == _HERE.c.shop_id, products.c.id == _HERE.c.product_id))
)


class Lists:
    """The conversations of one transaction as rows with all the names that are shown."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def summary(self, conversation_id: str) -> SummaryRow | None:
        """One row of the lists."""
        query = select(*_SUMMARY).select_from(_NAMES).where(_HERE.c.id == conversation_id)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else SummaryRow(*row)

    async def rows(self, conversation_ids: Collection[str], shop_ids: Collection[str]) -> list[SummaryRow]:
        """Those of these conversations that belong to the shops, in no order."""
        query = (
            select(*_SUMMARY)
            .select_from(_NAMES)
            .where(_HERE.c.id.in_(sorted(conversation_ids)), _HERE.c.shop_id.in_(sorted(shop_ids)))
        )
        return [SummaryRow(*row) for row in await self._connection.execute(query)]

    async def page(
        self,
        tab: Tab,
        *,
        person_id: str,
        shop_ids: Collection[str],
        before: int | None = None,
        limit: int = LIST_PAGE,
    ) -> tuple[list[SummaryRow], bool]:
        """A page of a list, newest first, and whether older ones exist; `before` is the last `opened_at`.

        mine: open ones that the person owns. waiting: in line or offered. all: open and closed. Only of the
        shops given. A page ends between two times, never within one, so that none is lost in paging.
        """
        if not shop_ids:
            return [], False
        chosen = _chosen(tab, person_id, sorted(shop_ids), before, limit + 1).subquery("chosen")
        query = (
            select(*_SUMMARY)
            .select_from(_NAMES)
            .where(_HERE.c.id.in_(select(chosen.c.id)))
            .order_by(_HERE.c.opened_at.desc(), _HERE.c.id.desc())
            .limit(limit + 1)
        )
        rows = [SummaryRow(*row) for row in await self._connection.execute(query)]
        return _whole_times(rows, limit)

    async def look(self, conversation_id: str, shop_ids: Collection[str]) -> Look | None:
        """What the context column shows, for agents of these shops; None for another's and for none."""
        query = (
            select(*_SUMMARY, *_ROW, buyers.c.subject, live_sessions.c.title, live_sessions.c.started_at)
            .select_from(
                _NAMES.outerjoin(
                    live_sessions,
                    and_(
                        live_sessions.c.shop_id == _HERE.c.shop_id,
                        live_sessions.c.id == _HERE.c.live_session_id,
                    ),
                )
            )
            .where(_HERE.c.id == conversation_id, _HERE.c.shop_id.in_(sorted(shop_ids)))
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        fields = tuple(row)
        return Look(
            SummaryRow(*fields[: len(_SUMMARY)]),
            Conversation(*fields[len(_SUMMARY) : -3]),
            *fields[-3:],
        )

    async def history(
        self, shop_id: str, buyer_id: str, *, before: int | None = None, limit: int = LIST_PAGE
    ) -> list[HistoryRow]:
        """The buyer's conversations with the shop, newest first, with who served them last."""
        served = (
            select(people.c.display_name)
            .join(assignments, assignments.c.person_id == people.c.id)
            .where(assignments.c.conversation_id == _HERE.c.id)
            .order_by(assignments.c.fence.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(
                _HERE.c.id,
                _HERE.c.state,
                _HERE.c.last_seq,
                _HERE.c.opened_at,
                _HERE.c.closed_at,
                served,
                _HERE.c.preview,
                _unread("agent", _HERE.c.buyer_read),
            )
            .where(_HERE.c.buyer_id == buyer_id, _HERE.c.shop_id == shop_id)
            .order_by(_HERE.c.opened_at.desc(), _HERE.c.id.desc())
            .limit(limit + 1)
        )
        if before is not None:
            query = query.where(_HERE.c.opened_at < before)
        rows = [HistoryRow(*row) for row in await self._connection.execute(query)]
        return _whole_times(rows, limit)[0]


_ROW = tuple(_HERE.c[name] for name in Conversation.__dataclass_fields__)


def _chosen(
    tab: Tab, person_id: str, shop_ids: list[str], before: int | None, limit: int
) -> Select[Any] | CompoundSelect[Any]:
    """The ids of a page. `all` takes the newest of each shop by its index, however many lie before them."""

    def newest(query: Select[Any]) -> Select[Any]:
        if before is not None:
            query = query.where(_HERE.c.opened_at < before)
        return query.order_by(_HERE.c.opened_at.desc(), _HERE.c.id.desc()).limit(limit)

    ids = select(_HERE.c.id)
    match tab:
        case "mine":
            return newest(
                ids.where(
                    _HERE.c.owner_id == person_id,
                    _OPEN,
                    _HERE.c.shop_id.in_(shop_ids),
                )
            )
        case "waiting":
            waiting = tickets.join(_HERE, _HERE.c.id == tickets.c.conversation_id)
            return newest(ids.select_from(waiting).where(_WAITS, _HERE.c.shop_id.in_(shop_ids)))
        case "all":
            each = [newest(ids.where(_HERE.c.shop_id == shop_id)).subquery() for shop_id in shop_ids]
            return union_all(*(select(shop.c.id) for shop in each))


def _whole_times(rows: list[Any], limit: int) -> tuple[list[Any], bool]:
    """At most `limit` rows, cut where the time changes: the next page asks for what was opened before."""
    if len(rows) <= limit:
        return rows, False
    cut = rows[limit].opened_at
    page = [row for row in rows[:limit] if row.opened_at != cut]
    return page or rows[:limit], True
