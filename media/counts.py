"""What a media process counted since it began: of all its connections, for whoever keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Counts:
    """Each only grows."""

    ignored: int = 0
    """Datagrams that were dropped unread: of strangers, or of no kind that is known."""
    undecipherable: int = 0
    """Packets of a participant's address that were not authentic, or came twice."""
    unsent: int = 0
    """Packets that the kernel did not take."""
    resent: int = 0
    """Packets that were sent again because a participant missed them."""
    not_resent: int = 0
    """Requests for more than a line's budget of those."""
    keyframes_asked: int = 0
    """Keyframes that participants' cameras were asked for."""


#: One loop serves all connections of a process, so they count together.
COUNTS: Final = Counts()
