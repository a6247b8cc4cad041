"""Messages: what is written into a conversation's two logs, read back, marked, recalled and typed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from protocol.base import (
    Cents,
    ClientId,
    Fence,
    Id,
    Line,
    Millis,
    Note,
    Seq,
    Text,
    Url,
    Wire,
)
from protocol.call import Booking, CallReason
from protocol.files import Pixels, Sha256
from protocol.recordings import RecordingCode, RecordingStage
from protocol.shots import Doubt, ShotHint, ShotLabel, ShotPlace, ShotsCard

SYNC_PAGE = 200
"""Entries in one `chat.sync` answer: about 40 kB, below one frame. `more` says that there are others."""
RECALL_WITHIN_MS = 120_000
"""How long after sending a message can be recalled (the two minutes buyers know from other shops)."""


OrderStatus = Literal["placed", "paid", "shipped", "delivered", "closed"]
"""How far an order is; clients have the words for it."""


class ProductCard(Wire):
    """A product as it stood when the card was made."""

    card: Literal["product"] = "product"
    product_id: Id
    title: Line
    price: Cents | None = None
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    picture: Url | None = None


class OrderCard(Wire):
    """An order as it stood when the card was made; no address and no phone."""

    card: Literal["order"] = "order"
    order_id: Id
    status: OrderStatus
    total: Cents
    currency: str = Field(pattern="^[A-Z]{3}$")
    placed_at: Millis
    titles: list[Line] = Field(max_length=20)
    picture: Url | None = None


class ContextCard(Wire):
    """Where the buyer opened the desk: the room, the minute of the stream, the product, the order."""

    card: Literal["context"] = "context"
    live_session_id: Id | None = None
    live_title: Line | None = None
    position_ms: Millis | None = None
    product: ProductCard | None = None
    order: OrderCard | None = None
    topic: Line | None = None


Card = TypeAliasType(
    "Card", Annotated[ProductCard | OrderCard | ContextCard | ShotsCard, Field(discriminator="card")]
)


class Sender(Wire):
    """Who wrote an entry. `name` is the public name (花名); a login never stands here."""

    kind: Literal["buyer", "agent", "system"]
    id: Id | None = None
    name: Line | None = None


class _Entry(Wire):
    seq: Seq
    message_id: Id
    client_id: ClientId | None = None
    sender: Sender
    sent_at: Millis


class TextEntry(_Entry):
    """A written message. A recalled one keeps its place and loses its text."""

    kind: Literal["text"] = "text"
    text: Text | None
    quote_seq: Seq | None = None
    recalled: bool = False


class CardEntry(_Entry):
    """A product, an order, the context in which the buyer asks, or a list of pictures he is asked for."""

    kind: Literal["card"] = "card"
    body: Card | None
    recalled: bool = False


class RecallEntry(_Entry):
    """Takes back the message `recalled_seq`; it has a seq of its own like everything that happens."""

    kind: Literal["recall"] = "recall"
    recalled_seq: Seq


class _OfShotEntry(_Entry):
    list_seq: Seq
    shot: ShotPlace
    label: ShotLabel


class StillEntry(_OfShotEntry):
    """A picture of a shot list, as it is stored: `sha256` is of these bytes, `sent_at` the server's clock."""

    kind: Literal["still"] = "still"
    file_id: Id
    width: Pixels
    height: Pixels
    size: int
    sha256: Sha256
    doubts: list[Doubt] = Field(default_factory=list, max_length=3)


class SkippedEntry(_OfShotEntry):
    """The buyer leaves a shot out and says why."""

    kind: Literal["skipped"] = "skipped"
    reason: Line


class RetakeEntry(_OfShotEntry):
    """The agent asks for a shot once more."""

    kind: Literal["retake"] = "retake"
    note: ShotHint = ""


class AssignedEntry(_Entry):
    """An agent took over the conversation."""

    kind: Literal["assigned"] = "assigned"
    agent_name: Line


class TransferredEntry(_Entry):
    """The conversation was handed on: to a named agent, or for None to a group, whose name stays inside."""

    kind: Literal["transferred"] = "transferred"
    to_name: Line | None = None


class RequeuedEntry(_Entry):
    """The agent was lost; the conversation is back at the front of the line."""

    kind: Literal["requeued"] = "requeued"


class ClosedEntry(_Entry):
    """The conversation ended."""

    kind: Literal["closed"] = "closed"
    by: Literal["buyer", "agent", "system"]


class CallEntry(_Entry):
    """A call began, ended after so long, or was missed: who called, and why it is over."""

    kind: Literal["call"] = "call"
    call_id: Id
    happened: Literal["started", "ended", "missed"]
    media: Literal["video", "voice"]
    invited_by: Literal["buyer", "agent"]
    reason: CallReason | None = None
    duration_ms: Millis | None = None


class BookingEntry(_Entry):
    """A call was booked for a time or is no more; or the time has come, and the buyer is owed a call."""

    kind: Literal["booking"] = "booking"
    happened: Literal["booked", "cancelled", "due"]
    at: Millis
    media: Literal["video", "voice"]
    replaced: Booking | None = None
    """What stood before this one and does not any more: whoever booked may not have seen it."""


class ReopenedEntry(_Entry):
    """The conversation goes on; by itself when a booked call is due."""

    kind: Literal["reopened"] = "reopened"
    by: Literal["buyer", "agent", "system"]


PublicEntry = TypeAliasType(
    "PublicEntry",
    Annotated[
        TextEntry
        | CardEntry
        | RecallEntry
        | StillEntry
        | SkippedEntry
        | RetakeEntry
        | AssignedEntry
        | TransferredEntry
        | RequeuedEntry
        | ClosedEntry
        | ReopenedEntry
        | CallEntry
        | BookingEntry,
        Field(discriminator="kind"),
    ],
)


