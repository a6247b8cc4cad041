"""A media process and who commands it: every frame is answered, and its end is told to its rooms."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.caller import Caller
from media import control, limits
from media import pool as pool_module
from media import worker as worker_module
from media.control import LONGEST_FRAME, VERBS, Control, packed, read
from media.errors import CODES, MediaError
from media.ice import Ports
from media.pool import Pool
from media.room import Room
from media.worker import Verb, Worker
from tests.media.calls import PORTS

COMMAND = [sys.executable, "-m", "media.worker", "--ports", f"{PORTS.start}-{PORTS.stop - 1}"]
IDLE = limits.Load(cpu=0.0, lag_s=0.0, unmeasured=0)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Worker, Path]]:
    """A worker in this process."""
    worker = Worker(Ports("127.0.0.1", PORTS))
    path = folder / "w.sock"
    server = await asyncio.start_unix_server(worker.serve, path)
    clock = asyncio.create_task(worker.keep_time())
    try:
        yield worker, path
    finally:
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        server.close()
        await worker.close()


@asynccontextmanager
async def commanded(path: Path) -> AsyncIterator[tuple[Control, asyncio.Queue[dict[str, Any]]]]:
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    held = await Control.connect(path, events.put_nowait, lambda: None)
    try:
        yield held, events
    finally:
        await held.close()


async def asked(path: Path, *frames: bytes) -> list[dict[str, Any]]:
    """What comes back for raw frames, until the worker or the last reply ends it."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        replies = []
        for frame in frames:
            writer.write(frame)
            try:
                replies.append(await asyncio.wait_for(read(reader), 5))
            except EOFError:
                break
        return replies
    finally:
        writer.close()


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


async def test_a_call_is_made_by_the_verbs_alone(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, path), commanded(path) as (held, events):
        await held.call("open", room="r")
        async with Caller() as buyer, Caller() as agent:
            for name, caller in (("buyer", buyer), ("agent", agent)):
                offer = (await held.call("join", room="r", participant=name, role="speaker"))["sdp"]
                await held.call("answer", room="r", participant=name, sdp=await caller.answer(offer))
                await caller.connected()
            arrived = asyncio.get_running_loop().create_future()
            agent.on_rtp = lambda packet, now: arrived.done() or arrived.set_result(packet)  # type: ignore
            while not arrived.done():
                buyer.send("audio", b"voice", timestamp=1)
                await asyncio.wait([arrived], timeout=0.05)
            await held.call("sends", room="r", participant="buyer", anything=False)
            seats = await held.call("route", room="r", listener="agent", source="buyer", kinds=[])
            assert seats == {"seats": {}}
            seen: set[str] = set()
            async with asyncio.timeout(5):
                while not {"connected", "quality", "seated"} <= seen:
                    seen.add((await events.get())["event"])
            stats = await held.call("stats")
            assert (stats["rooms"], stats["connections"]) == (1, 2)
            await held.call("leave", room="r", participant="agent")
            await held.call("close", room="r")
        assert (await held.call("stats"))["rooms"] == 0


async def test_every_way_to_ask_wrongly_has_its_code(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, path), commanded(path) as (held, _events):
        await held.call("open", room="r")
        for code, verb, arguments in (
            ("verb_unknown", "dance", {}),
            ("arguments_invalid", "open", {}),
            ("arguments_invalid", "open", {"room": ""}),
            ("arguments_invalid", "open", {"room": "x" * (control.LONGEST_NAME + 1)}),
            ("arguments_invalid", "open", {"room": "x", "more": 1}),
            ("arguments_invalid", "join", {"room": "r", "participant": "p", "role": "king"}),
            ("arguments_invalid", "route", {"room": "r", "listener": "p", "source": "q", "kinds": ["smell"]}),
            ("arguments_invalid", "route", {"room": "r", "listener": "p", "source": "q", "kinds": [[]]}),
            ("room_exists", "open", {"room": "r"}),
            ("room_unknown", "close", {"room": "other"}),
            ("participant_unknown", "leave", {"room": "r", "participant": "p"}),
            ("participant_unknown", "answer", {"room": "r", "participant": "p", "sdp": ""}),
        ):
            with pytest.raises(MediaError) as refused:
                await held.call(verb, **arguments)
            assert refused.value.code == code, (verb, arguments)
        await held.call("open", room="x" * control.LONGEST_NAME)


