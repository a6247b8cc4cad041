"""Many recorded sessions on one core for ten minutes: whether delay and memory stay where they were.

The media process has one core to itself, the load client the others. The time is told in ten parts, each with
the process's CPU and memory, the delays of that part, and the client's own load.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import kept
from benchmarks.clip import Clip
from benchmarks.figures import at, row, say
from benchmarks.player import Player
from benchmarks.process import cpu_seconds, machine, resident_bytes
from benchmarks.servers import SIDES, Server, bridge, session
from media.errors import MediaError

SESSIONS, SECONDS = 60, 600.0
PARTS = 10
#: The part from which on memory may not grow: caches are full by then, and every file has been cut.
SETTLED = 2
FLAT = 0.02
LATE_MS = 20.0
#: Of the pictures that were sent. No packet is lost here but by a socket that is full.
KEPT = 0.99


async def measure(sessions: int, seconds: float, clip: Clip, chance: random.Random) -> dict[str, Any]:
    """Every part, and what they come to. Raises `RuntimeError` on a machine with one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("two cores are needed: one for the media process, one for the load")
    players: list[Player] = []
    with tempfile.TemporaryDirectory(prefix="livedesk-bench-") as name:
        folder, recordings = Path(name), Path(name) / "recordings"
        os.sched_setaffinity(0, cores[-1:])  # what is started now stays there
        try:
            async with bridge(folder, recordings) as server:
                os.sched_setaffinity(0, cores[:-1])
                try:
                    taken = await _taken(server, sessions, players, clip, chance)
                    parts = await _parts(server.pid, players, seconds)
                    for number in range(taken):
                        await server.finish(number)
                finally:
                    for player in players:
                        await player.caller.close()
        finally:
            os.sched_setaffinity(0, cores)
        written = await asyncio.to_thread(_written, recordings, taken)
    sent = sum(player.frames_sent for player in players)
    memory = [part["resident_bytes"] for part in parts]
    late = max(part["video_p95_ms"] or 0.0 for part in parts)
    return {
        "machine": machine(),
        "clip": clip.describes,
        "left_out": [],
        "runs": parts,
        "targets": [
            row("recorded sessions on one core", taken, sessions, higher=True),
            row("growth of memory after the first parts", memory[-1] / memory[SETTLED] - 1, FLAT),
            row("added delay of a picture, p95 of the worst part, ms", late, LATE_MS),
            row("pictures kept in the recordings", written / sent, KEPT, higher=True),
        ],
        "aims": [],
    }


async def _taken(
    server: Server, sessions: int, players: list[Player], clip: Clip, chance: random.Random
) -> int:
    """How many sessions the process takes before it says `busy`."""
    for number in range(sessions):
        buyer, agent = Player(clip, chance), Player(clip, chance)
        buyer.heard, agent.heard = agent, buyer
        try:
            await server.connect(number, buyer.caller, agent.caller)
        except MediaError as fault:
            for player in (buyer, agent):
                await player.caller.close()
            if fault.code != "busy":
                raise
            return number
        players += [buyer, agent]
        await server.record(number)
    return sessions


async def _parts(pid: int, players: list[Player], seconds: float) -> list[dict[str, Any]]:
    playing = [asyncio.create_task(player.play()) for player in players]
    parts = []
    try:
        for player in players:
            player.measures = True
        for number in range(PARTS):
            spent, client, began = cpu_seconds(pid), time.process_time(), time.perf_counter()
            await asyncio.sleep(seconds / PARTS)
            lasted = time.perf_counter() - began
            video = sorted(delay for player in players for delay in player.delays_ms["video"])
            for player in players:
                player.delays_ms = {"audio": [], "video": []}
            parts.append(
                {
                    "part": number,
                    "sessions": len(players) // 2,
                    "seconds": round(lasted, 1),
                    "cpu_percent": round(100 * (cpu_seconds(pid) - spent) / lasted, 1),
                    "video_p50_ms": at(video, 0.5),
                    "video_p95_ms": at(video, 0.95),
                    "resident_bytes": resident_bytes(pid),
                    "client_cpu_percent": round(100 * (time.process_time() - client) / lasted, 1),
                }
            )
            say(parts[-1])
        for task in playing:
            if task.done():
                task.result()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
    return parts


def _written(recordings: Path, sessions: int) -> int:
    """Pictures in all files; each file is read and its hash compared."""
    manifests = [kept.whole(recordings / session(number)) for number in range(sessions)]
    return sum(kept.pictures(manifest, side) for manifest in manifests for side in SIDES)
