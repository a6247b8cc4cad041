"""Where an order line comes from (信息溯源, 出生证明): `bind` joins it to minutes of a live session.

What the four verdicts mean, and why:

`exact`      The order itself names the session, and the product was on air in it at the moment that the
             buyer saw when he ordered; or the order names the explanation. Evidence from the order is
             required, because two rooms selling the same product at the same time look alike to a clock.
`likely`     One explanation fits better than every other, but something is missing: the order names no
             session that is known (platforms' ids often differ from those of their live interface), or only
             the time of payment is known, or the explanation had ended, at most `CONSIDERATION_MS` earlier,
             or it began just after.
`ambiguous`  Several explanations fit equally: in parallel sessions, or by two hosts of one. The verdict
             lists them and claims only what is the same in all.
`none`       No explanation of the product fits: it was never explained, or only later, or too long before.
             The session is still known if the order names one, and its promises count.

The moment that counts is `ordered_at` minus the session's delay: what was on the buyer's screen. Where the
player reports its position in the stream, that is the moment, without arithmetic on clocks. Viewers' real
delays lie around the stated one and clocks differ, so an explanation that ended no longer than the delay
before that moment counts as on air. One that only begins within the delay after it counts too, but as the
weakest: a cause comes first.

What is better, in this order: on air, explained before, about to begin. Within one session the latest
explanation before the order wins over earlier ones. Between sessions equals stay equal, unless the buyer
wrote a comment in exactly one of them. A known session that the order names is never left for a better fit
elsewhere.

A promise is in force for an order if it held at some moment between what the buyer saw and the order
itself, so doubt of the clock goes to the buyer. `bind` depends on nothing but its arguments, and not on the
order of anything in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aftersales.livestream import (
    Commented,
    ExplainEnd,
    HostSpan,
    Segment,
    Timeline,
    host_spans,
    hosts_at,
    hosts_of,
    segments,
)
from aftersales.promises import PromiseInForce, in_force

CONSIDERATION_MS = 30 * 60_000
"""How long after an explanation an order may still come from it. An assumption, until orders that name their
explanation are there to measure it: time to leave the bag, ask and pay, but short against an evening."""
LOOKED_BACK_MS = 24 * 3_600_000
"""How far before an order explanations are looked for in sessions that the order does not name. Whoever
calls `bind` gives at least the sessions in which the product's explanation began within this time; that
there was none is said of this time only."""
QUESTION_MARGIN_MS = 60_000
"""How far outside an explanation comments on its product still belong to it: viewers type behind the host."""
QUESTIONS_LIMIT = 50
"""Questions of one origin: what a person can look through. The buyer's own are kept first, then the
latest."""
PROMISES_LIMIT = 50
"""Different promises of one origin; the latest are kept. More comes only from a source that reports
everything said."""
ALTERNATIVES_LIMIT = 5
"""Alternatives of an ambiguous order; the latest are kept. More cannot be told apart by a person either."""

Confidence = Literal["exact", "likely", "ambiguous", "none"]

ReasonCode = Literal[
    # What the order says of itself.
    "session_named",
    "session_named_unknown",
    "segment_named",
    "segment_named_unknown",
    "segment_named_other_product",
    "segment_named_later",
    "segment_without_session",
    "position_used",
    "position_without_session",
    "position_later",
    "time_ordered",
    "time_paid",
    "time_missing",
    # What the timelines say of the product at that time.
    "on_air",
    "on_air_within_delay",
    "explained_before",
    "begins_within_delay",
    "weaker_fits",
    "several_segments",
    "several_sessions",
    "buyer_spoke_there",
    "end_inferred",
    # What they say if nothing fits.
    "not_explained_there",
    "not_explained_within",
    "explained_long_before",
    "explained_only_later",
    "explained_elsewhere",
    "end_without_start",
    # What did not fit into the answer.
    "promises_cut",
    "questions_cut",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A coded reason; `data` are the ids, times and lengths (ms) it rests on, by name."""

    code: ReasonCode
    data: tuple[tuple[str, int | str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line of an order as far as it matters here.

    `explain_id` (the id of the event that began an explanation) and `position_ms` (of the player, from the
    session's start) mean something only with the session.
    """

    product_id: str
    buyer: str | None = None
    ordered_at: int | None = None
    paid_at: int | None = None
    live_session_id: str | None = None
    explain_id: str | None = None
    position_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A comment before the order: `own` if its buyer wrote it, else one on the product near its segment."""

    comment: Commented
    offset_ms: int
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A place in a session that an order may come from. Offsets count from the session's start.

    With a segment, `hosts` are cut to its minutes; without one they are those on air when the buyer ordered.
    """

    session_id: str
    segment: Segment | None
    from_offset_ms: int | None
    to_offset_ms: int | None
    hosts: tuple[HostSpan, ...]
    promises: tuple[PromiseInForce, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The verdict; `origin` holds what may be relied on.

    `exact` and `likely` have an origin with its segment and no alternatives. `ambiguous` has two or more
    alternatives, the latest first, and as origin what they share: the session without a segment, or None if
    the sessions differ. `none` has the named session without a segment, or None.
    """

    confidence: Confidence
    reasons: tuple[Reason, ...]
    origin: Origin | None
    alternatives: tuple[Origin, ...] = ()


def bind(order: OrderLine, timelines: Iterable[Timeline]) -> Provenance:
    """The verdict on an order line from the timelines of its shop's sessions around it, each session once."""
    known = sorted(timelines, key=lambda timeline: timeline.session.id)
    reasons: list[Reason] = []
    is_named = any(timeline.session.id == order.live_session_id for timeline in known)
    if order.live_session_id is not None:
        code: ReasonCode = "session_named" if is_named else "session_named_unknown"
        reasons.append(_reason(code, session_id=order.live_session_id))
    placed_at = order.paid_at if order.ordered_at is None else order.ordered_at
    if placed_at is None:
        reasons.append(_reason("time_missing"))
        return Provenance(confidence="none", reasons=tuple(reasons), origin=None)
    reasons.append(_reason("time_paid" if order.ordered_at is None else "time_ordered", at=placed_at))

    rooms = [_Room.of(timeline, order, placed_at) for timeline in known]
    named = next((room for room in rooms if room.id == order.live_session_id), None)
    named, said = _at_position(order, named)
    segment, said_of_segment = _named_segment(order, named)
    reasons += [*said, *said_of_segment]
    if named is not None and segment is not None:
        fits = [_Fit(named, segment, _ON_AIR, ())]
        surest = True
    else:
        fits, chosen = _best(order, [named] if named is not None else rooms)
        reasons += [reason for fit in fits[:ALTERNATIVES_LIMIT] for reason in fit.reasons]
        reasons += chosen
        by_position = any(reason.code == "position_used" for reason in reasons)
        surest = named is not None and (order.ordered_at is not None or by_position)
    if not fits:
        return _none(order, named, rooms, reasons)
    if len(fits) > 1:
        return _ambiguous(fits, reasons)
    fit = fits[0]
    if fit.segment.end != "said":
        reasons.append(_reason("end_inferred", by=fit.segment.end, to_at=fit.segment.to_at))
    origin, cut = fit.room.origin(fit.segment)
    confidence: Confidence = "exact" if surest and fit.rank == _ON_AIR else "likely"
    return Provenance(confidence=confidence, reasons=(*reasons, *cut), origin=origin)


# How well a segment fits: lower is better, and only equals compete.
_ON_AIR = 0
_BEFORE = 1
_ABOUT_TO_BEGIN = 2


@dataclass(frozen=True, slots=True)
class _Fit:
    room: _Room
    segment: Segment
    rank: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Room:
    """A session as seen from one order: `seen_at` is the moment of the room that was on the buyer's
    screen."""

    timeline: Timeline
    order: OrderLine
    placed_at: int
    seen_at: int
    explanations: tuple[Segment, ...]
    hosts: tuple[HostSpan, ...]

    @classmethod
    def of(cls, timeline: Timeline, order: OrderLine, placed_at: int) -> _Room:
        seen_at = placed_at - timeline.session.delay_ms
        return cls(timeline, order, placed_at, seen_at, segments(timeline), host_spans(timeline))

    @property
    def id(self) -> str:
        return self.timeline.session.id

    @property
    def of_product(self) -> list[Segment]:
        return [one for one in self.explanations if one.product_id == self.order.product_id]

    def fits(self) -> list[_Fit]:
        """The explanations that fit best in this session: several only if they cannot be told apart."""
        delay = self.timeline.session.delay_ms
        running: list[_Fit] = []
        just_ended: list[_Fit] = []
        ended: list[_Fit] = []
        beginning: list[_Fit] = []

        def add(to: list[_Fit], one: Segment, rank: int, code: ReasonCode, **lengths: int) -> None:
            where = {"session_id": self.id, "explain_id": one.id}
            to.append(_Fit(self, one, rank, (_reason(code, **where, seen_at=self.seen_at, **lengths),)))

        for one in self.of_product:
            since, ago = self.seen_at - one.from_at, self.seen_at - one.to_at
            if since >= 0 and ago < 0:
                add(running, one, _ON_AIR, "on_air", since_ms=since)
            elif 0 <= ago <= delay:
                add(just_ended, one, _ON_AIR, "on_air_within_delay", ago_ms=ago, delay_ms=delay)
            elif 0 <= ago <= CONSIDERATION_MS:
                add(ended, one, _BEFORE, "explained_before", ago_ms=ago)
            elif since < 0 and one.from_at <= min(self.seen_at + delay, self.placed_at):
                # Never one that began after the order, which a player's position alone would let in.
                add(beginning, one, _ABOUT_TO_BEGIN, "begins_within_delay", in_ms=-since, delay_ms=delay)
        return running or _latest(just_ended) or _latest(ended) or beginning

    def comments_of_buyer(self) -> int:
        """How many comments the buyer wrote here in the time that an order may come from."""
        return sum(
            isinstance(event, Commented)
            and event.buyer == self.order.buyer
            and self.placed_at - CONSIDERATION_MS <= event.at <= self.placed_at
            for event in self.timeline.events
        )

    def origin(self, segment: Segment | None) -> tuple[Origin, list[Reason]]:
        """This place in full, and what had to be left out of it."""
        delay = self.timeline.session.delay_ms
        product_id = self.order.product_id
        # Not `seen_at`: one who orders from a replay saw a promise that may be over by the time of his order.
        since = self.placed_at - delay
        promises = in_force(self.timeline, self.explanations, product_id, since=since, until=self.placed_at)
        questions = self._questions(segment)
        kept = questions
        if len(questions) > QUESTIONS_LIMIT:
            best = sorted(questions, key=lambda one: (one.own, one.comment.at))[-QUESTIONS_LIMIT:]
            kept = sorted(best, key=lambda one: one.comment.at)
        cut = []
        if len(promises) > PROMISES_LIMIT:
            cut.append(_reason("promises_cut", kept=PROMISES_LIMIT, of=len(promises)))
        if len(questions) > QUESTIONS_LIMIT:
            cut.append(_reason("questions_cut", kept=QUESTIONS_LIMIT, of=len(questions)))
        origin = Origin(
            session_id=self.id,
            segment=segment,
            from_offset_ms=None if segment is None else self.timeline.offset(segment.from_at),
            to_offset_ms=None if segment is None else self.timeline.offset(segment.to_at),
            hosts=hosts_at(self.hosts, self.seen_at) if segment is None else hosts_of(segment, self.hosts),
            promises=promises[-PROMISES_LIMIT:],
            questions=tuple(kept),
        )
        return origin, cut

    def _questions(self, segment: Segment | None) -> list[Question]:
        """The buyer's own comments and those on the product near the segment, up to the order."""
        found: list[Question] = []
        for event in self.timeline.events:
            if not isinstance(event, Commented) or event.at > self.placed_at:
                continue
            own = self.order.buyer is not None and event.buyer == self.order.buyer
            near = (
                segment is not None
                and event.product_id == self.order.product_id
                and segment.from_at - QUESTION_MARGIN_MS <= event.at <= segment.to_at + QUESTION_MARGIN_MS
            )
            if own or near:
                found.append(Question(comment=event, offset_ms=self.timeline.offset(event.at), own=own))
        return found


def _latest(fits: list[_Fit]) -> list[_Fit]:
    """The fits that ended last."""
    last = max((fit.segment.to_at for fit in fits), default=0)
    return [fit for fit in fits if fit.segment.to_at == last]


def _reason(code: ReasonCode, **data: int | str) -> Reason:
    return Reason(code=code, data=tuple(data.items()))


def _at_position(order: OrderLine, named: _Room | None) -> tuple[_Room | None, list[Reason]]:
    """The named session at the position of the buyer's player, or as it was and why the position is not
    believed."""
    if order.position_ms is None:
        return named, []
    if named is None:
        return named, [_reason("position_without_session", position_ms=order.position_ms)]
    seen_at = named.timeline.session.started_at + order.position_ms
    if seen_at > named.placed_at:
        in_ms = seen_at - named.placed_at
        return named, [_reason("position_later", position_ms=order.position_ms, in_ms=in_ms)]
    return replace(named, seen_at=seen_at), [_reason("position_used", position_ms=order.position_ms)]


def _named_segment(order: OrderLine, named: _Room | None) -> tuple[Segment | None, list[Reason]]:
    """The explanation that the order names, or None and why it is not believed."""
    if order.explain_id is None:
        return None, []
    if named is None:
        return None, [_reason("segment_without_session", explain_id=order.explain_id)]
    segment = next((one for one in named.explanations if one.id == order.explain_id), None)
    if segment is None:
        return None, [_reason("segment_named_unknown", explain_id=order.explain_id)]
    if segment.product_id != order.product_id:
        other = segment.product_id
        return None, [_reason("segment_named_other_product", explain_id=segment.id, product_id=other)]
    if segment.from_at > named.placed_at:
        in_ms = segment.from_at - named.placed_at
        return None, [_reason("segment_named_later", explain_id=segment.id, in_ms=in_ms)]
    return segment, [_reason("segment_named", session_id=named.id, explain_id=segment.id)]


def _best(order: OrderLine, rooms: Sequence[_Room]) -> tuple[list[_Fit], list[Reason]]:
    """The fits that no other beats, the latest first, and how they were chosen."""
    every = [fit for room in rooms for fit in room.fits()]
    rank = min((fit.rank for fit in every), default=_ON_AIR)
    fits = [fit for fit in every if fit.rank == rank]
    fits.sort(key=lambda fit: (-fit.segment.from_at, fit.room.id, fit.segment.id))
    reasons: list[Reason] = []
    if len(fits) < len(every):
        reasons.append(_reason("weaker_fits", count=len(every) - len(fits)))
    tied = {fit.room.id: fit.room for fit in fits}
    if len(tied) > 1 and order.buyer is not None:
        comments = {room.id: room.comments_of_buyer() for room in tied.values()}
        heard_in = [session_id for session_id, count in comments.items() if count]
        if len(heard_in) == 1:
            count = comments[heard_in[0]]
            reasons.append(
                _reason("buyer_spoke_there", session_id=heard_in[0], comments=count, sessions=len(tied))
            )
            fits = [fit for fit in fits if fit.room.id == heard_in[0]]
            tied = {heard_in[0]: tied[heard_in[0]]}
    if len(tied) > 1:
        reasons.append(_reason("several_sessions", count=len(tied), segments=len(fits)))
    elif len(fits) > 1:
        reasons.append(_reason("several_segments", count=len(fits)))
    return fits, reasons


def _ambiguous(fits: Sequence[_Fit], reasons: Sequence[Reason]) -> Provenance:
    room = fits[0].room
    shared, cut = room.origin(None) if all(fit.room is room for fit in fits) else (None, [])
    alternatives = tuple(fit.room.origin(fit.segment)[0] for fit in fits[:ALTERNATIVES_LIMIT])
    return Provenance(
        confidence="ambiguous", reasons=(*reasons, *cut), origin=shared, alternatives=alternatives
    )


def _none(
    order: OrderLine, named: _Room | None, rooms: Sequence[_Room], reasons: Sequence[Reason]
) -> Provenance:
    searched = [named] if named is not None else rooms
    why: list[Reason] = []
    found = [(room, one) for room in searched for one in room.of_product]
    before = [(room, one) for room, one in found if one.from_at <= room.seen_at]
    if before:
        room, one = max(before, key=lambda pair: (pair[1].to_at, pair[0].id, pair[1].id))
        ago_ms = room.seen_at - one.to_at
        why.append(_reason("explained_long_before", session_id=room.id, explain_id=one.id, ago_ms=ago_ms))
    elif found:
        room, one = min(found, key=lambda pair: (pair[1].from_at, pair[0].id, pair[1].id))
        in_ms = one.from_at - room.seen_at
        why.append(_reason("explained_only_later", session_id=room.id, explain_id=one.id, in_ms=in_ms))
    else:
        why.append(_not_explained(order, named))
    if named is not None:
        elsewhere = [room.id for room in rooms if room.id != named.id and room.fits()]
        why += [_reason("explained_elsewhere", session_id=session_id) for session_id in elsewhere[:1]]
    lost = [(at, room.id) for room in searched for at in _ends_without_start(room)]
    if lost:
        at, session_id = max(lost)
        why.append(_reason("end_without_start", session_id=session_id, at=at))
    origin, cut = named.origin(None) if named is not None else (None, [])
    return Provenance(confidence="none", reasons=(*reasons, *why, *cut), origin=origin)


def _not_explained(order: OrderLine, named: _Room | None) -> Reason:
    """No explanation of the product, said of what was looked at: the named session, or a time in all."""
    if named is not None:
        return _reason("not_explained_there", product_id=order.product_id, session_id=named.id)
    return _reason("not_explained_within", product_id=order.product_id, within_ms=LOOKED_BACK_MS)


def _ends_without_start(room: _Room) -> list[int]:
    """Ends of the product, near the order, of which no start is known: then something is missing from the
    timeline."""
    return [
        event.at
        for event in room.timeline.events
        if isinstance(event, ExplainEnd)
        and event.product_id == room.order.product_id
        and abs(event.at - room.seen_at) <= CONSIDERATION_MS
        and not any(one.from_at <= event.at <= one.to_at for one in room.of_product)
    ]
