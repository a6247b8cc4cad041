"""Reads recorded dialogues: seven columns without a header, tab separated, one turn a line.

`session, user, from_agent (0 or 1), is_transfer, is_repeat, sku, text`. Turns of a session stand together and
in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from protocol.base import MAX_TEXT

COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One session: its turns as (who, text), `who` being buyer or agent."""

    id: str
    user: str
    turns: tuple[tuple[str, str], ...]


def read(path: Path) -> list[Dialogue]:
    """All dialogues of a file. Raises ValueError with line and reason for what cannot be sent as it is."""
    dialogues = []
    for session, rows in groupby(_rows(path), key=lambda row: row[0]):
        turns = list(rows)
        dialogues.append(
            Dialogue(session, turns[0][1], tuple(("agent" if r[2] == "1" else "buyer", r[6]) for r in turns))
        )
    if len({dialogue.id for dialogue in dialogues}) != len(dialogues):
        raise ValueError("a session's turns do not stand together")
    return dialogues


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            row = line.removesuffix("\n").split("\t")
            if len(row) != COLUMNS or row[2] not in ("0", "1"):
                raise ValueError(f"line {number} has not the {COLUMNS} columns of a turn")
            if not row[6].strip() or len(row[6]) > MAX_TEXT:
                raise ValueError(f"line {number} has no text, or one of more than {MAX_TEXT} characters")
            yield row
