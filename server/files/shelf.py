"""Where bytes are: a folder of the data directory, or a bucket by URL. Names are the server's own."""

from __future__ import annotations

import asyncio
import glob
import hashlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from protocol.errors import ErrorCode, Refused
from recordings.shelf import Measured, ShelfUnavailable

if TYPE_CHECKING:
    from obstore.store import S3Config

log = logging.getLogger(__name__)

Encryption = Literal["AES256", "aws:kms", "none"]

FOLDER = "files"
"""Below the data directory."""
PART_BYTES = 1024 * 1024
"""A large file is read, hashed and read back in such parts."""
UPLOAD_BYTES = 5 * 1024 * 1024
"""So much goes to a bucket at once: the least that S3 takes. Two are in memory."""
UPLOADS_AT_ONCE = 2


class _Changed(Exception):
    """A file is another than the one that was to be kept."""


class Shelf:
    """Keeps whole files by name. Where it cannot, it raises `Refused(retry)` and nothing is kept.

    `keep` and `measure` are for large files, in the words of `recordings.shelf`.
    """

    def __init__(self, url: str | None, data: Path, encryption: Encryption = "AES256") -> None:
        """`url`: `s3://bucket/prefix` with the usual AWS_… variables; None keeps in the data directory.

        With `encryption` the bucket encrypts each file itself; `aws:kms` by the key that AWS_… names.
        """
        self._folder = None if url is not None else data / FOLDER
        self._store: LocalStore | S3Store
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store = LocalStore(prefix=self._folder)
        else:
            asked: S3Config = {} if encryption == "none" else {"server_side_encryption": encryption}
            self._store = S3Store.from_url(url or "", config=asked)

    async def put(self, name: str, content: bytes) -> None:
        """Keeps `content` durably. A name is used once."""
        try:
            await obstore.put_async(self._store, name, content, mode="create")
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / name)
        except (BaseError, OSError) as error:
            log.warning("files.not_kept", extra={"error": type(error).__name__})
            raise Refused(ErrorCode.retry) from error

    async def keep(self, name: str, source: Path, sha256: str) -> None:
        """Copies a file durably in place of what may lie under `name`, if its bytes have this hash.

        It is read part by part and hashed on the way. Raises `ShelfUnavailable`; then what lay there stays.
        """
        try:
            await obstore.put_async(
                self._store,
                name,
                _parts(source, sha256),
                chunk_size=UPLOAD_BYTES,
                max_concurrency=UPLOADS_AT_ONCE,
            )
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / name)
        except (BaseError, OSError, _Changed) as error:
            log.warning("files.not_kept", extra={"error": type(error).__name__})
            raise ShelfUnavailable from error

    async def measure(self, name: str) -> Measured | None:
        """Size and hash of what lies there, by reading all of it. Raises `ShelfUnavailable`."""
        digest, size = hashlib.sha256(), 0
        try:
            found = await obstore.get_async(self._store, name)
            async for part in found.stream(min_chunk_size=PART_BYTES):
                size += len(part)
                await asyncio.to_thread(digest.update, part)
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            log.warning("files.not_measured", extra={"error": type(error).__name__})
            raise ShelfUnavailable from error
        return Measured(size, digest.hexdigest())

    async def read(self, name: str, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`. Raises `Refused`: not_found where there is no such file."""
        try:
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))
        except FileNotFoundError:
            raise Refused(ErrorCode.not_found) from None
        except (BaseError, OSError) as error:
            log.warning("files.not_read", extra={"error": type(error).__name__})
            raise Refused(ErrorCode.retry) from error

    async def remove(self, name: str) -> bool:
        """Takes a file away, and says whether it is; one that is not there is away already."""
        try:
            if self._folder is not None:
                await asyncio.to_thread(_remove_begun, self._folder / name)
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return True
        except (BaseError, OSError) as error:
            log.warning("files.not_removed", extra={"error": type(error).__name__})
            return False
        return True


async def _parts(source: Path, sha256: str) -> AsyncIterator[bytes]:
    """The file in parts, read and hashed beside the loop. Raises `_Changed` when the hash is another."""
    digest = hashlib.sha256()
    with await asyncio.to_thread(open, source, "rb") as file:
        while part := await asyncio.to_thread(file.read, PART_BYTES):
            await asyncio.to_thread(digest.update, part)
            yield part
    # Before the end: a store lets nothing appear under the name until all has come.
    if digest.hexdigest() != sha256:
        raise _Changed


def _remove_begun(path: Path) -> None:
    """What the library had written of it when it was killed; it writes `name#1` before it renames."""
    for each in path.parent.glob(f"{glob.escape(path.name)}#*"):
        each.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """The library renames without syncing: what is acknowledged must survive a lost power supply."""
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
