"""Recordings of calls: who may be written, from when to when, and how it ends.

A `Recording` gets the packets of a call and never holds it up: nothing in it waits, and what goes wrong ends
the recording with a code. No byte of a participant is written before his consent is on record, and none
after he withdrew it. The caller gives the clock and turns the wheel: `tick` several times a second.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from recordings import rtp
from recordings.manifest import (
    SIDES_MAX,
    Begun,
    Consent,
    Consented,
    EndCode,
    Ended,
    Instant,
    Kind,
    Paused,
    PauseReason,
    Resumed,
)
from recordings.segments import Segmenter
from recordings.tracks import Sample, Track
from recordings.writer import Lane, Writer

FREE_FLOOR_BYTES = 2 * 1024**3
"""Free space below which no recording begins; running ones end at half of it. The database of the desk may
live on the same disk and must not find it full."""

RECORDING_MS_MAX = 4 * 3600 * 1000
"""A call that is recorded for longer was forgotten."""

BATCH = 48
"""So many packets of a participant are put together at once, or those since the last tick: 16 at a time,
between packets that are forwarded, cost recorded calls a tenth more. What waits is lost by a kill, as what
the clusters hold is: both together are 0.65 s at the most with a tick each 250 ms."""

CLOSE_WAIT_S = 8.0
"""How long the end of the process waits for the disk; the whole process has ten seconds."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

RefusalCode = Literal["consent_missing", "disk_low", "too_many"]
REFUSALS: dict[RefusalCode, str] = {
    "consent_missing": "Nobody has agreed to be recorded.",
    "disk_low": "There is too little free disk space to record.",
    "too_many": "No further participant can be recorded.",
}


