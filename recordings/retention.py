"""How long a recording is kept, and what ends it: pure decisions with `now` as an argument.

Deletion has two verbs. *Erase* takes every byte away. *Restrict* keeps the bytes where a law or an open case
still needs them and ends every other use of them (PIPL, Art. 47; Art. 19 asks for the shortest time that
serves). Whether the statutory period applies to a shop's calls is for its counsel to say, so it is part of
the shop's policy. Times are epoch milliseconds; a period is over at its very millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DAY_MS = 24 * 3600 * 1000

STATUTORY_DAYS_MIN = 1_096
"""Three years, whichever of them has the leap day: live-commerce video and trade records are kept no shorter
(《网络交易监督管理办法》, 2021)."""

KEEP_DAYS_MAX = 3_653
"""Ten years. A recording that is kept for ever was forgotten."""

Verb = Literal["keep", "restrict", "erase"]
Reason = Literal[
    "in_use", "restriction_asked", "case_open", "statutory_period", "period_over", "erasure_asked"
]


@dataclass(frozen=True, slots=True)
class Policy:
    """A shop's periods in days, both from the end of the call.

    `keep_days`: as long as the shop itself needs a recording. `statutory_days`: as long as a law makes it
    keep one; None where none does. Raises ValueError out of bounds.
    """

    keep_days: int
    statutory_days: int | None

    def __post_init__(self) -> None:
        if not 1 <= self.keep_days <= KEEP_DAYS_MAX:
            raise ValueError(f"a recording is kept for 1 to {KEEP_DAYS_MAX} days")
        if self.statutory_days is not None and not STATUTORY_DAYS_MIN <= self.statutory_days <= KEEP_DAYS_MAX:
            raise ValueError(f"a statutory period has {STATUTORY_DAYS_MIN} to {KEEP_DAYS_MAX} days")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What retention asks about one recording. `case_open`: a case, a dispute or a court still needs it.
    `erasure_asked`: the recorded person asked for its deletion, or took the consent back.
    `restriction_asked`: its use is in question, and nobody may watch it; that keeps no byte longer."""

    ended_utc_ms: int
    case_open: bool
    erasure_asked: bool
    restriction_asked: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done now, why, and when to ask again; None where only an event changes it."""

    verb: Verb
    reason: Reason
    until_utc_ms: int | None


def decide(recorded: Recorded, policy: Policy, now_utc_ms: int) -> Verdict:
    """What becomes of a recording at this moment."""
    kept_until = recorded.ended_utc_ms + policy.keep_days * DAY_MS
    statutory_until = recorded.ended_utc_ms + (policy.statutory_days or 0) * DAY_MS
    statutory = policy.statutory_days is not None and now_utc_ms < statutory_until
    if not recorded.erasure_asked and (recorded.case_open or now_utc_ms < kept_until):
        until = None if recorded.case_open else kept_until
        if recorded.restriction_asked:
            return Verdict("restrict", "restriction_asked", until)
        return Verdict("keep", "case_open" if recorded.case_open else "in_use", until)
    if recorded.case_open:
        return Verdict("restrict", "case_open", None)
    if statutory:
        return Verdict("restrict", "statutory_period", statutory_until)
    return Verdict("erase", "erasure_asked" if recorded.erasure_asked else "period_over", None)
