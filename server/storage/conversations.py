"""Conversations and their two logs inside a unit of work: opened, appended to, marked, closed, read back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

import orjson
from sqlalchemy import Select, Table, and_, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from protocol.chat import SYNC_PAGE
from protocol.errors import ErrorCode, Refused
from server.storage.admission import (
    Head,
    RecallTarget,
    body_of,
    entry_refusal,
    mark_refusal,
    moved_marks,
    owed_after,
    preview_of,
    preview_of_text,
)
from server.storage.inserting import insert_or_leave
from server.storage.records import (
    ENTRY_COLUMNS,
    Appended,
    Conversation,
    Marked,
    NewConversation,
    NewEntry,
    NewMark,
    Opened,
    StateChanged,
    Synced,
    log_entry,
)
from server.storage.schema import buyers, conversations, desk_log, people, public_log
from signaling.facts import Log, LogEntry

_OPENING_TRIES = 3
"""Opening looks again when the open conversation was closed between two of its steps."""

PAGE_BYTES = 49_152
"""Bodies of one page of a log: with what stands around them an answer stays about a frame, so that no pong
waits behind megabytes on a slow line."""

_ROW = tuple(conversations.c[name] for name in Conversation.__dataclass_fields__)


class Conversations:
    """The conversations of one transaction. What is not there is `Refused(not_found)`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open_or_get(self, new: NewConversation) -> Opened:
        """The buyer's open conversation in this shop and channel, opened as `new` if there is none.

        The database allows only one: whoever loses the race gets the winner's.
        """
        values = {name: getattr(new, name) for name in NewConversation.__dataclass_fields__}
        for _ in range(_OPENING_TRIES):
            inserted = await self._connection.execute(
                insert_or_leave(self._connection, conversations)
                .values(**values, state="open")
                .on_conflict_do_nothing(
                    index_elements=["shop_id", "buyer_id", "channel"],
                    index_where=conversations.c.state == literal("open", literal_execute=True),
                )
                .returning(*_ROW)
            )
            if (row := inserted.one_or_none()) is not None:
                return Opened(Conversation(*row), created=True)
            existing = await self._connection.execute(
                select(*_ROW).where(
                    conversations.c.shop_id == new.shop_id,
                    conversations.c.buyer_id == new.buyer_id,
                    conversations.c.channel == new.channel,
                    conversations.c.state == "open",
                )
            )
            if (row := existing.one_or_none()) is not None:
                return Opened(Conversation(*row), created=False)
        raise Refused(ErrorCode.retry)

    async def head(self, conversation_id: str, *, lock: bool = False) -> Conversation | None:
        """The conversation's row. `lock` holds it until the end of the unit of work."""
        query = select(*_ROW).where(conversations.c.id == conversation_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).one_or_none()
        return None if row is None else Conversation(*row)

    async def of_buyer(self, conversation_id: str, buyer_id: str, *, lock: bool = False) -> Conversation:
        """The buyer's own conversation. Another's and none get the same answer."""
        found = await self.head(conversation_id, lock=lock)
        if found is None or found.buyer_id != buyer_id:
            raise Refused(ErrorCode.not_found)
        return found

    async def of_shops(
        self, conversation_id: str, shop_ids: Collection[str], *, lock: bool = False
    ) -> Conversation:
        """A conversation of one of these shops. Another shop's and none get the same answer."""
        found = await self.head(conversation_id, lock=lock)
        if found is None or found.shop_id not in shop_ids:
            raise Refused(ErrorCode.not_found)
        return found

    async def open_of_buyer(self, shop_id: str, buyer_id: str) -> Conversation | None:
        """The buyer's open conversation; the newest, if of several channels. Locked."""
        query = select(conversations.c.id).where(
            conversations.c.shop_id == shop_id,
            conversations.c.buyer_id == buyer_id,
            conversations.c.state == "open",
        )
        newest = await self._connection.scalar(query.order_by(conversations.c.opened_at.desc()).limit(1))
        return None if newest is None else await self.head(newest, lock=True)

    async def open_of_subject(self, shop_id: str, subject: str) -> Conversation | None:
        """The open conversation of the buyer whom the merchant calls `subject`; the newest, if of several."""
        query = (
            select(*_ROW)
            .join(buyers, buyers.c.id == conversations.c.buyer_id)
            .where(
                buyers.c.shop_id == shop_id,
                buyers.c.subject == subject,
                conversations.c.shop_id == shop_id,
                conversations.c.state == "open",
            )
            .order_by(conversations.c.opened_at.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Conversation(*row)

    async def append(self, entry: NewEntry, *, now: int) -> Appended:
        """Store one entry in this unit of work, by the same rules as `Database.append`. Raises `Refused`."""
        conversation = await self.head(entry.conversation_id, lock=True)
        target = await self._target(entry) if entry.recalls is not None else None
        code = entry_refusal(_head(conversation), entry, now, target)
        if conversation is None or code is ErrorCode.not_found:
            raise Refused(ErrorCode.not_found)
        if entry.client_id is not None:
            stored = await self.stored(entry.conversation_id, entry.log, entry.sender_id, entry.client_id)
            if stored is not None:
                return Appended(conversation.place, stored, repeated=True)
        if code is not None:
            raise Refused(code)
        return await self._append(conversation, entry)

    async def stored(
        self, conversation_id: str, log: Log, sender_id: str | None, client_id: str
    ) -> LogEntry | None:
        """What a sender stored under a client id before."""
        table = public_log if log == "public" else desk_log
        query = _entries(table).where(
            table.c.conversation_id == conversation_id,
            table.c.sender_id == sender_id,
            table.c.client_id == client_id,
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else log_entry(row)

    async def of_kind(self, conversation_id: str, log: Log, kind: str) -> list[LogEntry]:
        """The entries of one kind in one of the logs, in their order."""
        table = public_log if log == "public" else desk_log
        query = (
            _entries(table)
            .where(table.c.conversation_id == conversation_id, table.c.kind == kind)
            .order_by(table.c.seq)
        )
        return [log_entry(row) for row in await self._connection.execute(query)]

    async def mark(self, mark: NewMark) -> Marked:
        """Move one side's marks forward: never back, never beyond the last seq. Raises `Refused`."""
        found = await self.head(mark.conversation_id, lock=True)
        code = mark_refusal(_head(found), mark)
        if found is None or code is not None:
            raise Refused(code or ErrorCode.not_found)
        marks = {
            "buyer": (found.buyer_delivered, found.buyer_read),
            "agent": (found.agent_delivered, found.agent_read),
        }
        before = marks[mark.side]
        delivered, read = marks[mark.side] = moved_marks(*before, mark, found.last_seq)
        if moved := (delivered, read) != before:
            await self._set(found.id, {f"{mark.side}_delivered": delivered, f"{mark.side}_read": read})
        return Marked(found.place, *marks["buyer"], *marks["agent"], moved=moved)

    async def close(self, entry: NewEntry, *, now: int) -> StateChanged:
        """End a conversation with its `closed` entry; ending a closed one gives the entry that ended it.

        Whether the author may end it is the caller's to decide; a stranger gets `not_found` here, too.
        """
        return await self._change_state(entry, "closed", now, {"state": "closed", "closed_at": now})

    async def reopen(self, entry: NewEntry, *, now: int) -> StateChanged:
        """Go on with a closed conversation by its `reopened` entry; an open one gives its newest such entry.

        Raises `Refused(conflict)` while another conversation of the buyer is open or where it was never
        closed; the unit of work must then be left.
        """
        try:
            return await self._change_state(entry, "open", now, {"state": "open", "closed_at": None})
        except IntegrityError:
            raise Refused(ErrorCode.conflict) from None

    async def set_context(
        self,
        conversation_id: str,
        *,
        live_session_id: str | None,
        position_ms: int | None,
        product_id: str | None,
        order_id: str | None,
        topic: str | None,
    ) -> None:
        """Remember where the buyer asks from now; the context card in the log keeps each former one."""
        await self._set(
            conversation_id,
            {
                "live_session_id": live_session_id,
                "position_ms": position_ms,
                "product_id": product_id,
                "order_id": order_id,
                "topic": topic,
            },
        )

    async def sync(
        self,
        conversation_id: str,
        *,
        after_seq: int,
        desk_after_seq: int | None = None,
        limit: int = SYNC_PAGE,
    ) -> Synced:
        """What follows the cursors, in order. Without `desk_after_seq` the desk log stays shut.

        Raises `Refused(resync)` for a cursor beyond the end of its log: it is not from this database.
        """
        owner = people.alias("owner")
        query = (
            select(*_ROW, owner.c.display_name)
            .outerjoin(owner, owner.c.id == conversations.c.owner_id)
            .where(conversations.c.id == conversation_id)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise Refused(ErrorCode.not_found)
        *fields, owner_name = row
        found = Conversation(*fields)
        if after_seq > found.last_seq or (desk_after_seq or 0) > found.desk_last_seq:
            raise Refused(ErrorCode.resync)
        entries = await self._page(public_log, found.id, after_seq, found.last_seq, limit)
        desk: Sequence[LogEntry] = ()
        if desk_after_seq is not None:
            desk = await self._page(desk_log, found.id, desk_after_seq, found.desk_last_seq, limit)
        return Synced(
            conversation=found,
            owner_name=owner_name,
            entries=(page := _fitting(entries[:limit])),
            more=len(entries) > len(page),
            desk_entries=(desk_page := _fitting(desk[:limit])),
            desk_more=len(desk) > len(desk_page),
        )

    async def entry(self, conversation_id: str, seq: int) -> LogEntry | None:
        """The public entry at `seq`; the body of a recalled one is empty."""
        query = _entries(public_log).where(
            public_log.c.conversation_id == conversation_id, public_log.c.seq == seq
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else log_entry(row)

    async def _page(
        self, log: Table, conversation_id: str, after_seq: int, last_seq: int, limit: int
    ) -> Sequence[LogEntry]:
        if after_seq == last_seq:
            return ()
        query = (
            _entries(log)
            .where(log.c.conversation_id == conversation_id, log.c.seq > after_seq, log.c.seq <= last_seq)
            .order_by(log.c.seq)
            .limit(limit + 1)
        )
        return [log_entry(row) for row in await self._connection.execute(query)]

    async def _append(
        self, conversation: Conversation, entry: NewEntry, also: dict[str, Any] | None = None
    ) -> Appended:
        """Store an admitted entry under the next seq of its log, and what `also` changes with it."""
        body, text = body_of(entry)
        log, counter = (
            (public_log, conversations.c.last_seq)
            if entry.log == "public"
            else (desk_log, conversations.c.desk_last_seq)
        )
        changes: dict[str, Any] = {
            "owed_since": owed_after(conversation.owed_since, entry),
            **(also or {}),
        }
        preview = preview_of(entry)
        if preview is not None:
            changes["preview"] = preview
        seq = (
            await self._connection.execute(
                update(conversations)
                .where(conversations.c.id == conversation.id)
                .values({counter.name: counter + 1, **changes})
                .returning(counter)
            )
        ).scalar_one()
        stored = LogEntry(
            seq,
            entry.message_id,
            entry.client_id,
            entry.sender_kind,
            entry.sender_id,
            entry.sender_name,
            entry.sent_at,
            entry.kind,
            body,
        )
        values: dict[str, Any] = {name: getattr(stored, name) for name in ENTRY_COLUMNS if name != "body"} | {
            "conversation_id": conversation.id,
            "body": text,
        }
        if entry.recalls is not None:
            values["recalled_seq"] = entry.recalls
        await self._connection.execute(insert(log).values(values))
        if entry.recalls is not None:
            await self._set(conversation.id, {"preview": await self._newest_text(conversation.id)})
        return Appended(conversation.place, stored, repeated=False)

    async def _change_state(
        self, entry: NewEntry, state: Literal["open", "closed"], now: int, changes: dict[str, Any]
    ) -> StateChanged:
        found = await self.head(entry.conversation_id, lock=True)
        code = entry_refusal(_head(found), entry, now)
        if found is None or code is ErrorCode.not_found:
            raise Refused(ErrorCode.not_found)
        if entry.client_id is not None:
            stored = await self.stored(entry.conversation_id, entry.log, entry.sender_id, entry.client_id)
            if stored is not None:
                return StateChanged(Appended(found.place, stored, repeated=True), changed=False)
        if found.state == state:
            newest = await self._newest(found.id, entry.kind)
            if newest is None:
                raise Refused(ErrorCode.conflict)
            return StateChanged(Appended(found.place, newest, repeated=True), changed=False)
        return StateChanged(await self._append(found, entry, changes), changed=True)

    async def _newest(self, conversation_id: str, kind: str) -> LogEntry | None:
        query = (
            _entries(public_log)
            .where(public_log.c.conversation_id == conversation_id, public_log.c.kind == kind)
            .order_by(public_log.c.seq.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else log_entry(row)

    async def _newest_text(self, conversation_id: str) -> str:
        query = (
            select(public_log.c.body)
            .where(
                public_log.c.conversation_id == conversation_id,
                public_log.c.kind == "text",
                ~_recalled(public_log),
            )
            .order_by(public_log.c.seq.desc())
            .limit(1)
        )
        body = (await self._connection.execute(query)).scalar_one_or_none()
        return "" if body is None else preview_of_text(orjson.loads(body)["text"])

    async def _target(self, entry: NewEntry) -> RecallTarget | None:
        query = select(
            public_log.c.sender_kind,
            public_log.c.sender_id,
            public_log.c.kind,
            public_log.c.sent_at,
            _recalled(public_log),
        ).where(public_log.c.conversation_id == entry.conversation_id, public_log.c.seq == entry.recalls)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else RecallTarget(*row)

    async def _set(self, conversation_id: str, values: dict[str, Any]) -> None:
        await self._connection.execute(
            update(conversations).where(conversations.c.id == conversation_id).values(values)
        )


def _head(found: Conversation | None) -> Head | None:
    if found is None:
        return None
    return Head(found.shop_id, found.buyer_id, found.state, found.owner_id, found.fence)


def _fitting(entries: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
    """As many of the first entries as one answer may carry, at least one."""
    size, kept = 0, 0
    for entry in entries:
        size += len(orjson.dumps(entry.body))
        if size > PAGE_BYTES and kept:
            break
        kept += 1
    return tuple(entries[:kept])


def _recalled(log: Table) -> ColumnElement[bool]:
    recall = log.alias("recall")
    return (
        select(literal(1))
        .where(and_(recall.c.conversation_id == log.c.conversation_id, recall.c.recalled_seq == log.c.seq))
        .exists()
    )


def _entries(log: Table) -> Select[Any]:
    recalled = _recalled(log) if log is public_log else literal(False)
    return select(*(log.c[name] for name in ENTRY_COLUMNS), recalled)
