"""A real media process that records: two callers, their packets, and the files that come of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from benchmarks.caller import Caller
from media.errors import MediaError
from media.ice import Ports
from media.pool import Pool
from recordings import journal, orphans
from recordings.integrity import damages
from recordings.manifest import Manifest
from server.media import worker
from tests.media_worker.talking import FPS, SECONDS, decoded, talk

PORTS = range(49_000, 52_000)
WITHIN_S = 20.0


class Desk:
    """A pool of one process, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "recordings"
        self.events: list[dict[str, Any]] = []
        self._told = asyncio.Event()
        ports = f"{PORTS.start}-{PORTS.stop - 1}"
        command = [sys.executable, "-m", "tests.media_worker.admitting", "--ports", ports, "--boot", "boot-1"]
        self.pool = Pool([*command, "--recordings", str(self.root)], folder, self._tell)

    def _tell(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._told.set()

    async def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                if found := [event for event in self.events if true(event)]:
                    return found[-1]
                self._told.clear()
                await self._told.wait()

    async def join(self, name: str) -> Caller:
        caller = Caller()
        offer = await self.pool.call("join", "call", participant=name, role="speaker")
        answer = await caller.answer(offer["sdp"])
        await self.pool.call("answer", "call", participant=name, sdp=answer)
        await caller.connected()
        await self.until(lambda event: event["event"] == "connected" and event["participant"] == name)
        return caller

    async def agree(self, name: str) -> str | None:
        reply = await self.pool.call(
            "record",
            "call",
            recording="rec-1",
            call="call-1",
            participant=name,
            actor=f"{name}-person",
            text_version="2026-11",
            locale="zh-CN",
            utc_ms=1,
        )
        refused: str | None = reply["refused"]
        return refused

    def manifest(self) -> Manifest:
        return journal.read(self.root / "rec-1")

    async def ended(self) -> str:
        event = await self.until(lambda event: event["event"] == "recording_ended")
        code: str = event["code"]
        return code


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[tuple[Desk, dict[str, Caller]]]:
    made, callers = Desk(folder), {}
    await made.pool.start()
    try:
        await made.pool.open("call")
        for name in ("buyer", "agent"):
            callers[name] = await made.join(name)
        yield made, callers
    finally:
        for caller in callers.values():
            await caller.close()
        await made.pool.close()


async def test_both_sides_of_a_call_are_written_and_decode_whole(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        assert [await made.agree(name) for name in callers] == [None, None]
        await asyncio.gather(*(talk(caller) for caller in callers.values()))
        await made.pool.close_room("call")
        assert await made.ended() == "call_ended"
    manifest = made.manifest()
    assert {one.consent.participant for one in manifest.consents} == {"buyer", "agent"}
    assert damages(made.root / "rec-1", manifest) == ()
    for name in callers:
        pictures, sounds = decoded(manifest, made.root / "rec-1", name)
        assert pictures >= 0.97 * SECONDS * FPS and sounds >= 0.97 * SECONDS * 50


async def test_who_did_not_agree_is_heard_and_never_written(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        heard = 0

        def hears(packet: bytes, now: float) -> None:
            nonlocal heard
            heard += 1

        callers["agent"].on_rtp = hears
        assert await made.agree("agent") is None
        await asyncio.gather(*(talk(caller) for caller in callers.values()))
        await made.pool.call("stop_recording", "call", code="stopped")
        assert await made.ended() == "stopped"
    assert heard > 0
    assert {path.name.partition("-")[0] for path in made.root.glob("rec-1/*.webm")} == {"agent"}


async def test_no_byte_is_written_before_anybody_agreed(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        await asyncio.gather(*(talk(caller, 0.5) for caller in callers.values()))
        assert list(made.root.iterdir()) == []


async def test_a_withdrawn_consent_stops_the_writing_and_is_noted(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        for name in callers:
            await made.agree(name)
        await asyncio.gather(*(talk(caller, 1.0) for caller in callers.values()))
        await made.pool.call("withdraw", "call", participant="buyer")
        await asyncio.gather(*(talk(caller, 1.0) for caller in callers.values()))
        await made.pool.close_room("call")
        await made.ended()
    manifest = made.manifest()
    (pause,) = manifest.pauses
    assert (pause.participant, pause.reason, pause.to_ms) == ("buyer", "consent_withdrawn", None)
    assert all(segment.written.end_ms <= pause.from_ms + 250 for segment in manifest.segments)


async def test_a_process_whose_server_is_gone_ends_what_it_records_and_itself(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        await made.agree("buyer")
        await talk(callers["buyer"], 1.0)
        (process,) = made.pool._processes
        running = process._process
        assert running is not None and running.stdin is not None
        running.stdin.close()  # as the kernel does with a killed server's
        async with asyncio.timeout(WITHIN_S):
            assert await running.wait() == 0
    manifest = made.manifest()
    assert manifest.ended is not None and manifest.ended.code == "call_ended"
    assert damages(made.root / "rec-1", manifest) == ()
    # The last picture may have been on its way in that moment.
    assert decoded(manifest, made.root / "rec-1", "buyer")[0] >= FPS - 1


async def test_what_a_killed_process_recorded_is_whole_up_to_its_last_second(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, callers):
        await made.agree("buyer")
        await talk(callers["buyer"], 3.0)
        (pid,) = made.pool.pids
        os.kill(pid, signal.SIGKILL)
        await made.until(lambda event: event["event"] == "lost")
        manifest = await asyncio.to_thread(orphans.close, made.root / "rec-1")
    assert manifest is not None and manifest.ended is not None and manifest.ended.code == "killed"
    pictures, _ = decoded(manifest, made.root / "rec-1", "buyer")
    assert pictures >= 2.0 * FPS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"participant": "../x"}, "arguments_invalid"),
        ({"actor": "a" * 65}, "arguments_invalid"),
        ({"utc_ms": -1}, "arguments_invalid"),
        ({"participant": "nobody"}, "participant_unknown"),
    ],
)
async def test_a_bad_consent_is_refused_by_code_and_nothing_is_written(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    made = Desk(tmp_path)
    await made.pool.start()
    try:
        await made.pool.open("call")
        consent = {
            "recording": "rec-1",
            "call": "call-1",
            "participant": "buyer",
            "actor": "p",
            "text_version": "1",
            "locale": "en",
            "utc_ms": 1,
        }
        with pytest.raises(MediaError) as refused:
            await made.pool.call("record", "call", **consent | change)
        assert refused.value.code == code
        assert list(made.root.iterdir()) == []
    finally:
        await made.pool.close()


async def test_a_fault_in_one_recordings_clock_is_logged_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "TURN_S", 0.001)
    ticked = asyncio.Event()
    broken, sound = Mock(), Mock()
    broken.tick.side_effect = ZeroDivisionError
    sound.tick.side_effect = lambda now: ticked.set()
    process = worker.RecordingWorker(Ports("127.0.0.1", PORTS), tmp_path, "boot-1")
    process._running |= {"r": worker._Running("rec-r", broken, 0), "s": worker._Running("rec-s", sound, 0)}
    clock = asyncio.create_task(process.keep_time())
    for _ in range(2):
        ticked.clear()
        await asyncio.wait_for(ticked.wait(), WITHIN_S)
    clock.cancel()
    await asyncio.gather(clock, return_exceptions=True)
    await process.close()
    assert "the clock of a recording failed: rec-r" in caplog.messages


async def test_recordings_take_their_turn_one_part_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TURN_S", 0.001)
    process = worker.RecordingWorker(Ports("127.0.0.1", PORTS), tmp_path, "boot-1")
    turns: list[str] = []
    twice = asyncio.Event()
    names = [f"call-{number}" for number in range(worker.TURN_PARTS + 2)]

    def tick(name: str, now: object) -> None:
        turns.append(name)
        if len(turns) == 2 * len(names):
            twice.set()

    for name in names:
        await process._open({"room": name})
        monkeypatch.setattr(process._recorder, "start", Mock(return_value=Mock(tick=partial(tick, name))))
        process._begin(name, name, name, Mock())
    clock = asyncio.create_task(process._turn())
    await asyncio.wait_for(twice.wait(), WITHIN_S)
    clock.cancel()
    await asyncio.gather(clock, return_exceptions=True)
    await process.close()
    one = [name for part in range(worker.TURN_PARTS) for name in names[part :: worker.TURN_PARTS]]
    assert turns[: 2 * len(names)] == [*one, *one]