async def test_frames_that_are_none_are_answered_and_the_connection_goes_on(tmp_path: Path) -> None:
    good = packed({"id": 7, "verb": "stats"})
    bad = [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b"[" * 5_000,
        b"{}",
        b'{"id":"x","verb":"stats"}',
        b'{"id":1,"verb":7}',
    ]
    async with served(tmp_path) as (_, path):
        for body in bad:
            first, second = await asked(path, framed(body), good)
            assert first["error"]["code"] == "frame_malformed", body
            assert second["id"] == 7


async def test_the_longest_frame_is_read_and_one_byte_more_ends_the_connection(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, path):
        body = b'{"id":1,"verb":"stats"}'
        (reply,) = await asked(path, framed(body + b" " * (LONGEST_FRAME - len(body))))
        assert "ok" in reply
        (refused,) = await asked(path, (LONGEST_FRAME + 1).to_bytes(4), packed({"id": 2, "verb": "stats"}))
        assert refused["error"]["code"] == "frame_too_large"


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
)
def test_no_value_of_json_makes_a_check_raise(value: object) -> None:
    for arguments in VERBS.values():
        for good in arguments.values():
            assert good(value) in (True, False)


async def test_what_fails_unforeseen_is_answered_and_the_process_goes_on(tmp_path: Path) -> None:
    async def broken(_: object) -> dict[str, Any]:
        raise RuntimeError("unforeseen")

    async with served(tmp_path) as (worker, path), commanded(path) as (held, _events):
        worker.verbs["broken"] = Verb({}, broken)
        with pytest.raises(MediaError) as refused:
            await held.call("broken")
        assert refused.value.code == "internal"
        await held.call("stats")


async def test_a_fault_in_one_rooms_clock_is_logged_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "BEAT_S", 0.001)
    ticked = asyncio.Event()

    def tick(room: Room, seconds: float) -> None:
        if room.name == "broken":
            raise ZeroDivisionError
        ticked.set()

    monkeypatch.setattr(Room, "tick", tick)
    monkeypatch.setattr(Room, "watch", tick)
    async with served(tmp_path) as (_, path), commanded(path) as (held, _events):
        for room in ("broken", "sound"):
            await held.call("open", room=room)
        for _ in range(2):
            ticked.clear()
            await asyncio.wait_for(ticked.wait(), 10)
    assert "the clock of a room failed: broken" in caplog.messages


async def test_a_clock_that_dies_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(worker: Worker) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Worker, "keep_time", dies)
    monkeypatch.setattr("gc.freeze", lambda: None)
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(Worker(Ports("127.0.0.1", PORTS)).run(tmp_path / "w.sock"), 10)
    assert not (tmp_path / "w.sock").exists()


