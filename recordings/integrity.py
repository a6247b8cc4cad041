"""Whether the files of a recording are still what the journal says."""

from __future__ import annotations

import hashlib
from pathlib import Path

from recordings.manifest import Damage, Manifest


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damages(folder: Path, manifest: Manifest) -> tuple[Damage, ...]:
    """The segments that are missing, cut, grown or changed, each by name."""
    found = []
    for segment in manifest.segments:
        path = folder / segment.written.file
        if not path.is_file():
            found.append(Damage(segment.written.file, "missing"))
        elif path.stat().st_size != segment.bytes:
            found.append(Damage(segment.written.file, "size"))
        elif hash_of(path) != segment.sha256:
            found.append(Damage(segment.written.file, "hash"))
    return tuple(found)
