"""One MP4 of a recording on demand: its pictures side by side, everybody's sound, the marks on them again.

For whoever has no player of ours, as a platform that decides a dispute. It is made of the sides' finished
files, so the evidence itself stays as it was recorded. Runs in a confined child.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.filter import Graph
from PIL import Image

from recordings.drawing import Board, Mark, drawn

PANE = (640, 480)
"""Of each side that has pictures. A phone held upright lies in the middle of it."""
FPS = 25
RATE = 48_000
QUALITY = {"preset": "veryfast", "crf": "26"}
NOTHING = (15, 18, 22)


def perform(argument: Mapping[str, Any]) -> dict[str, Any]:
    """The task of a child.

    `argument`: `sides` (each with `participant`, `file`, `pictures`), `marks`, `guides` (whose hands guide),
    `font` (a file or null), `pauses` (from and to in ms, in which nothing was recorded), `duration_ms`, and
    `out`. The result has `frames` and `duration_ms`.
    """
    sides = argument["sides"]
    seen = [side for side in sides if side["pictures"]]
    panes = [_Pane(side, argument) for side in seen]
    size = (PANE[0] * max(1, len(panes)), PANE[1])
    frames = round(argument["duration_ms"] * FPS / 1000)
    with av.open(argument["out"], "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options=QUALITY)
        video.codec_context.thread_count = 1  # calls need the processor more
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 64_000
        sound, sounded_ms = _mixed([Path(side["file"]) for side in sides]), 0.0
        canvas = Image.new("RGB", size, NOTHING)
        frame: av.VideoFrame | None = None
        paused = False
        for number in range(frames):
            now_ms = number * 1000 // FPS
            paused, before = any(begin <= now_ms < end for begin, end in argument["pauses"]), paused
            changed = frame is None or paused is not before
            for place, pane in enumerate(panes):
                if pane.goes_to(now_ms) or changed:
                    picture = Image.new("RGB", PANE, NOTHING) if paused else pane.picture()
                    canvas.paste(picture, (place * PANE[0], 0))
                    changed = True
            if frame is None or changed:
                frame = av.VideoFrame.from_image(canvas)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
            while sounded_ms <= now_ms and (heard := next(sound, None)) is not None:
                sounded_ms += heard.samples * 1000 / RATE
                container.mux(audio.encode(heard))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return {"frames": frames, "duration_ms": frames * 1000 // FPS}


class _Pane:
    """One side's picture as it is at a time, with what was drawn on it by then."""

    def __init__(self, side: Mapping[str, Any], argument: Mapping[str, Any]) -> None:
        self._frames = _pictures(Path(side["file"]))
        self._next = next(self._frames, None)
        self._shown: Image.Image | None = None
        marks: Sequence[Mark] = argument["marks"]
        self._marks = [mark for mark in marks if mark["of"] == side["participant"]]
        self._guides, self._font = frozenset(argument["guides"]), argument["font"]
        self._board, self._taken = Board(), 0

    def goes_to(self, now_ms: int) -> bool:
        """Whether there is something new to see."""
        before = self._board
        board = before
        changed = False
        while self._taken < len(self._marks) and self._marks[self._taken]["at_ms"] <= now_ms:
            board = board.after(self._marks[self._taken])
            self._taken += 1
        self._board = board.at(now_ms)
        while self._next is not None and self._next[0] <= now_ms:
            # A hold comes in later than the frame that it holds: what was taken until then is still shown.
            held_ms = self._board.held_ms
            if held_ms is None or self._next[0] <= held_ms or self._shown is None:
                self._shown, changed = self._next[1].to_image(), True  # type: ignore[no-untyped-call]
            self._next = next(self._frames, None)
        return changed or self._board is not before

    def picture(self) -> Image.Image:
        """The pane as it is now."""
        pane = Image.new("RGB", PANE, NOTHING)
        if self._shown is None:
            return pane
        scale = min(PANE[0] / self._shown.width, PANE[1] / self._shown.height)
        size = max(1, round(self._shown.width * scale)), max(1, round(self._shown.height * scale))
        corner = (PANE[0] - size[0]) // 2, (PANE[1] - size[1]) // 2
        pane.paste(self._shown.resize(size), corner)
        layer = drawn(self._board, size, self._guides, self._font)
        if layer is not None:
            pane.paste(layer, corner, layer)
        return pane


def _pictures(path: Path) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each picture with its time in ms; what does not decode is left out, as in any player."""
    with av.open(str(path), "r", format="matroska") as container:
        for packet in container.demux(container.streams.video[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base is not None:
                    yield round(frame.pts * frame.time_base * 1000), frame


def _mixed(paths: Sequence[Path]) -> Iterator[av.AudioFrame]:
    """Everybody's sound together. The files' sounds are continuous, so counting them is enough."""
    graph = Graph()
    inputs = [
        graph.add_abuffer(sample_rate=RATE, format="fltp", layout="mono", time_base=Fraction(1, RATE))
        for _ in paths
    ]
    mix = graph.add("amix", f"inputs={len(paths)}:normalize=0")
    for place, each in enumerate(inputs):
        each.link_to(mix, 0, place)
    limit = graph.add("alimiter", "limit=0.95:level=disabled")
    shape = graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts=mono")
    sink = graph.add("abuffersink")
    mix.link_to(limit)
    limit.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    sources = [_sounds(path) for path in paths]
    done = 0
    while True:
        over = True
        for source, target in zip(sources, inputs, strict=True):
            heard = next(source, None)
            if heard is not None:
                over = False
                target.push(heard)
        if over:
            for target in inputs:
                target.push(None)
        while True:
            try:
                mixed = sink.pull()
            except (BlockingIOError, av.error.BlockingIOError, av.error.EOFError):
                break
            assert isinstance(mixed, av.AudioFrame)  # noqa: S101 - a sink of sound gives sound
            mixed.pts, mixed.time_base = done, Fraction(1, RATE)
            done += mixed.samples
            yield mixed
        if over:
            return


def _sounds(path: Path) -> Iterator[av.AudioFrame]:
    resampler = AudioResampler("fltp", "mono", RATE)
    done = 0
    container: InputContainer
    with av.open(str(path), "r", format="matroska") as container:
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                if not isinstance(frame, av.AudioFrame):
                    continue
                for each in resampler.resample(frame):
                    each.pts, each.time_base = done, Fraction(1, RATE)
                    done += each.samples
                    yield each
