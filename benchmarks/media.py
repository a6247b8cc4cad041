"""What forwarding a call costs the server: CPU a session and how much later packets arrive.

`python -m benchmarks.media [--json] [--sessions N] [--rounds N] [--seconds S] [--clip FILE]`. A session is a
buyer and an agent, each sending VP8 and Opus to the other through the server; a clip of one's own has to be
VP8 and Opus. All servers take part in each round, in changing order, one at a time; the quotient of a round
compares neighbours in time. Each runs in a process of its own, whose CPU is read from /proc/PID/stat over a
window after a warm-up; the load client runs in this process, on another core, and its own load is printed.

* `bridge`: our media process; with N sessions beside the floor of one packet (benchmarks/floor.py), and with
  a listener in each of them, who hears and sees both.
* `janus`: Debian's Janus with its videocall plugin (benchmarks/peers/janus.py), N sessions; where it cannot
  run, a line says why.
* `stock`: aiortc with its MediaRelay (benchmarks/peers/relay.py), one session, beside one of the bridge.

Nothing is recorded, by any server: what recording costs is not in these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from benchmarks import clip as clips
from benchmarks.caller import Caller
from benchmarks.clip import Clip
from benchmarks.floor import floor_us
from benchmarks.peers import janus as janus_peer
from benchmarks.player import Player
from benchmarks.process import cpu_seconds, free_port, killed, listening, machine, resident_bytes
from media.errors import MediaError
from media.pool import Pool
from media.room import Role

Name = Literal["bridge", "janus", "stock"]

#: Before the window: keyframes, first reports and estimates of bandwidth are behind everybody.
WARM_UP_S = 4.0
RECORDING = "none: no server records in any run"
#: Joins of many sessions at once look like load; a process that says `busy` is asked again so long.
ADMITTED_WITHIN_S = 30.0
ASK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Server:
    """A process that forwards, and how to bring a session's two callers into it, and a listener."""

    pid: int
    connect: Callable[[int, Caller, Caller], Awaitable[None]]
    listen: Callable[[int, Caller], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how large the runs are."""

    sessions: int
    rounds: int
    seconds: float
    warm_up_s: float
    seed: int


@asynccontextmanager
async def bridge(folder: Path) -> AsyncIterator[Server]:
    """Our media process, commanded as the server commands it."""
    pool = Pool([sys.executable, "-m", "media.worker"], folder, lambda event: None)
    await pool.start()

    async def joined(room: str, name: str, caller: Caller, role: Role = "speaker") -> None:
        offer = await _admitted(pool, room, name, role)
        answer = await caller.answer(offer, sends=role == "speaker")
        await pool.call("answer", room, participant=name, sdp=answer)
        await caller.connected()

    async def connect(number: int, buyer: Caller, agent: Caller) -> None:
        await pool.open(f"session-{number}")
        await joined(f"session-{number}", "buyer", buyer)
        await joined(f"session-{number}", "agent", agent)

    async def listen(number: int, supervisor: Caller) -> None:
        await joined(f"session-{number}", "supervisor", supervisor, "listener")

    try:
        yield Server(pool.pids[0], connect, listen)
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


@asynccontextmanager
async def stock(folder: Path) -> AsyncIterator[Server]:
    """aiortc as it comes; nothing of it lies in the folder."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.peers.relay", str(port))
    try:
        await listening(port, process)
        async with aiohttp.ClientSession() as http:

            async def connect(number: int, buyer: Caller, agent: Caller) -> None:
                for caller in (buyer, agent):
                    asked = {"room": f"session-{number}", "sdp": await caller.offer()}
                    async with http.post(f"http://127.0.0.1:{port}/join", json=asked) as answer:
                        answer.raise_for_status()
                        await caller.accept((await answer.json())["sdp"])
                    await caller.connected()

            yield Server(process.pid, connect)
    finally:
        await killed(process)


@asynccontextmanager
async def janus(folder: Path) -> AsyncIterator[Server]:
    """Debian's Janus."""
    async with janus_peer.started(folder) as found:
        yield Server(found.pid, found.connect)


