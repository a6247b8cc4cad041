"""What holds for every timeline and every order: arrival, unrelated news, reasons that explain."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

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
    host_spans,
    segments,
)
from aftersales.provenance import OrderLine, Provenance, bind
from tests.aftersales.rooms import codes
from tests.rounds import rounds

MINUTE = 60_000
times = st.integers(0, 90).map(lambda minute: minute * MINUTE) | st.integers(0, 90 * MINUTE)
products = st.sampled_from(["cup", "dress"])
hosts = st.sampled_from(["Lin", "Zhou"])
buyers = st.sampled_from(["mei", "wei", None])


def _events(prefix: str) -> st.SearchStrategy[list[LiveEvent]]:
    """Events with few ids, so that some come twice, even with different contents."""
    named = {
        "source": st.just("obs"),
        "source_event_id": st.integers(1, 30).map(lambda n: f"{prefix}{n}"),
        "at": times,
    }
    one: st.SearchStrategy[LiveEvent] = st.one_of(
        st.builds(ExplainStart, product_id=products, host=hosts | st.none(), **named),
        st.builds(ExplainEnd, product_id=products, **named),
        st.builds(HostOn, host=hosts, **named),
        st.builds(HostOff, host=hosts, **named),
        st.builds(HostSaid, text=st.just("看这里"), **named),
        st.builds(
            PromiseMade,
            kind=st.just("gift"),
            text=st.sampled_from(["送杯套", "运费我出"]),
            product_id=products | st.none(),
            until=times | st.none(),
            **named,
        ),
        st.builds(Commented, text=st.just("保温吗"), buyer=buyers, product_id=products | st.none(), **named),
        st.builds(SessionEnded, **named),
    )
    return st.lists(one, max_size=25)


def _timeline(session_id: str) -> st.SearchStrategy[tuple[LiveSession, list[LiveEvent]]]:
    session = st.builds(
        LiveSession,
        id=st.just(session_id),
        started_at=st.just(0),
        ended_at=times | st.none(),
        delay_ms=st.sampled_from([0, 5_000, 3 * MINUTE]),
    )
    return st.tuples(session, _events(f"{session_id}-"))


rooms = st.tuples(_timeline("a"), _timeline("b"))
orders = st.builds(
    OrderLine,
    product_id=products,
    buyer=buyers,
    ordered_at=times | st.none(),
    paid_at=times | st.none(),
    live_session_id=st.sampled_from(["a", "b", "unknown", None]),
    explain_id=st.none() | st.integers(1, 30).map(lambda n: f"a-{n}"),
    position_ms=st.none() | times,
)
Rooms = tuple[tuple[LiveSession, list[LiveEvent]], ...]


def verdict(order: OrderLine, given_rooms: Rooms) -> Provenance:
    return bind(order, [Timeline(session, events) for session, events in given_rooms])


def explained_by(reasons: Provenance) -> str:
    """The verdict that follows from the codes alone, by the words of the module's docstring."""
    said = set(codes(reasons))
    if "several_segments" in said or "several_sessions" in said:
        return "ambiguous"
    if "segment_named" in said:
        return "exact"
    surest = "session_named" in said and ("time_ordered" in said or "position_used" in said)
    if said & {"on_air", "on_air_within_delay"}:
        return "exact" if surest else "likely"
    return "likely" if said & {"explained_before", "begins_within_delay"} else "none"


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(orders, rooms)
def test_the_reasons_explain_the_verdict(order: OrderLine, given_rooms: Rooms) -> None:
    found = verdict(order, given_rooms)
    event(found.confidence)
    assert found.confidence == explained_by(found)
    assert len(found.reasons) <= 20


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(orders, rooms)
def test_the_verdict_keeps_its_shape(order: OrderLine, given_rooms: Rooms) -> None:
    found = verdict(order, given_rooms)
    if found.confidence in ("exact", "likely"):
        assert found.origin is not None and found.origin.segment is not None and not found.alternatives
        assert found.origin.segment.product_id == order.product_id
        placed_at = order.ordered_at if order.ordered_at is not None else order.paid_at
        assert placed_at is not None and found.origin.segment.from_at <= placed_at
    elif found.confidence == "ambiguous":
        sessions = {one.session_id for one in found.alternatives}
        assert len(found.alternatives) >= 2 and all(one.segment for one in found.alternatives)
        assert (found.origin is None) == (len(sessions) > 1)
    else:
        assert not found.alternatives
        assert found.origin is None or found.origin.session_id == order.live_session_id
    if order.live_session_id in ("a", "b"):
        origins = [*found.alternatives, *([found.origin] if found.origin else [])]
        assert all(origin.session_id == order.live_session_id for origin in origins)


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(orders, rooms, st.data())
def test_the_order_and_repetition_of_events_do_not_matter(
    order: OrderLine, given_rooms: Rooms, data: st.DataObject
) -> None:
    shuffled = []
    for session, events in given_rooms:
        again = [
            *events,
            *data.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([])),
        ]
        shuffled.append((session, data.draw(st.permutations(again))))
    assert verdict(order, given_rooms) == verdict(order, tuple(reversed(shuffled)))


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(orders, rooms, st.integers(0, 90 * MINUTE), st.sampled_from(["said", "comment", "promise"]))
def test_an_unrelated_event_changes_nothing(order: OrderLine, given_rooms: Rooms, at: int, kind: str) -> None:
    (session, events), other = given_rooms
    new = {"source": "obs", "source_event_id": "unrelated", "at": at}
    unrelated: LiveEvent
    if kind == "said":
        unrelated = HostSaid(text="家人们", **new)  # type: ignore[arg-type]
    elif kind == "comment":
        unrelated = Commented(text="路过", buyer="somebody", product_id="lamp", **new)  # type: ignore[arg-type]
    else:
        unrelated = PromiseMade(kind="gift", text="送灯泡", product_id="lamp", **new)  # type: ignore[arg-type]
    assert verdict(order, given_rooms) == verdict(order, ((session, [*events, unrelated]), other))


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(orders, rooms, st.integers(0, 89), st.sampled_from(["Lin", "Zhou"]))
def test_hosts_and_other_products_with_their_ends_leave_the_verdict_alone(
    order: OrderLine, given_rooms: Rooms, minute: int, host: str
) -> None:
    """A host comes, another product is explained, in a room where every explanation has its end."""
    ended = tuple(
        (
            replace(session, ended_at=None),
            [one for one in events if not isinstance(one, (ExplainStart, ExplainEnd, SessionEnded))]
            + _whole_explanations(events),
        )
        for session, events in given_rooms
    )
    (session, events), other = ended
    news: list[LiveEvent] = [
        HostOn(source="obs", source_event_id="n1", at=minute * MINUTE, host=host),
        ExplainStart(source="obs", source_event_id="n2", at=minute * MINUTE, product_id="lamp"),
        ExplainEnd(source="obs", source_event_id="n3", at=minute * MINUTE + 30_000, product_id="lamp"),
    ]
    before, after = verdict(order, ended), verdict(order, ((session, [*events, *news]), other))
    assert (before.confidence, before.reasons) == (after.confidence, after.reasons)


