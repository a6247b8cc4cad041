"""How explanations and hosts are read from timelines that repeat, come out of order and lose ends."""

import pytest

from aftersales.livestream import (
    EXPLANATION_LIMIT_MS,
    HostSpan,
    LiveSession,
    Timeline,
    explained_at,
    host_spans,
    hosts_at,
    hosts_of,
    segments,
)
from tests.aftersales.rooms import (
    NOON,
    Step,
    clock,
    comment,
    end,
    off,
    on,
    room,
    said,
    session_end,
    start,
)

LIMIT = EXPLANATION_LIMIT_MS / 60_000


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([start(1), end(4)], [("e1", "cup", 1, 4, "said")], id="a start and its end"),
        pytest.param(
            [start(1), end(4), start(4, "dress"), end(9, "dress")],
            [("e1", "cup", 1, 4, "said"), ("e3", "dress", 4, 9, "said")],
            id="two products in turn",
        ),
        pytest.param(
            [start(1), end(4), start(10), end(12)],
            [("e1", "cup", 1, 4, "said"), ("e3", "cup", 10, 12, "said")],
            id="a product explained twice",
        ),
        pytest.param(
            [start(1), end(4), start(4), end(6)],
            [("e1", "cup", 1, 4, "said"), ("e3", "cup", 4, 6, "said")],
            id="a product explained twice without a pause",
        ),
        pytest.param(
            [start(1), start(5, "dress"), end(9, "dress")],
            [("e1", "cup", 1, 5, "next"), ("e2", "dress", 5, 9, "said")],
            id="a lost end is the next product's start",
        ),
        pytest.param(
            [start(1), start(5, "dress"), end(9, "dress"), start(20), end(25)],
            [("e1", "cup", 1, 5, "next"), ("e2", "dress", 5, 9, "said"), ("e4", "cup", 20, 25, "said")],
            id="a later end does not stretch over a lost one",
        ),
        pytest.param(
            [start(1), start(5, "dress"), end(6), end(9, "dress")],
            [("e1", "cup", 1, 6, "said"), ("e2", "dress", 5, 9, "said")],
            id="a stated end counts even after the next product's start",
        ),
        pytest.param(
            [start(1), session_end(8)], [("e1", "cup", 1, 8, "session")], id="the session ends without ends"
        ),
        pytest.param(
            [start(1), session_end(8), end(9)],
            [("e1", "cup", 1, 8, "session")],
            id="an end after the session's is the session's",
        ),
        pytest.param(
            [session_end(8), start(9), end(10)],
            [("e2", "cup", 9, 10, "said")],
            id="an explanation after the session's end keeps its own time",
        ),
        pytest.param([start(1)], [("e1", "cup", 1, 1 + LIMIT, "limit")], id="nothing says that it ended"),
        pytest.param(
            [start(1), start(1 + LIMIT + 1, "dress"), end(40, "dress")],
            [("e1", "cup", 1, 1 + LIMIT, "limit"), ("e2", "dress", 2 + LIMIT, 40, "said")],
            id="the next product comes after the limit",
        ),
        pytest.param(
            [start(1), start(1 + LIMIT)],
            [("e1", "cup", 1, 1 + LIMIT, "limit"), ("e2", "cup", 1 + LIMIT, 1 + 2 * LIMIT, "limit")],
            id="a start at the limit is a new explanation",
        ),
        pytest.param(
            [start(1), start(LIMIT), end(40)],
            [("e1", "cup", 1, 40, "said")],
            id="a start before the limit is a repetition",
        ),
        pytest.param(
            [start(1), end(40)], [("e1", "cup", 1, 40, "said")], id="a stated end may come after the limit"
        ),
        pytest.param([start(1), start(2), end(4)], [("e1", "cup", 1, 4, "said")], id="a repeated start"),
        pytest.param([start(1), end(4), end(5)], [("e1", "cup", 1, 4, "said")], id="a repeated end"),
        pytest.param([end(1), start(2), end(4)], [("e2", "cup", 2, 4, "said")], id="an end before any start"),
        pytest.param([end(3)], [], id="an end alone"),
        pytest.param(
            [start(3), end(3), start(9, "dress"), end(10, "dress")],
            [("e1", "cup", 3, 3, "said"), ("e3", "dress", 9, 10, "said")],
            id="start and end in one millisecond",
        ),
        pytest.param(
            [start(1, host="Lin"), start(2, host="Zhou"), end(5)],
            [("e1", "cup", 1, 5, "said"), ("e2", "cup", 2, 5, "said")],
            id="two named hosts explain one product at the same time",
        ),
        pytest.param(
            [start(1, host="Lin"), start(2, "dress", host="Zhou"), end(9, "dress"), session_end(12)],
            [("e1", "cup", 1, 12, "session"), ("e2", "dress", 2, 9, "said")],
            id="another host's product ends nothing",
        ),
        pytest.param([comment(1, "hi"), said(2, "hello"), on(0, "Lin")], [], id="nothing is explained"),
    ],
)
def test_explanations_are_read_from_the_timeline(
    steps: list[Step], expected: list[tuple[str, str, float, float, str]]
) -> None:
    found = segments(room(*steps))
    assert [(one.id, one.product_id, one.from_at, one.to_at, one.end) for one in found] == [
        (id_, product, clock(from_minute), clock(to_minute), how)
        for id_, product, from_minute, to_minute, how in expected
    ]


