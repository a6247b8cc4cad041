"""What forwarding and recording a call costs the server: CPU a session, later packets, lost pictures.

`python -m benchmarks.media [--json] [--sessions N] [--rounds N] [--seconds S] [--clip FILE]`. A session is a
buyer and an agent, each sending VP8 and Opus to the other through the server, which records both. All servers
take part in each round, in changing order, one at a time; the quotient of a round compares neighbours in
time. Each runs in a process of its own, whose CPU is read from /proc/PID/stat over a window after a warm-up;
the load client runs in this process, on another core, and its own load is printed.

* `bridge`: our media process. N recorded sessions; the same with a listener in each, who hears and sees both;
  the same unrecorded, beside the floor of one packet (benchmarks/floor.py); one recorded session; and some
  whose callers lose 3 % of what they send and 3 % of what is sent to them, whose files are then decoded.
* `janus`: Debian's Janus, N recorded sessions; where it cannot run, a line says why.
* `stock`: aiortc's MediaRelay and MediaRecorder, one recorded session.

`--long` asks another question, alone: 60 recorded sessions on one core for ten minutes (benchmarks/long.py).

The clip is FILE, or the first of `$DATA/video/`, or a test picture. The status is 0 whatever was met.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import clip as clips
from benchmarks import kept, long
from benchmarks.clip import Clip
from benchmarks.figures import at, row, say
from benchmarks.floor import floor_us
from benchmarks.peers import janus as janus_peer
from benchmarks.player import Player
from benchmarks.process import cpu_seconds, machine, resident_bytes
from benchmarks.servers import SERVERS, SIDES, Name, session

#: Before the window: keyframes, first reports and estimates of bandwidth are behind everybody.
WARM_UP_S = 4.0
#: After the last packet: what is missing is asked for again, and what waits for it is written.
SETTLES_WITHIN_S = 1.0
#: Of the datagrams of the lossy runs, each way, in as many sessions; its files are decoded afterwards.
LOSS, LOSSY_SESSIONS = 0.03, 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how large the runs are."""

    sessions: int
    rounds: int
    seconds: float
    warm_up_s: float
    seed: int


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One run of a round: so many sessions at a server, each with a listener or none, recorded or not."""

    server: Name
    sessions: int
    recorded: bool = True
    listened: bool = False
    loss: float = 0.0


def entries(plan: Plan, *, with_janus: bool) -> list[Entry]:
    """The runs of a round."""
    found = {
        Entry("bridge", plan.sessions),
        Entry("bridge", plan.sessions, listened=True),
        Entry("bridge", plan.sessions, recorded=False),
        Entry("bridge", min(plan.sessions, LOSSY_SESSIONS), loss=LOSS),
        Entry("bridge", 1),
        Entry("stock", 1),
    }
    return sorted(found | ({Entry("janus", plan.sessions)} if with_janus else set()))


async def run(entry: Entry, clip: Clip, plan: Plan, chance: random.Random) -> dict[str, Any]:
    """What a window cost, what came through, and what was kept."""
    players: list[Player] = []
    listeners: list[Player] = []
    with tempfile.TemporaryDirectory(prefix="livedesk-bench-") as name:
        folder, recordings = Path(name), Path(name) / "recordings"
        recordings.mkdir()
        async with SERVERS[entry.server](folder, recordings) as server:
            try:
                for number in range(entry.sessions):
                    buyer, agent = (Player(clip, chance, loss=entry.loss) for _ in SIDES)
                    buyer.heard, agent.heard = agent, buyer
                    players += [buyer, agent]
                    await server.connect(number, buyer.caller, agent.caller)
                    if entry.listened and server.listen is not None:
                        listeners.append(Player(clip, chance, plays=False))
                        await server.listen(number, listeners[-1].caller)
                    if entry.recorded:
                        await server.record(number)
                found = await _window(server.pid, players, listeners, plan)
                if entry.recorded:
                    for number in range(entry.sessions):
                        await server.finish(number)
                    found["recorded_bytes"] = _bytes(recordings)
            finally:
                for player in (*players, *listeners):
                    await player.caller.close()
        if entry.recorded and entry.server == "bridge":
            found |= await asyncio.to_thread(_kept, recordings, players, entry)
    head = {"server": entry.server, "sessions": entry.sessions, "listeners": len(listeners)}
    return head | {"recorded": entry.recorded, "loss": entry.loss} | found


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
    await asyncio.sleep(SETTLES_WITHIN_S)
    video = sorted(delay for player in players for delay in player.delays_ms["video"])
    audio = sorted(delay for player in players for delay in player.delays_ms["audio"])
    return {
        "cpu_percent_per_session": round(100 * spent / lasted / sessions, 3),
        "us_per_packet": round(spent / sent * 1e6, 2),
        "packets_per_s": round(sent / lasted),
        "frames_through": round(seen / pictures, 4),
        "frames_to_listeners": round(listened / pictures, 4) if listeners else None,
        "video_p50_ms": at(video, 0.5),
        "video_p95_ms": at(video, 0.95),
        "audio_p50_ms": at(audio, 0.5),
        "audio_p95_ms": at(audio, 0.95),
        "resident_bytes": memory,
        "client_cpu_percent": round(100 * client / lasted, 1),
        "srtp": players[0].caller.srtp,
    }


def _bytes(folder: Path) -> int:
    """What lies in it now. Raises `RuntimeError` when nothing does: such a server does not record."""
    found = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if found == 0:
        raise RuntimeError("the server was told to record and wrote nothing")
    return found


def _kept(recordings: Path, players: list[Player], entry: Entry) -> dict[str, Any]:
    """Of the pictures that were sent, from the first, those in the files; with losses, those that decode."""
    written = pictures = errors = 0
    for number in range(entry.sessions):
        folder = recordings / session(number)
        manifest = kept.whole(folder)
        for side in SIDES:
            written += kept.pictures(manifest, side)
            if entry.loss:
                some, wrong = kept.decoded(folder, manifest, side)
                pictures, errors = pictures + some, errors + wrong
    sent = sum(player.frames_sent for player in players)
    found: dict[str, Any] = {"frames_written": round(written / sent, 4)}
    if entry.loss:
        found |= {"frames_decoded": round(pictures / sent, 4), "decode_errors": errors}
    return found


async def measure(plan: Plan, clip: Clip) -> dict[str, Any]:
    """Every run, and what they come to."""
    chance = random.Random(plan.seed)
    runs: list[dict[str, Any]] = []
    absent = janus_peer.missing()
    for number in range(plan.rounds):
        of_round = entries(plan, with_janus=absent is None)
        for entry in chance.sample(of_round, len(of_round)):
            runs.append({"round": number} | await run(entry, clip, plan, chance))
            say(runs[-1])
        profile = next(one["srtp"] for one in runs if one["server"] == "bridge")
        floor = round(floor_us(clip, profile), 2)
        runs.append({"round": number, "server": "floor", "us_per_packet": floor, "srtp": profile})
        say(runs[-1])
    return {
        "machine": machine(),
        "clip": clip.describes,
        "left_out": [absent] if absent else [],
        "runs": runs,
        **verdict(runs, plan.sessions),
    }


def verdict(runs: list[dict[str, Any]], sessions: int) -> dict[str, Any]:
    """Targets and aims: the median of the rounds' quotients, of pictures kept the worst."""

    def of(key: str, server: str, count: int | None = sessions, **more: Any) -> dict[int, float]:
        """By round."""
        asked = {"server": server, "sessions": count, "recorded": True, "loss": 0.0} | more
        listened = asked.pop("listened", False)
        return {
            one["round"]: one[key]
            for one in runs
            if all(one.get(name) == value for name, value in asked.items())
            and (one.get("listeners", 0) > 0) == listened
        }

    def quotient(one: dict[int, float], other: dict[int, float]) -> float:
        return statistics.median(value / other[number] for number, value in one.items())

    many = f"at {sessions} recorded session{'s' * (sessions > 1)}"
    spent = of("us_per_packet", "bridge")
    share = quotient(of("cpu_percent_per_session", "bridge", 1), of("cpu_percent_per_session", "stock", 1))
    delays = [statistics.median(of(f"video_p{p}_ms", "bridge").values()) for p in (50, 95)]
    with_listener = quotient(of("us_per_packet", "bridge", listened=True), spent)
    lossy = of("frames_decoded", "bridge", min(sessions, LOSSY_SESSIONS), loss=LOSS)
    targets = [
        row("bridge / stock relay and recorder, CPU at 1 recorded session", share, 1 / 25),
        row(f"added delay of a picture {many}, p50, ms", delays[0], 1.0),
        row(f"added delay of a picture {many}, p95, ms", delays[1], 5.0),
        row(f"a listener's part of a session's CPU {many}", with_listener - 1, 0.6),
        row(
            f"pictures kept in the recording at {LOSS:.0%} + {LOSS:.0%} loss, worst round",
            min(lossy.values()),
            0.97,
            higher=True,
        ),
    ]
    floor = of("us_per_packet", "floor", None, recorded=None, loss=None)
    unrecorded = of("us_per_packet", "bridge", recorded=False)
    aims = [row(f"bridge / floor, CPU a packet at {sessions}, unrecorded", quotient(unrecorded, floor), 3.0)]
    beside = of("us_per_packet", "janus")
    if beside:
        name = f"bridge / janus, CPU a packet {many}"
        targets.insert(0, row(name, quotient(spent, beside), 1.0))
        aims.insert(0, row(name, quotient(spent, beside), 0.8))
        for key, point in (("video_p50_ms", "p50"), ("video_p95_ms", "p95")):
            later = quotient(of(key, "bridge"), of(key, "janus"))
            aims.append(row(f"bridge / janus, added delay of a picture {many}, {point}", later, 1.5))
    return {"targets": targets, "aims": aims}


