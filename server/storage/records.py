"""The plain records that go in and out of storage on the message path; those of every message are tuples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from signaling.facts import Log, LogEntry, Place, SenderKind

ConversationState = Literal["open", "closed"]
LineState = Literal["waiting", "offered", "active", "done"]
Tab = Literal["mine", "waiting", "all"]


class NewEntry(NamedTuple):
    """One entry to append, with what entitles its author.

    A buyer owns the conversation (`sender_id`); an agent works in one of `shop_ids` and, in the public log,
    owns the conversation under `fence`; the system is always admitted. `recalls` names the seq that a
    `recall` entry takes back. `client_id` is None only where nobody can send it twice (the system).
    """

    conversation_id: str
    log: Log
    message_id: str
    client_id: str | None
    sender_kind: SenderKind
    sender_id: str | None
    sender_name: str | None
    sent_at: int
    kind: str
    body: dict[str, Any]
    shop_ids: frozenset[str] = frozenset()
    fence: int | None = None
    recalls: int | None = None


class Appended(NamedTuple):
    """What is stored now. `repeated`: this client id had been stored before, and this is that entry."""

    place: Place
    entry: LogEntry
    repeated: bool


class NewMark(NamedTuple):
    """How far one side has received and read: a buyer his own conversation, an agent the one he owns."""

    conversation_id: str
    side: Literal["buyer", "agent"]
    reader_id: str
    delivered: int | None
    read: int | None
    shop_ids: frozenset[str] = frozenset()


class Marked(NamedTuple):
    """The marks as they stand. `moved`: this very mark pushed one of them forward."""

    place: Place
    buyer_delivered: int
    buyer_read: int
    agent_delivered: int
    agent_read: int
    moved: bool


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation to open, with where the buyer came from."""

    id: str
    shop_id: str
    buyer_id: str
    locale: str
    opened_at: int
    live_session_id: str | None = None
    position_ms: int | None = None
    product_id: str | None = None
    order_id: str | None = None
    topic: str | None = None
    channel: str = "chat"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation's row as of one read."""

    id: str
    shop_id: str
    buyer_id: str
    channel: str
    state: ConversationState
    locale: str
    last_seq: int
    desk_last_seq: int
    owner_id: str | None
    fence: int
    buyer_delivered: int
    buyer_read: int
    agent_delivered: int
    agent_read: int
    owed_since: int | None
    preview: str
    opened_at: int
    closed_at: int | None
    live_session_id: str | None
    position_ms: int | None
    product_id: str | None
    order_id: str | None
    topic: str | None

    @property
    def place(self) -> Place:
        return Place(self.id, self.shop_id, self.buyer_id, self.owner_id)


@dataclass(frozen=True, slots=True)
class Opened:
    """The buyer's open conversation. `created`: it was opened just now."""

    conversation: Conversation
    created: bool


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The entry that closed or reopened a conversation. `changed`: it was this call that did it."""

    appended: Appended
    changed: bool


@dataclass(frozen=True, slots=True)
class Synced:
    """A page of both logs with the conversation as of the same read. Recalled bodies are empty."""

    conversation: Conversation
    owner_name: str | None
    entries: tuple[LogEntry, ...]
    more: bool
    desk_entries: tuple[LogEntry, ...]
    desk_more: bool


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A row of the console's lists with all names it shows. `waiting_since` only while it waits."""

    conversation_id: str
    shop_id: str
    shop_name: str
    buyer_id: str
    buyer_name: str | None
    buyer_tier: str | None
    verified: bool
    state: ConversationState
    line: LineState
    group_id: str | None
    group_name: str | None
    owner_id: str | None
    owner_name: str | None
    fence: int
    last_seq: int
    desk_last_seq: int
    opened_at: int
    waiting_since: int | None
    owed_since: int | None
    closed_at: int | None
    product_title: str | None
    order_id: str | None
    preview: str
    unread: int

    @property
    def place(self) -> Place:
        return Place(self.conversation_id, self.shop_id, self.buyer_id, self.owner_id)


@dataclass(frozen=True, slots=True)
class Look:
    """What the context column shows of the conversation itself, beside its row."""

    summary: SummaryRow
    conversation: Conversation
    buyer_subject: str | None
    live_title: str | None
    live_started_at: int | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One conversation in the buyer's own history. `agent_name` is who served it last."""

    conversation_id: str
    state: ConversationState
    last_seq: int
    opened_at: int
    closed_at: int | None
    agent_name: str | None
    preview: str
    unread: int


ENTRY_COLUMNS = (
    "seq",
    "message_id",
    "client_id",
    "sender_kind",
    "sender_id",
    "sender_name",
    "sent_at",
    "kind",
    "body",
)


def log_entry(row: Sequence[Any]) -> LogEntry:
    """The entry of a row of `ENTRY_COLUMNS` and whether it is recalled; a recalled body is not given out."""
    seq, message_id, client_id, sender_kind, sender_id, sender_name, sent_at, kind, body, recalled = row
    return LogEntry(
        seq,
        message_id,
        client_id,
        sender_kind,
        sender_id,
        sender_name,
        sent_at,
        kind,
        {} if recalled else orjson.loads(body),
        bool(recalled),
    )
