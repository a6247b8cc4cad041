"""The one thread that writes: every recording of a process has a lane to it, and no lane can hold up another
recording, the loop, or the call.

The loop hands over whole clusters and records; the thread writes, hashes, syncs and keeps the journal. What
goes wrong here ends the recording it happened to, with a code that the loop finds on the lane. Of a file
that could not be finished, what is whole is kept.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from recordings.journal import Journal, sync
from recordings.manifest import Begun, EndCode, Ended, Record, Segment, Written
from recordings.salvage import salvaged

log = logging.getLogger(__name__)

LANE_BYTES_MAX = 4 * 1024 * 1024
"""What one recording may have waiting: ten seconds of two good cameras. A disk that is slower than that is
no place for it, and the memory belongs to the calls."""

OPENING = os.O_CREAT | os.O_EXCL | os.O_RDWR


@dataclass(slots=True)
class _File:
    handle: int
    digest: hashlib._Hash
    size: int = 0


def code_of(error: OSError) -> EndCode:
    """What an error of the disk means for a recording."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk_full"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "files_exhausted"
    return "disk_error"


class Lane:
    """One recording's way to the thread. Its methods are for the loop's side; they never wait or raise."""

    def __init__(self, folder: Path, queue: SimpleQueue[Callable[[], None] | None], floor_bytes: int) -> None:
        self.folder = folder
        self._queue = queue
        self._floor_bytes = floor_bytes
        self._failure: EndCode | None = None
        self._given = 0
        self._taken = 0
        self._ending = False
        self._journal: Journal | None = None
        self._files: dict[str, _File] = {}

    @property
    def failure(self) -> EndCode | None:
        """Why nothing can be written any more, once it cannot."""
        return self._failure

    def begin(self, *records: Begun | Record) -> None:
        self._queue.put(lambda: self._guarded(lambda: self._begin(records)))

    def append(self, file: str, piece: bytes) -> None:
        """Whole clusters for the end of `file`, which is made by its first piece."""
        if self._failure is not None:
            return
        # Each number is written by one side only, so the difference is never too small.
        if self._given - self._taken + len(piece) > LANE_BYTES_MAX:
            self._failure = "disk_slow"
            return
        self._given += len(piece)
        self._queue.put(lambda: self._append(file, piece))

    def note(self, record: Record) -> None:
        self._queue.put(lambda: self._guarded(lambda: self._keep(record)))

    def close_segment(self, written: Written) -> None:
        """Nothing more comes for `written.file`; its record is kept once the file is on disk."""
        self._queue.put(lambda: self._last_words(lambda: self._close_segment(written)))

    def end(self, ended: Ended) -> None:
        """Nothing more comes at all. Twice is harmless."""
        if not self._ending:
            self._ending = True
            self._queue.put(lambda: self._end(ended))

    # The thread's side.

    def _guarded(self, act: Callable[[], None]) -> None:
        """What waited for a slow disk is still kept, in its order: no byte without the consent before it."""
        if self._failure is None or self._failure == "disk_slow":
            self._last_words(act)

    def _last_words(self, act: Callable[[], None]) -> None:
        """Also after a failure: what is whole is worth keeping, if the disk lets us.

        Nothing that goes wrong gets past here: the thread has the other recordings to write.
        """
        try:
            act()
        except OSError as error:
            self._failure = self._failure or code_of(error)
            log.warning("recording.not_written", extra={"error": errno.errorcode.get(error.errno or 0, "?")})
        except Exception:
            self._failure = self._failure or "disk_error"
            log.exception("recording.not_written")

    def _begin(self, records: tuple[Record, ...]) -> None:
        self.folder.mkdir(mode=0o700)
        sync(self.folder.parent)
        self._journal = Journal.create(self.folder)
        self._journal.append(*records)

    def _keep(self, record: Record) -> None:
        if self._journal is not None:
            self._journal.append(record)

    def _append(self, name: str, piece: bytes) -> None:
        self._guarded(lambda: self._write(name, piece))
        self._taken += len(piece)

    def _write(self, name: str, piece: bytes) -> None:
        file = self._files.get(name)
        if file is None:
            space = os.statvfs(self.folder)
            if space.f_bavail * space.f_frsize < self._floor_bytes:
                raise OSError(errno.ENOSPC, "the floor under the free space is reached")
            handle = os.open(self.folder / name, OPENING, 0o600)
            file = self._files[name] = _File(handle, hashlib.sha256())
        written = 0
        while written < len(piece):
            written += os.write(file.handle, memoryview(piece)[written:])
        file.digest.update(piece)
        file.size += len(piece)

    def _close_segment(self, written: Written) -> None:
        file = self._files.pop(written.file, None)
        if file is None:
            return
        try:
            if self._failure is not None:
                # The last piece may be there in part, and others were never written.
                os.ftruncate(file.handle, file.size)
            os.fsync(file.handle)
            if not file.size:
                os.unlink(self.folder / written.file)
                return
            if self._failure is not None:
                written = salvaged(written, os.pread(file.handle, file.size, 0))
        finally:
            os.close(file.handle)
        self._keep(Segment(written, file.size, file.digest.hexdigest()))

    def _end(self, ended: Ended) -> None:
        self._last_words(lambda: self._keep(ended))
        for file in self._files.values():
            self._last_words(partial(os.close, file.handle))
        self._files.clear()
        if self._journal is not None:
            self._last_words(self._journal.close)


@dataclass(slots=True)
class Writer:
    """The thread. It starts with the first lane and ends with `close`."""

    floor_bytes: int
    _queue: SimpleQueue[Callable[[], None] | None] = field(default_factory=SimpleQueue)
    _thread: threading.Thread | None = None

    def lane(self, folder: Path) -> Lane:
        """A way for one recording, whose folder must not exist yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        return Lane(folder, self._queue, self.floor_bytes)

    def close(self, wait_s: float) -> bool:
        """Write what was handed over and end; False if that takes longer than `wait_s`. Twice is harmless."""
        thread = self._thread
        if thread is None:
            return True
        self._queue.put(None)
        thread.join(wait_s)
        return not thread.is_alive()

    def _run(self) -> None:
        while (act := self._queue.get()) is not None:
            act()
