"""One batch on SQLite: reads what it needs, decides each write by itself, stores all that is admitted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from protocol.errors import ErrorCode
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
from server.storage.records import Appended, Marked, NewEntry, NewMark, log_entry
from signaling.facts import LogEntry, Place

_HEAD = """
SELECT shop_id, buyer_id, state, owner_id, fence, last_seq, desk_last_seq, owed_since,
       buyer_delivered, buyer_read, agent_delivered, agent_read
FROM conversations WHERE id = ?"""
_STORED_IN = {
    "public": """
SELECT seq, message_id, client_id, sender_kind, sender_id, sender_name, sent_at, kind, body,
       EXISTS (SELECT 1 FROM public_log r
               WHERE r.conversation_id = e.conversation_id AND r.recalled_seq = e.seq)
FROM public_log e WHERE conversation_id = ? AND sender_id = ? AND client_id = ?""",
    "desk": """
SELECT seq, message_id, client_id, sender_kind, sender_id, sender_name, sent_at, kind, body, 0
FROM desk_log WHERE conversation_id = ? AND sender_id = ? AND client_id = ?""",
}
_TARGET = """
SELECT sender_kind, sender_id, kind, sent_at,
       EXISTS (SELECT 1 FROM public_log r
               WHERE r.conversation_id = e.conversation_id AND r.recalled_seq = e.seq)
FROM public_log e WHERE conversation_id = ? AND seq = ?"""
_NEWEST_TEXT = """
SELECT body FROM public_log e
WHERE conversation_id = ? AND kind = 'text'
  AND NOT EXISTS (SELECT 1 FROM public_log r
               WHERE r.conversation_id = e.conversation_id AND r.recalled_seq = e.seq)
