"""A connection in words, from what was measured of it: 良好, 一般, 较差. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a connection was the same.

    `level` is its worst word and `step` the lowest one of the ladder, as places in their order. `first` and
    `last` count slots of equal length, both included.
    """

    first: int
    last: int
    level: int
    step: int


def stretches(slots: Sequence[Stretch], most: int) -> tuple[int, list[Stretch]]:
    """How a connection went, in at most `most` stretches; and how many slots were taken for one.

    `slots` has one each, in their order. What is alike and without a gap is one stretch. Where there are too
    many, slots are taken two for one and the worse of them counts: a bad moment is drawn longer, never lost.
    """
    width, found = 1, _joined(slots)
    while len(found) > most:
        width *= 2
        found = _joined(_merged(slots, width))
    return width, found


def _merged(slots: Sequence[Stretch], width: int) -> list[Stretch]:
    wide: dict[int, Stretch] = {}
    for each in slots:
        place = each.first // width
        known = wide.get(place, Stretch(place, place, 0, 0))
        wide[place] = replace(known, level=max(known.level, each.level), step=max(known.step, each.step))
    return list(wide.values())


def _joined(slots: Sequence[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for each in slots:
        before = found[-1] if found else None
        if before is not None and each == Stretch(before.last + 1, each.last, before.level, before.step):
            found[-1] = replace(before, last=each.last)
        else:
            found.append(each)
    return found
