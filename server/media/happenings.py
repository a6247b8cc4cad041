"""What happened by itself and was not followed yet: of each leg the newest word alone.

While the database asks for another try nobody takes from here, and a bad network may come and go several
times a second.
"""

from __future__ import annotations

import asyncio

from server.desk.world import Happened


class Happenings(asyncio.Queue[Happened]):
    """In their order; a newer word of a leg stands in place of an older one that nobody has heard."""

    def _init(self, maxsize: int) -> None:
        self._queue: dict[tuple[str, ...], Happened] = {}

    def _put(self, item: Happened) -> None:
        about = "leg" if item.what in ("leg_up", "leg_lost") else item.what
        of = (about, item.call_id, item.leg_id, item.recording_id)
        self._queue.pop(of, None)
        self._queue[of] = item

    def _get(self) -> Happened:
        return self._queue.pop(next(iter(self._queue)))
