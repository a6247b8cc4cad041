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
    level,
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