SERVERS: dict[Name, Callable[[Path], contextlib.AbstractAsyncContextManager[Server]]] = {
    "bridge": bridge,
    "janus": janus,
    "stock": stock,
}


async def run(
    name: Name, sessions: int, listened: bool, clip: Clip, plan: Plan, chance: random.Random
) -> dict[str, Any]:
    """One server, so many sessions, each with a listener or none: what a window cost, what came through."""
    players: list[Player] = []
    listeners: list[Player] = []
    with tempfile.TemporaryDirectory(prefix="livedesk-bench-") as folder:
        async with SERVERS[name](Path(folder)) as server:
            try:
                for number in range(sessions):
                    buyer, agent = Player(clip, chance), Player(clip, chance)
                    buyer.heard, agent.heard = agent, buyer
                    players += [buyer, agent]
                    await server.connect(number, buyer.caller, agent.caller)
                    if listened and server.listen is not None:
                        listeners.append(Player(clip, chance, plays=False))
                        await server.listen(number, listeners[-1].caller)
                found = await _window(server.pid, players, listeners, plan)
            finally:
                for player in (*players, *listeners):
                    await player.caller.close()
    return {"server": name, "sessions": sessions, "listeners": len(listeners)} | found


async def _window(pid: int, players: list[Player], listeners: list[Player], plan: Plan) -> dict[str, Any]:
    sessions = len(players) // 2
    playing = [asyncio.create_task(player.play()) for player in (*players, *listeners)]
    try:
        await asyncio.sleep(plan.warm_up_s)
        before, client, began = cpu_seconds(pid), time.process_time(), time.perf_counter()
        sent = sum(player.packets_sent for player in players)
        pictures = sum(player.frames_sent for player in players)
        seen = sum(player.frames_received for player in players)
        listened = sum(player.frames_received for player in listeners)
        for player in players:
            player.measures = True
        await asyncio.sleep(plan.seconds)
        spent, lasted = cpu_seconds(pid) - before, time.perf_counter() - began
        client = time.process_time() - client
        if spent == 0:
            raise RuntimeError("the window is too short: /proc counts CPU in steps of 10 ms, and saw none")
        for player in players:
            player.measures = False
        sent = sum(player.packets_sent for player in players) - sent
        pictures = sum(player.frames_sent for player in players) - pictures
        seen = sum(player.frames_received for player in players) - seen
        listened = sum(player.frames_received for player in listeners) - listened
        memory = resident_bytes(pid)
        for task in playing:
            if task.done():
                task.result()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
    video = sorted(delay for player in players for delay in player.delays_ms["video"])
    audio = sorted(delay for player in players for delay in player.delays_ms["audio"])
    return {
        "cpu_percent_per_session": round(100 * spent / lasted / sessions, 3),
        "us_per_packet": round(spent / sent * 1e6, 2),
        "packets_per_s": round(sent / lasted),
        "frames_through": round(seen / pictures, 4),
        "frames_to_listeners": round(listened / pictures, 4) if listeners else None,
        "video_p50_ms": _at(video, 0.5),
        "video_p95_ms": _at(video, 0.95),
        "audio_p50_ms": _at(audio, 0.5),
        "audio_p95_ms": _at(audio, 0.95),
        "resident_bytes": memory,
        "client_cpu_percent": round(100 * client / lasted, 1),
        "srtp": players[0].caller.srtp,
    }


def _at(ordered: list[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))], 3) if ordered else None


