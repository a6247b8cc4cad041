"""A shelf that is a folder, and what may go wrong with one."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from recordings import integrity
from recordings.shelf import Measured, ShelfUnavailable


class FolderShelf:
    """Keeps files below a folder. `spoil` names a file that arrives changed, `lose` one that does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spoil = ""
        self.lose = ""
        self.away = False
        self.puts: list[str] = []

    async def keep(self, name: str, source: Path, sha256: str) -> None:
        if self.away:
            raise ShelfUnavailable
        self.puts.append(name)
        await asyncio.to_thread(self._keep, name, source)

    def _keep(self, name: str, source: Path) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.lose != source.name:
            shutil.copyfile(source, target.with_suffix(".part"))
            target.with_suffix(".part").replace(target)
        if self.spoil == source.name:
            content = bytearray(target.read_bytes())
            content[-1] ^= 1
            target.write_bytes(content)

    async def remove(self, name: str) -> bool:
        if not self.away:
            await asyncio.to_thread((self.folder / name).unlink, missing_ok=True)
        return not self.away

    async def measure(self, name: str) -> Measured | None:
        return await asyncio.to_thread(self._measure, self.folder / name)

    def _measure(self, path: Path) -> Measured | None:
        return Measured(path.stat().st_size, integrity.hash_of(path)) if path.is_file() else None
