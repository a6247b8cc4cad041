"""What a merchant's server tells the desk: products, orders, live sessions and their events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from protocol.base import Cents, Id, Line, Millis, Note, Seq, Text, Url, Wire
from protocol.chat import OrderStatus
from protocol.errors import ErrorCode
from protocol.shots import SHOTS_A_LIST, Shot

EVENTS_A_CALL = 500
"""Live events in one call: half a minute of a busy room; with 2 kB each it stays below a body's limit."""
ORDER_LINES = 50
"""Lines of one order."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class PutProduct(Wire):
    """A product as cards show it. Putting the same again changes nothing."""

    title: Line
    price: Cents | None = None
    currency: Currency = "CNY"
    category: Line | None = None
    picture: Url | None = None


class PutShotList(Wire):
    """The pictures to ask for with a product, in this order."""

    shots: list[Shot] = Field(max_length=SHOTS_A_LIST)


class OrderLine(Wire):
    """One line of an order; the live fields help provenance where the platform gives them."""

    line_id: Id
    product_id: Id
    sku: Line | None = None
    title: Line
    quantity: int = Field(ge=1, le=10_000)
    price: Cents
    live_session_id: Id | None = None
    position_ms: Millis | None = Field(
        default=None,
        description="Where the buyer's player stood when he ordered, from the start of the session named.",
    )


class Receiver(Wire):
    """Where it goes. Stored masked; the whole is not kept."""

    name: Line | None = None
    phone: Line | None = None
    address: Line | None = None


class PutOrder(Wire):
    """An order with its lines. `buyer` is the `sub` of the buyer's identity. Idempotent."""

    buyer: Id
    status: OrderStatus
    placed_at: AwareDatetime
    paid_at: AwareDatetime | None = None
    total: Cents
    currency: Currency = "CNY"
    receiver: Receiver = Receiver()
    lines: list[OrderLine] = Field(min_length=1, max_length=ORDER_LINES)


class Stored(Wire):
    """It is stored; `changed` says whether this call changed anything."""

    id: Id
    changed: bool


class PostLiveSession(Wire):
    """Announces a live session. The same id again must say the same start."""

    id: Id
    room: Line
    title: Line
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    delay_ms: Millis = Field(default=0, description="How far viewers are behind the host.")


class _LiveEvent(Wire):
    source_event_id: Id
    at: AwareDatetime


class HostOn(_LiveEvent):
    """A host comes on."""

    kind: Literal["host_on"]
    host: Line


class HostOff(_LiveEvent):
    """A host leaves."""

    kind: Literal["host_off"]
    host: Line


class ExplainStart(_LiveEvent):
    """The explanation of a product begins (开始讲解)."""

    kind: Literal["explain_start"]
    product_id: Id
    host: Line | None = Field(default=None, description="Who explains, where several are on air.")


class ExplainEnd(_LiveEvent):
    """The explanation of a product ends (结束讲解)."""

    kind: Literal["explain_end"]
    product_id: Id


class HostSaid(_LiveEvent):
    """Words of a host."""

    kind: Literal["said"]
    text: Text
    host: Line | None = None


class PromiseMade(_LiveEvent):
    """A promise made on stream (承诺), for one product or for the whole session."""

    kind: Literal["promise"]
    text: Text
    promise: Literal["price", "gift", "return_window", "material", "delivery", "other"] = "other"
    value: Note = ""
    product_id: Id | None = None
    until: AwareDatetime | None = None
    host: Line | None = None


class Commented(_LiveEvent):
    """A viewer's comment (弹幕). `buyer` is the `sub` of his identity where the room knows it."""

    kind: Literal["comment"]
    text: Text
    buyer: Id | None = None
    name: Line | None = None
    product_id: Id | None = None


class SessionEnded(_LiveEvent):
    """The live session ends."""

    kind: Literal["session_end"]


LiveEvent = Annotated[
    HostOn | HostOff | ExplainStart | ExplainEnd | HostSaid | PromiseMade | Commented | SessionEnded,
    Field(discriminator="kind"),
]


_LIVE_EVENT: TypeAdapter[LiveEvent] = TypeAdapter(LiveEvent)
_ANY_EVENT: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


def read_live_event(raw: dict[str, object]) -> LiveEvent:
    """One event of a call, read by itself. Raises ValueError that says which field is wrong and why."""
    try:
        return _LIVE_EVENT.validate_json(_ANY_EVENT.dump_json(raw))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None


class PostLiveEvents(Wire):
    """Events of a session in any order: plain JSON, for each is accepted or refused by itself."""

    events: list[dict[str, object]] = Field(min_length=1, max_length=EVENTS_A_CALL)


class EventResult(Wire):
    """What became of one event: stored (or known already) under `seq`, or refused with a code."""

    source_event_id: str | None
    accepted: bool
    duplicate: bool = False
    seq: Seq | None = None
    error: ErrorCode | None = None
    message: str | None = None


class EventResults(Wire):
    """One result for each event, in the order they were sent."""

    results: list[EventResult]
