"""Cases (工单): which step leads where, and who may take it. Pure.

Today a case is open or closed; the after-sales workflow adds its states to `_STEPS` and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["open", "closed"]
Step = Literal["close", "reopen"]
Why = Literal["not_his", "no_such_step", "no_member"]

_STEPS: dict[tuple[State, Step], State] = {("open", "close"): "closed", ("closed", "reopen"): "open"}


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts: his id, and whether he leads this shop (supervisor or admin)."""

    person_id: str
    leads: bool


def needs_recordings(state: State, *, by_call: bool, entries: int) -> bool:
    """Whether recordings must be kept for it beyond their shop's period: while it is open and somebody works
    on it. A call opens a case by itself; as long as its first entry is the only one, nobody has."""
    return state == "open" and (not by_call or entries > 1)


def moved(state: State, holder_id: str | None, step: Step, hand: Hand) -> State | Why:
    """The state after a step, or why it is not taken: a case is its holder's, and whoever leads may, too."""
    if not hand.leads and holder_id != hand.person_id:
        return "not_his"
    return _STEPS.get((state, step), "no_such_step")


def handed(state: State, holder_id: str | None, to_id: str, hand: Hand, *, member: bool) -> Why | None:
    """None where the case goes to `to_id`, or why not: one takes a case, or hands on what one holds.

    `member`: the other works in the case's shop. A closed case stays with who closed it.
    """
    if not hand.leads and hand.person_id not in (to_id, holder_id):
        return "not_his"
    if not member:
        return "no_member"
    return None if state == "open" else "no_such_step"
