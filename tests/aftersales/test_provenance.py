"""The verdict on an order line: what exact, likely, ambiguous and none mean, case by case."""

from __future__ import annotations

import typing

import pytest

from aftersales.livestream import LiveEvent, LiveSession, Timeline
from aftersales.provenance import (
    ALTERNATIVES_LIMIT,
    CONSIDERATION_MS,
    LOOKED_BACK_MS,
    PROMISES_LIMIT,
    QUESTION_MARGIN_MS,
    QUESTIONS_LIMIT,
    OrderLine,
    Provenance,
    ReasonCode,
    bind,
)
from tests.aftersales.rooms import (
    DELAY_MS,
    clock,
    codes,
    comment,
    end,
    off,
    on,
    order,
    promise,
    room,
    said,
    session_end,
    start,
)

DELAY = DELAY_MS / 60_000
MS = 1 / 60_000
WINDOW = CONSIDERATION_MS / 60_000
CUP = room(start(10), end(14))
TWICE = room(start(10), end(14), start(20), end(24))
TWO_HOSTS = room(
    on(0, "Lin"), on(0, "Zhou"), start(10, host="Lin"), start(11, host="Zhou"), end(14), off(20, "Lin")
)
OTHER = room(start(10), end(14), session_id="live-2")
OTHER_ENDED = room(start(5), end(8), session_id="live-2")
OTHER_HEARD = room(start(10), end(14), comment(11, "有粉色吗", buyer="mei"), session_id="live-2")
MOMENT_OF_11 = 11 + DELAY
"""An order whose buyer saw minute 11."""

