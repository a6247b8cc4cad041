"""Decides whether an entry or a mark may be stored, and what it changes in its conversation. Pure.

Both engines ask here: the batching writer of SQLite and the transactions of PostgreSQL.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from protocol.chat import RECALL_WITHIN_MS
from protocol.errors import ErrorCode, Refused
from server.storage.records import NewEntry, NewMark

PREVIEW_CHARACTERS = 200
"""Of the newest public text, shown in lists: the width of the column that keeps it."""

SPOKEN = frozenset({"text", "card"})
"""Kinds that a person writes to the other side: they can be recalled."""
SAID = SPOKEN | {"still", "retake", "booking"}
"""Kinds that ask the other side for an answer, or are one. A picture is evidence and is not recalled."""


class Head(NamedTuple):
    """What of a conversation decides whether something may be appended to it."""

    shop_id: str
    buyer_id: str
    state: str
    owner_id: str | None
    fence: int


class RecallTarget(NamedTuple):
    """The entry that a recall names. `recalled`: it was taken back before."""

    sender_kind: str
    sender_id: str | None
    kind: str
    sent_at: int
    recalled: bool


def entry_refusal(
    head: Head | None, entry: NewEntry, now: int, target: RecallTarget | None = None
) -> ErrorCode | None:
    """Why `entry` is not stored, or None. Another's, another shop's and no conversation look the same.

    `target` is the public entry with the seq `entry.recalls`; it matters for recalls only.
    """
    if head is None or not _belongs(head, entry):
        return ErrorCode.not_found
    if entry.log == "desk" or entry.sender_kind == "system":
        return None
    if head.state != "open" and not (entry.sender_kind == "buyer" and _takes_back(entry)):
        return ErrorCode.conversation_closed
    if entry.sender_kind == "agent" and (entry.sender_id != head.owner_id or entry.fence != head.fence):
        return ErrorCode.stale_fence
    if entry.kind == "recall" and not _recallable(entry, now, target):
        return ErrorCode.recall_refused
    return None


def mark_refusal(head: Head | None, mark: NewMark) -> ErrorCode | None:
    """Why `mark` is not stored, or None. Of the agents only the owner's reading counts."""
    if head is None:
        return ErrorCode.not_found
    if mark.side == "buyer":
        return None if mark.reader_id == head.buyer_id else ErrorCode.not_found
    if head.shop_id not in mark.shop_ids:
        return ErrorCode.not_found
    return None if mark.reader_id == head.owner_id else ErrorCode.forbidden


def moved_marks(delivered: int, read: int, mark: NewMark, last_seq: int) -> tuple[int, int]:
    """Where one side's marks stand after `mark`: never back, never beyond the last seq, read is delivered."""
    new_read = max(read, min(mark.read or 0, last_seq))
    return max(delivered, min(mark.delivered or 0, last_seq), new_read), new_read


def owed_after(owed_since: int | None, entry: NewEntry) -> int | None:
    """Since when an answer is owed after `entry`: a buyer's words start it, an agent's words end it."""
    if entry.log == "public" and entry.kind in SAID and not _takes_back(entry):
        if entry.sender_kind == "buyer":
            return entry.sent_at if owed_since is None else owed_since
        if entry.sender_kind == "agent":
            return None
    return owed_since


def body_of(entry: NewEntry) -> tuple[dict[str, Any], str]:
    """The body as it is stored, plain and as JSON text; a recall's names what it recalls.

    Raises `Refused(bad_request)` for what is no JSON text, as half of a surrogate pair.
    """
    body = entry.body if entry.recalls is None else {"recalled_seq": entry.recalls}
    try:
        return body, orjson.dumps(body).decode()
    except orjson.JSONEncodeError as error:
        raise Refused(ErrorCode.bad_request) from error


def preview_of(entry: NewEntry) -> str | None:
    """What the lists show of `entry`, or None where it leaves the preview as it is."""
    if entry.log == "public" and entry.kind == "text":
        return preview_of_text(str(entry.body["text"]))
    return None


def preview_of_text(text: str) -> str:
    """The beginning of a text."""
    return text[:PREVIEW_CHARACTERS]


def _belongs(head: Head, entry: NewEntry) -> bool:
    if entry.sender_kind == "buyer":
        return entry.sender_id == head.buyer_id and entry.log == "public"
    return entry.sender_kind == "system" or head.shop_id in entry.shop_ids


def _takes_back(entry: NewEntry) -> bool:
    """A booking is taken back also where nothing more is said, and nobody owes an answer to that."""
    return entry.kind == "booking" and entry.body["happened"] == "cancelled"


def _recallable(entry: NewEntry, now: int, target: RecallTarget | None) -> bool:
    return (
        target is not None
        and target.kind in SPOKEN
        and target.sender_kind == entry.sender_kind
        and target.sender_id == entry.sender_id
        and not target.recalled
        and now - target.sent_at <= RECALL_WITHIN_MS
    )
