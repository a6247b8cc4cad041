"""The plain records that go in and out of storage on the message path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from signaling.facts import Log, LogEntry, Place, SenderKind


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One entry to append, with what entitles its author.

    A buyer owns the conversation (`sender_id`); an agent works in one of `shop_ids` and, in the public log,
    owns the conversation under `fence`. `recalls` names the seq that a `recall` entry takes back.
    """

    conversation_id: str
    log: Log
    message_id: str
    client_id: str
    sender_kind: SenderKind
    sender_id: str
    sender_name: str | None
    sent_at: int
    kind: str
    body: dict[str, Any]
    shop_ids: frozenset[str] = field(default=frozenset())
    fence: int | None = None
    recalls: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What is stored now. `repeated`: this client id had been stored before, and this is that entry."""

    place: Place
    entry: LogEntry
    repeated: bool
