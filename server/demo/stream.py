"""Makes the demo's looping stream: a phone-shaped video with sound, from nothing but this package's drawings.

H.264 and AAC in MP4 play in every phone and in Debian's Chromium. The file's name carries a fingerprint of
the drawings, so a kept file is used again until they change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import av
from PIL import Image

from server.demo.studio.music import RATE, music
from server.demo.studio.stage import FRAMES_A_SECOND, HEIGHT, LENGTH_S, WIDTH, Stage

_KEYFRAME_S = 4
"""Where a player that jumps or loops can begin."""
_SOUND_FRAME = 1024


def stream_in(folder: Path) -> Path:
    """The stream in a folder, made if it is not there yet: that takes one core for some 15 seconds."""
    digest = hashlib.sha256()
    here = Path(__file__)
    for source in [here, *sorted((here.parent / "studio").glob("*.py"))]:
        digest.update(source.read_bytes())
    path = folder / f"demo-stream-{digest.hexdigest()[:12]}.mp4"
    if not path.exists():
        make_stream(path)
    return path


def make_stream(path: Path) -> None:
    """Write the stream, never to be seen half done. The same libraries give the same bytes every time."""
    stage = Stage()
    frames = (stage.frame(number) for number in range(LENGTH_S * FRAMES_A_SECOND))
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        encode(unfinished, frames, bytes(music(LENGTH_S)))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def encode(path: Path, frames: Iterable[Image.Image], samples: bytes) -> None:
    """Write frames and signed 16-bit samples as MP4, its index first, so that it plays while it loads."""
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=FRAMES_A_SECOND)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # One thread: the bytes do not depend on the number of cores.
        video.thread_count = 1
        video.options = {
            "preset": "veryfast",
            # With it, x264 is not quite the same from run to run.
            "x264-params": "mbtree=0",
            "profile": "main",
            "crf": "27",
            "g": str(_KEYFRAME_S * FRAMES_A_SECOND),
        }
        audio = file.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 48_000
        heard = 0
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            frame.pts = number
            file.mux(video.encode(frame))
            until = min(len(samples) // 2, (number + 1) * RATE // FRAMES_A_SECOND)
            while heard + _SOUND_FRAME <= until:
                file.mux(audio.encode(_sound(samples, heard, heard + _SOUND_FRAME)))
                heard += _SOUND_FRAME
        if heard < len(samples) // 2:
            file.mux(audio.encode(_sound(samples, heard, len(samples) // 2)))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))


def _sound(samples: bytes, start: int, end: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=end - start)
    frame.sample_rate = RATE
    frame.pts = start
    # A plane is a little longer than its samples.
    frame.planes[0].update(samples[2 * start : 2 * end].ljust(frame.planes[0].buffer_size, b"\0"))
    return frame