def test_the_same_event_twice_counts_once_and_the_earlier_reading_wins() -> None:
    once = start(1)("obs", 1)
    moved = start(2)("obs", 1)
    elsewhere = start(3, "dress")("platform", 1)
    timeline = Timeline(LiveSession(id="live-1", started_at=NOON), [moved, once, once, elsewhere])
    assert timeline.events == (once, elsewhere)


def test_the_earliest_stated_end_is_the_end() -> None:
    assert room(session_end(9), ended=8).ended_at == clock(8)
    assert room(session_end(7), session_end(9), ended=8).ended_at == clock(7)
    assert room(start(1)).ended_at is None


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            [on(0, "Lin"), off(5, "Lin"), on(5, "Zhou")],
            [("Lin", 0, 5), ("Zhou", 5, None)],
            id="one after the other",
        ),
        pytest.param([on(0, "Lin"), on(3, "Lin"), off(5, "Lin")], [("Lin", 0, 5)], id="a repeated on"),
        pytest.param([off(5, "Lin")], [], id="an off alone"),
        pytest.param([on(0, "Lin"), session_end(9)], [("Lin", 0, 9)], id="the session's end is an off"),
        pytest.param(
            [session_end(9), on(10, "Lin")], [("Lin", 10, None)], id="an on after the session's end stays"
        ),
    ],
)
def test_hosts_are_read_from_the_timeline(
    steps: list[Step], expected: list[tuple[str, float, float | None]]
) -> None:
    found = [(span.host, span.from_at, span.to_at) for span in host_spans(room(*steps))]
    assert found == [
        (host, clock(from_minute), None if to_minute is None else clock(to_minute))
        for host, from_minute, to_minute in expected
    ]


def named(timeline: Timeline) -> list[tuple[str, float, float | None]]:
    (segment,) = segments(timeline)
    return [
        (
            span.host,
            (span.from_at - NOON) / 60_000,
            None if span.to_at is None else (span.to_at - NOON) / 60_000,
        )
        for span in hosts_of(segment, host_spans(timeline))
    ]


def test_a_segment_has_the_hosts_of_its_minutes() -> None:
    change = room(on(0, "Lin"), start(1), off(3, "Lin"), on(3, "Zhou"), end(6), off(9, "Zhou"))
    assert named(change) == [("Lin", 1, 3), ("Zhou", 3, 6)]
    before_and_after = room(on(0, "Lin"), off(1, "Lin"), start(1), end(6), on(6, "Zhou"))
    assert named(before_and_after) == []


def test_a_named_host_explains_alone_until_he_leaves() -> None:
    steps = [on(0, "Lin"), on(0, "Zhou"), start(1, host="Lin"), end(6)]
    assert named(room(*steps)) == [("Lin", 1, 6)]
    assert named(room(*steps, off(4, "Lin"))) == [("Lin", 1, 4), ("Zhou", 4, 6)]


def test_a_named_host_who_was_never_reported_on_air_explains_the_whole_segment() -> None:
    assert named(room(start(1, host="Lin"), end(6), on(0, "Zhou"))) == [("Lin", 1, 6)]


def test_a_segment_of_no_length_has_the_hosts_on_air_then() -> None:
    assert named(room(on(0, "Lin"), start(3), end(3))) == [("Lin", 3, 3)]
    assert named(room(on(0, "Lin"), start(3, host="Lin"), end(3))) == [("Lin", 3, 3)]


def test_hosts_at_a_moment_are_those_who_came_and_did_not_leave() -> None:
    spans = host_spans(room(on(0, "Lin"), off(5, "Lin"), on(5, "Zhou")))
    assert hosts_at(spans, clock(5)) == (HostSpan(host="Zhou", from_at=clock(5), to_at=None),)
    assert [span.host for span in hosts_at(spans, clock(5) - 1)] == ["Lin"]
    assert hosts_at(spans, clock(0) - 1) == ()


def test_what_is_being_explained_comes_latest_first() -> None:
    timeline = room(start(1, host="Lin"), start(2, "dress", host="Zhou"), end(5), end(6, "dress"))
    assert [one.product_id for one in explained_at(timeline, clock(3))] == ["dress", "cup"]
    assert [one.product_id for one in explained_at(timeline, clock(5))] == ["dress"]
    assert explained_at(timeline, clock(6)) == ()


def test_an_offset_is_never_before_the_session() -> None:
    assert room().offset(clock(2)) == 120_000
    assert room().offset(clock(-1)) == 0
