"""Which calls are let in: one who rings takes places that he fills only when he was answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media import steps
from media.call import Call
from media.errors import MediaError
from protocol.errors import ErrorCode, Refused
from server.media import rooms
from server.media.admission import BECOMES_A_CALL_S, SIDES, Admission


def ringing(name: str = "call-1") -> Call:
    people = {side: (f"{name}-{side}", f"{side}-person", side) for side in ("buyer", "agent")}
    return steps.invite(
        name, media="video", by="buyer", buyer=people["buyer"], agent=people["agent"], now=0
    ).call


def answered(name: str = "call-1") -> Call:
    return steps.answer(ringing(name), "agent", now=1).call


def test_as_many_rings_as_there_are_places_for_both_sides_and_not_one_more() -> None:
    admission = Admission()
    for number in range(3):
        assert admission.admits([SIDES, 2 * SIDES + 1], 0.0)
        admission.follow(ringing(str(number)), ())
    assert not admission.admits([SIDES, 2 * SIDES + 1], 100.0)
    assert not admission.admits([1, 1, 1], 100.0), "both sides of a call are in one process"


def test_a_call_stands_for_its_places_until_both_sides_are_in_its_room_or_it_is_over() -> None:
    for last in (["call-1-buyer", "call-1-agent"], None):
        admission = Admission()
        assert admission.admits([SIDES], 0.0)
        for call, there in ((ringing(), ()), (answered(), ()), (answered(), ["call-1-buyer"])):
            admission.follow(call, there)
            assert not admission.admits([SIDES], 100.0)
        over = steps.end(answered(), "hung_up", "buyer", now=2).call
        admission.follow(*((answered(), last) if last is not None else (over, ())))
        assert admission.admits([SIDES], 100.0)


def test_whose_agent_is_lost_keeps_a_place_for_the_next_one() -> None:
    admission = Admission()
    left = [replace(each, state="left") if each.role == "agent" else each for each in answered().participants]
    admission.follow(replace(answered(), state="waiting", participants=tuple(left)), ["call-1-buyer"])
    assert not admission.admits([SIDES], 0.0)


def test_who_was_let_in_and_did_not_ring_is_forgotten() -> None:
    admission = Admission()
    assert admission.admits([SIDES], 0.0)
    assert not admission.admits([SIDES], BECOMES_A_CALL_S - 0.001)
    assert admission.admits([SIDES], BECOMES_A_CALL_S)


class Process:
    """A pool whose one process has places for one call, and whose room takes nobody."""

    def __init__(self, *arguments: Any) -> None:
        """Whatever the arguments are."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def open(self, room: str) -> None: ...

    async def stats(self) -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        return [{"places": SIDES}]

    async def call(self, verb: str, room: str, **arguments: Any) -> dict[str, Any]:
        raise MediaError("room_full" if arguments["participant"] == "next" else "busy")


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rooms.MediaRooms:
    monkeypatch.setattr(rooms, "Pool", Process)
    return rooms.MediaRooms([], tmp_path, boot="boot-1", new_id=lambda: "rec-1", turn=None)


async def test_of_ten_who_ring_at_once_one_is_let_in_where_one_call_has_places(
    media: rooms.MediaRooms,
) -> None:
    said = await asyncio.gather(*(media.admit() for _ in range(10)), return_exceptions=True)
    refused = [each.code for each in said if isinstance(each, Refused)]
    assert refused == [ErrorCode.busy] * 9
    media.follow(ringing(), ())
    with pytest.raises(Refused):
        await media.admit()
    media.follow(steps.decline(ringing(), "agent", now=1).call, ())
    await media.admit()
    await media.close()


@pytest.mark.parametrize(
    ("participant", "code"), [("buyer", "retry"), ("agent", "retry"), ("guest", "busy"), ("next", "retry")]
)
async def test_whose_call_was_let_in_is_asked_to_try_again_and_whoever_comes_besides_is_refused(
    media: rooms.MediaRooms, participant: str, code: str
) -> None:
    call = answered()
    call = replace(call, participants=tuple(replace(each, id=each.role) for each in call.participants))
    with pytest.raises(Refused) as refused:
        await media.join(call, participant, "leg-1", 0)
    assert refused.value.code == ErrorCode(code)
    await media.close()
