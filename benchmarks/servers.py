"""The servers of `benchmarks.media`, one interface: a session connected, listened to, recorded.

* `bridge`: our media process as the server starts it, with its recordings.
* `janus`: Debian's Janus with its videocall plugin (benchmarks/peers/janus.py).
* `stock`: aiortc with its MediaRelay and MediaRecorder (benchmarks/peers/relay.py).

Each runs in a process of its own and writes what it records into a folder that the caller gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiohttp

from benchmarks.caller import Caller
from benchmarks.peers import janus as janus_peer
from benchmarks.process import free_port, killed, listening
from media.errors import MediaError
from media.pool import Pool
from media.room import Role
from recordings import journal

Name = Literal["bridge", "janus", "stock"]

SIDES = ("buyer", "agent")
#: Joins of many sessions at once look like load; a process that says `busy` is asked again so long.
ADMITTED_WITHIN_S = 30.0
ASK_AGAIN_S = 0.5
#: After the last packet, until the last file and its record are on disk.
WRITTEN_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that forwards, and what can be done with a session in it, by its number.

    `record` begins to write both sides, `finish` brings the files to their end. Where a listener cannot be
    had, `listen` is None.
    """

    pid: int
    connect: Callable[[int, Caller, Caller], Awaitable[None]]
    record: Callable[[int], Awaitable[None]]
    finish: Callable[[int], Awaitable[None]]
    listen: Callable[[int, Caller], Awaitable[None]] | None = None


def session(number: int) -> str:
    """What a session is called: its room, and the name or the beginning of the name of what is recorded."""
    return f"session-{number}"


@asynccontextmanager
async def bridge(folder: Path, recordings: Path) -> AsyncIterator[Server]:
    """Our media process, commanded as the server commands it."""
    command = (sys.executable, "-m", "server.media.worker", "--recordings", str(recordings))
    pool = Pool([*command, "--boot", "benchmark"], folder, lambda event: None)
    await pool.start()

    async def joined(room: str, name: str, caller: Caller, role: Role = "speaker") -> None:
        offer = await _admitted(pool, room, name, role)
        answer = await caller.answer(offer, sends=role == "speaker")
        await pool.call("answer", room, participant=name, sdp=answer)
        await caller.connected()

    async def connect(number: int, buyer: Caller, agent: Caller) -> None:
        await pool.open(session(number))
        for name, caller in zip(SIDES, (buyer, agent), strict=True):
            await joined(session(number), name, caller)

    async def listen(number: int, supervisor: Caller) -> None:
        await joined(session(number), "supervisor", supervisor, "listener")

    async def record(number: int) -> None:
        for name in SIDES:
            consent = {"participant": name, "actor": name, "text_version": "1", "locale": "en"}
            ids = {"recording": session(number), "call": session(number)}
            said = await pool.call("record", session(number), **ids, **consent, utc_ms=_utc_ms())
            if said["refused"] is not None:
                raise RuntimeError(f"the recording was refused: {said['refused']}")

    async def finish(number: int) -> None:
        await pool.call("stop_recording", session(number), code="stopped")
        async with asyncio.timeout(WRITTEN_WITHIN_S):
            while journal.read(recordings / session(number)).ended is None:  # noqa: ASYNC110 - only the disk tells
                await asyncio.sleep(0.05)

    try:
        yield Server(pool.pids[0], connect, record, finish, listen)
    finally:
        await pool.close()


async def _admitted(pool: Pool, room: str, name: str, role: Role) -> str:
    """The offer. Raises `busy` if the process takes nobody more."""
    until = time.monotonic() + ADMITTED_WITHIN_S
    while True:
        try:
            return str((await pool.call("join", room, participant=name, role=role))["sdp"])
        except MediaError as fault:
            if fault.code != "busy" or time.monotonic() > until:
                raise
        await asyncio.sleep(ASK_AGAIN_S)


def _utc_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def stock(folder: Path, recordings: Path) -> AsyncIterator[Server]:
    """aiortc as it comes; nothing of it lies in `folder`."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.peers.relay", str(port), str(recordings)
    )
    try:
        await listening(port, process)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:

            async def connect(number: int, buyer: Caller, agent: Caller) -> None:
                for caller in (buyer, agent):
                    asked = {"room": session(number), "sdp": await caller.offer()}
                    async with http.post("/join", json=asked) as answer:
                        answer.raise_for_status()
                        await caller.accept((await answer.json())["sdp"])
                    await caller.connected()

            async def record(number: int) -> None:
                async with http.post("/record", json={"room": session(number)}) as answer:
                    answer.raise_for_status()

            async def finish(number: int) -> None:
                async with http.post("/finish", json={"room": session(number)}) as answer:
                    answer.raise_for_status()

            yield Server(process.pid, connect, record, finish)
    finally:
        await killed(process)


@asynccontextmanager
async def janus(folder: Path, recordings: Path) -> AsyncIterator[Server]:
    """Debian's Janus."""
    async with janus_peer.started(folder) as found:

        async def record(number: int) -> None:
            await found.record(number, recordings / session(number))

        yield Server(found.pid, found.connect, record, found.finish)


SERVERS: dict[Name, Callable[[Path, Path], contextlib.AbstractAsyncContextManager[Server]]] = {
    "bridge": bridge,
    "janus": janus,
    "stock": stock,
}
