"""What became true: the facts that the publisher may speak of, only after they are committed.

Facts are plain data and carry everything that any audience may see; `present` decides who sees what. What is
made for every message is a NamedTuple: a frozen dataclass is three times as slow to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from protocol import call, cases, conversation, line
from protocol.provenance import ProvenanceCard

Log = Literal["public", "desk"]
SenderKind = Literal["buyer", "agent", "system"]
ActorKind = Literal["buyer", "agent", "guest"]


class Place(NamedTuple):
    """The conversation a fact is about, and whom it concerns. `owner_id` is None while nobody owns it."""

    conversation_id: str
    shop_id: str
    buyer_id: str
    owner_id: str | None


class LogEntry(NamedTuple):
    """One stored row of a log. `body` holds the fields of the entry's kind as they go over the wire.

    `sent_at` is epoch milliseconds (UTC). A recalled entry keeps its place; its body is not sent.
    """

    seq: int
    message_id: str
    client_id: str | None
    sender_kind: SenderKind
    sender_id: str | None
    sender_name: str | None
    sent_at: int
    kind: str
    body: dict[str, Any]
    recalled: bool = False


class EntryStored(NamedTuple):
    """An entry was stored. `recall` entries are told as `chat.recalled`, desk entries to agents only.

    `by_sid` is the socket that wrote it: it has the acknowledgement and needs no echo.
    """

    place: Place
    log: Log
    entry: LogEntry
    by_sid: str | None = None


@dataclass(frozen=True, slots=True)
class MarksMoved:
    """Delivered or read marks went forward; the values as they stand."""

    place: Place
    buyer_delivered: int
    buyer_read: int
    agent_delivered: int
    agent_read: int


@dataclass(frozen=True, slots=True)
class TypingSeen:
    """One side is typing: a hint, stored nowhere, told to the other side."""

    place: Place
    by: Literal["buyer", "agent"]


@dataclass(frozen=True, slots=True)
class PlaceInLineMoved:
    """A waiting buyer's position changed; None when the wait is over."""

    place: Place
    position: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class OfferMade:
    """A conversation was offered to one agent."""

    person_id: str
    offer: conversation.Offered


@dataclass(frozen=True, slots=True)
class OfferOver:
    """An offer to one agent is over."""

    person_id: str
    offer_id: str
    outcome: Literal["accepted", "missed", "declined", "withdrawn"]


@dataclass(frozen=True, slots=True)
class OwnerChanged:
    """A conversation has a (new) owner. `before` is who owned it until now, if anybody did."""

    place: Place
    owner_name: str
    fence: int
    summary: conversation.Summary
    before: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationClosed:
    """A conversation ended at `seq`."""

    place: Place
    seq: int
    by: SenderKind


@dataclass(frozen=True, slots=True)
class ConversationReopened:
    """A conversation goes on from `seq`."""

    place: Place
    seq: int


@dataclass(frozen=True, slots=True)
class RowChanged:
    """A row of the shop's lists is new or different."""

    summary: conversation.Summary


@dataclass(frozen=True, slots=True)
class ProvenanceFound:
    """A newer provenance of an order line whose buyer has a conversation."""

    place: Place
    order_id: str
    line_id: str
    card: ProvenanceCard


@dataclass(frozen=True, slots=True)
class CaseChanged:
    """A case of the shop is new or different."""

    case: cases.CaseSummary


@dataclass(frozen=True, slots=True)
class SeatChanged:
    """An agent's state, units or connection changed; told to the agents of his shops."""

    seat: line.Seat
    shop_ids: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Whom a call concerns: its conversation's two sides, the other people at work in it, and its guests.

    `staff` are person ids (supervisors in it, an agent it rings at); `guests` are participant ids.
    """

    conversation: Place
    staff: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()


CallEventName = Literal[
    "call.rang",
    "call.answered",
    "call.joined",
    "call.reconnecting",
    "call.left",
    "call.changed",
    "call.recording_changed",
    "call.ended",
]


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call is another than before; `call` holds all of it, `present` leaves out who is hidden from whom.

    `participant_id` is whom it is about. `code` says what was lost where somebody is reconnecting.
    `vanished`: buyer and guests saw him until now, and do not any more.
    """

    place: CallPlace
    event: CallEventName
    call: call.Call
    participant_id: str | None = None
    code: str | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class LegMoved:
    """A participant's call is carried by this leg now; told to his own sockets."""

    kind: ActorKind
    person_id: str
    call_id: str
    participant_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class LegRouted:
    """Who is on which line of a participant's leg; told to his own sockets."""

    kind: ActorKind
    person_id: str
    call_id: str
    leg_id: str
    tracks: tuple[call.Track, ...]


@dataclass(frozen=True, slots=True)
class MarkDrawn:
    """A mark was stored. `by_sid` is the socket that drew it."""

    place: CallPlace
    call_id: str
    entry: call.MarkEntry
    by_sid: str | None = None


@dataclass(frozen=True, slots=True)
class QualityChanged:
    """A participant's connection is another in words. `hidden`: told to agents only, like himself."""

    place: CallPlace
    call_id: str
    participant_id: str
    level: call.Level
    step: call.Step
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class StillAsked:
    """The buyer's camera is asked for a still."""

    place: CallPlace
    call_id: str
    list_seq: int
    participant_id: str


@dataclass(frozen=True, slots=True)
class AdjustAsked:
    """The buyer's camera is asked for torch or zoom; None stays."""

    place: CallPlace
    call_id: str
    participant_id: str
    torch: bool | None = None
    zoom: float | None = None


Fact = (
    EntryStored
    | MarksMoved
    | TypingSeen
    | PlaceInLineMoved
    | OfferMade
    | OfferOver
    | OwnerChanged
    | ConversationClosed
    | ConversationReopened
    | RowChanged
    | ProvenanceFound
    | CaseChanged
    | SeatChanged
    | CallChanged
    | LegMoved
    | LegRouted
    | MarkDrawn
    | QualityChanged
    | StillAsked
    | AdjustAsked
)
