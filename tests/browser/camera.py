"""A camera that shows a film, for Chromium, and how much of that film is in a recording."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from operator import mul
from pathlib import Path
from typing import NamedTuple

import av

HEIGHT = 480
SECONDS = 12
"""Of the film, as it is looped. Uncompressed, a second of it takes 5 to 18 MB."""
LOOK = (32, 18)
"""Pixels to which a frame is reduced before it is compared: what is shown stays, how it is coded does not."""
EVERY = 10


def film(source: Path, target: Path) -> Path:
    """Writes what `source` shows first as the YUV4MPEG2 that `--use-file-for-fake-video-capture` reads."""
    with target.open("wb") as out:
        for number, frame in enumerate(_frames(source, SECONDS)):
            width = frame.width * HEIGHT // frame.height // 2 * 2
            small = frame.reformat(width=width, height=HEIGHT, format="yuv420p")
            if number == 0:
                out.write(f"YUV4MPEG2 W{width} H{HEIGHT} F{_rate(source)} Ip A1:1 C420jpeg\n".encode())
            out.write(b"FRAME\n" + b"".join(_bytes(plane) for plane in small.planes))
    return target


class Watched(NamedTuple):
    """What of the film is in a recording, of which sound and picture were decoded to their ends.

    `alike`: of every tenth frame, how alike its nearest frame of the film is, 1 being the same. `onward`: the
    part of them that are further on in the film, which begins again at its end, than the one before.
    `broken`: frames that the decoder called corrupt.
    """

    pictures: int
    sound_s: float
    alike: list[float]
    onward: float
    broken: int


def watched(recording: Path, source: Path) -> Watched:
    """Watches a recording. Raises what the decoder raises."""
    shown = [_look(frame) for frame in _frames(source, SECONDS)]
    pictures, broken, sound_s = 0, 0, 0.0
    alike: list[float] = []
    places: list[int] = []
    with av.open(str(recording)) as container:
        for frame in container.decode():
            if isinstance(frame, av.AudioFrame):
                sound_s += frame.samples / frame.sample_rate
            elif isinstance(frame, av.VideoFrame):
                broken += frame.is_corrupt
                if pictures % EVERY == 0:
                    look = _look(frame)
                    near = [sum(map(mul, look, each)) for each in shown]
                    alike.append(max(near))
                    places.append(near.index(alike[-1]))
                pictures += 1
    steps = [(after - before) % len(shown) for before, after in pairwise(places)]
    onward = sum(0 < step < len(shown) // 2 for step in steps) / max(1, len(steps))
    return Watched(pictures, sound_s, alike, onward, broken)


def _rate(source: Path) -> str:
    with av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        return f"{rate.numerator}:{rate.denominator}"


def _frames(path: Path, seconds: float = float("inf")) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                return
            yield frame


def _bytes(plane: av.video.plane.VideoPlane) -> bytes:
    whole, line = bytes(plane), plane.line_size
    return b"".join(whole[row * line : row * line + plane.width] for row in range(plane.height))


def _look(frame: av.VideoFrame) -> list[float]:
    """Its brightness, reduced, without mean and of length 1, so that a sum of products is a correlation."""
    grey = _bytes(frame.reformat(width=LOOK[0], height=LOOK[1], format="gray").planes[0])
    mean = sum(grey) / len(grey)
    length = sum((value - mean) ** 2 for value in grey) ** 0.5 or 1.0
    return [(value - mean) / length for value in grey]
