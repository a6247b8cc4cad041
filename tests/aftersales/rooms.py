"""Made-up live rooms in few words. Times are minutes after the session's start; ids count up from e1."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from aftersales.livestream import (
    Commented,
    ExplainEnd,
    ExplainStart,
    HostOff,
    HostOn,
    HostSaid,
    LiveEvent,
    LiveSession,
    PromiseMade,
    SessionEnded,
    Timeline,
)
from aftersales.provenance import OrderLine, Provenance, ReasonCode

NOON = 1_790_000_000_000
"""When every made-up session starts."""
DELAY_MS = 5_000

Step = Callable[[str, int], LiveEvent]


def clock(minutes: float) -> int:
    """Minutes after the start of a session, as a time."""
    return NOON + round(minutes * 60_000)


def on(minute: float, host: str) -> Step:
    return lambda source, n: HostOn(source=source, source_event_id=f"e{n}", at=clock(minute), host=host)


def off(minute: float, host: str) -> Step:
    return lambda source, n: HostOff(source=source, source_event_id=f"e{n}", at=clock(minute), host=host)


def start(minute: float, product: str = "cup", host: str | None = None) -> Step:
    return lambda source, n: ExplainStart(
        source=source, source_event_id=f"e{n}", at=clock(minute), product_id=product, host=host
    )


def end(minute: float, product: str = "cup") -> Step:
    return lambda source, n: ExplainEnd(
        source=source, source_event_id=f"e{n}", at=clock(minute), product_id=product
    )


def said(minute: float, text: str) -> Step:
    return lambda source, n: HostSaid(source=source, source_event_id=f"e{n}", at=clock(minute), text=text)


def promise(
    minute: float, text: str, product: str | None = None, until: float | None = None, host: str | None = None
) -> Step:
    return lambda source, n: PromiseMade(
        source=source,
        source_event_id=f"e{n}",
        at=clock(minute),
        kind="gift",
        text=text,
        product_id=product,
        until=None if until is None else clock(until),
        host=host,
    )


def comment(minute: float, text: str, buyer: str | None = None, product: str | None = None) -> Step:
    return lambda source, n: Commented(
        source=source, source_event_id=f"e{n}", at=clock(minute), text=text, buyer=buyer, product_id=product
    )


def session_end(minute: float) -> Step:
    return lambda source, n: SessionEnded(source=source, source_event_id=f"e{n}", at=clock(minute))


def room(*steps: Step, session_id: str = "live-1", ended: float | None = None) -> Timeline:
    ids = count(1)
    return Timeline(
        LiveSession(
            id=session_id,
            started_at=NOON,
            ended_at=None if ended is None else clock(ended),
            delay_ms=DELAY_MS,
        ),
        [step("obs", next(ids)) for step in steps],
    )


def order(
    minute: float | None,
    session_id: str | None = "live-1",
    *,
    product: str = "cup",
    paid: float | None = None,
    explain_id: str | None = None,
    position: float | None = None,
) -> OrderLine:
    """An order by `mei`, whose screen shows the room five seconds late."""
    return OrderLine(
        product_id=product,
        buyer="mei",
        ordered_at=None if minute is None else clock(minute),
        paid_at=None if paid is None else clock(paid),
        live_session_id=session_id,
        explain_id=explain_id,
        position_ms=None if position is None else round(position * 60_000),
    )


def codes(provenance: Provenance) -> list[ReasonCode]:
    return [reason.code for reason in provenance.reasons]