async def measure(plan: Plan, clip: Clip) -> dict[str, Any]:
    """Every run, and what they come to."""
    chance = random.Random(plan.seed)
    runs: list[dict[str, Any]] = []
    absent = janus_peer.missing()
    for number in range(plan.rounds):
        entries: set[tuple[Name, int, bool]] = {
            ("bridge", plan.sessions, False),
            ("bridge", plan.sessions, True),
            ("bridge", 1, False),
            ("stock", 1, False),
        }
        if absent is None:
            entries.add(("janus", plan.sessions, False))
        for name, sessions, listened in chance.sample(sorted(entries), len(entries)):
            runs.append({"round": number} | await run(name, sessions, listened, clip, plan, chance))
            _say(runs[-1])
        profile = next(one["srtp"] for one in runs if one["server"] == "bridge")
        floor = round(floor_us(clip, profile), 2)
        runs.append({"round": number, "server": "floor", "us_per_packet": floor, "srtp": profile})
        _say(runs[-1])
    return {
        "machine": machine(),
        "clip": clip.describes,
        "recording": RECORDING,
        "left_out": [absent] if absent else [],
        "runs": runs,
        **_verdict(runs, plan.sessions),
    }


def _verdict(runs: list[dict[str, Any]], sessions: int) -> dict[str, Any]:
    def of(server: str, key: str, count: int | None, listened: bool = False) -> dict[int, float]:
        """By round."""
        return {
            one["round"]: one[key]
            for one in runs
            if (one["server"], one.get("sessions"), one.get("listeners", 0) > 0) == (server, count, listened)
        }

    def quotient(one: dict[int, float], other: dict[int, float]) -> float:
        return statistics.median(value / other[number] for number, value in one.items())

    many = f"at {sessions} session{'s' * (sessions > 1)}"
    delays = [statistics.median(of("bridge", f"video_p{p}_ms", sessions).values()) for p in (50, 95)]
    targets = [
        _row(
            "bridge / stock relay, CPU at 1 session",
            quotient(of("bridge", "cpu_percent_per_session", 1), of("stock", "cpu_percent_per_session", 1)),
            1 / 25,
        ),
        _row(f"added delay of a picture {many}, p50, ms", delays[0], 1.0),
        _row(f"added delay of a picture {many}, p95, ms", delays[1], 5.0),
    ]
    spent = of("bridge", "us_per_packet", sessions)
    with_listener = of("bridge", "us_per_packet", sessions, listened=True)
    targets.append(
        _row(f"a listener's part of a session's CPU {many}", quotient(with_listener, spent) - 1, 0.6)
    )
    aims = [
        _row(f"bridge / floor, CPU a packet {many}", quotient(spent, of("floor", "us_per_packet", None)), 3.0)
    ]
    beside = of("janus", "us_per_packet", sessions)
    if beside:
        name = f"bridge / janus, CPU a packet {many}"
        targets.insert(0, _row(name, quotient(spent, beside), 1.0))
        aims.insert(0, _row(name, quotient(spent, beside), 0.8))
        for key, point in (("video_p50_ms", "p50"), ("video_p95_ms", "p95")):
            later = quotient(of("bridge", key, sessions), of("janus", key, sessions))
            aims.append(_row(f"bridge / janus, added delay of a picture {many}, {point}", later, 1.5))
    return {"targets": targets, "aims": aims}


def _row(name: str, value: float, target: float) -> dict[str, Any]:
    # Judged as it is printed, so that no row contradicts itself.
    shown = round(value, 4)
    return {"name": name, "value": shown, "target": target, "better": "lower", "met": shown <= target}


def _say(found: dict[str, Any]) -> None:
    print(json.dumps(found), file=sys.stderr, flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="the window of a run")
    parser.add_argument("--clip", type=Path, help="VP8 and Opus, instead of the test picture and the tone")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    plan = Plan(chosen.sessions, chosen.rounds, chosen.seconds, WARM_UP_S, chosen.seed)
    clip = clips.read(chosen.clip) if chosen.clip else clips.made()
    with contextlib.suppress(KeyboardInterrupt):
        found = asyncio.run(measure(plan, clip))
        if chosen.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for line in (f"recording: {found['recording']}", *found["left_out"]):
            print(line)
        for kind in ("targets", "aims"):
            for row in found[kind]:
                said = "met" if row["met"] else "missed"
                print(f"{kind}: {row['name']}: {row['value']} (≤ {row['target']}) {said}")


if __name__ == "__main__":
    main()
