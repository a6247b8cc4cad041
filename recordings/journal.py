"""The journal of a recording on disk: appended, synced, owned by one process at a time.

Whoever writes holds a lock on the file until he closes it or dies. So a journal that is not ended and whose
lock is free belongs to nobody any more, on whichever boot it was begun.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from recordings import manifest
from recordings.manifest import Manifest, Record

FILE = "journal.jsonl"

# A full disk must not keep the reason from being written down: this much lies ready and is given back then.
# A few hundred bytes a record; a block or two of any file system.
RESERVE_FILE = "reserve"
RESERVE_BYTES = 64 * 1024

JOURNAL_BYTES_MAX = 16 * 1024 * 1024
"""The longest that is read. Every segment of the longest recording, full of gaps, has half of it."""


class Busy(Exception):
    """Another process, or another part of this one, writes this journal."""


class Journal:
    """An open journal. Every append is on disk when it returns; errors of the disk come as `OSError`."""

    def __init__(self, folder: Path, handle: int) -> None:
        self._folder = folder
        self._handle = handle

    @classmethod
    def create(cls, folder: Path) -> Journal:
        """Begin a journal in `folder`, which must have none."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        journal = cls(folder, os.open(folder / FILE, flags, 0o600))
        try:
            journal._lock()
            reserve = os.open(folder / RESERVE_FILE, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(reserve, 0, RESERVE_BYTES)
            finally:
                os.close(reserve)
            sync(folder)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def reopen(cls, folder: Path) -> Journal:
        """Go on with a journal that nobody writes, without the torn line that a kill may have left.

        Raises `Busy`, and FileNotFoundError where there is none.
        """
        journal = cls(folder, os.open(folder / FILE, os.O_RDWR | os.O_APPEND))
        try:
            journal._lock()
            content = (folder / FILE).read_bytes()
            if content and not content.endswith(b"\n"):
                os.ftruncate(journal._handle, content.rfind(b"\n") + 1)
                os.fsync(journal._handle)
        except BaseException:
            journal.close()
            raise
        return journal

    def append(self, *records: Record) -> None:
        """Write records, all or none of them."""
        lines = b"".join(map(manifest.encode, records))
        try:
            self._write(lines)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            (self._folder / RESERVE_FILE).unlink(missing_ok=True)
            self._write(lines)

    def close(self) -> None:
        """Let go of it; twice is harmless."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{self._folder.name} is being written") from None

    def _write(self, lines: bytes) -> None:
        size = os.fstat(self._handle).st_size
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._handle, lines[written:])
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, size)
            raise


def read(folder: Path) -> Manifest:
    """The manifest of a recording, whoever writes it now; a torn last line counts as not written.

    Raises `manifest.Damaged` with the number of the line, and `OSError`.
    """
    with open(folder / FILE, "rb") as file:
        content = file.read(JOURNAL_BYTES_MAX + 1)
    if len(content) > JOURNAL_BYTES_MAX:
        raise manifest.Damaged("the journal is longer than any that was written here")
    records = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            records.append(manifest.decode(line))
        except manifest.Damaged as error:
            raise manifest.Damaged(f"line {number}: {error}") from error
    return manifest.add_up(records)


def sync(path: Path) -> None:
    """Make the names in a folder, or the bytes of a file, survive a lost power supply."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
