"""Reads what clients noted and what the database holds, and names every broken invariant.

I1  acknowledged ⇒ stored exactly once, as acknowledged
I2  the seqs of a conversation are 1..n without a gap
I3  what a client shows is a prefix of the stored log: same order, no duplicate, nothing invented
I4  not acknowledged ⇒ retried to an acknowledgement, or shown as failed
I5  exactly one owner at any instant, under rising fences
I6  marks never go back and never pass the last seq
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Row:
    """One stored entry of a public log."""

    conversation_id: str
    seq: int
    message_id: str
    client_id: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Ownership:
    """One assignment: `until` is None for the present one. Times are epoch ms."""

    conversation_id: str
    person_id: str
    fence: int
    since: int
    until: int | None


@dataclass(slots=True)
class Sent:
    """One message a client sent: what became of it as the client knows it."""

    conversation_id: str
    client_id: str
    text: str
    acks: list[tuple[str, int]] = field(default_factory=list)
    failed: bool = False


@dataclass(slots=True)
class Journal:
    """What one client noted: what it sent, what it shows, and the marks it was told, in order."""

    name: str
    sent: list[Sent] = field(default_factory=list)
    shown: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    marks: dict[str, list[Mapping[str, int]]] = field(default_factory=dict)

    def show(self, conversation_id: str, seq: int, message_id: str) -> None:
        """Notes that an entry was appended to the displayed list."""
        self.shown.setdefault(conversation_id, []).append((seq, message_id))


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant in words."""

    invariant: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.sentence}"


def check(
    journals: Iterable[Journal],
    rows: Iterable[Row],
    ownership: Iterable[Ownership] = (),
) -> list[Violation]:
    """Every violation of I1 to I6; an empty list means that the run holds."""
    log: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        log[row.conversation_id].append(row)
    journals = list(journals)
    return [
        *_gapless(log),
        *_stored_once(journals, log),
        *_shown_as_stored(journals, log),
        *_one_owner(ownership),
        *_marks_forward(journals, log),
    ]


def _gapless(log: Mapping[str, Sequence[Row]]) -> Iterable[Violation]:
    for conversation, rows in log.items():
        seqs = [row.seq for row in rows]
        if seqs != list(range(1, len(seqs) + 1)):
            yield Violation(
                "I2", f"{conversation} holds {_first_gap(seqs)} where 1..{len(seqs)} should stand"
            )


def _first_gap(seqs: Sequence[int]) -> str:
    place = next(i for i, seq in enumerate(seqs) if seq != i + 1)
    return f"seq {seqs[place]} at place {place + 1}"


def _stored_once(journals: Sequence[Journal], log: Mapping[str, Sequence[Row]]) -> Iterable[Violation]:
    stored: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for conversation, rows in log.items():
        for row in rows:
            if row.client_id is not None:
                stored[conversation, row.client_id].append(row)
    for journal in journals:
        for sent in journal.sent:
            found = stored.get((sent.conversation_id, sent.client_id), [])
            if len(found) > 1:
                yield Violation("I1", f"{journal.name}'s {sent.client_id} is stored {len(found)} times")
            if not sent.acks:
                if not sent.failed:
                    yield Violation(
                        "I4", f"{journal.name}'s {sent.client_id} was neither acknowledged nor failed"
                    )
                continue
            if len(set(sent.acks)) > 1:
                yield Violation(
                    "I1", f"{journal.name}'s {sent.client_id} was acknowledged as {sorted(set(sent.acks))}"
                )
            if not found:
                yield Violation("I1", f"{journal.name}'s {sent.client_id} was acknowledged and is not stored")
                continue
            row = found[0]
            if (row.message_id, row.seq) != sent.acks[0] or row.text != sent.text:
                yield Violation(
                    "I1", f"{journal.name}'s {sent.client_id} is stored otherwise than acknowledged"
                )


def _shown_as_stored(journals: Sequence[Journal], log: Mapping[str, Sequence[Row]]) -> Iterable[Violation]:
    for journal in journals:
        for conversation, shown in journal.shown.items():
            stored = [(row.seq, row.message_id) for row in log.get(conversation, ())]
            twice = [entry for entry, count in Counter(shown).items() if count > 1]
            if twice:
                yield Violation("I3", f"{journal.name} shows {twice[0]} of {conversation} twice")
            elif shown != stored[: len(shown)]:
                place = next(i for i, pair in enumerate(shown) if i >= len(stored) or pair != stored[i])
                yield Violation(
                    "I3", f"{journal.name} shows {shown[place]} at place {place + 1} of {conversation}"
                )


def _one_owner(ownership: Iterable[Ownership]) -> Iterable[Violation]:
    held: dict[str, list[Ownership]] = defaultdict(list)
    for each in ownership:
        held[each.conversation_id].append(each)
    for conversation, all_of_it in held.items():
        line = sorted(all_of_it, key=lambda each: each.fence)
        for before, after in pairwise(line):
            if after.fence == before.fence:
                yield Violation("I5", f"{conversation} has fence {after.fence} twice")
            if before.until is None or before.until > after.since:
                yield Violation("I5", f"{conversation} had two owners at {after.since}")


def _marks_forward(journals: Sequence[Journal], log: Mapping[str, Sequence[Row]]) -> Iterable[Violation]:
    for journal in journals:
        for conversation, marks in journal.marks.items():
            last = max((row.seq for row in log.get(conversation, ())), default=0)
            highest: dict[str, int] = {}
            for told in marks:
                for name, seq in told.items():
                    if seq < highest.get(name, 0):
                        yield Violation("I6", f"{journal.name} saw {name} of {conversation} go back to {seq}")
                    if seq > last:
                        yield Violation(
                            "I6", f"{journal.name} saw {name} of {conversation} at {seq}, past {last}"
                        )
                    highest[name] = max(seq, highest.get(name, 0))
