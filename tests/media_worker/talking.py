"""What a caller says in his own time, and what of it decodes from a recording."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av

from benchmarks.caller import Caller
from recordings.manifest import Manifest
from tests.recordings import material

FPS = 25
SECONDS = 2.0


async def talk(caller: Caller, seconds: float = SECONDS) -> None:
    """Sends a picture and a sound in their own time."""
    video = [("video", one) for one in material.packets(material.video(seconds))]
    audio = [("audio", one) for one in material.sounds(material.audio(seconds))]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for kind, one in sorted([*video, *audio], key=lambda sent: sent[1].at_ms):
        due = began + one.at_ms / 1000
        if due > loop.time():
            await asyncio.sleep(due - loop.time())  # a camera sends in its own time
        packet = one.packet
        stamp = int.from_bytes(packet[4:8], "big")
        caller.send(kind, packet[12:], timestamp=stamp, marker=bool(packet[1] & 0x80))
    for kind in ("video", "audio"):
        caller.report(kind)


def decoded(manifest: Manifest, folder: Path, participant: str) -> tuple[int, int]:
    """Pictures and sounds that decode; any error raises."""
    pictures = sounds = 0
    for segment in manifest.of(participant):
        with av.open(str(folder / segment.written.file)) as container:
            for frame in container.decode():
                pictures += isinstance(frame, av.VideoFrame)
                sounds += isinstance(frame, av.AudioFrame)
    return pictures, sounds