def _whole_explanations(events: list[LiveEvent]) -> list[LiveEvent]:
    """Explanations one after the other, each with its end, made from the starts among the events."""
    whole: list[LiveEvent] = []
    for n, start in enumerate(one for one in events if isinstance(one, ExplainStart)):
        at = n * 4 * MINUTE
        product = start.product_id
        whole += [
            ExplainStart(source="cms", source_event_id=f"s{n}", at=at, product_id=product),
            ExplainEnd(source="cms", source_event_id=f"t{n}", at=at + 3 * MINUTE, product_id=product),
        ]
    return whole


@settings(max_examples=rounds(reduced=100, full=2_000))
@given(rooms)
def test_what_is_read_from_a_timeline_is_sound(given_rooms: Rooms) -> None:
    for session, events in given_rooms:
        timeline = Timeline(session, events)
        found = segments(timeline)
        starts = {one.source_event_id for one in timeline.events if isinstance(one, ExplainStart)}
        assert {one.id for one in found} <= starts and len({one.id for one in found}) == len(found)
        assert all(one.from_at <= one.to_at for one in found)
        for n, one in enumerate(found):
            for later in found[n + 1 :]:
                if later.product_id == one.product_id and None in (one.host, later.host):
                    assert later.from_at >= one.to_at, "one host explains a product once at a time"
        assert all(span.to_at is None or span.from_at <= span.to_at for span in host_spans(timeline))
