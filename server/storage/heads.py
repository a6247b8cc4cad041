"""Where conversations stand, many at once and little of each: what a node compares with what it has told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from server.storage.line.rows import OPEN_OFFER, chunks
from server.storage.records import ENTRY_COLUMNS, ConversationState, log_entry
from server.storage.schema import conversations, desk_log, offers, public_log, tickets
from signaling.facts import Log, LogEntry, Place


@dataclass(frozen=True, slots=True)
class HeadRow:
    """How far a conversation has come, and whom it concerns."""

    id: str
    shop_id: str
    buyer_id: str
    owner_id: str | None
    state: ConversationState
    last_seq: int
    desk_last_seq: int
    fence: int
    buyer_delivered: int
    buyer_read: int
    agent_delivered: int
    agent_read: int

    @property
    def place(self) -> Place:
        return Place(self.id, self.shop_id, self.buyer_id, self.owner_id)


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer that waits for its answer. `expires_at` is epoch ms."""

    id: str
    person_id: str
    conversation_id: str
    ticket_id: str
    fence: int
    expires_at: int


_COLUMNS = tuple(conversations.c[name] for name in HeadRow.__dataclass_fields__)
_OPEN = conversations.c.state == literal("open", literal_execute=True)
_WAITS = tickets.c.state.in_([literal(state, literal_execute=True) for state in ("waiting", "offered")])


class Heads:
    """The heads of conversations in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open_of(
        self, *, buyers: Collection[str], owners: Collection[str], waiting_in: Collection[str]
    ) -> dict[str, HeadRow]:
        """Open conversations of these buyers, of these owners, and those that wait in these shops, by id."""
        waiting = select(tickets.c.conversation_id)
        return (
            await self._found(conversations.c.buyer_id, buyers, _OPEN)
            | await self._found(conversations.c.owner_id, owners, _OPEN)
            | await self._found(
                conversations.c.id,
                [
                    conversation_id
                    for some in chunks(waiting_in)
                    for (conversation_id,) in await self._connection.execute(
                        waiting.where(_WAITS, tickets.c.shop_id.in_(some))
                    )
                ],
            )
        )

    async def these(self, conversation_ids: Collection[str]) -> dict[str, HeadRow]:
        """Those of these conversations that exist, open or closed, by id."""
        return await self._found(conversations.c.id, conversation_ids)

    async def newest(self, log: Log, conversation_ids: Collection[str]) -> dict[str, LogEntry]:
        """The last entry of each of these conversations' logs, where there is one."""
        table = public_log if log == "public" else desk_log
        last = conversations.c.last_seq if log == "public" else conversations.c.desk_last_seq
        recall = public_log.alias("recall")
        recalled: ColumnElement[bool] = literal(False)
        if log == "public":
            recalled = (
                select(literal(1))
                .where(
                    recall.c.conversation_id == table.c.conversation_id, recall.c.recalled_seq == table.c.seq
                )
                .exists()
            )
        query = select(
            table.c.conversation_id, *(table.c[name] for name in ENTRY_COLUMNS), recalled
        ).select_from(
            conversations.join(
                table, and_(table.c.conversation_id == conversations.c.id, table.c.seq == last)
            )
        )
        found: dict[str, LogEntry] = {}
        for some in chunks(conversation_ids):
            for row in await self._connection.execute(query.where(conversations.c.id.in_(some))):
                found[row[0]] = log_entry(row[1:])
        return found

    async def offers_to(self, person_ids: Collection[str]) -> list[OpenOffer]:
        """Offers to these people that wait for an answer."""
        query = select(
            offers.c.id,
            offers.c.person_id,
            offers.c.conversation_id,
            offers.c.ticket_id,
            offers.c.fence,
            offers.c.expires_at,
        ).where(OPEN_OFFER)
        return [
            OpenOffer(*row)
            for some in chunks(person_ids)
            for row in await self._connection.execute(query.where(offers.c.person_id.in_(some)))
        ]

    async def _found(
        self, column: Any, values: Collection[str], *conditions: ColumnElement[bool]
    ) -> dict[str, HeadRow]:
        query = select(*_COLUMNS).where(*conditions)
        return {
            row[0]: HeadRow(*row)
            for some in chunks(values)
            for row in await self._connection.execute(query.where(column.in_(some)))
        }
