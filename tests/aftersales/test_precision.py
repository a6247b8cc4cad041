"""How often each verdict is right on made-up evenings of which the truth is known; the table is printed."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from aftersales.provenance import Confidence, bind
from tests.aftersales.evening import Truth, make_evening
from tests.rounds import rounds

FLOORS: dict[Confidence, float] = {"exact": 0.96, "likely": 0.75, "ambiguous": 0.75, "none": 0.5}
"""The least share of right answers; lost starts and orders from the bag alone are what is missing."""


def test_precision_of_each_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    given: Counter[Confidence] = Counter()
    right: Counter[Confidence] = Counter()
    right_session: Counter[Confidence] = Counter()
    for seed in range(rounds(reduced=4, full=100)):
        timelines, truths = make_evening(Random(seed), orders=500)
        for truth in truths:
            found = bind(truth.order, timelines)
            given[found.confidence] += 1
            places = found.alternatives or ((found.origin,) if found.origin is not None else ())
            segments = {place.segment.id for place in places if place.segment is not None}
            right[found.confidence] += _right(truth, found.confidence, segments)
            right_session[found.confidence] += truth.session_id in {place.session_id for place in places}
    with capsys.disabled():
        print("\nverdict     orders  right  session right")
        for verdict in FLOORS:
            count = given[verdict]
            share, of_session = right[verdict] / count, right_session[verdict] / count
            print(f"{verdict:<10} {count:>7} {share:>6.1%} {of_session:>14.1%}")
    for verdict, floor in FLOORS.items():
        assert given[verdict] >= 20, f"{verdict} was hardly ever given"
        assert right[verdict] / given[verdict] >= floor, verdict
    assert right_session["exact"] == given["exact"], "the order itself named the session"


def _right(truth: Truth, verdict: Confidence, segments: set[str]) -> bool:
    """Right is the true explanation, or one of the alternatives; for none, that there was none."""
    return truth.explain_id is None if verdict == "none" else truth.explain_id in segments
