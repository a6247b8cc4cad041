"""How a benchmark of media says what it found."""

from __future__ import annotations

import json
import sys
from typing import Any


def at(ordered: list[float], share: float) -> float | None:
    """The value below which this share of an ordered list lies; None of an empty one."""
    return round(ordered[int(share * (len(ordered) - 1))], 3) if ordered else None


def row(name: str, value: float, target: float, *, higher: bool = False) -> dict[str, Any]:
    """A figure against its target; `higher` ones are better."""
    # Judged as it is printed, so that no row contradicts itself.
    shown = round(value, 4)
    met = shown >= target if higher else shown <= target
    better = "higher" if higher else "lower"
    return {"name": name, "value": shown, "target": target, "better": better, "met": met}


def say(found: dict[str, Any]) -> None:
    """A run, while the others are still to come."""
    print(json.dumps(found), file=sys.stderr, flush=True)
