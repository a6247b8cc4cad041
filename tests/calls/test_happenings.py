"""What waits to be followed: bounded by what there is, in order, no old word after a new one."""

from __future__ import annotations

import pytest

from server.desk.world import Happened
from server.media.happenings import Happenings


@pytest.mark.parametrize("times", [1, 1_000])
async def test_a_leg_that_comes_and_goes_waits_with_its_newest_word_alone(times: int) -> None:
    waiting = Happenings()
    for _ in range(times):
        waiting.put_nowait(Happened("leg_up", "call", "flaps"))
        waiting.put_nowait(Happened("leg_lost", "call", "flaps"))
    assert waiting.qsize() == 1
    assert await waiting.get() == Happened("leg_lost", "call", "flaps")
    assert waiting.empty()


async def test_what_is_of_different_things_waits_in_its_order() -> None:
    waiting = Happenings()
    told = [
        Happened("leg_up", "call", "a"),
        Happened("routed", "call", "a"),
        Happened("leg_up", "call", "b"),
        Happened("leg_up", "other", "a"),
        Happened("recording_failed", "call", code="disk_full", recording_id="rec-1"),
        Happened("recording_failed", "call", code="disk_full", recording_id="rec-2"),
        Happened("room_lost", "call"),
        Happened("leg_lost", "call", "a"),
    ]
    for each in told:
        waiting.put_nowait(each)
    # The last is of the first one's leg.
    assert [await waiting.get() for _ in range(waiting.qsize())] == told[1:]