class RecordingRefused(Exception):
    """A recording is not begun, or a participant not taken in. `code` says why; the message is a sentence."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(REFUSALS[code])
        self.code = code


class _Side:
    """One participant: his two tracks and his files."""

    def __init__(self, participant: str, utc_ms: int, lane: Lane, need_key: Callable[[str], None]) -> None:
        self.segmenter = Segmenter(participant, utc_ms, lane, lambda: need_key(participant))
        self.video, self.audio = Track("video"), Track("audio")
        self.came: list[tuple[Kind, bytes, float]] = []
        """Packets that are not looked at yet, each with the second of the monotonic clock when it came."""

    def restart(self) -> None:
        """Forget what is held: it belongs to a span that is not written."""
        self.video, self.audio = Track("video"), Track("audio")

    def take(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self.segmenter.add(sample)


class Recording:
    """One call being recorded. All methods belong to one thread, which is also the one that is called back.

    `need_key(participant)`: a key frame of his is wanted. `ended(code)`: it is over; called once, from `tick`
    or `stop`, within a tick of the cause. The call goes on either way.
    """

    def __init__(
        self, lane: Lane, begin: Instant, need_key: Callable[[str], None], ended: Callable[[EndCode], None]
    ) -> None:
        self._lane = lane
        self._begin = begin
        self._need_key = need_key
        self._tell_ended = ended
        self._sides: dict[str, _Side] = {}
        self._agreed: set[str] = set()
        self._held = False
        self._code: EndCode | None = None
        self._paused = False

    def tap(self, participant: str, kind: Kind) -> Callable[[bytes, float], None]:
        """What takes one participant's RTP packets, decrypted, with their original numbers, retransmissions
        unwrapped, and the second of the monotonic clock when each came. Without his consent it drops them.
        """

        def take(packet: bytes, came_s: float) -> None:
            side = self._sides.get(participant)
            if side is None or self._paused or self._code is not None:
                return
            side.came.append((kind, packet, came_s))
            if len(side.came) >= BATCH:
                self._take(participant, side)

        return take

    def _take(self, participant: str, side: _Side) -> None:
        """Put together what came of a side."""
        came, side.came = side.came, []
        begin_ns, video, audio, add = self._begin.monotonic_ns, side.video, side.audio, side.segmenter.add
        for kind, packet, came_s in came:
            read = rtp.parse(packet)
            if read is None:
                continue
            track = video if kind == "video" else audio
            for sample in track.push(read, int(came_s * 1e9) - begin_ns):
                add(sample)
            if track.assembler.waiting and track.wants_key():
                self._need_key(participant)

    def _take_all(self) -> None:
        for participant, side in self._sides.items():
            self._take(participant, side)

    def tap_report(self, participant: str, kind: Kind, ntp: int, rtp_timestamp: int) -> None:
        """A sender report of a participant's present stream: 64-bit NTP time and its RTP timestamp."""
        side = self._sides.get(participant)
        if side is not None and not self._paused:
            self._take(participant, side)
            (side.video if kind == "video" else side.audio).report(ntp, rtp_timestamp)

    def tick(self, now: Instant) -> None:
        """Hand over what waited long enough, and notice what went wrong. Every 250 ms or oftener."""
        if self._code is not None:
            return
        now_ns = now.monotonic_ns - self._begin.monotonic_ns
        if not self._paused:
            self._take_all()
            for side in self._sides.values():
                for track in (side.video, side.audio):
                    side.take(track.tick(now_ns))
                side.segmenter.tick(now_ns / 1_000_000)
        if self._lane.failure is not None:
            self.stop(self._lane.failure, now)
        elif now_ns >= RECORDING_MS_MAX * 1_000_000 or any(s.segmenter.full for s in self._sides.values()):
            self.stop("too_long", now)

    def agree(self, consent: Consent, now: Instant) -> None:
        """A participant agrees, for the first time or again: he is recorded from now on.

        Raises `RecordingRefused` when there are too many.
        """
        participant = consent.participant
        if not _NAME.fullmatch(participant):
            raise ValueError("a participant is named in letters, digits, - and _")
        if self._code is not None:
            return
        if participant not in self._sides:
            if len(self._sides) >= SIDES_MAX:
                raise RecordingRefused("too_many")
            self._sides[participant] = _Side(participant, self._begin.utc_ms, self._lane, self._need_key)
        self._agreed.add(participant)
        self._lane.note(Consented(self._ms(now), consent))
        self._go_on(now)

    def withdraw(self, participant: str, now: Instant) -> None:
        """A recorded participant takes his consent back: nothing of anybody is written from now on, because
        one side tells about the other. What was written before stays until retention decides."""
        if participant in self._agreed:
            self._agreed.discard(participant)
            self._pause(Paused(self._ms(now), participant, "consent_withdrawn"))

    def pause(self, reason: PauseReason, now: Instant) -> None:
        """Nothing is written until `resume`; again, it is the same pause."""
        if not self._held:
            self._held = True
            self._pause(Paused(self._ms(now), None, reason))

    def resume(self, now: Instant) -> None:
        """The end of a `pause`. A withdrawn consent still stands in the way."""
        self._held = False
        self._go_on(now)

    def stop(self, code: EndCode, now: Instant) -> None:
        """The recording ends. Only the first call counts."""
        if self._code is not None:
            return
        if not self._paused:
            self._take_all()
        self._code = code
        if not self._paused:
            for side in self._sides.values():
                side.take((*side.video.drain(), *side.audio.drain()))
            self._close_segments()
        self._lane.end(Ended(self._ms(now), code))
        self._tell_ended(code)

    def _pause(self, paused: Paused) -> None:
        if self._code is not None:
            return
        if not self._paused:
            self._take_all()
            self._paused = True
            self._close_segments()
        self._lane.note(paused)

    def _go_on(self, now: Instant) -> None:
        everyone = self._sides.keys() == self._agreed
        if self._code is None and self._paused and everyone and not self._held:
            self._paused = False
            self._lane.note(Resumed(self._ms(now)))

    def _close_segments(self) -> None:
        """What is held for a missing packet is left out: on a pause it may belong to the span after it."""
        for side in self._sides.values():
            side.segmenter.close()
            side.restart()

    def _ms(self, now: Instant) -> int:
        return max(0, (now.monotonic_ns - self._begin.monotonic_ns) // 1_000_000)


class Recorder:
    """All recordings of a process, in folders below `root` named by their ids, with one writing thread."""

    def __init__(self, root: Path, boot_id: str, free_floor_bytes: int = FREE_FLOOR_BYTES) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root
        self._boot_id = boot_id
        self._free_floor_bytes = free_floor_bytes
        self._writer = Writer(free_floor_bytes // 2)

    def start(
        self,
        recording_id: str,
        call_id: str,
        consents: Sequence[Consent],
        now: Instant,
        need_key: Callable[[str], None],
        ended: Callable[[EndCode], None],
    ) -> Recording:
        """Begin to record those who agreed. Raises `RecordingRefused`, and then nothing was written."""
        if not _NAME.fullmatch(recording_id):
            raise ValueError("a recording is named in letters, digits, - and _")
        if not consents:
            raise RecordingRefused("consent_missing")
        if shutil.disk_usage(self._root).free < self._free_floor_bytes:
            raise RecordingRefused("disk_low")
        lane = self._writer.lane(self._root / recording_id)
        lane.begin(Begun(recording_id, call_id, self._boot_id, now.monotonic_ns, now.utc_ms))
        recording = Recording(lane, now, need_key, ended)
        for consent in consents:
            recording.agree(consent, now)
        return recording

    def close(self, wait_s: float = CLOSE_WAIT_S) -> bool:
        """Write what is left of recordings that were stopped; False if the disk takes too long."""
        return self._writer.close(wait_s)
