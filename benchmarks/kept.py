"""What a recording of ours holds of the pictures that were sent: hashes compared, counted, decoded."""

from __future__ import annotations

from pathlib import Path

import av

from recordings import journal
from recordings.integrity import damages
from recordings.manifest import Manifest


def whole(folder: Path) -> Manifest:
    """The manifest of a recording that was ended. Raises `RuntimeError` if it or a file of it is damaged."""
    manifest = journal.read(folder)
    found = damages(folder, manifest)
    if found or manifest.ended is None:
        raise RuntimeError(f"{folder.name}: {found or 'the recording was not ended'}")
    return manifest


def pictures(manifest: Manifest, side: str) -> int:
    """Pictures of one side that were written."""
    return sum(segment.written.frames for segment in manifest.of(side))


def decoded(folder: Path, manifest: Manifest, side: str) -> tuple[int, int]:
    """Pictures of one side that a decoder makes of its files, and how often it complains."""
    found = errors = 0
    for segment in manifest.of(side):
        if segment.written.frames == 0:
            continue  # sound alone: its file has no line for pictures
        with av.open(str(folder / segment.written.file)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    errors += 1
                    continue
                found += len(frames)
                errors += sum(frame.is_corrupt for frame in frames)
    return found, errors
