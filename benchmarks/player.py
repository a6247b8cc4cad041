"""The load of a call: callers that play a clip both ways, report as browsers do, and time what arrives.

A packet is known again by its payload, which no forwarder changes; a server that decodes and encodes anew
leaves nothing to know it by, so of such a one frames are counted and no delay is told. The delay is from
after the last packet of a frame was sent to its arrival here, and holds this process's own waiting, too.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time

from aiortc.rtp import pack_remb_fci

from benchmarks.caller import Caller
from benchmarks.clip import Clip, Kind

#: What a receiver says it can take, as Chromium does on a clean link.
TAKES_BITRATE = 1_500_000
REPORT_EVERY_S = 1.0
#: A keyframe comes each second. People do not answer in step: no two cameras, nor their keyframes, keep time.
BEGINS_WITHIN_S = 1.0
#: After so many datagrams the same ones are lost again; a prime, so that no period of a clip divides it.
LOSSES = 9_973


class Player:
    """One participant. `heard` is whom it hears; a listener (`plays` False) only receives and reports.

    `loss` is the part of its datagrams that is lost on the way, and of those to it.
    """

    def __init__(self, clip: Clip, chance: random.Random, *, plays: bool = True, loss: float = 0.0) -> None:
        self.caller = Caller(*([chance.random() < loss for _ in range(LOSSES)] for _ in range(2)))
        self.caller.on_rtp = self._received
        self.heard: Player | None = None
        self.sent: dict[bytes, float] = {}
        """When the last packet of each frame left, by its payload."""
        self.measures = False
        self.delays_ms: dict[Kind, list[float]] = {"audio": [], "video": []}
        self.frames_sent = self.frames_received = 0
        self._clip, self._plays = clip, plays
        self._start = chance.choice(clip.starts())
        self._begins_s = chance.uniform(0, BEGINS_WITHIN_S)
        self._newest: dict[int, int] = {}
        self._base: dict[Kind, int] = {"audio": chance.getrandbits(31), "video": chance.getrandbits(31)}

    @property
    def packets_sent(self) -> int:
        """RTP packets so far."""
        return sum(track.packets for track in self.caller.tracks.values())

    async def play(self) -> None:
        """Send and report, until cancelled."""
        if not self._plays:
            while True:
                self._report()
                await asyncio.sleep(REPORT_EVERY_S)
        frames, number, looped_s = self._clip.frames, self._start, 0.0
        await asyncio.sleep(self._begins_s)
        began = time.perf_counter() - frames[number].at_s
        reported = began + frames[number].at_s
        while True:
            now = time.perf_counter()
            while (frame := frames[number]).at_s + looped_s <= now - began:
                self._send(frame.kind, frame.payloads, frame.at_s + looped_s)
                number += 1
                if number == len(frames):
                    number, looped_s = 0, looped_s + self._clip.length_s
            if now - reported >= REPORT_EVERY_S:
                reported = now
                for kind in self.caller.tracks:
                    self.caller.report(kind)
                self._report()
            await asyncio.sleep(max(0.001, began + frame.at_s + looped_s - time.perf_counter()))

    def _send(self, kind: Kind, payloads: tuple[bytes, ...], at_s: float) -> None:
        timestamp = self._base[kind] + int(at_s * self.caller.tracks[kind].clock_rate)
        for payload in payloads[:-1]:
            self.caller.send(kind, payload, timestamp=timestamp)
        last = payloads[-1]
        self.caller.send(kind, last, timestamp=timestamp, marker=kind == "video")
        self.frames_sent += kind == "video"
        self.sent[last] = time.perf_counter()

    def _report(self) -> None:
        """A receiver report of every stream, and REMB (draft-alvestrand-rmcat-remb)."""
        tracks = self.caller.tracks
        if not self._newest or "video" not in tracks:
            return
        own = tracks["video"].ssrc
        blocks = b"".join(
            struct.pack("!IIIIII", ssrc, 0, sequence, 0, 0, 0) for ssrc, sequence in self._newest.items()
        )
        compound = struct.pack("!BBHI", 0x80 | len(self._newest), 201, 1 + len(blocks) // 4, own) + blocks
        remb = pack_remb_fci(TAKES_BITRATE, list(self._newest))
        compound += struct.pack("!BBHII", 0x8F, 206, 2 + len(remb) // 4, own, 0) + remb
        self.caller.send_rtcp(compound)

    def _received(self, packet: bytes, now: float) -> None:
        kind_marker, sequence, _, ssrc = struct.unpack_from("!xBHII", packet)
        self._newest[ssrc] = sequence
        video = self.caller.tracks["video"].payload_type == kind_marker & 0x7F
        if video and kind_marker & 0x80:
            self.frames_received += 1
        elif video:
            return
        if self.heard is None:
            return
        offset = 12 + (4 + 4 * int.from_bytes(packet[14:16]) if packet[0] & 0x10 else 0)
        left = self.heard.sent.pop(packet[offset:], None)
        if left is not None and self.measures:
            self.delays_ms["video" if video else "audio"].append(1_000 * (now - left))
