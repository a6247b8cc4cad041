"""Who has the SQLite database of a folder open, across processes: nothing is put in its place meanwhile."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from server.storage.refusal import StorageRefused


def hold(folder: Path, *, alone: bool = False) -> int:
    """Hold `folder` with others, or `alone`; closing the handle, or the process's end, lets it go.

    Raises `StorageRefused` where somebody holds it otherwise, or the file system knows no locks.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StorageRefused(f"The folder {folder} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if not isinstance(error, BlockingIOError):
            why = f"The folder {folder} cannot be locked ({error.strerror}); use a local disk."
        elif alone:
            why = f"A livedesk has the database in {folder} open; stop it first."
        else:
            why = f"The database in {folder} is being restored; start again when that is done."
        raise StorageRefused(why) from error
    return handle
