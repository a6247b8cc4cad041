"""What can be kept of a file whose writer did not finish it."""

from __future__ import annotations

from dataclasses import replace

from recordings import webm
from recordings.manifest import Written


def salvaged(written: Written, file: bytes) -> Written:
    """`written` with what the bytes in fact hold, where it was meant to hold more."""
    found = webm.scan(file)
    last_ms = max(found.end_ms.values(), default=0)
    return replace(
        written,
        end_ms=written.begin_ms + last_ms,
        frames=found.frames.get(webm.VIDEO, 0),
        sounds=found.frames.get(webm.AUDIO, 0),
        key=found.starts_with_key,
        gaps=tuple(gap for gap in written.gaps if gap.from_ms < written.begin_ms + last_ms),
    )
