"""A call's room in a media process: who is expected there, and which room an end is the end of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media import steps
from media.call import Call
from server.media import rooms
from tests.rounds import within


def answered() -> Call:
    people = {side: (side, f"{side}-person", side) for side in ("buyer", "agent")}
    call = steps.invite(
        "call-1", media="video", by="buyer", buyer=people["buyer"], agent=people["agent"], now=0
    )
    return steps.answer(call.call, "agent", now=1).call


class Process:
    """A pool that does everything; `asked` is what it was asked to do."""

    made: Process

    def __init__(self, *arguments: Any) -> None:
        Process.made = self
        self.asked: asyncio.Queue[tuple[str, Any, Any]] = asyncio.Queue()
        self.closed: list[str] = []
        self.seats: dict[str, dict[str, int]] = {}

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def open(self, room: str) -> None: ...

    async def close_room(self, room: str) -> None:
        self.closed.append(room)

    async def call(self, verb: str, room: str, **arguments: Any) -> dict[str, Any]:
        if verb == "sends":
            self.asked.put_nowait((verb, arguments["participant"], arguments["anything"]))
        seats = self.seats.setdefault(arguments.get("listener", ""), {})
        if verb == "route" and arguments["kinds"]:
            seats.setdefault(arguments["source"], len(seats))
        elif verb == "route":
            seats.pop(arguments["source"], None)
        return {"sdp": "", "seats": dict(seats)}


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[rooms.MediaRooms]:
    monkeypatch.setattr(rooms, "Pool", Process)
    yield rooms.MediaRooms([], tmp_path, boot="boot-1", new_id=lambda: "rec-1", turn=None)


async def test_the_process_is_told_who_sends_nothing_and_that_he_begins_again(
    media: rooms.MediaRooms,
) -> None:
    call = answered()
    await media.join(call, "buyer", "leg-1", 0)
    for camera, microphone in ((True, False), (False, False), (False, True)):
        call = steps.set_media(call, "buyer", camera=camera, microphone=microphone).call
        call = replace(call, revision=call.revision + 1)
        media.follow(call, ())
        if not camera:
            async with asyncio.timeout(within(5.0)):
                assert await Process.made.asked.get() == ("sends", "buyer", microphone)
    assert Process.made.asked.empty()
    await media.close()


async def test_the_end_of_a_lost_room_does_not_take_away_the_one_that_came_after_it(
    media: rooms.MediaRooms,
) -> None:
    await media.join(answered(), "buyer", "leg-1", 0)
    lost, pool = media._rooms["call-1"], media._pool
    media._on_event({"event": "lost", "room": "call-1", "code": "worker_lost"})
    await media.join(answered(), "buyer", "leg-2", 0)
    over = steps.end(answered(), "hung_up", "buyer", now=2).call
    assert pool is not None
    await media._made_true(pool, lost, over)
    assert Process.made.closed == []
    await media._made_true(pool, media._rooms["call-1"], over)
    assert Process.made.closed == ["call-1"]
    assert media._rooms == {}
    await media.close()


async def test_of_a_supervisor_who_listens_the_buyer_is_not_told_that_something_changed(
    media: rooms.MediaRooms,
) -> None:
    call = answered()
    for number, side in enumerate(("buyer", "agent")):
        await media.join(call, side, f"leg-{number}", 0)
    assert told(media) == [("routed", "leg-0")]
    listens = steps.supervise(call, "lead", "s1", "主管", "listener", now=0).call
    media.follow(listens, ())
    await media.join(listens, "lead", "leg-2", 0)
    assert told(media) == []
    assert Process.made.seats["lead"].keys() == {"buyer", "agent"}


def told(media: rooms.MediaRooms) -> list[tuple[str, str]]:
    """What happened since it was asked last."""
    happened = [media.happenings.get_nowait() for _ in range(media.happenings.qsize())]
    return [(each.what, each.leg_id) for each in happened]
