"""A connection in words, from what was measured of it: 良好, 一般, 较差. Pure."""

from __future__ import annotations

from typing import Final, Literal

Level = Literal["good", "fair", "poor"]

LOSS_FAIR: Final = 0.03
"""Up to here repair hides it: measured, 3 % both ways left one or two pictures of 735 missing."""
LOSS_POOR: Final = 0.10
"""Beyond, speech breaks up although Opus conceals."""
ROUND_TRIP_FAIR_MS: Final = 300
"""ITU-T G.114: 150 ms one way is where talking begins to suffer."""
ROUND_TRIP_POOR_MS: Final = 800
"""ITU-T G.114: 400 ms one way is the most that is acceptable at all."""
FROZEN_FAIR_MS: Final = 200
"""A picture that stood for a moment since the last report."""
FROZEN_POOR_MS: Final = 2_000
"""A picture that stood for most of the time since the last report."""


def level(*, loss: float, round_trip_ms: int | None, frozen_ms: int) -> Level:
    """The worst word that any of the three figures has earned. `loss` is a share, 0 to 1."""
    round_trip = round_trip_ms or 0
    if loss > LOSS_POOR or round_trip > ROUND_TRIP_POOR_MS or frozen_ms > FROZEN_POOR_MS:
        return "poor"
    if loss > LOSS_FAIR or round_trip > ROUND_TRIP_FAIR_MS or frozen_ms > FROZEN_FAIR_MS:
        return "fair"
    return "good"
