"""Recordings whose writer died, and how they are brought to an end.

Nothing here needs to know which boot is alive: who writes a journal holds its lock, and a dead process holds
nothing.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from recordings import journal, webm
from recordings.integrity import hash_of
from recordings.journal import Busy, Journal
from recordings.manifest import Ended, Manifest, Segment, Written
from recordings.salvage import salvaged

_SEGMENT_NAME = re.compile(r"(?P<participant>[A-Za-z0-9_-]{1,64})-(?P<number>\d{4,})\.webm")


def close(folder: Path) -> Manifest | None:
    """End a recording whose writer died: cut each unfinished file after its last whole cluster, hash it, put
    it into the journal, and mark the recording `killed`.

    None when nothing had been recorded yet; the folder is gone then. A recording that is ended already stays
    as it is. May be killed itself and run again. Raises `Busy`, `Damaged` and `OSError`.
    """
    if _never_begun(folder):
        shutil.rmtree(folder)
        return None
    with Journal.reopen(folder) as open_journal:
        manifest = journal.read(folder)
        if manifest.ended is not None:
            return manifest
        known = {segment.written.file for segment in manifest.segments}
        segments = list(manifest.segments)
        for path in sorted(folder.glob("*.webm")):
            name = _SEGMENT_NAME.fullmatch(path.name)
            if name is None or path.name in known:
                continue
            segment = _salvage(path, name["participant"], int(name["number"]), manifest)
            if segment is not None:
                open_journal.append(segment)
                segments.append(segment)
        at_ms = max((segment.written.end_ms for segment in segments), default=0)
        open_journal.append(Ended(at_ms, "killed"))
        return journal.read(folder)


def _never_begun(folder: Path) -> bool:
    """Whether the writer died, or the disk refused, before the first record was there."""
    path = folder / journal.FILE
    if not path.exists():
        return not any(folder.glob("*.webm"))
    if b"\n" in path.read_bytes():
        return False
    try:
        Journal.reopen(folder).close()
    except Busy:
        return False
    return True


def _salvage(path: Path, participant: str, number: int, manifest: Manifest) -> Segment | None:
    content = path.read_bytes()
    found = webm.scan(content)
    if not found.frames:
        path.unlink()
        return None
    with open(path, "r+b") as file:
        file.truncate(found.size)
        os.fsync(file.fileno())
    begin_ms = found.utc_ms - manifest.begun.utc_ms
    written = Written(participant, number, path.name, begin_ms, begin_ms, 0, 0, key=False)
    return Segment(salvaged(written, content), found.size, hash_of(path))