Case = tuple[OrderLine, list[Timeline], str, str | None, list[ReasonCode]]
CASES: dict[str, Case] = {
    # name: (order, timelines, verdict, id of the segment, reasons)
    "the order names the session and the product is on air": (
        order(MOMENT_OF_11), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air"],
    ),
    "on air from its first millisecond": (
        order(10 + DELAY), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air"],
    ),
    "on air until its last millisecond": (
        order(14 + DELAY - MS), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air"],
    ),
    "ended at the very moment": (
        order(14 + DELAY), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air_within_delay"],
    ),
    "ended no longer than the delay before": (
        order(14 + 2 * DELAY), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air_within_delay"],
    ),
    "ended a millisecond before that": (
        order(14 + 2 * DELAY + MS), [CUP], "likely", "e1",
        ["session_named", "time_ordered", "explained_before"],
    ),
    "ended as long ago as allowed": (
        order(14 + DELAY + WINDOW), [CUP], "likely", "e1",
        ["session_named", "time_ordered", "explained_before"],
    ),
    "ended a millisecond longer ago than allowed": (
        order(14 + DELAY + WINDOW + MS), [CUP], "none", None,
        ["session_named", "time_ordered", "explained_long_before"],
    ),
    "begins within the delay": (
        order(10), [CUP], "likely", "e1", ["session_named", "time_ordered", "begins_within_delay"],
    ),
    "begins a millisecond after the delay": (
        order(10 - MS), [CUP], "none", None, ["session_named", "time_ordered", "explained_only_later"],
    ),
    "explained only later": (
        order(5), [CUP], "none", None, ["session_named", "time_ordered", "explained_only_later"],
    ),
    "never explained": (
        order(12, product="lamp"), [CUP], "none", None,
        ["session_named", "time_ordered", "not_explained_there"],
    ),
    "no timeline at all": (
        order(12), [], "none", None, ["session_named_unknown", "time_ordered", "not_explained_within"],
    ),
    "the order names no session and one fits": (
        order(MOMENT_OF_11, None), [CUP], "likely", "e1", ["time_ordered", "on_air"],
    ),
    "the order names a session that nobody knows": (
        order(MOMENT_OF_11, "platform-77"), [CUP], "likely", "e1",
        ["session_named_unknown", "time_ordered", "on_air"],
    ),
    "only the time of payment is known": (
        order(None, paid=MOMENT_OF_11), [CUP], "likely", "e1", ["session_named", "time_paid", "on_air"],
    ),
    "no time is known": (
        order(None), [CUP], "none", None, ["session_named", "time_missing"],
    ),
    "the order's time goes before the payment's": (
        order(MOMENT_OF_11, paid=90), [CUP], "exact", "e1", ["session_named", "time_ordered", "on_air"],
    ),
    "explained twice and on air the second time": (
        order(21 + DELAY), [TWICE], "exact", "e3", ["session_named", "time_ordered", "on_air"],
    ),
    "explained twice and ordered after the first": (
        order(16), [TWICE], "likely", "e1", ["session_named", "time_ordered", "explained_before"],
    ),
    "explained twice and ordered after both": (
        order(26), [TWICE], "likely", "e3", ["session_named", "time_ordered", "explained_before"],
    ),
    "explained before and about to begin again": (
        order(20), [TWICE], "likely", "e1", ["session_named", "time_ordered", "explained_before"],
    ),
    "two hosts explain it at the same time": (
        order(12), [TWO_HOSTS], "ambiguous", None,
        ["session_named", "time_ordered", "on_air", "on_air", "several_segments"],
    ),
    "two hosts explained it until the same moment": (
        order(16), [TWO_HOSTS], "ambiguous", None,
        ["session_named", "time_ordered", "explained_before", "explained_before", "several_segments"],
    ),
    "two sessions explain it and the order names one": (
        order(MOMENT_OF_11), [CUP, OTHER], "exact", "e1", ["session_named", "time_ordered", "on_air"],
    ),
    "two sessions explain it and the order names none": (
        order(MOMENT_OF_11, None), [CUP, OTHER], "ambiguous", None,
        ["time_ordered", "on_air", "on_air", "several_sessions"],
    ),
    "two sessions explain it and the buyer wrote in one": (
        order(MOMENT_OF_11, None), [CUP, OTHER_HEARD], "likely", "e1",
        ["time_ordered", "on_air", "buyer_spoke_there"],
    ),
    "two sessions explain it and the buyer wrote in both": (
        order(MOMENT_OF_11, None),
        [room(start(10), end(14), comment(10, "到了", buyer="mei")), OTHER_HEARD],
        "ambiguous", None, ["time_ordered", "on_air", "on_air", "several_sessions"],
    ),
    "two sessions explain it and the buyer wrote only after the order": (
        order(10.5, None), [CUP, OTHER_HEARD], "ambiguous", None,
        ["time_ordered", "on_air", "on_air", "several_sessions"],
    ),
    "one session explains it and another did": (
        order(MOMENT_OF_11, None), [CUP, OTHER_ENDED], "likely", "e1",
        ["time_ordered", "on_air", "weaker_fits"],
    ),
    "two sessions explained it before": (
        order(16, None), [CUP, OTHER_ENDED], "ambiguous", None,
        ["time_ordered", "explained_before", "explained_before", "several_sessions"],
    ),
    "the named session never explained it but another does": (
        order(MOMENT_OF_11), [room(start(2, "dress"), end(4, "dress")), OTHER], "none", None,
        ["session_named", "time_ordered", "not_explained_there", "explained_elsewhere"],
    ),
    "the order names the explanation": (
        order(90, explain_id="e1"), [CUP], "exact", "e1", ["session_named", "time_ordered", "segment_named"],
    ),
    "the order names one of two explanations at the same time": (
        order(12, explain_id="e4"), [TWO_HOSTS], "exact", "e4",
        ["session_named", "time_ordered", "segment_named"],
    ),
    "the order names an explanation of which nobody knows": (
        order(MOMENT_OF_11, explain_id="e9"), [CUP], "exact", "e1",
        ["session_named", "time_ordered", "segment_named_unknown", "on_air"],
    ),
    "the order names the explanation of another product": (
        order(MOMENT_OF_11, explain_id="e1", product="lamp"), [CUP], "none", None,
        ["session_named", "time_ordered", "segment_named_other_product", "not_explained_there"],
    ),
    "the order names an explanation that came later": (
        order(16, explain_id="e3"), [TWICE], "likely", "e1",
        ["session_named", "time_ordered", "segment_named_later", "explained_before"],
    ),
    "the order names an explanation without its session": (
        order(MOMENT_OF_11, None, explain_id="e1"), [CUP], "likely", "e1",
        ["time_ordered", "segment_without_session", "on_air"],
    ),
    "the order names an explanation and only its payment's time is known": (
        order(None, paid=90, explain_id="e1"), [CUP], "exact", "e1",
        ["session_named", "time_paid", "segment_named"],
    ),
    "the player's position counts, not the clock": (
        order(90, position=11), [CUP], "exact", "e1",
        ["session_named", "time_ordered", "position_used", "on_air"],
    ),
    "the player's position makes up for the time of ordering": (
        order(None, paid=90, position=11), [CUP], "exact", "e1",
        ["session_named", "time_paid", "position_used", "on_air"],
    ),
    "the player's position may be the moment of the order": (
        order(11, position=11), [CUP], "exact", "e1",
        ["session_named", "time_ordered", "position_used", "on_air"],
    ),
    "the player's position is not in the future": (
        order(MOMENT_OF_11, position=MOMENT_OF_11 + MS), [CUP], "exact", "e1",
        ["session_named", "time_ordered", "position_later", "on_air"],
    ),
    "the player's position means nothing without a session": (
        order(MOMENT_OF_11, None, position=50), [CUP], "likely", "e1",
        ["time_ordered", "position_without_session", "on_air"],
    ),
    "an explanation that begins after the order is not where it comes from": (
        order(9, position=8), [CUP], "none", None,
        ["session_named", "time_ordered", "position_used", "explained_only_later"],
    ),
    "the player's position is before the explanation": (
        order(16, position=3), [CUP], "none", None,
        ["session_named", "time_ordered", "position_used", "explained_only_later"],
    ),
    "the end was never heard": (
        order(MOMENT_OF_11), [room(start(10))], "exact", "e1",
        ["session_named", "time_ordered", "on_air", "end_inferred"],
    ),
    "the end is the next product's start": (
        order(12), [room(start(10), start(11, "dress"))], "likely", "e1",
        ["session_named", "time_ordered", "explained_before", "end_inferred"],
    ),
    "the session ended without ends": (
        order(12), [room(start(10), session_end(11))], "likely", "e1",
        ["session_named", "time_ordered", "explained_before", "end_inferred"],
    ),
    "the start was lost": (
        order(12), [room(end(14))], "none", None,
        ["session_named", "time_ordered", "not_explained_there", "end_without_start"],
    ),
    "a lost start long before is no reason": (
        order(80), [room(end(14))], "none", None,
        ["session_named", "time_ordered", "not_explained_there"],
    ),
    "end and start came in the wrong order": (
        order(MOMENT_OF_11), [room(end(14), start(10))], "exact", "e2",
        ["session_named", "time_ordered", "on_air"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_verdict_and_its_reasons(case: Case) -> None:
    line, timelines, confidence, segment_id, reasons = case
    found = bind(line, timelines)
    segment = found.origin.segment if found.origin is not None else None
    assert found.confidence == confidence
    assert (segment.id if segment is not None else None) == segment_id
    assert codes(found) == reasons


def test_every_reason_is_given_by_some_case() -> None:
    given = {code for case in CASES.values() for code in case[4]}
    assert given == set(typing.get_args(ReasonCode)) - {"promises_cut", "questions_cut"}


def test_the_reasons_carry_the_numbers_they_rest_on() -> None:
    found = bind(order(16, None), [CUP])
    data = {reason.code: dict(reason.data) for reason in found.reasons}
    assert data["time_ordered"] == {"at": clock(16)}
    assert data["explained_before"] == {
        "session_id": "live-1",
        "explain_id": "e1",
        "seen_at": clock(16) - DELAY_MS,
        "ago_ms": 2 * 60_000 - DELAY_MS,
    }


def test_that_there_was_no_explanation_is_said_of_what_was_looked_at_only() -> None:
    there = dict(bind(order(12, product="lamp"), [CUP]).reasons[-1].data)
    assert there == {"product_id": "lamp", "session_id": "live-1"}
    anywhere = dict(bind(order(12, None, product="lamp"), [CUP]).reasons[-1].data)
    assert anywhere == {"product_id": "lamp", "within_ms": LOOKED_BACK_MS}


def test_an_exact_origin_says_session_minutes_and_host() -> None:
    timeline = room(on(0, "Lin"), start(10), off(12, "Lin"), on(12, "Zhou"), end(14))
    origin = bind(order(MOMENT_OF_11), [timeline]).origin
    assert origin is not None and origin.segment is not None
    assert (origin.session_id, origin.from_offset_ms, origin.to_offset_ms) == ("live-1", 600_000, 840_000)
    assert (origin.segment.from_at, origin.segment.to_at) == (clock(10), clock(14))
    assert [(span.host, span.from_at, span.to_at) for span in origin.hosts] == [
        ("Lin", clock(10), clock(12)),
        ("Zhou", clock(12), clock(14)),
    ]


def test_an_ambiguous_order_in_one_session_keeps_the_session_and_lists_the_segments() -> None:
    found = bind(order(12), [TWO_HOSTS])
    assert found.origin is not None
    assert (found.origin.session_id, found.origin.segment) == ("live-1", None)
    assert found.origin.from_offset_ms is None and found.origin.to_offset_ms is None
    alternatives = [
        (one.segment.id, [span.host for span in one.hosts]) for one in found.alternatives if one.segment
    ]
    assert alternatives == [("e4", ["Zhou"]), ("e3", ["Lin"])]


def test_an_ambiguous_order_between_sessions_claims_nothing_but_lists_both() -> None:
    gift = room(start(10), end(14), promise(11, "送杯套"))
    found = bind(order(12, None), [OTHER, gift])
    assert found.origin is None
    assert [(one.session_id, len(one.promises)) for one in found.alternatives] == [
        ("live-1", 1),
        ("live-2", 0),
    ]


def test_no_more_alternatives_than_a_person_can_tell_apart() -> None:
    def parallel(sessions: int) -> Provenance:
        return bind(
            order(MOMENT_OF_11, None),
            [room(start(10), end(14), session_id=f"live-{n}") for n in range(sessions)],
        )

    assert len(parallel(ALTERNATIVES_LIMIT).alternatives) == ALTERNATIVES_LIMIT
    more = parallel(ALTERNATIVES_LIMIT + 1)
    assert len(more.alternatives) == ALTERNATIVES_LIMIT
    assert dict(more.reasons[-1].data) == {
        "count": ALTERNATIVES_LIMIT + 1,
        "segments": ALTERNATIVES_LIMIT + 1,
    }
    assert len(more.reasons) <= 20


def texts(found: Provenance) -> list[str]:
    assert found.origin is not None
    return [one.promise.text for one in found.origin.promises]


def test_promises_for_the_session_and_for_the_product_count_and_others_do_not() -> None:
    timeline = room(
        promise(1, "七天无理由"),
        start(10),
        promise(11, "送杯套", "cup"),
        promise(11, "送腰带", "dress"),
        end(14),
        promise(15, "后来的承诺"),
    )
    assert texts(bind(order(12), [timeline])) == ["七天无理由", "送杯套"]
    assert texts(bind(order(12, product="lamp"), [timeline])) == ["七天无理由"]


def test_a_promise_is_in_force_from_when_it_is_made_until_before_its_end() -> None:
    timeline = room(start(0), promise(5, "买一送一", until=10), end(20))
    assert texts(bind(order(5 - MS), [timeline])) == []
    assert texts(bind(order(5), [timeline])) == ["买一送一"]
    assert texts(bind(order(10 + DELAY - MS), [timeline])) == ["买一送一"]
    assert texts(bind(order(10 + DELAY), [timeline])) == []


def test_a_promise_that_ends_before_it_begins_is_never_in_force() -> None:
    timeline = room(start(10), promise(11, "买一送一", until=11), end(14))
    assert texts(bind(order(11 + DELAY / 2), [timeline])) == []


def test_a_promise_that_is_over_does_not_come_back_in_a_replay() -> None:
    timeline = room(start(10), promise(11, "今晚九折", until=14), promise(11, "七天无理由"), end(14))
    found = bind(order(90, position=12), [timeline])
    assert found.confidence == "exact"
    assert texts(found) == ["七天无理由"]


def test_the_same_words_are_one_promise_as_it_was_last_said() -> None:
    timeline = room(start(10), promise(11, "送杯套", "cup"), promise(12, "送杯套", "cup"), end(14))
    origin = bind(order(13), [timeline]).origin
    assert origin is not None
    (one,) = origin.promises
    assert (one.promise.source_event_id, one.times, one.offset_ms) == ("e3", 2, 720_000)


def test_a_promise_names_the_explanation_during_which_it_was_made() -> None:
    timeline = room(
        promise(1, "运费我出"),
        start(2, "dress", host="Zhou"),
        start(10, host="Lin"),
        promise(11, "送腰带"),
        promise(12, "送杯套", "cup"),
        start(13, "lamp", host="Wu"),
        promise(14, "再送杯刷", "cup"),
        end(20, "dress"),
        end(20),
        end(20, "lamp"),
    )
    origin = bind(order(16), [timeline]).origin
    assert origin is not None
    assert [(one.promise.text, one.explain_id) for one in origin.promises] == [
        ("运费我出", None),
        ("送腰带", "e3"),
        ("送杯套", "e3"),
        ("再送杯刷", "e3"),
    ]


def test_the_promises_of_a_named_session_count_without_an_explanation() -> None:
    found = bind(order(12), [room(on(0, "Lin"), promise(1, "七天无理由"))])
    assert found.confidence == "none"
    assert texts(found) == ["七天无理由"]
    assert found.origin is not None
    assert [span.host for span in found.origin.hosts] == ["Lin"]


def test_no_more_promises_than_the_limit_and_the_latest_are_kept() -> None:
    def with_promises(count: int) -> Provenance:
        return bind(
            order(90), [room(start(80), *[promise(n / 10, f"承诺{n}") for n in range(count)], end(99))]
        )

    assert len(texts(with_promises(PROMISES_LIMIT))) == PROMISES_LIMIT
    assert "promises_cut" not in codes(with_promises(PROMISES_LIMIT))
    more = with_promises(PROMISES_LIMIT + 1)
    assert texts(more) == [f"承诺{n}" for n in range(1, PROMISES_LIMIT + 1)]
    assert dict(more.reasons[-1].data) == {"kept": PROMISES_LIMIT, "of": PROMISES_LIMIT + 1}


def questions(found: Provenance) -> list[tuple[str, bool]]:
    assert found.origin is not None
    return [(one.comment.text, one.own) for one in found.origin.questions]


def test_questions_are_the_buyers_own_and_those_on_the_product_near_its_segment() -> None:
    margin = QUESTION_MARGIN_MS / 60_000
    timeline = room(
        comment(1, "主播好", buyer="mei"),
        comment(10 - margin - MS, "太早", product="cup"),
        comment(10 - margin, "能装多少", product="cup"),
        start(10),
        comment(11, "保温多久", buyer="mei"),
        comment(11, "裙子呢", product="dress"),
        comment(11, "哈哈"),
        said(11, "十二小时"),
        end(14),
        comment(14 + margin, "还有吗", product="cup"),
        comment(14 + margin + MS, "太晚", product="cup"),
        comment(15.5, "拍了", buyer="mei"),
        comment(15.5 + MS, "刚拍了", buyer="mei"),
    )
    assert questions(bind(order(15.5), [timeline])) == [
        ("主播好", True),
        ("能装多少", False),
        ("保温多久", True),
        ("还有吗", False),
        ("拍了", True),
    ]


def test_without_a_buyer_no_question_is_his_own() -> None:
    timeline = room(start(10), comment(11, "保温多久"), end(14))
    line = OrderLine(product_id="cup", ordered_at=clock(12), live_session_id="live-1")
    assert questions(bind(line, [timeline])) == []


def test_no_more_questions_than_the_limit_and_own_ones_are_kept_first() -> None:
    def with_questions(count: int) -> Provenance:
        others = [comment(11 + n / 1000, f"问{n}", product="cup") for n in range(count - 1)]
        return bind(order(13), [room(start(10), comment(10, "我的", buyer="mei"), *others, end(14))])

    assert len(questions(with_questions(QUESTIONS_LIMIT))) == QUESTIONS_LIMIT
    assert "questions_cut" not in codes(with_questions(QUESTIONS_LIMIT))
    more = questions(with_questions(QUESTIONS_LIMIT + 1))
    assert more[0] == ("我的", True)
    assert more[1] == ("问1", False)
    assert len(more) == QUESTIONS_LIMIT
    assert "questions_cut" in codes(with_questions(QUESTIONS_LIMIT + 1))


def test_late_news_changes_the_verdict() -> None:
    events: list[LiveEvent] = [start(10)("obs", 1)]
    session = LiveSession(id="live-1", started_at=clock(0), delay_ms=DELAY_MS)
    assert bind(order(12), [Timeline(session, events)]).confidence == "exact"
    events.append(end(11)("obs", 2))
    assert bind(order(12), [Timeline(session, events)]).confidence == "likely"
