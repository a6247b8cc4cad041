"""How far this node's sockets have been told of each conversation, by this node or by the others.

Hints between nodes may be lost. Who compares this with SQL finds what nobody said here (`server.catchup`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

REMEMBERED = 50_000
"""Conversations, offers, places, seats, calls: of each; the oldest are forgotten, told once more at most."""


class Position(NamedTuple):
    """A conversation's last seqs, its owner's fence, and the sum of its four marks: none ever falls."""

    seq: int = 0
    desk_seq: int = 0
    fence: int = 0
    marks: int = 0


class CallPosition(NamedTuple):
    """A call's revision and how many marks it has: neither ever falls."""

    revision: int = -1
    marks: int = 0


class Last(NamedTuple):
    """What was told last where each word replaces the one before; `number`: as the how-manieth event."""

    number: int
    payload: Mapping[str, Any]


class Told:
    """High-water marks, and the last word where there are none.

    A gap below a mark is nothing to remember: a client sees it and reads on.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._positions: OrderedDict[str, Position] = OrderedDict()
        self._offers: OrderedDict[str, None] = OrderedDict()
        self._places: OrderedDict[str, Last] = OrderedDict()
        self._seats: OrderedDict[str, Last] = OrderedDict()
        self._calls: OrderedDict[str, CallPosition] = OrderedDict()
        self.count = 0
        """Events so far."""
        self._remembered = remembered

    def of(self, conversation_id: str) -> Position | None:
        """What was told of a conversation; None where nothing was."""
        return self._positions.get(conversation_id)

    def offered(self, offer_id: str) -> bool:
        """Whether an offer was told."""
        return offer_id in self._offers

    def place(self, conversation_id: str) -> Last | None:
        """The last `queue.moved` about a conversation."""
        return self._places.get(conversation_id)

    def seat(self, person_id: str) -> Last | None:
        """The last `presence.changed` about an agent."""
        return self._seats.get(person_id)

    def call(self, call_id: str) -> CallPosition:
        """What was told of a call."""
        return self._calls.get(call_id, CallPosition())

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
        self.count += 1
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
            case "queue.moved":
                self._keep(self._places, payload["conversation_id"], Last(self.count, payload))
            case "presence.changed":
                self._keep(self._seats, payload["person_id"], Last(self.count, payload))
            case "call.marked":
                self._note_call(payload["call_id"], CallPosition(marks=payload["entry"]["seq"]))
            case _ if event.startswith("call.") and "call" in payload:
                self._note_call(payload["call"]["call_id"], CallPosition(payload["call"]["revision"]))

    def _note_call(self, call_id: str, position: CallPosition) -> None:
        self._keep(self._calls, call_id, CallPosition(*map(max, self.call(call_id), position)))

    def _keep(self, kept: OrderedDict[str, Any], key: str, value: Any) -> None:
        kept[key] = value
        kept.move_to_end(key)
        if len(kept) > self._remembered:
            kept.popitem(last=False)
