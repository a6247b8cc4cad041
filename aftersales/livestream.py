"""The timeline of a live session (场次): what its sources say happened in the room, and how to read it.

Times are integer milliseconds since 1970 by the room's clock, that is when the host did or said something;
a viewer sees it `LiveSession.delay_ms` later. The timeline is append-only and comes from machines that
repeat themselves, come late, mix up the order and lose ends, so nothing here depends on the order of
arrival, and nothing raises.

Explanations (讲解) are of products, not of their variants, as on the platforms that report them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

EXPLANATION_LIMIT_MS = 30 * 60_000
"""How long an explanation lasts at most when nothing says that it ended. Hosts take 5 to 10 minutes for a
product; a lost end must not let one product claim the rest of the evening."""

PromiseKind = Literal["price", "gift", "return_window", "material", "delivery", "other"]

SegmentEnd = Literal["said", "next", "session", "limit"]
"""What closed a segment: its own end, the next product's start, the session's end, or the limit because
nothing did (which is also how a segment looks that is still going on)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """A session. `delay_ms` says how far viewers are behind the host, as far as the source knows."""

    id: str
    started_at: int
    ended_at: int | None = None
    delay_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """Something that happened at `at`. `source` and `source_event_id` together name it for good."""

    source: str
    source_event_id: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOn(LiveEvent):
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOff(LiveEvent):
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainStart(LiveEvent):
    """The explanation of a product begins. `host` only where the source says who of several explains."""

    product_id: str
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainEnd(LiveEvent):
    product_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSaid(LiveEvent):
    text: str
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMade(LiveEvent):
    """A promise (承诺). Without `product_id` it is for the whole session. It holds from `at` until before
    `until`."""

    kind: PromiseKind
    text: str
    value: str = ""
    product_id: str | None = None
    until: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented(LiveEvent):
    """A viewer's comment (弹幕). `buyer` and `product_id` only where the room knows who wrote and about
    what."""

    text: str
    buyer: str | None = None
    name: str | None = None
    product_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(LiveEvent):
    """The session ends; the same fact as `LiveSession.ended_at` from another source."""


# What counts first within one millisecond: ends before starts, so that a product explained twice without a
# pause
# makes two segments, and comments last, so that they are read in the state that their writer saw.
_RANK: dict[type[LiveEvent], int] = {
    SessionEnded: 0,
    ExplainEnd: 1,
    HostOff: 2,
    HostOn: 3,
    ExplainStart: 4,
    HostSaid: 5,
    PromiseMade: 6,
    Commented: 7,
}


def _canonical(event: LiveEvent) -> tuple[int, int, str, str, str]:
    return event.at, _RANK[type(event)], event.source, event.source_event_id, repr(event)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A session with its events by time, each once.

    Of two events with the same source and id the earlier one counts; ingest has refused the other, so this
    only keeps the reading the same in whatever order they are given.
    """

    session: LiveSession
    events: tuple[LiveEvent, ...] = ()

    def __init__(self, session: LiveSession, events: Iterable[LiveEvent] = ()) -> None:
        once: dict[tuple[str, str], LiveEvent] = {}
        for event in sorted(events, key=_canonical):
            once.setdefault((event.source, event.source_event_id), event)
        object.__setattr__(self, "session", session)
        object.__setattr__(self, "events", tuple(once.values()))

    def offset(self, at: int) -> int:
        """How far into the session a time is, in milliseconds; 0 for a time before its start."""
        return max(0, at - self.session.started_at)

    @property
    def ended_at(self) -> int | None:
        """The earliest end that anyone stated, None while the session runs."""
        ends = [event.at for event in self.events if isinstance(event, SessionEnded)]
        if self.session.ended_at is not None:
            ends.append(self.session.ended_at)
        return min(ends, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One explanation of a product, from `from_at` until before `to_at`; `id` is that of the event that
    began it."""

    id: str
    session_id: str
    product_id: str
    host: str | None
    from_at: int
    to_at: int
    end: SegmentEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpan:
    """A host is on air from `from_at` until before `to_at`; None means that nobody said he left."""

    host: str
    from_at: int
    to_at: int | None


@dataclass(slots=True)
class _Open:
    """An explanation that has begun. `next_at` is when another product's began in its place."""

    start: ExplainStart
    next_at: int | None = None