def _clip(file: Path | None) -> Clip:
    data = os.environ.get("DATA")
    found = sorted((Path(data) / "video").glob("*.mp4")) if file is None and data else []
    return clips.read(file or found[0]) if file or found else clips.made()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.media", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--long", action="store_true", help="many recorded sessions on one core, alone")
    parser.add_argument("--sessions", type=int, help=f"20; with --long {long.SESSIONS}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help=f"the window of a run: 10; with --long {long.SECONDS}")
    parser.add_argument("--clip", type=Path, help="a film of one's own")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    clip = _clip(chosen.clip)
    with contextlib.suppress(KeyboardInterrupt):
        if chosen.long:
            sessions, seconds = chosen.sessions or long.SESSIONS, chosen.seconds or long.SECONDS
            found = asyncio.run(long.measure(sessions, seconds, clip, random.Random(chosen.seed)))
        else:
            plan = Plan(chosen.sessions or 20, chosen.rounds, chosen.seconds or 10.0, WARM_UP_S, chosen.seed)
            found = asyncio.run(measure(plan, clip))
        if chosen.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for line in (f"clip: {found['clip']}", *found["left_out"]):
            print(line)
        for kind in ("targets", "aims"):
            for one in found[kind]:
                said, sign = "met" if one["met"] else "missed", "≥" if one["better"] == "higher" else "≤"
                print(f"{kind}: {one['name']}: {one['value']} ({sign} {one['target']}) {said}")


if __name__ == "__main__":
    main()
