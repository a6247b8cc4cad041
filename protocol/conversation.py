"""Conversations: opened by a buyer, assigned to an agent, transferred, closed, reopened, listed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from protocol.base import ClientId, Fence, Id, Line, Millis, Note, Seq, Wire
from protocol.cases import CASES_A_CONVERSATION, CaseSummary
from protocol.chat import Marks, OrderCard, ProductCard
from protocol.provenance import ProvenanceCard
from protocol.shots import SHOTS_A_LIST, Shot

LIST_PAGE = 100
"""Rows of one conversation list: what a console shows without scrolling for minutes."""


class Open(Wire):
    """Opens the buyer's conversation with the shop, or goes on with the open one.

    With another order or product than before a context card is added and the agent is told.
    """

    client_id: ClientId
    live_session_id: Id | None = None
    product_id: Id | None = None
    order_id: Id | None = None
    position_ms: Millis | None = None
    topic: Line | None = None


class Opened(Wire):
    """The conversation to write into. `position` is the place in line while it waits, 1 is next."""

    conversation_id: Id
    epoch: Id
    last_seq: Seq
    position: int | None = None
    agent_name: Line | None = None


class BuyerSummary(Wire):
    """One conversation in the buyer's own history."""

    conversation_id: Id
    state: Literal["open", "closed"]
    last_seq: Seq
    opened_at: Millis
    closed_at: Millis | None = None
    agent_name: Line | None = None
    preview: str = Field(default="", max_length=200)
    unread: int = 0


class BuyerHistory(Wire):
    """The buyer's conversations with this shop, newest first."""

    conversations: list[BuyerSummary] = Field(max_length=LIST_PAGE)


class ListOwn(Wire):
    """Asks for the buyer's own history."""

    before: Millis | None = None


class CloseByBuyer(Wire):
    """Ends one's own conversation."""

    conversation_id: Id
    client_id: ClientId


class CloseByAgent(CloseByBuyer):
    """Ends a conversation one owns."""

    fence: Fence


class Reopen(Wire):
    """Goes on with a closed conversation; refused while another one of the buyer is open."""

    conversation_id: Id
    client_id: ClientId


class Closed(Wire):
    """The conversation is closed, at this place in its log."""

    seq: Seq


class Reopened(Wire):
    """The conversation is open again and in line; where `fence` is given it is the caller's."""

    seq: Seq
    fence: Fence | None = None


class Summary(Wire):
    """A row in the console's lists. Names and cards are the shop's own; no phone, no address."""

    conversation_id: Id
    shop_id: Id
    shop_name: Line
    buyer_name: Line
    buyer_tier: Line | None = None
    verified: bool
    state: Literal["open", "closed"]
    line: Literal["waiting", "offered", "active", "done"]
    group_id: Id | None = None
    group_name: Line | None = None
    owner_id: Id | None = None
    owner_name: Line | None = None
    fence: Fence
    last_seq: Seq
    desk_last_seq: Seq
    opened_at: Millis
    waiting_since: Millis | None = None
    owed_since: Millis | None = Field(
        default=None,
        description="Time of the oldest buyer's message without an answer; null when none is owed.",
    )
    closed_at: Millis | None = None
    product_title: Line | None = None
    order_id: Id | None = None
    preview: str = Field(default="", max_length=200)
    unread: int = 0


class List(Wire):
    """Asks for a list of the console. `all` spans open and closed ones of the caller's shops."""

    tab: Literal["mine", "waiting", "all"]
    shop_id: Id | None = None
    before: Millis | None = Field(default=None, description="Page on: only those opened before this time.")


class Listed(Wire):
    """One page; `more` says that older ones exist."""

    conversations: list[Summary] = Field(max_length=LIST_PAGE)
    more: bool


class Look(Wire):
    """Asks for everything the context column shows, and to hear this conversation's events."""

    conversation_id: Id


class Watch(Wire):
    """Names the rows on the screen: from now on the caller hears these conversations, and no others that he
    watched before. None ends it. What is not of the caller's shops is left out of the answer."""

    conversation_ids: list[Id] = Field(max_length=LIST_PAGE)


class Watched(Wire):
    """The rows as they are now; what is stored later is heard."""

    conversations: list[Summary] = Field(max_length=LIST_PAGE)


class MaskedContact(Wire):
    """Receiver data with the middle hidden, as stored."""

    name: Line | None = None
    phone: Line | None = None
    address: Line | None = None


class OrderLineView(Wire):
    """A line of an order in the context column, with the newest version of its provenance."""

    line_id: Id
    product_id: Id
    title: Line
    quantity: int
    price: int
    provenance: ProvenanceCard | None = None


class OrderView(Wire):
    """An order in the context column."""

    order: OrderCard
    paid_at: Millis | None = None
    contact: MaskedContact
    lines: list[OrderLineView] = Field(max_length=50)


class Context(Wire):
    """Who asks, about what, and where it comes from. Shown before the buyer has typed."""

    summary: Summary
    buyer_id: Id
    locale: Literal["zh-CN", "en"]
    live_session_id: Id | None = None
    live_title: Line | None = None
    position_ms: Millis | None = None
    topic: Line | None = None
    product: ProductCard | None = None
    orders: list[OrderView] = Field(max_length=10)
    provenance: ProvenanceCard | None = Field(
        default=None,
        description="The moment of the stream in which the buyer tapped, unless he came with an order.",
    )
    earlier: list[BuyerSummary] = Field(max_length=20)
    cases: list[CaseSummary] = Field(max_length=CASES_A_CONVERSATION)
    shots: list[Shot] = Field(
        max_length=SHOTS_A_LIST,
        description="What to ask for: the product's own list, or the usual one.",
    )
    marks: Marks


class Unlook(Wire):
    """Stops hearing a conversation that is not one's own."""

    conversation_id: Id


class Answer(Wire):
    """Takes or declines an offer."""

    offer_id: Id
    fence: Fence


class Accepted(Wire):
    """The conversation is the caller's, under this fence."""

    conversation_id: Id
    fence: Fence


class Transfer(Wire):
    """Hands the conversation on with a note: to a group's line or to a named agent."""

    conversation_id: Id
    client_id: ClientId
    fence: Fence
    group_id: Id | None = None
    person_id: Id | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _one_target(self) -> Transfer:
        if (self.group_id is None) == (self.person_id is None):
            raise ValueError("name either a group or a person")
        return self


class Offered(Wire):
    """To one agent: this conversation is yours if you accept before `expires_at`."""

    offer_id: Id
    fence: Fence
    expires_at: Millis
    now: Millis = Field(description="The server's clock, so that the ring drains by the server's time.")
    why: list[Line] = Field(max_length=10, description="Skills and rule that led here.")
    summary: Summary


class OfferEnded(Wire):
    """To the same agent: the offer is over."""

    offer_id: Id
    outcome: Literal["accepted", "missed", "declined", "withdrawn"]


class AssignedToBuyer(Wire):
    """To the buyer: who answers."""

    conversation_id: Id
    agent_name: Line


class AssignedToAgent(Wire):
    """To the agents concerned: who owns it now, under which fence."""

    conversation_id: Id
    owner_id: Id
    fence: Fence
    summary: Summary


class ClosedEvent(Wire):
    """The conversation ended."""

    conversation_id: Id
    seq: Seq
    by: Literal["buyer", "agent", "system"]


class ReopenedEvent(Wire):
    """The conversation goes on."""

    conversation_id: Id
    seq: Seq


class Changed(Wire):
    """To a shop's agents: this row of the lists is new or different (line, owner, state)."""

    summary: Summary
