"""Finishes recordings: what media processes wrote, and what killed ones left, comes onto its case by itself.

A recording's folder says what it is, so nothing needs to remember it: whatever lies there and has no writer
any more is checked, put together, kept, told in the conversation's desk log, and then removed. Each step may
be repeated; whoever is killed is followed by whoever starts next. Who has the lock of a recording's journal
works on it, he alone, on whichever node of the host; the database says in which state it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from protocol.recordings import GAPS_SHOWN, PAUSES_SHOWN, FinishingCode
from recordings import child, finishing, journal
from recordings.journal import Busy
from recordings.manifest import Damaged, Gap, Kept, Manifest
from recordings.retention import DAY_MS
from recordings.shelf import Shelf, ShelfUnavailable
from server.desk.cases import open_by_call
from server.desk.world import World
from server.recordings.lines import tell
from server.storage.calls.recordings import Holds, RecordingFile, RecordingRow
from signaling import facts

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Recordings that are finished at the same time: a long one does not hold up a short one, and calls need the
processor more."""
NEVER_BEGUN_S = 600.0
"""A folder in which nothing was noted after so long belongs to nobody; a younger one may soon begin."""
AGAIN_AFTER_MS = tuple(seconds * 1_000 for seconds in (15, 60, 300, 900, 3_600, 14_400, 43_200))
"""Waits between the tries, seventeen hours in all: longer than the usual night without the one who knows."""
PACKET_MS = 20
"""A gap no longer than a packet of sound is none that anybody hears."""
_FORESEEN = (child.ChildFailed, finishing.NotKept, ShelfUnavailable, Damaged, OSError)
_HOLDS: dict[str, Holds] = {".webm": "media", ".jpg": "poster", ".json": "waveform"}


