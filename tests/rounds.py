"""How often a test repeats something: a few times in every run, the scenario's own count in the full one."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rounds(*, reduced: int, full: int) -> int:
    """The count for this run: the full one when LIVEDESK_TEST_ROUNDS is `full`.

    Each use is a line in the file that the runner names in LIVEDESK_TEST_ROUNDS_LOG; the runner prints them.
    Short appended lines stay whole even when several test processes write at once.
    """
    count = full if os.environ.get("LIVEDESK_TEST_ROUNDS") == "full" else reduced
    if log := os.environ.get("LIVEDESK_TEST_ROUNDS_LOG"):
        frame = sys._getframe(1)
        file = Path(frame.f_code.co_filename)
        where = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        used = {"where": f"{where}:{frame.f_lineno}", "rounds": count, "full": full}
        with open(log, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(used) + "\n")
    return count