async def test_a_subscriber_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    async with served(tmp_path) as (worker, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(packed({"id": 1, "verb": "subscribe"}))
        assert (await read(reader))["ok"] == {}
        for _ in range(60):
            worker.tell({"event": "quality", "padding": "x" * 50_000})
        assert not worker._connections
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_what_happens_after_a_subscriber_went_is_told_to_nobody_and_to_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path) as (worker, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(packed({"id": 1, "verb": "subscribe"}))
        assert (await read(reader))["ok"] == {}
        writer.transport.abort()
        await asyncio.sleep(0)  # the socket is closed; the worker did not look at it yet
        for number in range(20):
            worker.tell({"event": "said", "number": number})
        assert not worker._connections
    assert caplog.messages == []


def test_admission_goes_by_cpu_lag_and_those_who_just_came() -> None:
    assert limits.places(IDLE, True) == int(limits.MOST_CPU / limits.CPU_EACH)
    full = limits.MOST_CPU - limits.CPU_EACH
    assert limits.places(limits.Load(full, limits.MOST_LAG_S, 0), True) == 1
    assert limits.places(limits.Load(full + 0.001, 0.0, 0), True) == 0
    assert limits.places(limits.Load(full, 0.0, 1), True) == 0
    assert limits.places(limits.Load(1.0, 0.0, 200), True) == 0
    late = limits.Load(0.0, limits.MOST_LAG_S + 0.001, 0)
    assert limits.places(late, True) == 0
    assert limits.places(late, False) == limits.CALL, "there is nobody whom a call could make worse"


async def test_a_process_that_is_full_says_busy_to_new_ones_and_lets_old_ones_come_back(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (worker, path), commanded(path) as (held, _):
        for room in ("r", "another"):
            await held.call("open", room=room)
            await held.call("join", room=room, participant="buyer", role="speaker")
        taken = (await held.call("stats"))["places"]
        worker._measured.joined.extend([1e12] * int(limits.MOST_CPU / limits.CPU_EACH))
        assert (await held.call("stats"))["places"] == 0 < taken
        # Both sides of a call were let in with it.
        await held.call("join", room="r", participant="agent", role="speaker")
        with pytest.raises(MediaError) as refused:
            await held.call("join", room="r", participant="guest", role="speaker")
        assert refused.value.code == "busy"
        await held.call("join", room="r", participant="buyer", role="speaker")
        # Alone in the process, a call is carried as well as the machine can; a second one is not begun.
        await held.call("leave", room="another", participant="buyer")
        await held.call("join", room="r", participant="guest", role="speaker")
        assert (await held.call("stats"))["places"] == 0


async def test_no_more_rooms_than_the_limit(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, path), commanded(path) as (held, _events):
        for number in range(limits.MOST_ROOMS):
            await held.call("open", room=str(number))
        with pytest.raises(MediaError) as refused:
            await held.call("open", room="one more")
        assert refused.value.code == "busy"


async def test_a_killed_process_loses_its_rooms_with_a_code_and_another_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the machine could not start one at first."""
    monkeypatch.setattr(pool_module, "RESTART_S", 0.01)
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    start, refusals = asyncio.create_subprocess_exec, [OSError(errno.EAGAIN, "no process left")]

    async def starts(*command: str, **kept: Any) -> asyncio.subprocess.Process:
        if refusals:
            raise refusals.pop()
        return await start(*command, **kept)

    pool = Pool(COMMAND, tmp_path, events.put_nowait)
    await pool.start()
    try:
        await pool.open("r")
        (pid,) = pool.pids
        monkeypatch.setattr(asyncio, "create_subprocess_exec", starts)
        os.kill(pid, signal.SIGKILL)
        lost = await asyncio.wait_for(events.get(), 10)
        assert lost == {"event": "lost", "room": "r", "code": "worker_lost"}
        with pytest.raises(MediaError) as gone:
            await pool.call("leave", "r", participant="p")
        assert gone.value.code == "room_unknown"
        async with asyncio.timeout(30):
            while True:
                try:
                    await pool.open("r")
                    break
                except MediaError as fault:
                    assert fault.code == "worker_lost"
                    await asyncio.sleep(0.05)
        assert pool.pids != [pid]
        assert refusals == []
        assert (await pool.stats())[0]["rooms"] == 1
        await pool.close_room("r")
        await pool.close_room("r")
    finally:
        await pool.close()
        await pool.close()
    assert pool.pids == []


async def test_a_room_is_opened_where_most_places_are(tmp_path: Path) -> None:
    pool = Pool(["unused"], tmp_path, lambda event: None, count=4)
    full, roomy, equal, _ = pool._processes
    for process, places in ((full, 0), (roomy, 4), (equal, 4)):
        process.control = AsyncMock(call=AsyncMock(return_value={"places": places}))
    for room in ("1", "2", "3"):
        await pool.open(room)
    assert [len(process.rooms) for process in pool._processes] == [0, 2, 1, 0]


async def test_a_process_ends_with_the_server_that_started_it(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(tmp_path / "w.sock"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 30)).strip() == b"ready"
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not (tmp_path / "w.sock").exists()


async def test_a_process_that_cannot_start_is_said_so(tmp_path: Path) -> None:
    for command in ([sys.executable, "-c", "pass"], [str(tmp_path / "no such program")]):
        pool = Pool(command, tmp_path, lambda event: None)
        with pytest.raises(MediaError) as refused:
            await pool.start()
        assert refused.value.code == "worker_lost"


def test_commanding_loads_no_media() -> None:
    code = "import sys, media.pool; print(*(name.partition('.')[0] for name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"aiortc", "aioice", "pylibsrtp", "av"}.isdisjoint(answer.stdout.split())


def test_every_code_that_is_raised_is_in_the_table() -> None:
    raised = set()
    for file in (Path(control.__file__).parent).glob("*.py"):
        raised |= set(re.findall(r'MediaError\("(\w+)"\)|failure\([^,]+, "(\w+)"\)', file.read_text()))
    assert {code for pair in raised for code in pair if code} <= set(CODES)