ORDER BY seq DESC LIMIT 1"""
_INSERT_PUBLIC = """
INSERT INTO public_log (conversation_id, seq, message_id, client_id, sender_kind, sender_id, sender_name,
                        sent_at, kind, body, recalled_seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_DESK = """
INSERT INTO desk_log (conversation_id, seq, message_id, client_id, sender_kind, sender_id, sender_name,
                      sent_at, kind, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_UPDATE = """
UPDATE conversations
SET last_seq = ?, desk_last_seq = ?, owed_since = ?, preview = coalesce(?, preview),
    buyer_delivered = ?, buyer_read = ?, agent_delivered = ?, agent_read = ?
WHERE id = ?"""
STATEMENTS = (_HEAD, *_STORED_IN.values(), _TARGET, _NEWEST_TEXT, _INSERT_PUBLIC, _INSERT_DESK, _UPDATE)
"""All that a batch may run: tests ask the database for the plan of each."""


class PreparedEntry(NamedTuple):
    """An entry with its body as JSON text, made before it joins a batch: a body that is none fails alone."""

    entry: NewEntry
    body: dict[str, Any]
    text: str


Write = PreparedEntry | NewMark
Outcome = Appended | Marked | ErrorCode


def prepared(entry: NewEntry) -> PreparedEntry:
    """The entry ready for a batch. Raises `Refused(bad_request)` for a body that is none."""
    return PreparedEntry(entry, *body_of(entry))


def commit_batch(db: sqlite3.Connection, writes: Sequence[Write], now: int) -> list[Outcome]:
    """Decide and store `writes` in one transaction; one outcome for each, in order.

    First it is assumed that no client id comes a second time, which saves a look-up for each entry; the
    unique constraint tells when that was wrong, and then each is looked up. Raises what SQLite raises, with
    nothing stored.
    """
    try:
        return _transact(db, writes, now, look_up=False)
    except sqlite3.IntegrityError:
        return _transact(db, writes, now, look_up=True)


def _transact(db: sqlite3.Connection, writes: Sequence[Write], now: int, *, look_up: bool) -> list[Outcome]:
    db.execute("BEGIN IMMEDIATE")
    try:
        batch = _Batch(db, now, look_up=look_up)
        outcomes = [
            batch.mark(write) if type(write) is NewMark else batch.entry(write)  # type: ignore[arg-type]
            for write in writes
        ]
        batch.store()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return outcomes


class _Row:
    """A conversation as the batch has changed it so far."""

    __slots__ = (
        "agent_delivered",
        "agent_read",
        "buyer_delivered",
        "buyer_read",
        "changed",
        "desk_last_seq",
        "head",
        "last_seq",
        "owed_since",
        "place",
        "preview",
    )

    def __init__(self, conversation_id: str, row: Sequence[Any]) -> None:
        self.head = Head(*row[:5])
        self.place = Place(conversation_id, row[0], row[1], row[3])
        self.last_seq: int = row[5]
        self.desk_last_seq: int = row[6]
        self.owed_since: int | None = row[7]
        self.buyer_delivered: int = row[8]
        self.buyer_read: int = row[9]
        self.agent_delivered: int = row[10]
        self.agent_read: int = row[11]
        self.preview: str | None = None
        self.changed = False


class _Batch:
    def __init__(self, db: sqlite3.Connection, now: int, *, look_up: bool) -> None:
        self._db = db
        self._now = now
        self._look_up = look_up
        self._rows: dict[str, _Row | None] = {}
        self._fresh: dict[tuple[str, str, str | None, str], Appended] = {}
        self._recalled: set[tuple[str, int | None]] = set()
        self._public: list[tuple[Any, ...]] = []
        self._desk: list[tuple[Any, ...]] = []

    def entry(self, write: PreparedEntry) -> Outcome:
        entry = write.entry
        row = self._row(entry.conversation_id)
        target = self._target(entry) if entry.recalls is not None else None
        code = entry_refusal(row.head if row else None, entry, self._now, target)
        if row is None or code is ErrorCode.not_found:
            return ErrorCode.not_found
        if entry.client_id is not None:
            key = (entry.conversation_id, entry.log, entry.sender_id, entry.client_id)
            before = self._fresh.get(key)
            if before is None and (code is not None or self._look_up):
                before = self._stored(row, entry)
            if before is not None:
                return Appended(before.place, self._as_it_stands(entry, before.entry), repeated=True)
        if code is not None:
            return code
        appended = self._append(row, write)
        if entry.client_id is not None:
            self._fresh[key] = appended
        return appended

    def mark(self, mark: NewMark) -> Outcome:
        row = self._row(mark.conversation_id)
        code = mark_refusal(row.head if row else None, mark)
        if row is None or code is not None:
            return code or ErrorCode.not_found
        if mark.side == "buyer":
            old = (row.buyer_delivered, row.buyer_read)
            new = row.buyer_delivered, row.buyer_read = moved_marks(*old, mark, row.last_seq)
        else:
            old = (row.agent_delivered, row.agent_read)
            new = row.agent_delivered, row.agent_read = moved_marks(*old, mark, row.last_seq)
        moved = new != old
        row.changed |= moved
        return Marked(
            row.place, row.buyer_delivered, row.buyer_read, row.agent_delivered, row.agent_read, moved
        )

    def store(self) -> None:
        if self._public:
            self._db.executemany(_INSERT_PUBLIC, self._public)
        if self._desk:
            self._db.executemany(_INSERT_DESK, self._desk)
        for conversation_id, _ in self._recalled:
            row = self._rows[conversation_id]
            assert row is not None  # noqa: S101 - the recall was admitted
            row.preview = self._newest_text(conversation_id)
        updates = [
            (
                row.last_seq,
                row.desk_last_seq,
                row.owed_since,
                row.preview,
                row.buyer_delivered,
                row.buyer_read,
                row.agent_delivered,
                row.agent_read,
                conversation_id,
            )
            for conversation_id, row in self._rows.items()
            if row is not None and row.changed
        ]
        if updates:
            self._db.executemany(_UPDATE, updates)

    def _row(self, conversation_id: str) -> _Row | None:
        try:
            return self._rows[conversation_id]
        except KeyError:
            found = self._db.execute(_HEAD, (conversation_id,)).fetchone()
            row = self._rows[conversation_id] = None if found is None else _Row(conversation_id, found)
            return row

    def _target(self, entry: NewEntry) -> RecallTarget | None:
        place = (entry.conversation_id, entry.recalls)
        found = self._db.execute(_TARGET, place).fetchone()
        if found is None:
            # It may stand in this very batch, before the recall.
            found = next(((*row[4:6], row[8], row[7], 0) for row in self._public if row[:2] == place), None)
        if found is None:
            return None
        sender_kind, sender_id, kind, sent_at, recalled = found
        return RecallTarget(sender_kind, sender_id, kind, sent_at, bool(recalled) or place in self._recalled)

    def _as_it_stands(self, asked: NewEntry, stored: LogEntry) -> LogEntry:
        if asked.log == "public" and (asked.conversation_id, stored.seq) in self._recalled:
            return stored._replace(body={}, recalled=True)
        return stored

    def _stored(self, row: _Row, entry: NewEntry) -> Appended | None:
        key = (entry.conversation_id, entry.sender_id, entry.client_id)
        found = self._db.execute(_STORED_IN[entry.log], key).fetchone()
        if found is None:
            return None
        return Appended(row.place, log_entry(found), repeated=True)

    def _append(self, row: _Row, write: PreparedEntry) -> Appended:
        entry = write.entry
        row.changed = True
        row.owed_since = owed_after(row.owed_since, entry)
        if entry.log == "public":
            seq = row.last_seq = row.last_seq + 1
            rows, tail = self._public, (write.text, entry.recalls)
        else:
            seq = row.desk_last_seq = row.desk_last_seq + 1
            rows, tail = self._desk, (write.text,)  # type: ignore[assignment]
        fields = (
            seq,
            entry.message_id,
            entry.client_id,
            entry.sender_kind,
            entry.sender_id,
            entry.sender_name,
            entry.sent_at,
            entry.kind,
        )
        rows.append((entry.conversation_id, *fields, *tail))
        preview = preview_of(entry)
        if preview is not None:
            row.preview = preview
        if entry.recalls is not None:
            self._recalled.add((entry.conversation_id, entry.recalls))
        return Appended(row.place, LogEntry(*fields, write.body), repeated=False)

    def _newest_text(self, conversation_id: str) -> str:
        found = self._db.execute(_NEWEST_TEXT, (conversation_id,)).fetchone()
        return "" if found is None else preview_of_text(orjson.loads(found[0])["text"])
