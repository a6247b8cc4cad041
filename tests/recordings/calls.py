"""Calls that are recorded: both sides' packets in order of time, and a clock that goes with them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recordings.manifest import Consent, EndCode, Instant, Kind
from recordings.recorder import Recorder, Recording
from tests.recordings import material

MS = 1_000_000
BEGIN = Instant(77_000 * MS, 1_795_000_000_000)
NTP_ZERO_S = 3_900_000_000


def consent(participant: str) -> Consent:
    return Consent(participant, f"{participant}-person", "2026-11", "zh-CN", BEGIN.utc_ms)


def at(ms: float) -> Instant:
    return Instant(BEGIN.monotonic_ns + round(ms * MS), BEGIN.utc_ms + round(ms))


@dataclass(frozen=True)
class Tapped:
    at_ms: int
    participant: str
    kind: Kind
    packet: bytes


def call(seconds: float, *participants: str, loss: float = 0, seed: int = 1) -> list[Tapped]:
    """What the bridge taps in a call where everybody sends pictures and sound."""
    tapped = []
    for number, participant in enumerate(participants or ("buyer", "agent")):
        ssrc = 10 * number + 1
        video = list(material.packets(material.video(seconds), ssrc=ssrc))
        for at_ms, packet in material.through_a_lossy_line(video, loss, seed + number):
            tapped.append(Tapped(at_ms, participant, "video", packet))
        for sent in material.sounds(material.audio(seconds), ssrc=ssrc + 1):
            tapped.append(Tapped(sent.at_ms + 20, participant, "audio", sent.packet))
    return sorted(tapped, key=lambda one: one.at_ms)


@dataclass
class Desk:
    """A recorder with one call, and what it tells its owner."""

    root: Path
    floor_bytes: int = 0
    keys: list[str] = field(default_factory=list)
    ends: list[EndCode] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.root, "boot-1", self.floor_bytes)

    def start(self, *participants: str, recording_id: str = "rec-1") -> Recording:
        return self.recorder.start(
            recording_id,
            "call-1",
            [consent(one) for one in participants],
            BEGIN,
            self.keys.append,
            self.ends.append,
        )

    @property
    def folder(self) -> Path:
        return self.root / "rec-1"


def play(recording: Recording, tapped: list[Tapped]) -> None:
    """Tap a call, with a tick each 100 ms and a sender report each second."""
    ticked_ms = 0
    for one in tapped:
        recording.tap(one.participant, one.kind)(one.packet, at(one.at_ms).monotonic_ns / 1e9)
        if one.at_ms - ticked_ms >= 100:
            ticked_ms = one.at_ms
            recording.tick(at(ticked_ms))


def disturbed(seed: int) -> Iterator[float]:
    """Moments in seconds at which to kill."""
    chance = random.Random(seed)
    while True:
        yield chance.uniform(1.0, 3.5)
