"""Where bytes are: a folder of the data directory, or a bucket by URL. Names are the server's own."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from protocol.errors import ErrorCode, Refused

log = logging.getLogger(__name__)

FOLDER = "files"
"""Below the data directory."""


class Shelf:
    """Keeps whole files by name. Where it cannot, it raises `Refused(retry)` and nothing is kept."""

    def __init__(self, url: str | None, data: Path) -> None:
        """`url`: `s3://bucket/prefix` with the usual AWS_… variables; None keeps in the data directory."""
        self._folder = None if url is not None else data / FOLDER
        self._store: LocalStore | S3Store
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store = LocalStore(prefix=self._folder)
        else:
            self._store = S3Store.from_url(url or "")

    async def put(self, name: str, content: bytes) -> None:
        """Keeps `content` durably. A name is used once."""
        try:
            await obstore.put_async(self._store, name, content, mode="create")
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / name)
        except (BaseError, OSError) as error:
            log.warning("files.not_kept", extra={"error": type(error).__name__})
            raise Refused(ErrorCode.retry) from error

    async def read(self, name: str, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`. Raises `Refused`: not_found where there is no such file."""
        try:
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))
        except FileNotFoundError:
            raise Refused(ErrorCode.not_found) from None
        except (BaseError, OSError) as error:
            log.warning("files.not_read", extra={"error": type(error).__name__})
            raise Refused(ErrorCode.retry) from error

    async def remove(self, name: str) -> None:
        """Takes a file away; one that is not there is away already."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            log.warning("files.not_removed", extra={"error": type(error).__name__})


def _sync(path: Path) -> None:
    """The library renames without syncing: what is acknowledged must survive a lost power supply."""
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
