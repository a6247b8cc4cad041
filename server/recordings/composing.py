"""Makes one MP4 of a recording where somebody asks for it: one after the other, in a confined child.

What it is made of is fetched from the shelf and its hash compared; what comes of it is another file of the
recording, which goes when the recording does. A node that stops forgets what it was asked: it is asked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from protocol.errors import ErrorCode, Refused
from recordings import child, integrity
from recordings.finishing import name_of
from recordings.shelf import Shelf, ShelfUnavailable
from server.desk.world import Composed, World
from server.storage.calls.recordings import RecordingFile, RecordingRow

log = logging.getLogger(__name__)

WAITING_MOST = 20
"""Recordings that wait for their MP4: an hour's work for a node that has better things to do."""
CPU_BASE_S = 120
"""Processor time: this, and so much for each second of each side, which is four times what it takes."""
CPU_A_SECOND = 3
MARKS_READ = 1_000
PART_BYTES = 1024 * 1024
FILE = "side-by-side.mp4"
FONTS = (
    "opentype/noto/NotoSansCJK-Bold.ttc",
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "google-noto-cjk/NotoSansCJK-Bold.ttc",
    "noto-cjk/NotoSansCJK-Bold.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/wqy/wqy-microhei.ttc",
)
"""Where systems keep letters that have Chinese. Without one of them words are left out of the MP4."""


class Files(Shelf, Protocol):
    """The shelf, from which is also read."""

    async def read(self, name: str, start: int, end: int) -> bytes: ...
    async def remove(self, name: str) -> bool: ...


class Composing:
    """The job. `ask` begins it, and tells how far it is."""

    def __init__(self, world: World, shelf: Files, folder: Path) -> None:
        """`folder`: where it is made; nothing in it is worth keeping."""
        self._world = world
        self._shelf = shelf
        self._folder = folder
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed: set[str] = set()
        self._one = asyncio.Semaphore()

    def ask(self, recording_id: str) -> Composed:
        """Begin, if it is not under way; what failed is told once. Raises `Refused(busy)`."""
        if recording_id in self._failed:
            self._failed.discard(recording_id)
            return "failed"
        if recording_id not in self._tasks:
            if len(self._tasks) >= WAITING_MOST:
                raise Refused(ErrorCode.busy)
            task = asyncio.create_task(self._made(recording_id))
            self._tasks[recording_id] = task
            task.add_done_callback(partial(self._over, recording_id))
        return "making"

    def _over(self, recording_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[recording_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.add(recording_id)
            about = {"recording_id": recording_id, "error": type(error).__name__}
            log.error("recording.not_composed", extra=about)

    async def done(self) -> None:
        """Wait until what was begun has ended, in whatever way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Leave off. Twice is harmless."""
        for task in self._tasks.values():
            task.cancel()
        await self.done()

    async def _made(self, recording_id: str) -> None:
        async with self._one:
            folder = self._folder / recording_id
            await asyncio.to_thread(_emptied, folder)
            try:
                await self._make(recording_id, folder)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _make(self, recording_id: str, folder: Path) -> None:
        async with self._world.db.read() as unit:
            row = await unit.recordings.get(recording_id)
            files = await unit.recordings.files(recording_id)
            call = await unit.calls.get(row.call_id) if row is not None else None
        if row is None or call is None or row.state != "kept" or row.about is None:
            return
        media = {file.participant_id: file for file in files if file.holds == "media"}
        roles = {each.id: each.role for each in call.call.participants}
        sides: list[dict[str, Any]] = []
        # The buyer's picture comes first.
        for side in sorted(row.about["sides"], key=lambda one: roles.get(one["participant"]) != "buyer"):
            file = media.get(side["participant"])
            if file is not None:
                await self._fetch(file, folder / f"{len(sides)}.webm")
                sides.append(
                    {
                        "participant": side["participant"],
                        "file": str(folder / f"{len(sides)}.webm"),
                        "pictures": side["frames"] > 0,
                    }
                )
        duration_ms = row.duration_ms or 0
        argument = {
            "sides": sides,
            "marks": await self._marks(row),
            "guides": [name for name, role in roles.items() if role != "buyer"],
            "font": await asyncio.to_thread(found_font),
            "pauses": [[one["from_ms"], one["to_ms"] or duration_ms] for one in row.about["pauses"]],
            "duration_ms": duration_ms,
            "out": str(folder / FILE),
        }
        await child.run("compose", argument, CPU_BASE_S + CPU_A_SECOND * len(sides) * duration_ms // 1000)
        await self._keep(row, folder / FILE)

    async def _fetch(self, file: RecordingFile, target: Path) -> None:
        digest = hashlib.sha256()
        with await asyncio.to_thread(open, target, "wb") as out:
            for start in range(0, file.size, PART_BYTES):
                part = await self._shelf.read(file.name, start, min(file.size, start + PART_BYTES))
                digest.update(part)
                await asyncio.to_thread(out.write, part)
        if digest.hexdigest() != file.sha256:
            raise ShelfUnavailable(f"{file.name} is not what was kept")

    async def _marks(self, row: RecordingRow) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        seq, more = 0, True
        while more:
            async with self._world.db.read() as unit:
                page = await unit.calls.marks_after(row.call_id, seq, MARKS_READ)
            found += [
                {**mark.body, "by": mark.participant_id, "at_ms": mark.placed - row.began_at} for mark in page
            ]
            more = len(page) == MARKS_READ
            seq = page[-1].seq if page else seq
        return found

    async def _keep(self, row: RecordingRow, made: Path) -> None:
        """On the shelf, measured there, and known; unless the recording ended meanwhile.

        Who is killed in between leaves a file that nobody is shown; it goes with the recording, by its name.
        """
        sha256, size = await asyncio.to_thread(lambda: (integrity.hash_of(made), made.stat().st_size))
        name = name_of(row.prefix, row.id, FILE)
        async with self._world.db.read() as unit:
            now = await unit.recordings.get(row.id)
        if now is None or now.state != "kept":
            return
        await self._shelf.keep(name, made, sha256)
        measured = await self._shelf.measure(name)
        if measured is None or (measured.bytes, measured.sha256) != (size, sha256):
            raise ShelfUnavailable(f"{name} is not on the shelf as it was sent")
        file = RecordingFile(self._world.new_id(), row.id, None, "composed", name, "video/mp4", size, sha256)
        async with self._world.db.write() as unit:
            now = await unit.recordings.get(row.id, lock=True)
            kept = now is not None and now.state == "kept"
            known = any(one.name == name for one in await unit.recordings.files(row.id))
            if kept and not known:
                await unit.recordings.add_files([file])
        if not kept and not await self._shelf.remove(name):
            # Its bytes may have been taken away before this came; then they are once more.
            async with self._world.db.write() as unit:
                now = await unit.recordings.get(row.id, lock=True)
                if now is not None and now.state == "erased":
                    await unit.recordings.change(now, due=self._world.clock())


def found_font() -> str | None:
    """A file with Chinese letters, if the system has one where they usually are."""
    roots = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
    for root in roots:
        for name in FONTS:
            if (root / name).is_file():
                return str(root / name)
    return None


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
