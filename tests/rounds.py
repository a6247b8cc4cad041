"""What only the full run asks in full: how often a test repeats something, and how soon it must be done."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 5
"""How many times its length a time limit has outside the full run. Shared machines were seen at a third of
their speed, with test processes beside each other: a limit held exactly there measures them, not us."""


def full_run() -> bool:
    return os.environ.get("LIVEDESK_TEST_ROUNDS") == "full"


def within(limit: float) -> float:
    """A scenario's time limit, in its own unit: exactly that in the full run, else `PATIENCE` times it."""
    return limit if full_run() else PATIENCE * limit


def rounds(*, reduced: int, full: int) -> int:
    """The count for this run: the full one when LIVEDESK_TEST_ROUNDS is `full`.

    Each use is a line in the file that the runner names in LIVEDESK_TEST_ROUNDS_LOG; the runner prints them.
    Short appended lines stay whole even when several test processes write at once.
    """
    count = full if full_run() else reduced
    if log := os.environ.get("LIVEDESK_TEST_ROUNDS_LOG"):
        frame = sys._getframe(1)
        file = Path(frame.f_code.co_filename)
        where = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        used = {"where": f"{where}:{frame.f_lineno}", "rounds": count, "full": full}
        with open(log, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(used) + "\n")
    return count
