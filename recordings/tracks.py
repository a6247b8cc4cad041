"""One track of one participant: packets in, frames with their time in the recording out.

A track lives as long as its participant is recorded. The streams in it come and go: a browser that reloads,
changes its network or its camera comes back with another source, other numbers and another clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from recordings import opus
from recordings.depacketizer import Arrived, AudioAssembler, Frame, Lost, Reordering, VideoAssembler
from recordings.manifest import Kind, TrackClock
from recordings.rtp import Packet

VIDEO_TICKS_PER_MS = 90
AUDIO_TICKS_PER_MS = opus.RATE // 1000

# A sender's time that is further from the arrival is no delay of a network but another clock.
CLOCK_APART_MS = 5_000

# A source or a clock that changes more often than this is no person coming back. It bounds the segments.
RESTART_EVERY_NS = 1_000_000_000

_HALF = 0x80000000

# As in `rtp`: a tuple of names without a call in Python.
_made = tuple.__new__


class Sample(NamedTuple):
    """A frame in its place. `clock` is the same object for all frames of one stream."""

    kind: Kind
    at_ms: int
    data: bytes
    key: bool
    size: tuple[int, int] | None
    lost: bool
    dropped: int
    clock: MediaClock


class MediaClock:
    """The timestamps of one stream as milliseconds of the recording: anchored where its first frame
    arrived, then by the sender's own count, never backwards."""

    def __init__(self, ticks_per_ms: int, timestamp: int, arrival_ms: float, after_ms: int) -> None:
        """`after_ms`: the last time that was given out in this track; the next ones are later."""
        self._ticks_per_ms = ticks_per_ms
        self._anchor_ms = arrival_ms
        self._timestamp = timestamp
        self._ticks = 0
        self._last_ms = after_ms
        self._lead_ms: float | None = None
        self._ntp_offset_ms: float | None = None

    def place(self, timestamp: int, arrival_ms: float) -> int | None:
        """The time of a frame; None when the sender says one too far from its arrival to be meant."""
        passed = timestamp - self._timestamp
        if not 0 <= passed < _HALF:
            passed = _signed(passed)
        ticks = self._ticks + passed
        exact_ms = self._anchor_ms + ticks / self._ticks_per_ms
        lead_ms = arrival_ms - exact_ms
        if not -CLOCK_APART_MS <= lead_ms <= CLOCK_APART_MS:
            return None
        self._timestamp, self._ticks = timestamp, ticks
        if self._lead_ms is None or lead_ms < self._lead_ms:
            self._lead_ms = lead_ms
        return self.after_the_last(exact_ms)

    def after_the_last(self, exact_ms: float) -> int:
        """That time, or the next one after the last that was given out."""
        at_ms, last_ms = round(exact_ms), self._last_ms
        self._last_ms = at_ms = at_ms if at_ms > last_ms else last_ms + 1
        return at_ms

    def report(self, ntp: int, timestamp: int) -> None:
        """A sender report: its `ntp` (64 bit, as on the wire) belongs to its RTP timestamp."""
        if ntp >> 32 == 0:
            return  # senders without a wall clock send zero
        ticks = self._ticks + _signed(timestamp - self._timestamp)
        self._ntp_offset_ms = ntp * 1000 / (1 << 32) - self._anchor_ms - ticks / self._ticks_per_ms

    def measured(self) -> TrackClock | None:
        """What the span since the last call says; None when no frame came."""
        if self._lead_ms is None:
            return None
        lead_ms, self._lead_ms = self._lead_ms, None
        offset_ms = self._ntp_offset_ms
        return TrackClock(round(lead_ms, 3), None if offset_ms is None else round(offset_ms, 3))


class Track:
    """The packets of one participant's video or audio, from whichever source he sends at the time."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._ssrc: int | None = None
        self._former: int | None = None
        self._restarted_ns = -RESTART_EVERY_NS
        self._clock: MediaClock | None = None
        self._last_ms = -1
        self._reordering = Reordering()
        self.assembler = self._new_assembler()

    def push(self, packet: Packet, arrival_ns: int) -> Iterable[Sample]:
        """The frames that can be placed now that `packet` came, `arrival_ns` after the beginning."""
        if packet.ssrc != self._ssrc:
            return self._change_source(packet, arrival_ns)
        if not self._reordering.follows(packet.sequence):
            return self._placed(self._reordering.push(packet, arrival_ns))
        samples: Sequence[Sample] = ()
        for frame in self.assembler.take(packet, arrival_ns):
            if (sample := self._place(frame)) is not None:
                samples = (*samples, sample)
        return samples

    def tick(self, now_ns: int) -> Iterable[Sample]:
        """The frames that waited long enough for a missing packet."""
        return self._placed(self._reordering.tick(now_ns))

    def drain(self) -> Iterable[Sample]:
        """All frames that are still held."""
        return self._placed(self._reordering.drain())

    def report(self, ntp: int, timestamp: int) -> None:
        if self._clock is not None:
            self._clock.report(ntp, timestamp)

    def wants_key(self) -> bool:
        """Whether a key frame is to be asked for now."""
        return self.assembler.wants_key()

    def _change_source(self, packet: Packet, arrival_ns: int) -> Iterable[Sample]:
        if packet.ssrc == self._former or arrival_ns - self._restarted_ns < RESTART_EVERY_NS:
            return ()
        rest = list(self.drain())
        self._former, self._ssrc, self._restarted_ns = self._ssrc, packet.ssrc, arrival_ns
        self._reordering, self.assembler, self._clock = Reordering(), self._new_assembler(), None
        return [*rest, *self._placed(self._reordering.push(packet, arrival_ns))]

    def _new_assembler(self) -> VideoAssembler | AudioAssembler:
        return VideoAssembler() if self._kind == "video" else AudioAssembler()

    def _placed(self, items: Iterable[Arrived | Lost]) -> list[Sample]:
        samples = []
        for item in items:
            for frame in self.assembler.push(item):
                if (sample := self._place(frame)) is not None:
                    samples.append(sample)
        return samples

    def _place(self, frame: Frame) -> Sample | None:
        timestamp, arrival_ns, data, key, size, lost, dropped = frame
        arrival_ms = arrival_ns / 1_000_000
        clock = self._clock
        if clock is None:
            clock = self._clock = self._new_clock(frame, arrival_ms)
        at_ms = clock.place(timestamp, arrival_ms)
        if at_ms is None and arrival_ns - self._restarted_ns >= RESTART_EVERY_NS:
            self._restarted_ns = arrival_ns
            clock = self._clock = self._new_clock(frame, arrival_ms)
            at_ms = clock.place(timestamp, arrival_ms)
        if at_ms is None:
            at_ms = clock.after_the_last(arrival_ms)
        self._last_ms = at_ms
        if at_ms > arrival_ms + CLOCK_APART_MS:
            return None  # more frames than milliseconds
        return _made(Sample, (self._kind, at_ms, data, key, size, lost, dropped, clock))

    def _new_clock(self, frame: Frame, arrival_ms: float) -> MediaClock:
        ticks_per_ms = VIDEO_TICKS_PER_MS if self._kind == "video" else AUDIO_TICKS_PER_MS
        return MediaClock(ticks_per_ms, frame.timestamp, arrival_ms, self._last_ms)


def _signed(ticks: int) -> int:
    """A difference of 32-bit counters as the nearer of its two meanings."""
    return (ticks + _HALF & 0xFFFFFFFF) - _HALF
