"""One seekable WebM a side out of its segments, without encoding anything again.

All sides' files begin at the recording's zero and end together, so a player shows them side by side by
giving both the same time. Their sound is continuous, with silence where there was none: browsers play sound
by counting it, and a hole would shift everything after it against the picture. Runs in a confined child.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream

from recordings import journal, opus, verification, vp8, webm
from recordings.alignment import placements
from recordings.manifest import Segment

TICK = Fraction(1, 1000)

ERRORS_TOLD = 1_000
"""Times of errors that are told one by one; a file with more is broken everywhere."""

STEP_MS = 20.0
"""The sound is moved by a packet when it is this far from its place: a fifth of what is heard as echo, a
third of what is seen as a voice beside the lips."""


def assemble(folder: Path, segments: Sequence[Segment], out: Path, end_ms: int) -> None:
    """Put one participant's segments, in order, into `out`, which lasts until `end_ms` at least.

    Raises `OSError` and `av.error.FFmpegError` when a segment cannot be read: its hash was compared before.
    """
    with av.open(str(out), "w", format="webm", options={"cues_to_front": "1"}) as container:
        side = _Side(container, _size(folder, segments))
        for segment, placement in zip(segments, placements(segments), strict=True):
            begin_ms = segment.written.begin_ms
            with av.open(str(folder / segment.written.file), "r", format="matroska") as source:
                for packet in source.demux():
                    if packet.pts is None or not packet.size:
                        continue
                    at_ms = begin_ms + float(packet.pts * packet.time_base * 1000)
                    if packet.stream.type == "video":
                        side.picture(bytes(packet), at_ms + placement.video_ms, packet.is_keyframe)
                    else:
                        side.sound(bytes(packet), at_ms + placement.audio_ms)
        side.silence_until(end_ms)


def perform(argument: Mapping[str, Any]) -> dict[str, Any]:
    """The task of a child: make and check each side's file, its waveform and its poster.

    `argument`: `folder`, `out` (a folder), `damaged` (names of segments to leave out). The result has, for
    each participant, `frames`, `sounds`, `duration_ms`, and `errors`, the times at which the decoder
    complained.
    """
    folder, out, damaged = Path(argument["folder"]), Path(argument["out"]), set(argument["damaged"])
    manifest = journal.read(folder)
    end_ms = max((segment.written.end_ms for segment in manifest.segments), default=0)
    sides = {}
    for participant in manifest.participants():
        usable = [segment for segment in manifest.of(participant) if segment.written.file not in damaged]
        file = out / f"{participant}.webm"
        assemble(folder, usable, file, end_ms)
        decoded = verification.decode(file)
        waveform = {"every_ms": verification.PEAK_MS, "peaks": decoded.peaks}
        (out / f"{participant}.json").write_text(json.dumps(waveform, separators=(",", ":")))
        if decoded.poster is not None:
            (out / f"{participant}.jpg").write_bytes(decoded.poster)
        sides[participant] = {
            "frames": decoded.frames,
            "sounds": decoded.sounds,
            "duration_ms": decoded.duration_ms,
            "errors": decoded.errors[:ERRORS_TOLD],
        }
    return sides


class _Side:
    """The tracks of the file that is made. Its header is written with the first packet."""

    def __init__(self, container: OutputContainer, size: tuple[int, int] | None) -> None:
        """`size`: of the first picture; None when there is none."""
        self._container = container
        with av.open(io.BytesIO(_tracks(size or (2, 2))), "r", format="matroska") as template:
            video, audio = template.streams.video[0], template.streams.audio[0]
            self._video = container.add_stream_from_template(video) if size else None
            self._audio = container.add_stream_from_template(audio)
        self._sounded_ms = 0.0
        self._shown_ms = -1

    def picture(self, data: bytes, at_ms: float, key: bool) -> None:
        if self._video is None:
            return
        self._shown_ms = max(round(at_ms), self._shown_ms + 1, 0)
        self._write(self._video, data, self._shown_ms, key)

    def sound(self, data: bytes, at_ms: float) -> None:
        """A packet goes where the sound before it ended, or a step nearer to its place."""
        duration_ms = opus.duration_ms(data)
        if duration_ms is None or at_ms - self._sounded_ms <= -STEP_MS:
            return
        self.silence_until(at_ms)
        self._write(self._audio, data, round(self._sounded_ms), True)
        self._sounded_ms += duration_ms

    def silence_until(self, at_ms: float) -> None:
        while at_ms - self._sounded_ms >= STEP_MS:
            self._write(self._audio, opus.SILENCE, round(self._sounded_ms), True)
            self._sounded_ms += opus.SILENCE_MS

    def _write(self, stream: Stream, data: bytes, at_ms: int, key: bool) -> None:
        packet = av.Packet(data)
        packet.stream, packet.time_base = stream, TICK
        packet.pts = packet.dts = at_ms
        packet.is_keyframe = key
        self._container.mux(packet)


def _size(folder: Path, segments: Sequence[Segment]) -> tuple[int, int] | None:
    for segment in segments:
        if segment.written.frames:
            with av.open(str(folder / segment.written.file), "r", format="matroska") as source:
                codec = source.streams.video[0].codec_context
                return codec.width, codec.height
    return None


def _tracks(size: tuple[int, int]) -> bytes:
    """The least file with both tracks, for the library to copy their description from."""
    width, height = size
    key = (
        b"\x30\x01\x00"
        + vp8.KEY_FRAME_START_CODE
        + width.to_bytes(2, "little")
        + height.to_bytes(2, "little")
    )
    blocks = [webm.Block(webm.VIDEO, 0, key, True), webm.Block(webm.AUDIO, 0, opus.SILENCE, True)]
    return webm.head(size, True, 0) + webm.cluster(blocks)