class Finishing:
    """The job. `sweep` is to be called every few seconds; it starts what is due and does not wait for it."""

    def __init__(self, world: World, shelf: Shelf, root: Path) -> None:
        """`root`: where media processes write."""
        self._world = world
        self._shelf = shelf
        self._root = root
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unknown: set[str] = set()

    async def sweep(self) -> None:
        """Begin to finish what waits, the smallest first."""
        folders = await asyncio.to_thread(_begun_in, self._root)
        if not folders:
            return
        async with self._world.db.read() as unit:
            known = {row.id: row for row in await unit.recordings.among([path.name for path in folders])}
        for folder in folders:
            if len(self._tasks) >= AT_ONCE:
                return
            if folder.name in self._tasks or folder.name in self._unknown:
                continue
            row = known.get(folder.name) or await self._found(folder)
            if row is None:
                continue
            if row.state == "erased":
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            elif row.state in ("kept", "restricted"):
                await asyncio.to_thread(_clear, folder)  # whoever kept it was killed before this
            elif row.state == "finishing" and (row.due or 0) <= self._world.clock():
                task = asyncio.create_task(self._finish(row, folder))
                self._tasks[row.id] = task
                task.add_done_callback(partial(self._over, row.id))

    def _over(self, recording_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[recording_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("recording.not_followed", exc_info=error, extra={"recording_id": recording_id})

    async def done(self) -> None:
        """Wait until what was begun has ended, in whatever way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Leave off; what was begun is gone on with later. Twice is harmless."""
        for task in self._tasks.values():
            task.cancel()
        await self.done()

    async def _finish(self, row: RecordingRow, folder: Path) -> None:
        try:
            found = await finishing.finish(folder, self._shelf, row.prefix)
        except Busy:
            return
        except Exception as error:
            if not isinstance(error, _FORESEEN):
                log.exception("recording.not_foreseen", extra={"recording_id": row.id})
            await self._failed(row, code_of(error))
            return
        if found is not None:
            await self._kept(row, found)
            await asyncio.to_thread(_clear, folder)

    async def _found(self, folder: Path) -> RecordingRow | None:
        """The row of a recording that is new here; None while somebody writes it, or if it is of no call."""
        try:
            found = await asyncio.to_thread(_let_go, folder)
        except OSError as error:
            log.warning(
                "recording.not_read: again at the next sweep",
                extra={"recording_id": folder.name, "errno": error.errno},
            )
            return None
        except Damaged:
            self._unknown.add(folder.name)
            log.error("recording.unknown: its journal cannot be read", extra={"recording_id": folder.name})
            return None
        if found is None:
            return None
        async with self._world.db.write() as unit:
            call = await unit.calls.get(found.begun.call_id)
            if call is None or found.begun.recording_id != folder.name:
                self._unknown.add(folder.name)
                log.error("recording.unknown: it is of no call here", extra={"recording_id": folder.name})
                return None
            row = RecordingRow(
                id=folder.name,
                shop_id=call.shop_id,
                call_id=call.call.id,
                conversation_id=call.conversation_id,
                state="finishing",
                code=None,
                ended_code=None,
                began_at=found.begun.utc_ms,
                ended_at=None,
                duration_ms=None,
                tries=0,
                due=None,
                erasure_asked_at=None,
                restriction_asked_at=None,
                about=None,
            )
            told: Sequence[facts.Fact] = ()
            if await unit.recordings.add(row):
                now = self._world.clock()
                telling = self._world.telling(unit, now)
                await open_by_call(unit, telling, call, self._world.new_id(), now)
                told = await telling.all()
        self._world.publish(told)
        return row

    async def _failed(self, row: RecordingRow, code: FinishingCode) -> None:
        """Note why, and when it is tried again; after the last try it is told."""
        now = self._world.clock()
        again = row.tries < len(AGAIN_AFTER_MS) and code != "journal_damaged"
        log.error(
            "recording.not_finished", extra={"recording_id": row.id, "code": code, "tries": row.tries + 1}
        )
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            changed = await unit.recordings.change(
                row,
                state="finishing" if again else "failed",
                code=code,
                tries=row.tries + 1,
                due=now + (AGAIN_AFTER_MS[row.tries] if again else DAY_MS),
            )
            if changed and not again:
                await tell(
                    telling,
                    row.conversation_id,
                    recording_id=row.id,
                    call_id=row.call_id,
                    state="failed",
                    code=code,
                )
            told = await telling.all()
        self._world.publish(told)

    async def _kept(self, row: RecordingRow, found: Manifest) -> None:
        """The row and the line in one unit of work; whoever was killed before it does the same again."""
        about, now = describe(found), self._world.clock()
        duration_ms: int = max((side["duration_ms"] for side in about["sides"]), default=0)
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            changed = await unit.recordings.change(
                row,
                state="kept",
                code=None,
                due=now,
                ended_code=found.ended.code if found.ended else None,
                ended_at=row.began_at + (found.ended.at_ms if found.ended else 0),
                duration_ms=duration_ms,
                about=about,
            )
            if changed:
                await unit.recordings.add_files([self._file(row, one) for one in found.kept])
                await tell(
                    telling,
                    row.conversation_id,
                    recording_id=row.id,
                    call_id=row.call_id,
                    state="kept",
                    duration_ms=duration_ms,
                )
            told = await telling.all()
        self._world.publish(told)

    def _file(self, row: RecordingRow, kept: Kept) -> RecordingFile:
        whole = kept.file == finishing.INDEX_FILE
        return RecordingFile(
            id=self._world.new_id(),
            recording_id=row.id,
            participant_id=None if whole else Path(kept.file).stem,
            holds="index" if whole else _HOLDS[Path(kept.file).suffix],
            name=kept.name,
            media_type=kept.media_type,
            size=kept.bytes,
            sha256=kept.sha256,
        )


def code_of(error: Exception) -> FinishingCode:
    """What a failed try is called."""
    match error:
        case child.ChildFailed():
            return "not_decoded"
        case finishing.NotKept():
            return "not_kept"
        case ShelfUnavailable():
            return "shelf_away"
        case Damaged():
            return "journal_damaged"
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "disk_full"
        case OSError():
            return "disk_error"
    return "internal"


def describe(found: Manifest) -> dict[str, Any]:
    """What the database holds of a finished recording: no more than its rows can bear. All of it stands in
    the file `recording.json` beside the recording."""
    sides = found.assembled.sides if found.assembled else ()
    return {
        "sides": [
            {
                "participant": side.participant,
                "frames": side.frames,
                "sounds": side.sounds,
                "duration_ms": side.duration_ms,
                "errors": len(side.errors),
                **_gaps(
                    _missing([gap for one in found.of(side.participant) for gap in one.written.gaps], found)
                ),
            }
            for side in sides
        ],
        "consents": [asdict(one) for one in found.consents][-PAUSES_SHOWN:],
        "pauses": [asdict(one) for one in found.pauses][-PAUSES_SHOWN:],
        "damaged": len(found.assembled.damaged) if found.assembled else 0,
    }


def _missing(gaps: Iterable[Gap], found: Manifest) -> Iterator[Gap]:
    """The gaps but for the pauses in them: that nothing was written then is told by the pause."""
    for gap in gaps:
        from_ms, to_ms = gap.from_ms, gap.to_ms
        for pause in found.pauses:
            until_ms = to_ms if pause.to_ms is None else pause.to_ms
            if pause.from_ms < to_ms and from_ms < until_ms:
                from_ms, to_ms = (until_ms, to_ms) if until_ms < to_ms else (from_ms, pause.from_ms)
        if to_ms - from_ms > PACKET_MS:
            yield replace(gap, from_ms=from_ms, to_ms=to_ms)


def _gaps(found: Iterable[Gap]) -> dict[str, Any]:
    """A person's longest gaps of voice and picture, in how many moments either is missing, and for how long.

    A moment in which both are missing is one: who was away for a second was not away for two.
    """
    gaps = sorted(found, key=lambda gap: gap.from_ms)
    longest = sorted(gaps, key=lambda gap: gap.from_ms - gap.to_ms)[:GAPS_SHOWN]
    moments: list[tuple[int, int]] = []
    for gap in gaps:
        if moments and gap.from_ms <= moments[-1][1]:
            moments[-1] = moments[-1][0], max(moments[-1][1], gap.to_ms)
        else:
            moments.append((gap.from_ms, gap.to_ms))
    return {
        "gaps": [asdict(gap) for gap in sorted(longest, key=lambda gap: gap.from_ms)],
        "gap_count": len(moments),
        "gap_ms": sum(to_ms - from_ms for from_ms, to_ms in moments),
    }


def _begun_in(root: Path) -> list[Path]:
    """The folders that a recording was begun in, the smallest first."""
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and _begun(path)]
    return sorted(folders, key=lambda path: (_bytes_in(path), path))


def _bytes_in(folder: Path) -> int:
    """Of its segments; whoever finishes it may be taking them away just now."""
    found = 0
    for file in folder.glob("*.webm"):
        with contextlib.suppress(FileNotFoundError):
            found += file.stat().st_size
    return found


def _begun(folder: Path) -> bool:
    try:
        with open(folder / journal.FILE, "rb") as file:
            return b"\n" in file.read(65_536)
    except OSError:
        pass
    try:
        with_nothing = time.time() - folder.stat().st_mtime > NEVER_BEGUN_S
    except FileNotFoundError:
        return False
    if with_nothing and not any(folder.glob("*.webm")):
        shutil.rmtree(folder, ignore_errors=True)
    return False


def _let_go(folder: Path) -> Manifest | None:
    """What was noted, or None while somebody writes."""
    try:
        journal.Journal.reopen(folder).close()
    except Busy:
        return None
    return journal.read(folder)


def _clear(folder: Path) -> None:
    """Remove what is left of a kept recording; a damaged segment is never removed."""
    if not any(folder.glob("*.webm")):
        shutil.rmtree(folder, ignore_errors=True)
