"""Which calls are let in: as many as the media processes have places for, with those that are still to come.

A ring takes no place in a media process; its two people come when it was answered. Until both are there their
places count as taken, or ten who ring at once would all be let in for the last place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from media.call import Call

SIDES = 2
"""Buyer and agent: what a call needs. Whoever comes besides is looked at when he comes."""
BECOMES_A_CALL_S = 2.0
"""From being let in to the stored call, as a rule milliseconds; where none comes of it, they are free."""


class Admission:
    """Counts the calls that were let in and are not complete in their room. `now`: seconds of one clock."""

    def __init__(self) -> None:
        self._asked: list[float] = []
        self._coming: set[str] = set()

    def admits(self, places: Iterable[int], now: float) -> bool:
        """Whether processes with so many free places take one more call. If so, it counts from now on."""
        self._asked = [at for at in self._asked if now - at < BECOMES_A_CALL_S]
        if sum(each // SIDES for each in places) <= len(self._asked) + len(self._coming):
            return False
        self._asked.append(now)
        return True

    @property
    def coming(self) -> Collection[str]:
        """The calls that were let in and are not complete."""
        return tuple(self._coming)

    def forget(self, call_id: str) -> None:
        """The call is no matter of this node's any more."""
        self._coming.discard(call_id)

    def follow(self, call: Call, there: Collection[str]) -> None:
        """The call stands like this, with these people of it in a room."""
        sides = [call.live("buyer"), call.live("agent")]
        if call.state == "ended" or all(side is not None and side.id in there for side in sides):
            self._coming.discard(call.id)
        elif call.id not in self._coming:
            self._coming.add(call.id)
            if call.state == "ringing" and self._asked:
                self._asked.pop(0)
