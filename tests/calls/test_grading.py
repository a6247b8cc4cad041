"""A connection in words: each figure has the last value that is still called so, and one more is another."""

from __future__ import annotations

import pytest

from media.grading import (
    FROZEN_FAIR_MS,
    FROZEN_POOR_MS,
    LOSS_FAIR,
    LOSS_POOR,
    ROUND_TRIP_FAIR_MS,
    ROUND_TRIP_POOR_MS,
    Stretch,
    level,
    stretches,
)


@pytest.mark.parametrize(
    ("loss", "round_trip_ms", "frozen_ms", "word"),
    [
        (0.0, None, 0, "good"),
        (LOSS_FAIR, ROUND_TRIP_FAIR_MS, FROZEN_FAIR_MS, "good"),
        (LOSS_FAIR + 0.001, None, 0, "fair"),
        (0.0, ROUND_TRIP_FAIR_MS + 1, 0, "fair"),
        (0.0, None, FROZEN_FAIR_MS + 1, "fair"),
        (LOSS_POOR, ROUND_TRIP_POOR_MS, FROZEN_POOR_MS, "fair"),
        (LOSS_POOR + 0.001, None, 0, "poor"),
        (0.0, ROUND_TRIP_POOR_MS + 1, 0, "poor"),
        (0.0, None, FROZEN_POOR_MS + 1, "poor"),
    ],
)
def test_the_worst_figure_has_the_word(
    loss: float, round_trip_ms: int | None, frozen_ms: int, word: str
) -> None:
    assert level(loss=loss, round_trip_ms=round_trip_ms, frozen_ms=frozen_ms) == word


def slots(*told: tuple[int, int, int]) -> list[Stretch]:
    """Place, level and step of each."""
    return [Stretch(place, place, level, step) for place, level, step in told]


def test_what_is_alike_is_one_stretch_and_a_gap_ends_it() -> None:
    went = slots((7, 0, 0), (8, 0, 0), (9, 2, 3), (10, 2, 3), (11, 2, 4), (14, 2, 4))
    assert stretches(went, 4) == (
        1,
        [Stretch(7, 8, 0, 0), Stretch(9, 10, 2, 3), Stretch(11, 11, 2, 4), Stretch(14, 14, 2, 4)],
    )
    assert stretches([], 4) == (1, [])


def test_one_stretch_too_many_takes_two_slots_for_one_and_loses_no_bad_moment() -> None:
    went = slots((7, 0, 0), (8, 0, 0), (9, 2, 0), (10, 0, 0), (11, 0, 4), (14, 0, 0))
    assert stretches(went, 5) == (1, stretches(went, 9)[1])
    width, coarse = stretches(went, 4)
    assert (width, len(coarse)) == (2, 4)
    assert coarse == [Stretch(3, 3, 0, 0), Stretch(4, 4, 2, 0), Stretch(5, 5, 0, 4), Stretch(7, 7, 0, 0)]
    assert stretches(went, 1)[1] == [Stretch(0, 0, 2, 4)]
