"""How far this node's sockets have been told of each conversation, by this node or by the others.

Hints between nodes may be lost. Who compares this with SQL finds what nobody said here (`server.catchup`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

REMEMBERED = 50_000
"""Conversations and offers, each; beyond it the longest silent are forgotten and told once more at most."""


class Position(NamedTuple):
    """A conversation's last seqs, its owner's fence, and the sum of its four marks: none ever falls."""

    seq: int = 0
    desk_seq: int = 0
    fence: int = 0
    marks: int = 0


class Told:
    """High-water marks. A gap below one is nothing to remember: a client sees it and reads on."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._positions: OrderedDict[str, Position] = OrderedDict()
        self._offers: OrderedDict[str, None] = OrderedDict()
        self._remembered = remembered

    def of(self, conversation_id: str) -> Position | None:
        """What was told of a conversation; None where nothing was."""
        return self._positions.get(conversation_id)

    def offered(self, offer_id: str) -> bool:
        """Whether an offer was told."""
        return offer_id in self._offers

    def note(self, conversation_id: str, position: Position) -> None:
        """Raises a conversation's position to this one, each part by itself."""
        before = self._positions.get(conversation_id)
        if before is None:
            self._keep(self._positions, conversation_id, position)
        elif before != position:
            self._positions[conversation_id] = Position(*map(max, before, position))
            self._positions.move_to_end(conversation_id)

    def hear(self, event: str, payload: Mapping[str, Any]) -> None:
        """Notes an event that is being told to this node's sockets."""
        match event:
            case "chat.posted" | "chat.recalled":
                self.note(payload["conversation_id"], Position(seq=payload["entry"]["seq"]))
            case "chat.noted":
                self.note(payload["conversation_id"], Position(desk_seq=payload["entry"]["seq"]))
            case "chat.marked":
                self.note(payload["conversation_id"], Position(marks=sum(payload["marks"].values())))
            case "conversation.taken":
                self.note(payload["conversation_id"], Position(fence=payload["fence"]))
            case "conversation.offered":
                self._keep(self._offers, payload["offer_id"], None)

    def _keep(self, kept: OrderedDict[str, Any], key: str, value: Any) -> None:
        kept[key] = value
        if len(kept) > self._remembered:
            kept.popitem(last=False)