class NoteEntry(_Entry):
    """An internal note; only agents ever see it."""

    kind: Literal["note"] = "note"
    text: Text


class HandoverEntry(_Entry):
    """The note that goes with a transfer."""

    kind: Literal["handover"] = "handover"
    text: Note
    to_name: Line


class RoutedEntry(_Entry):
    """Why the conversation went where it went: rule, group and what was decided."""

    kind: Literal["routed"] = "routed"
    text: Note


class ReusedEntry(_Entry):
    """A still looks like an earlier picture of the shop: where that was, and how many of 64 bits differ."""

    kind: Literal["reused"] = "reused"
    still_seq: Seq
    label: ShotLabel
    conversation_id: Id
    earlier_at: Millis
    case_number: int | None = None
    bits: int = Field(ge=0, le=64)


class RecordingEntry(_Entry):
    """What became of a call's recording: it stopped, can be watched, could not be finished, or is ended."""

    kind: Literal["recording"] = "recording"
    recording_id: Id
    call_id: Id
    state: RecordingStage
    code: RecordingCode | None = None
    duration_ms: Millis | None = None


DeskEntry = TypeAliasType(
    "DeskEntry",
    Annotated[
        NoteEntry | HandoverEntry | RoutedEntry | ReusedEntry | RecordingEntry, Field(discriminator="kind")
    ],
)


class ProductRef(Wire):
    """Asks for a product's card; the server fills it in from the catalogue."""

    card: Literal["product"]
    product_id: Id


class OrderRef(Wire):
    """Asks for an order's card; only an order in the conversation's scope."""

    card: Literal["order"]
    order_id: Id


CardRef = TypeAliasType("CardRef", Annotated[ProductRef | OrderRef, Field(discriminator="card")])


class _SendText(Wire):
    conversation_id: Id
    client_id: ClientId
    kind: Literal["text"]
    text: Text
    quote_seq: Seq | None = None


class _SendCard(Wire):
    conversation_id: Id
    client_id: ClientId
    kind: Literal["card"]
    body: CardRef


class BuyerText(_SendText):
    """A buyer's text."""


class BuyerCard(_SendCard):
    """A buyer's card."""


class AgentText(_SendText):
    """An agent's text, with the fence of his assignment."""

    fence: Fence


class AgentCard(_SendCard):
    """An agent's card, with the fence of his assignment."""

    fence: Fence


BuyerSend = TypeAliasType("BuyerSend", Annotated[BuyerText | BuyerCard, Field(discriminator="kind")])
AgentSend = TypeAliasType("AgentSend", Annotated[AgentText | AgentCard, Field(discriminator="kind")])


class Sent(Wire):
    """The message is stored for good, at this place. The same for a repeated `client_id`."""

    message_id: Id
    seq: Seq
    sent_at: Millis


class WriteNote(Wire):
    """An internal note on a conversation of one's shop."""

    conversation_id: Id
    client_id: ClientId
    text: Text


class BuyerRecall(Wire):
    """Takes back one's own message within two minutes."""

    conversation_id: Id
    client_id: ClientId
    seq: Seq


class AgentRecall(BuyerRecall):
    """The same for the agent who owns the conversation."""

    fence: Fence


class BuyerSync(Wire):
    """Everything after `after_seq`. `epoch` is the one the cursor was read under."""

    conversation_id: Id
    after_seq: Seq
    epoch: Id


class AgentSync(BuyerSync):
    """The same with the desk log's cursor."""

    desk_after_seq: Seq = 0


class Marks(Wire):
    """How far each side has received and read; never beyond the last seq, never backwards."""

    buyer_delivered: Seq = 0
    buyer_read: Seq = 0
    agent_delivered: Seq = 0
    agent_read: Seq = 0


class BuyerSynced(Wire):
    """A page of the public log with the conversation's state as of the same read."""

    epoch: Id
    entries: list[PublicEntry] = Field(max_length=SYNC_PAGE)
    more: bool
    last_seq: Seq
    state: Literal["open", "closed"]
    agent_name: Line | None = None
    position: int | None = None
    marks: Marks


class AgentSynced(BuyerSynced):
    """The same with a page of the desk log, the owner and his fence."""

    desk_entries: list[DeskEntry] = Field(max_length=SYNC_PAGE)
    desk_more: bool
    desk_last_seq: Seq
    owner_id: Id | None = None
    fence: Fence


class Mark(Wire):
    """Moves one's own side's marks forward; a lower value changes nothing."""

    conversation_id: Id
    delivered_seq: Seq | None = None
    read_seq: Seq | None = None


class Marked(Wire):
    """The marks as they stand after the command."""

    marks: Marks


class Typing(Wire):
    """One is typing now; shown for a few seconds, stored nowhere."""

    conversation_id: Id


class Posted(Wire):
    """An entry was stored in a log. `log` says which one; `seq` orders it."""

    conversation_id: Id
    log: Literal["public"] = "public"
    entry: PublicEntry


class DeskPosted(Wire):
    """An entry was stored in the desk log."""

    conversation_id: Id
    log: Literal["desk"] = "desk"
    entry: DeskEntry


class Recalled(Wire):
    """A message was taken back."""

    conversation_id: Id
    entry: RecallEntry


class MarksMoved(Wire):
    """Marks went forward."""

    conversation_id: Id
    marks: Marks


class TypingNow(Wire):
    """The other side is typing."""

    conversation_id: Id
    by: Literal["buyer", "agent"]
