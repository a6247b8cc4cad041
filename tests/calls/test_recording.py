"""What the recorder of a call is told: the decision by table, and its way to a process that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.call import PEOPLE, Call, Consent, Participant, Presence, Recording, Role
from media.control import checked
from media.errors import MediaError
from media.limits import MOST_PARTICIPANTS
from recordings.manifest import SIDES_MAX
from server.call_bridges import Agreed
from server.desk.world import Happened
from server.media import recording, rooms
from server.media.recording import Ask, Told, answered, asked, due, ended
from server.media.worker import STOPS, VERBS
from tests.rounds import within


def someone(role: Role, consent: Consent = "granted", state: Presence = "joined", **more: Any) -> Participant:
    return Participant(
        more.pop("id", role), role, f"{role}-person", role, state=state, consent=consent, **more
    )


def call(state: Recording, code: str | None, *people: Participant) -> Call:
    everybody = (someone("buyer"), someone("agent"), *people)
    # The last word about somebody counts.
    participants = tuple({each.id: each for each in everybody}.values())
    return Call(
        "call-1", "video", "buyer", 0, 30_000, participants, "connected", None, 1, 2, recording=state,
        recording_code=code,
    )  # fmt: skip


def yes(*participants: str) -> dict[str, Agreed]:
    return {each: Agreed(each, f"{each}-person", "2026-11", "zh-CN", 7) for each in participants}


def record(participant: str, recording_id: str) -> Ask:
    return Ask(
        "record",
        {
            "recording": recording_id,
            "call": "call-1",
            "participant": participant,
            "actor": f"{participant}-person",
            "text_version": "2026-11",
            "locale": "zh-CN",
            "utc_ms": 7,
        },
    )


def withdraw(participant: str) -> Ask:
    return Ask("withdraw", {"participant": participant})


def pause(reason: str) -> Ask:
    return Ask("pause", {"reason": reason})


def stop(code: str) -> Ask:
    return Ask("stop_recording", {"code": code})


RESUME = Ask("resume", {})
FOUR = {"buyer", "agent", "guest", "supervisor"}
BOTH = Told("rec-1", frozenset({"buyer", "agent"}))
THREE = Told("rec-1", frozenset({"buyer", "agent", "supervisor"}))
HELD, UNSURE = replace(BOTH, pace="held"), replace(BOTH, pace="unsure")
WITHOUT_BUYER = Told("rec-1", frozenset({"agent"}), frozenset({"buyer"}))
NO_AGENT = someone("agent", state="left")
UNASKED = call("paused", "unasked", someone("guest", "unasked"))
WITHDRAWN = call("paused", "withdrawn", someone("buyer", "withdrawn"))


@pytest.mark.parametrize(
    ("told", "now", "there", "expected"),
    [
        # It begins with the first, takes in the next, and is content.
        (Told(), call("on", None), FOUR, record("buyer", "spare")),
        (Told("rec-1", frozenset({"buyer"})), call("on", None), FOUR, record("agent", "rec-1")),
        (BOTH, call("on", None), FOUR, None),
        (Told(), call("off", "unasked"), FOUR, None),
        (BOTH, call("on", None, someone("agent", state="reconnecting")), FOUR, None),
        # Whoever spoke to all and only whispers or listens now is in no recording: the others begin another.
        (THREE, call("on", None, someone("supervisor", mode="barge")), FOUR, None),
        (THREE, call("on", None, someone("supervisor", mode="whisper")), FOUR, stop("stopped")),
        (THREE, call("on", None, someone("supervisor", mode="listener")), FOUR, stop("stopped")),
        (Told(), call("on", None, someone("supervisor", mode="whisper")), FOUR, record("buyer", "spare")),
        # A pause has the reason that the call has, and names nobody.
        (BOTH, call("paused", None, NO_AGENT), FOUR, pause("not_all_here")),
        (BOTH, UNASKED, FOUR, pause("unasked")),
        (BOTH, call("paused", "refused", someone("guest", "refused")), FOUR, pause("refused")),
        (HELD, UNASKED, FOUR, None),
        (HELD, call("on", None), FOUR, RESUME),
        (HELD, call("on", None, someone("guest")), FOUR, record("guest", "rec-1")),
        # A resumption of which nobody knows is stopped, or asked again.
        (UNSURE, call("on", None), FOUR, RESUME),
        (UNSURE, UNASKED, FOUR, pause("unasked")),
        # A consent taken back is told before anything else, whether or not he is still here.
        (BOTH, WITHDRAWN, FOUR, withdraw("buyer")),
        (
            BOTH,
            call("on", None, someone("buyer", "withdrawn", "left"), someone("buyer", id="b2")),
            FOUR,
            withdraw("buyer"),
        ),
        (replace(BOTH, failed=True), WITHDRAWN, FOUR, withdraw("buyer")),
        (WITHOUT_BUYER, WITHDRAWN, FOUR, None),
        (WITHOUT_BUYER, call("on", None), FOUR, record("buyer", "rec-1")),
        # The recorder waits for who will not be written any more: the others begin another.
        (
            replace(BOTH, withdrawn=frozenset({"guest"})),
            call("on", None, someone("guest", "withdrawn", "left")),
            FOUR,
            stop("consent_withdrawn"),
        ),
        (
            replace(BOTH, withdrawn=frozenset({"supervisor"})),
            call("on", None, someone("supervisor", "withdrawn", mode="listener")),
            FOUR,
            stop("consent_withdrawn"),
        ),
        # What failed is stopped for certain, and does not begin again.
        (replace(BOTH, failed=True), call("on", None), FOUR, stop("stopped")),
        (BOTH, call("stopped", "too_many"), FOUR, stop("stopped")),
        (Told(failed=True), call("on", None), FOUR, None),
        # Whose leg is not here, or whose words are not known yet, is not written.
        (Told(), call("on", None), {"agent"}, record("agent", "spare")),
        (Told(), call("on", None, someone("buyer", state="left"), someone("buyer", id="b2")), {"b2"}, None),
    ],
)
def test_the_recorder_is_told_what_makes_it_write_exactly_whom_the_call_says(
    told: Told, now: Call, there: set[str], expected: Ask | None
) -> None:
    assert due(told, now, there, yes("buyer", "agent", "guest"), "spare") == expected
    if expected is not None:
        checked({"room": "call-1", **expected.arguments}, VERBS[expected.verb])


def test_what_lets_it_write_counts_from_the_asking_and_what_stops_it_from_the_answer() -> None:
    begun = asked(Told(), record("buyer", "rec-1"))
    assert begun == Told("rec-1", frozenset({"buyer"}))
    for stops in (withdraw("buyer"), pause("unasked"), stop("stopped")):
        assert asked(begun, stops) == begun
    assert answered(begun, withdraw("buyer")) == Told("rec-1", frozenset(), frozenset({"buyer"}))
    assert answered(begun, pause("unasked")).pace == "held"
    assert asked(answered(begun, pause("unasked")), RESUME).pace == "unsure"
    assert answered(replace(begun, failed=True), stop("stopped")) == Told(failed=True)
    assert [ended(begun, code) for code in ("stopped", "disk_full")] == [Told(), Told(failed=True)]


def test_guest_after_guest_is_written_in_one_recording_after_another_and_nobody_ends_it() -> None:
    assert MOST_PARTICIPANTS < SIDES_MAX, "one who comes finds room for all in the next"
    told, sides, ids = Told(), dict[str, list[str]](), iter(f"rec-{number}" for number in range(1_000))
    for number in range(PEOPLE):
        guest = f"guest-{number}"
        there = {"buyer", "agent", guest}
        while ask := due(told, call("on", None, someone("guest", id=guest)), there, yes(*there), next(ids)):
            assert ask.verb in ("record", "stop_recording"), "everybody agreed"
            told = answered(asked(told, ask), ask)
            if ask.verb == "record":
                sides.setdefault(ask.arguments["recording"], []).append(ask.arguments["participant"])
        assert there <= told.written
    assert [len(written) for written in sides.values()][:-1] == [SIDES_MAX] * (len(sides) - 1)
    assert len(sides) == -(-PEOPLE // (SIDES_MAX - 2))


class Process:
    """A pool whose process does what `fails` lets it; `did` is what it did, `tried` what it was asked."""

    made: Process

    def __init__(self, *arguments: Any) -> None:
        Process.made = self
        self.tried: list[str] = []
        self.did: list[str] = []
        self.fails: Callable[[str], str | None] = lambda verb: None
        self._told = asyncio.Event()

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def open(self, room: str) -> None: ...
    async def close_room(self, room: str) -> None: ...

    async def call(self, verb: str, room: str, **arguments: Any) -> dict[str, Any]:
        code = self.fails(verb)
        self.tried.append(verb)
        if code is None:
            self.did.append(verb)
        self._told.set()
        if code is not None:
            raise MediaError(code)
        return {"sdp": "", "seats": {}, "refused": None}

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(within(5.0)):
            while not true():
                self._told.clear()
                await self._told.wait()


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rooms, "Pool", Process)
    monkeypatch.setattr(rooms, "AGAIN_S", 0.001)
    yield


async def carrying(folder: Path) -> tuple[rooms.MediaRooms, Process]:
    """Media with buyer and agent in a room, both written."""
    media = rooms.MediaRooms([], folder, boot="boot-1", new_id=lambda: "rec-1", turn=None)
    now = call("off", "unasked")
    for who in ("buyer", "agent"):
        await media.join(now, who, f"leg-{who}", 0)
    media.follow(replace(call("on", None), revision=2), list(yes("buyer", "agent").values()))
    made = Process.made
    await made.until(lambda: made.did.count("record") == 2)
    made.did.clear()
    made.tried.clear()
    return media, made


async def test_a_consent_taken_back_is_told_until_the_recorder_has_heard_it(tmp_path: Path) -> None:
    media, made = await carrying(tmp_path)
    made.fails = lambda verb: "timed_out" if made.tried.count("withdraw") < 2 else None
    media.follow(replace(WITHDRAWN, revision=3), [])
    await made.until(lambda: made.did == ["withdraw"])
    assert made.tried == ["withdraw"] * 3
    await media.close()


async def test_a_consent_taken_back_is_told_before_whatever_else_is_due(tmp_path: Path) -> None:
    media, made = await carrying(tmp_path)
    made.fails = lambda verb: "timed_out" if verb == "leave" else None
    gone = call("paused", "withdrawn", someone("buyer", "withdrawn"), NO_AGENT)
    media.follow(replace(gone, revision=3), [])
    await made.until(lambda: made.tried.count("leave") == 2)
    assert made.did[0] == made.tried[0] == "withdraw"
    assert "route" in made.did, "and what fails keeps nothing else"
    await media.close()


async def test_who_left_already_is_gone(tmp_path: Path) -> None:
    media, made = await carrying(tmp_path)
    made.fails = lambda verb: "participant_unknown" if verb == "leave" else None
    without = call("paused", None, NO_AGENT)
    media.follow(replace(without, revision=3), [])
    await made.until(lambda: made.tried == ["pause", "leave"])
    # The lock of the room is free when all that was due is done.
    await media.join(replace(without, revision=4), "buyer", "leg-again", 0)
    media.follow(replace(without, revision=5), [])
    media.follow(replace(call("on", None, NO_AGENT), revision=6), [])
    await made.until(lambda: "resume" in made.did)
    assert made.tried.count("leave") == 1, "nobody makes him leave again"
    await media.close()


async def test_a_recorder_that_cannot_be_asked_is_told_as_failed_and_stopped_for_certain(
    tmp_path: Path,
) -> None:
    media = rooms.MediaRooms([], tmp_path, boot="boot-1", new_id=lambda: "rec-1", turn=None)
    for who in ("buyer", "agent"):
        await media.join(call("off", "unasked"), who, f"leg-{who}", 0)
    made = Process.made
    made.fails = lambda verb: (
        "timed_out" if verb == "record" or (verb == "stop_recording" and made.tried.count(verb) < 2) else None
    )
    media.follow(replace(call("on", None), revision=2), list(yes("buyer", "agent").values()))
    await made.until(lambda: "stop_recording" in made.did)
    told = []
    while not media.happenings.empty():
        told.append(media.happenings.get_nowait())
    (failed,) = [each for each in told if each.what == "recording_failed"]
    assert failed == Happened("recording_failed", "call-1", code="recorder_away", recording_id="rec-1")
    assert [made.tried.count(verb) for verb in ("record", "stop_recording")] == [1, 3]
    await media.close()


def test_every_end_that_the_desk_asks_for_is_its_own() -> None:
    assert set(STOPS) < set(recording.OUR_OWN_ENDS)
