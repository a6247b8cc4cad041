"""From segments to the case: brought to an end, checked, assembled, kept on the shelf, and only then removed.

Each step leaves a record in the journal when it is done and may be repeated when it is not, so the whole may
be killed anywhere and called again. Nothing is removed before its successor was measured at the destination.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recordings import child, integrity, journal, manifest, orphans
from recordings.journal import Journal
from recordings.manifest import SENTENCES, Assembled, Damage, Kept, Made, Manifest, Removed, Side
from recordings.shelf import Shelf

MADE_FOLDER = "made"
INDEX_FILE = "recording.json"

CPU_BASE_S = 120
"""Processor time for an assembly: this, and a second for each second of each side. Decoding takes a tenth."""

_MEDIA_TYPES = {".webm": "video/webm", ".jpg": "image/jpeg", ".json": "application/json"}


class NotKept(Exception):
    """What lies on the shelf is not what was put there. Nothing was removed; try again."""


async def finish(folder: Path, shelf: Shelf, prefix: str) -> Manifest | None:
    """Finish one recording, or go on where it was left; the files are kept as `prefix/recording/file`.

    Returns the manifest with its `kept` files, of which `recording.json` describes the others to the player;
    None when nothing had been recorded. Segments whose hash is wrong are left out, named, and never removed.
    Raises `Busy` while somebody writes it, `ChildFailed`, `NotKept`, `ShelfUnavailable`, `Damaged`,
    `OSError`.
    """
    if await asyncio.to_thread(orphans.close, folder) is None:
        return None
    open_journal = await asyncio.to_thread(Journal.reopen, folder)
    with open_journal:
        found = await asyncio.to_thread(journal.read, folder)
        if found.removed is not None:
            return found
        assembled = found.assembled
        kept = {one.file for one in found.kept}
        if assembled is None or not await asyncio.to_thread(_there, folder, assembled, kept):
            assembled, kept = await _assemble(folder, found, open_journal), set()
        for made in assembled.made:
            if made.file not in kept:
                name = name_of(prefix, found.begun.recording_id, made.file)
                record = await _keep(folder, made, name, shelf)
                await asyncio.to_thread(open_journal.append, record)
        await asyncio.to_thread(_remove, folder, found, assembled, open_journal)
        return await asyncio.to_thread(journal.read, folder)


def name_of(prefix: str, recording_id: str, file: str) -> str:
    """Under which name a file of a recording lies on the shelf."""
    return f"{prefix}/{recording_id}/{file}"


def every_name(prefix: str, recording_id: str, participants: Iterable[str]) -> list[str]:
    """All names under which `finish` may have kept something, how far it ever came: for who takes it away."""
    files = [f"{participant}{suffix}" for participant in participants for suffix in _MEDIA_TYPES]
    return [name_of(prefix, recording_id, file) for file in (*files, INDEX_FILE)]


async def _assemble(folder: Path, found: Manifest, open_journal: Journal) -> Assembled:
    damaged = await asyncio.to_thread(integrity.damages, folder, found)
    out = folder / MADE_FOLDER
    await asyncio.to_thread(_empty, out)
    answer: dict[str, Any] = {}
    if found.segments:
        end_ms = max(segment.written.end_ms for segment in found.segments)
        argument = {"folder": str(folder), "out": str(out), "damaged": [one.file for one in damaged]}
        cpu_seconds = CPU_BASE_S + len(found.participants()) * end_ms // 1000
        answer = await child.run("assemble", argument, cpu_seconds)
    sides = tuple(_side(participant, answer) for participant in found.participants())
    assembled = await asyncio.to_thread(_collect, folder, found, sides, damaged)
    await asyncio.to_thread(open_journal.append, assembled)
    return assembled


async def _keep(folder: Path, made: Made, name: str, shelf: Shelf) -> Kept:
    await shelf.keep(name, folder / MADE_FOLDER / made.file, made.sha256)
    measured = await shelf.measure(name)
    if measured is None or (measured.bytes, measured.sha256) != (made.bytes, made.sha256):
        raise NotKept(f"{made.file} is not on the shelf as it was sent")
    return Kept(name, made.file, made.media_type, made.bytes, made.sha256)


def _side(participant: str, answer: dict[str, Any]) -> Side:
    """The child's word about one side, in the form of the journal."""
    try:
        told: Side = manifest.build(Side, {"participant": participant, **answer[participant]})
    except (KeyError, TypeError) as error:
        raise child.ChildFailed("the answer has another form") from error
    return told


def _collect(folder: Path, found: Manifest, sides: Sequence[Side], damaged: tuple[Damage, ...]) -> Assembled:
    """Hash what was made, durable, with the index that describes it."""
    out = folder / MADE_FOLDER
    made = []
    for side in sides:
        for suffix in _MEDIA_TYPES:
            if (out / f"{side.participant}{suffix}").is_file():
                made.append(_made(out / f"{side.participant}{suffix}"))
    index = out / INDEX_FILE
    description = _describe(found, sides, made, damaged)
    index.write_text(json.dumps(description, ensure_ascii=False, indent=1), encoding="utf-8")
    made.append(_made(index))
    journal.sync(out)
    return Assembled(tuple(sides), tuple(made), damaged)


def _made(path: Path) -> Made:
    journal.sync(path)
    return Made(path.name, _MEDIA_TYPES[path.suffix], path.stat().st_size, integrity.hash_of(path))


def _describe(
    found: Manifest, sides: Sequence[Side], made: Sequence[Made], damaged: Sequence[Damage]
) -> dict[str, Any]:
    """What the case's player and whoever checks the recording read: one time line that begins at `utc_ms`."""
    files = {one.file: asdict(one) for one in made}
    ended = found.ended
    return {
        "recording_id": found.begun.recording_id,
        "call_id": found.begun.call_id,
        "utc_ms": found.begun.utc_ms,
        "duration_ms": max((side.duration_ms for side in sides), default=0),
        "ended": None if ended is None else {**asdict(ended), "sentences": SENTENCES[ended.code]},
        "sides": [
            {
                **asdict(side),
                "media": files.get(f"{side.participant}.webm"),
                "poster": files.get(f"{side.participant}.jpg"),
                "waveform": files.get(f"{side.participant}.json"),
            }
            for side in sides
        ],
        "consents": [asdict(one) for one in found.consents],
        "pauses": [asdict(one) for one in found.pauses],
        "damaged": [asdict(one) for one in damaged],
        "segments": [asdict(one) for one in found.segments],
    }  # fmt: skip


def _there(folder: Path, assembled: Assembled, kept: set[str]) -> bool:
    """Whether all that is not yet kept was made and is unchanged."""
    out = folder / MADE_FOLDER
    waiting = [one for one in assembled.made if one.file not in kept]
    return all(
        (out / one.file).is_file() and integrity.hash_of(out / one.file) == one.sha256 for one in waiting
    )


def _empty(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(mode=0o700)


def _remove(folder: Path, found: Manifest, assembled: Assembled, open_journal: Journal) -> None:
    damaged = {one.file for one in assembled.damaged}
    gone = 0
    for segment in found.segments:
        if segment.written.file not in damaged:
            (folder / segment.written.file).unlink(missing_ok=True)
            gone += 1
    shutil.rmtree(folder / MADE_FOLDER, ignore_errors=True)
    (folder / journal.RESERVE_FILE).unlink(missing_ok=True)
    journal.sync(folder)
    open_journal.append(Removed(gone))
