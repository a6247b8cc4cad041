"""A file decoded from beginning to end: whether it is whole, how it sounds, what it shows.

One pass gives the count of what the decoder complained about, the peaks of the sound for the player's
waveform, and a picture for the list. Runs in a confined child.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

PEAK_MS = 100
"""One peak of the waveform stands for this span."""
PEAK_RATE = 8_000
"""Samples a second in which peaks are looked for: voices have theirs below 4 kHz."""

POSTER_FROM_MS = 1_000
"""Cameras show nothing good in their first second."""
POSTER_WIDTH = 480


@dataclass(slots=True)
class Decoded:
    """`errors` are the times in ms at which the decoder complained or a packet gave no picture.

    `peaks` are 0 to 100, one for each `PEAK_MS`; `poster` is a JPEG, None without a picture.
    """

    frames: int = 0
    sounds: int = 0
    duration_ms: int = 0
    errors: list[int] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    poster: bytes | None = None


def decode(path: Path) -> Decoded:
    """Decode all of a WebM file. Raises `av.error.FFmpegError` only when it cannot be opened at all."""
    decoded, waveform = Decoded(), _Waveform()
    candidate: av.VideoFrame | None = None
    chosen = False
    with av.open(str(path), "r", format="matroska") as container:
        for stream in container.streams:
            stream.codec_context.thread_count = 1
        for packet in container.demux():
            if not packet.size or packet.pts is None:
                continue
            at_ms = round(packet.pts * packet.time_base * 1000)
            decoded.duration_ms = max(decoded.duration_ms, at_ms + _duration_ms(packet))
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                decoded.errors.append(at_ms)
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame | av.AudioFrame) and frame.is_corrupt:
                    decoded.errors.append(at_ms)
                if isinstance(frame, av.AudioFrame):
                    decoded.sounds += 1
                    waveform.add(frame)
                elif isinstance(frame, av.VideoFrame):
                    decoded.frames += 1
                    if not chosen:
                        candidate, chosen = frame, at_ms >= POSTER_FROM_MS
            if not frames:
                decoded.errors.append(at_ms)
    decoded.peaks = waveform.peaks
    decoded.poster = _jpeg(candidate) if candidate is not None else None
    return decoded


def _duration_ms(packet: av.Packet[Any]) -> int:
    return round((packet.duration or 0) * packet.time_base * 1000)


class _Waveform:
    def __init__(self) -> None:
        self.peaks: list[int] = []
        self._resampler = av.AudioResampler("s16", "mono", PEAK_RATE)
        self._samples = array("h")

    def add(self, frame: av.AudioFrame) -> None:
        for mono in self._resampler.resample(frame):
            self._samples.frombytes(bytes(mono.planes[0])[: 2 * mono.samples])
        span = PEAK_RATE * PEAK_MS // 1000
        while len(self._samples) >= span:
            part = self._samples[:span]
            del self._samples[:span]
            self.peaks.append(round(max(max(part), -min(part)) / 327.68))


def _jpeg(frame: av.VideoFrame) -> bytes:
    width = min(POSTER_WIDTH, frame.width) // 2 * 2 or 2
    height = round(frame.height * width / frame.width) // 2 * 2 or 2
    small = frame.reformat(width, height, "yuvj420p")
    codec = av.VideoCodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base, codec.qmin, codec.qmax = Fraction(1, 25), 3, 6
    return b"".join(bytes(packet) for packet in [*codec.encode(small), *codec.encode(None)])
