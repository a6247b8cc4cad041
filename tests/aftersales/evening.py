"""A made-up evening of parallel live sessions in which it is known where every order comes from.

Rooms sell partly the same products, explain some twice or by two hosts at once, lose, repeat and shuffle
events. Viewers see the room with a delay of their own around the stated one, and the shop's clock is off as
well. Most order while the product is explained, some a while after, some from the bag without an explanation;
what was on the screen at that moment is where an order comes from, whatever else the buyer had seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from random import Random

from aftersales.livestream import (
    Commented,
    ExplainEnd,
    ExplainStart,
    HostOff,
    HostOn,
    LiveEvent,
    LiveSession,
    Timeline,
)
from aftersales.provenance import OrderLine

SECOND = 1_000
MINUTE = 60 * SECOND
EVENING = 180 * MINUTE
PRODUCTS = [f"product-{n}" for n in range(12)]
HOSTS = ["Lin", "Zhou"]

LOST_ENDS, LOST_STARTS, REPEATED = 0.1, 0.02, 0.1
TWO_HOSTS_AT_ONCE = 0.15
WHILE_EXPLAINED, AFTERWARDS = 0.7, 0.23
"""The rest of the orders comes from the bag, of a product of that room, at any time."""
NAMED, NAMED_WRONGLY = 0.6, 0.1
COMMENTS_FIRST = 0.3


@dataclass(frozen=True)
class Truth:
    """An order and the explanation it comes from, as session and event id; None is the bag alone."""

    order: OrderLine
    session_id: str
    explain_id: str | None


@dataclass(frozen=True)
class _Explained:
    session_id: str
    explain_id: str
    product_id: str
    from_at: int
    to_at: int


def make_evening(chance: Random, orders: int) -> tuple[list[Timeline], list[Truth]]:
    sessions: dict[str, LiveSession] = {}
    events: dict[str, list[LiveEvent]] = {}
    explained: list[_Explained] = []
    for n in range(3):
        session = LiveSession(
            id=f"live-{n}", started_at=n * 7 * MINUTE, delay_ms=chance.randrange(3, 16) * SECOND
        )
        sessions[session.id] = session
        events[session.id], mine = _room(chance, session)
        explained += mine
    truths = [_order(chance, n, sessions, events, explained) for n in range(orders)]
    timelines = []
    for session_id, told in events.items():
        arrived = told + [event for event in told if chance.random() < REPEATED]
        chance.shuffle(arrived)
        timelines.append(Timeline(sessions[session_id], arrived))
    return timelines, truths


def _room(chance: Random, session: LiveSession) -> tuple[list[LiveEvent], list[_Explained]]:
    told: list[LiveEvent] = []
    explained: list[_Explained] = []
    shelf = chance.sample(PRODUCTS, 8)

    ids = count(1)

    def tell(event: LiveEvent) -> str:
        told.append(replace(event, source_event_id=f"{session.id}-{next(ids)}"))
        return told[-1].source_event_id

    for host in HOSTS:
        tell(HostOn(source="obs", source_event_id="", at=session.started_at, host=host))
        tell(HostOff(source="obs", source_event_id="", at=session.started_at + EVENING, host=host))
    now = session.started_at + MINUTE
    while now < session.started_at + EVENING - 12 * MINUTE:
        product_id = chance.choice(shelf)
        length = chance.randrange(3 * MINUTE, 9 * MINUTE)
        starts = [(now, HOSTS[0])]
        if chance.random() < TWO_HOSTS_AT_ONCE:
            starts.append((now + length // 3, HOSTS[1]))
        for at, explainer in starts:
            event = ExplainStart(
                source="obs", source_event_id="", at=at, product_id=product_id, host=explainer
            )
            explain_id = tell(event)
            explained.append(_Explained(session.id, explain_id, product_id, at, now + length))
            if chance.random() < LOST_STARTS:
                told.pop()
        if chance.random() >= LOST_ENDS:
            tell(ExplainEnd(source="obs", source_event_id="", at=now + length, product_id=product_id))
        now += length + chance.randrange(0, 90 * SECOND)
    return told, explained


def _order(
    chance: Random,
    n: int,
    sessions: dict[str, LiveSession],
    events: dict[str, list[LiveEvent]],
    explained: list[_Explained],
) -> Truth:
    cause = chance.choice(explained)
    session = sessions[cause.session_id]
    how = chance.random()
    if how < WHILE_EXPLAINED:
        moment = chance.randrange(cause.from_at, cause.to_at)
    elif how < WHILE_EXPLAINED + AFTERWARDS:
        moment = cause.to_at + round(chance.expovariate(1 / (5 * MINUTE)))
    else:
        moment = session.started_at + chance.randrange(EVENING)
    source = cause if how < WHILE_EXPLAINED + AFTERWARDS else None
    on_screen = [
        one
        for one in explained
        if (one.session_id, one.product_id) == (cause.session_id, cause.product_id)
        and one.from_at <= moment < one.to_at
    ]
    if on_screen and source not in on_screen:
        source = on_screen[-1]
    own_delay = round(session.delay_ms * chance.uniform(0.4, 1.6))
    skew = round(session.delay_ms * chance.uniform(-0.2, 0.2))
    buyer = f"buyer-{n}"
    named = chance.random()
    live_session_id = (
        session.id if named < NAMED else "platform-id" if named < NAMED + NAMED_WRONGLY else None
    )
    if chance.random() < COMMENTS_FIRST:
        events[session.id].append(
            Commented(
                source="room", source_event_id=f"c{n}", at=moment - 30 * SECOND, text="有优惠吗", buyer=buyer
            )
        )
    order = OrderLine(
        product_id=cause.product_id,
        buyer=buyer,
        ordered_at=moment + own_delay + skew,
        live_session_id=live_session_id,
    )
    return Truth(order, session.id, None if source is None else source.explain_id)
