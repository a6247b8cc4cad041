"""How long a recording is kept, and which of the two verbs ends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.retention import (
    DAY_MS,
    KEEP_DAYS_MAX,
    STATUTORY_DAYS_MIN,
    Policy,
    Recorded,
    Verdict,
    decide,
)

ENDED = 1_795_000_000_000
SHORT = Policy(keep_days=30, statutory_days=None)
BOUND = Policy(keep_days=30, statutory_days=STATUTORY_DAYS_MIN)


def verdict(
    policy: Policy, after_ms: int, *, case_open: bool = False, erasure_asked: bool = False
) -> Verdict:
    return decide(Recorded(ENDED, case_open, erasure_asked), policy, ENDED + after_ms)


def test_it_is_kept_as_long_as_the_shop_needs_it_and_then_erased() -> None:
    month = 30 * DAY_MS
    assert verdict(SHORT, month - 1) == Verdict("keep", "in_use", ENDED + month)
    assert verdict(SHORT, month) == Verdict("erase", "period_over", None)


def test_while_a_statutory_period_runs_it_is_restricted_and_not_erased() -> None:
    years = STATUTORY_DAYS_MIN * DAY_MS
    assert verdict(BOUND, 30 * DAY_MS) == Verdict("restrict", "statutory_period", ENDED + years)
    assert verdict(BOUND, years - 1).verb == "restrict"
    assert verdict(BOUND, years) == Verdict("erase", "period_over", None)


def test_a_wish_for_erasure_is_followed_at_once_unless_a_law_stands_in_the_way() -> None:
    assert verdict(SHORT, 0, erasure_asked=True) == Verdict("erase", "erasure_asked", None)
    assert verdict(BOUND, 0, erasure_asked=True).verb == "restrict"
    assert verdict(BOUND, STATUTORY_DAYS_MIN * DAY_MS, erasure_asked=True).reason == "erasure_asked"


def test_an_open_case_keeps_it_and_after_a_wish_for_erasure_only_keeps_the_bytes() -> None:
    for after_days in (0, 31, 2 * STATUTORY_DAYS_MIN):
        assert verdict(BOUND, after_days * DAY_MS, case_open=True) == Verdict("keep", "case_open", None)
        asked = verdict(BOUND, after_days * DAY_MS, case_open=True, erasure_asked=True)
        assert asked == Verdict("restrict", "case_open", None)


@pytest.mark.parametrize(
    ("keep_days", "statutory_days", "good"),
    [
        (0, None, False), (1, None, True), (KEEP_DAYS_MAX, None, True), (KEEP_DAYS_MAX + 1, None, False),
        (1, STATUTORY_DAYS_MIN - 1, False), (1, STATUTORY_DAYS_MIN, True), (1, KEEP_DAYS_MAX, True),
        (1, KEEP_DAYS_MAX + 1, False),
    ],
)  # fmt: skip
def test_periods_have_bounds(keep_days: int, statutory_days: int | None, good: bool) -> None:
    if good:
        Policy(keep_days, statutory_days)
        return
    with pytest.raises(ValueError, match="days"):
        Policy(keep_days, statutory_days)


@given(
    st.booleans(), st.booleans(), st.integers(0, 4000), st.integers(0, 4000), st.sampled_from([SHORT, BOUND])
)
def test_time_only_ever_takes_uses_away(
    case_open: bool, erasure_asked: bool, early_days: int, later_days: int, policy: Policy
) -> None:
    order = ("keep", "restrict", "erase")
    recorded = Recorded(ENDED, case_open, erasure_asked)
    early = decide(recorded, policy, ENDED + early_days * DAY_MS)
    late = decide(recorded, policy, ENDED + (early_days + later_days) * DAY_MS)
    assert order.index(early.verb) <= order.index(late.verb)
    if early.until_utc_ms is not None:
        assert early.until_utc_ms > ENDED + early_days * DAY_MS
        assert decide(recorded, policy, early.until_utc_ms).verb != early.verb
