"""Which step of a case leads where, and who may take it."""

from __future__ import annotations

import pytest

from aftersales.cases import Hand, handed, moved, needs_recordings

HOLDER, OTHER, LEAD = Hand("a1", False), Hand("a2", False), Hand("s1", True)


@pytest.mark.parametrize(
    "state, step, hand, becomes",
    [
        ("open", "close", HOLDER, "closed"),
        ("open", "close", LEAD, "closed"),
        ("open", "close", OTHER, "not_his"),
        ("open", "reopen", HOLDER, "no_such_step"),
        ("closed", "reopen", HOLDER, "open"),
        ("closed", "reopen", OTHER, "not_his"),
        ("closed", "close", LEAD, "no_such_step"),
    ],
)
def test_a_step_is_the_holders_or_a_leads(state: str, step: str, hand: Hand, becomes: str) -> None:
    assert moved(state, "a1", step, hand) == becomes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "state, to, hand, member, why",
    [
        ("open", "a2", HOLDER, True, None),
        ("open", "a2", OTHER, True, None),
        ("open", "a3", OTHER, True, "not_his"),
        ("open", "a3", LEAD, True, None),
        ("open", "x", HOLDER, False, "no_member"),
        ("open", "x", LEAD, False, "no_member"),
        ("closed", "a2", HOLDER, True, "no_such_step"),
    ],
)
def test_one_takes_a_case_or_hands_on_what_one_holds(
    state: str, to: str, hand: Hand, member: bool, why: str | None
) -> None:
    assert handed(state, "a1", to, hand, member=member) == why  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "state, by_call, entries, needs",
    [
        ("open", False, 1, True),
        ("open", True, 1, False),
        ("open", True, 2, True),
        ("closed", False, 3, False),
        ("closed", True, 3, False),
    ],
)
def test_a_case_that_a_call_opened_needs_its_recordings_from_the_first_hand_on_it(
    state: str, by_call: bool, entries: int, needs: bool
) -> None:
    assert needs_recordings(state, by_call=by_call, entries=entries) is needs  # type: ignore[arg-type]
