"""Watches a finished file: when it flashes and when it sounds."""

from __future__ import annotations

from pathlib import Path

import av


def onsets(path: Path) -> tuple[list[float], list[float]]:
    """When the picture turns white and when the tone begins, in ms."""
    white, loud, before, quiet_ms = [], [], False, -1000.0
    with av.open(str(path), "r", format="matroska") as container:
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert frame.pts is not None and frame.time_base is not None
                    bright = bytes(frame.planes[0])[len(bytes(frame.planes[0])) // 3] > 150
                    if bright and not before:
                        white.append(float(frame.pts * frame.time_base * 1000))
                    before = bright
                elif isinstance(frame, av.AudioFrame):
                    assert frame.pts is not None and frame.time_base is not None
                    left = memoryview(bytes(frame.planes[0])).cast("f" if "flt" in frame.format.name else "h")
                    level = 0.05 if "flt" in frame.format.name else 1600
                    for place, sample in enumerate(left[: frame.samples]):
                        now_ms = float(frame.pts * frame.time_base * 1000) + place / 48
                        if abs(sample) > level:
                            if now_ms - quiet_ms > 500:
                                loud.append(now_ms)
                            quiet_ms = now_ms
    return white, loud