def segments(timeline: Timeline) -> tuple[Segment, ...]:
    """The explanations of a session by their start.

    An end closes every open explanation of its product; without one open it is ignored, except that it
    makes a start in the same millisecond an explanation of no length. A start of the product that is
    already being explained by the same host is a repetition. Where the end is missing, the explanation
    lasts until the same host begins another product, the session ends, or `EXPLANATION_LIMIT_MS`, whichever
    comes first. Two hosts whom the source names may explain at the same time.
    """
    session_end = timeline.ended_at
    opened: list[_Open] = []
    closed: list[Segment] = []

    def close(explanation: _Open, at: int, end: SegmentEnd) -> None:
        start = explanation.start
        if session_end is not None and start.at <= session_end < at:
            at, end = session_end, "session"
        closed.append(
            Segment(
                id=start.source_event_id,
                session_id=timeline.session.id,
                product_id=start.product_id,
                host=start.host,
                from_at=start.at,
                to_at=at,
                end=end,
            )
        )

    def close_unended(explanation: _Open) -> None:
        limit = explanation.start.at + EXPLANATION_LIMIT_MS
        if explanation.next_at is not None and explanation.next_at <= limit:
            close(explanation, explanation.next_at, "next")
        else:
            close(explanation, limit, "limit")

    ends_without_start: dict[str, int] = {}
    for event in timeline.events:
        if isinstance(event, ExplainEnd):
            mine = [one for one in opened if one.start.product_id == event.product_id]
            opened = [one for one in opened if one not in mine]
            for one in mine:
                close(one, event.at, "said")
            if not mine and not any(
                segment.product_id == event.product_id and segment.to_at == event.at for segment in closed
            ):
                ends_without_start[event.product_id] = event.at
        elif isinstance(event, ExplainStart):
            rivals = [one for one in opened if _same_host(one.start.host, event.host)]
            repeated = False
            for one in rivals:
                if one.start.product_id != event.product_id:
                    one.next_at = event.at if one.next_at is None else one.next_at
                elif one.next_at is None and event.at - one.start.at < EXPLANATION_LIMIT_MS:
                    repeated = True
                else:
                    opened.remove(one)
                    close_unended(one)
            if ends_without_start.get(event.product_id) == event.at:
                close(_Open(event), event.at, "said")
            elif not repeated:
                opened.append(_Open(event))
    for one in opened:
        close_unended(one)
    return tuple(sorted(closed, key=lambda segment: (segment.from_at, segment.id)))


def _same_host(one: str | None, other: str | None) -> bool:
    """Whether two starts may come from the same mouth; a source that names nobody means the only host."""
    return one is None or other is None or one == other


def host_spans(timeline: Timeline) -> tuple[HostSpan, ...]:
    """Who was on air when, by start. A repeated on and an off without an on are ignored; the session's end
    is an off."""
    session_end = timeline.ended_at
    on: dict[str, int] = {}
    spans: list[HostSpan] = []
    for event in timeline.events:
        if isinstance(event, HostOn):
            on.setdefault(event.host, event.at)
        elif isinstance(event, HostOff) and event.host in on:
            spans.append(HostSpan(host=event.host, from_at=on.pop(event.host), to_at=event.at))
    for host, from_at in on.items():
        left_at = session_end if session_end is not None and session_end >= from_at else None
        spans.append(HostSpan(host=host, from_at=from_at, to_at=left_at))
    return tuple(sorted(spans, key=lambda span: (span.from_at, span.host)))


def hosts_of(segment: Segment, spans: Sequence[HostSpan]) -> tuple[HostSpan, ...]:
    """Who explained, cut to the segment: the host whom the source names until he leaves, then whoever is on
    air."""
    found: list[HostSpan] = []
    rest_from = segment.from_at
    if segment.host is not None:
        leaves = [
            span.to_at
            for span in spans
            if span.host == segment.host and span.to_at is not None and span.to_at > segment.from_at
        ]
        rest_from = min([segment.to_at, *leaves])
        found.append(HostSpan(host=segment.host, from_at=segment.from_at, to_at=rest_from))
    for span in spans:
        from_at = max(rest_from, span.from_at)
        to_at = segment.to_at if span.to_at is None else min(segment.to_at, span.to_at)
        # An explanation of no length still has those who were on air then.
        if from_at < to_at or (not found and segment.from_at == segment.to_at == from_at == to_at):
            found.append(HostSpan(host=span.host, from_at=from_at, to_at=to_at))
    return tuple(found)


def hosts_at(spans: Sequence[HostSpan], at: int) -> tuple[HostSpan, ...]:
    """Who is on air at a moment of the room."""
    return tuple(span for span in spans if span.from_at <= at and (span.to_at is None or at < span.to_at))


def explained_at(timeline: Timeline, at: int) -> tuple[Segment, ...]:
    """What is being explained at a moment of the room, the latest begun first."""
    running = [segment for segment in segments(timeline) if segment.from_at <= at < segment.to_at]
    return tuple(reversed(running))
