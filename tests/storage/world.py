"""A small world to store things about: two shops, their buyers, two agents, and how entries are made."""

import itertools
from typing import Any

from sqlalchemy import insert, update

from protocol.errors import ErrorCode, Refused
from server.storage import schema
from server.storage.database import Database
from server.storage.records import Conversation, NewConversation, NewEntry
from signaling.facts import LogEntry

SHOP, OTHER_SHOP = "shop-a", "shop-b"
BUYER, OTHER_BUYER, FOREIGN_BUYER = "buyer-a1", "buyer-a2", "buyer-b1"
AGENT, COLLEAGUE = "person-1", "person-2"
NOON = 1_760_000_000_000
SHOPS = frozenset({SHOP})


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


async def furnish(database: Database) -> None:
    """Put the world into an empty database."""
    async with database.write() as unit:
        for shop_id, name in ((SHOP, "花间"), (OTHER_SHOP, "山海")):
            await unit.connection.execute(
                insert(schema.shops).values(
                    id=shop_id, name=name, anonymous=True, origins=[], created_at=NOON
                )
            )
        for buyer_id, shop_id in ((BUYER, SHOP), (OTHER_BUYER, SHOP), (FOREIGN_BUYER, OTHER_SHOP)):
            await unit.connection.execute(
                insert(schema.buyers).values(
                    id=buyer_id,
                    shop_id=shop_id,
                    subject=f"sub-{buyer_id}",
                    name=f"买家 {buyer_id}",
                    created_at=NOON,
                )
            )
        for person_id, name in ((AGENT, "小荷"), (COLLEAGUE, "小满")):
            await unit.connection.execute(
                insert(schema.people).values(
                    id=person_id, display_name=name, password_hash="x", created_at=NOON
                )
            )


_numbers = itertools.count(1)


def client_id(number: int | None = None) -> str:
    """A UUIDv7 as clients make them; the same number gives the same id."""
    return f"019a0000-0000-7000-8000-{next(_numbers) if number is None else number:012x}"


async def opened(
    database: Database, buyer_id: str = BUYER, shop_id: str = SHOP, **where: Any
) -> Conversation:
    """The buyer's open conversation."""
    new = NewConversation(
        id=f"conversation-{next(_numbers)}",
        shop_id=shop_id,
        buyer_id=buyer_id,
        locale="zh-CN",
        opened_at=database.clock(),
        **where,
    )
    async with database.write() as unit:
        return (await unit.conversations.open_or_get(new)).conversation


async def owned(database: Database, conversation_id: str, person_id: str | None, fence: int) -> None:
    """Give the conversation to somebody under a fence, as the line does."""
    async with database.write() as unit:
        await unit.connection.execute(
            update(schema.conversations)
            .where(schema.conversations.c.id == conversation_id)
            .values(owner_id=person_id, fence=fence)
        )


def said(conversation_id: str, words: str = "在吗", **other: Any) -> NewEntry:
    """A text of the buyer; `other` replaces any field."""
    entry = NewEntry(
        conversation_id=conversation_id,
        log="public",
        message_id=f"message-{next(_numbers)}",
        client_id=client_id(),
        sender_kind="buyer",
        sender_id=BUYER,
        sender_name="买家",
        sent_at=NOON,
        kind="text",
        body={"text": words},
    )
    return entry._replace(**other)


def answered(conversation_id: str, words: str = "在的", *, fence: int, **other: Any) -> NewEntry:
    """A text of the agent under his fence."""
    fields: dict[str, Any] = {
        "sender_kind": "agent",
        "sender_id": AGENT,
        "sender_name": "小荷",
        "shop_ids": SHOPS,
        "fence": fence,
        **other,
    }
    return said(conversation_id, words, **fields)


def noted(conversation_id: str, words: str = "老客户", **other: Any) -> NewEntry:
    """An internal note of the agent."""
    fields: dict[str, Any] = {
        "log": "desk",
        "kind": "note",
        "sender_kind": "agent",
        "sender_id": AGENT,
        "sender_name": "小荷",
        "shop_ids": SHOPS,
        **other,
    }
    return said(conversation_id, words, **fields)


def recalling(seq: int, entry: NewEntry) -> NewEntry:
    """The same author takes back `seq`."""
    return entry._replace(
        kind="recall",
        body={"recalled_seq": seq},
        recalls=seq,
        client_id=client_id(),
        message_id=f"message-{next(_numbers)}",
    )


def system(conversation_id: str, kind: str, body: dict[str, Any], **other: Any) -> NewEntry:
    """An entry of the house."""
    fields: dict[str, Any] = {
        "kind": kind,
        "body": body,
        "sender_kind": "system",
        "sender_id": None,
        "sender_name": None,
        "client_id": None,
        **other,
    }
    return said(conversation_id, "", **fields)


async def refused(database: Database, entry: NewEntry) -> ErrorCode | None:
    """The code that `entry` is refused with, or None when it was stored."""
    try:
        await database.append(entry)
    except Refused as refusal:
        return refusal.code
    return None


async def public_log(database: Database, conversation_id: str) -> list[LogEntry]:
    """The whole public log by pages of three."""
    return (await logs(database, conversation_id))[0]


async def logs(
    database: Database, conversation_id: str, page: int = 3
) -> tuple[list[LogEntry], list[LogEntry]]:
    """Both logs read page by page, each page in a read of its own."""
    public: list[LogEntry] = []
    desk: list[LogEntry] = []
    more = True
    while more:
        async with database.read() as reader:
            synced = await reader.conversations.sync(
                conversation_id,
                after_seq=public[-1].seq if public else 0,
                desk_after_seq=desk[-1].seq if desk else 0,
                limit=page,
            )
        public += synced.entries
        desk += synced.desk_entries
        more = synced.more or synced.desk_more
    return public, desk


async def head(database: Database, conversation_id: str) -> Conversation:
    async with database.read() as reader:
        found = await reader.conversations.head(conversation_id)
    assert found is not None
    return found


async def fingerprint(database: Database) -> str:
    """All that the message path may change, as one text."""
    async with database.read() as reader:
        rows = [
            [
                tuple(row)
                for row in await reader.connection.execute(table.select().order_by(*table.primary_key))
            ]
            for table in (schema.conversations, schema.public_log, schema.desk_log)
        ]
    return repr(rows)
