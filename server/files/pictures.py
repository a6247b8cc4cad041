"""Takes a stranger's picture: what it begins with, then made anew by a child that can harm nothing.

The re-encoding is the control: what is kept was written by us, pixel by pixel.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import filetype

from aftersales.likeness import difference_hash
from protocol.errors import ErrorCode, Refused

log = logging.getLogger(__name__)

PIXELS = 50_000_000
"""Of one picture: what phones' largest cameras make by default. A bomb of 50 000 × 50 000 has fifty times."""
CHILD_MEMORY = 768 * 1024 * 1024
"""Address space of the child: three copies of the largest picture, and Pillow itself."""
CHILD_CPU_S = 10
CHILD_WALL_S = 20.0
"""By the clock; on a busy machine a child may have to wait for its processor."""
CHILDREN = 2
"""Children at once on one node: they take processors from conversations."""
WAITING = 32
"""Pictures that wait for a child, each with its bytes in memory; beyond it the answer is `retry`."""
_ACCEPTED = {"image/jpeg", "image/png", "image/webp"}
_CHILD = Path(__file__).with_name("decoder.py")
_ENDS = {3: ErrorCode.not_a_picture, 4: ErrorCode.too_many_pixels}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: a JPEG of ours. `likeness` is the hash of `aftersales.likeness`."""

    content: bytes
    width: int
    height: int
    sha256: str
    likeness: int


class Pictures:
    """Makes pictures anew, a few at a time."""

    def __init__(self, *, pixels: int = PIXELS, wall_s: float = CHILD_WALL_S, waiting: int = WAITING) -> None:
        self._pixels = pixels
        self._wall_s = wall_s
        self._free = asyncio.Semaphore(CHILDREN)
        self._waiting = 0
        self._most = waiting + CHILDREN

    async def make_anew(self, content: bytes) -> Picture:
        """The picture in `content`. Raises `Refused`: not_a_picture, too_many_pixels, or retry when busy."""
        kind = filetype.guess(content)
        if kind is None or kind.mime not in _ACCEPTED:
            raise Refused(ErrorCode.not_a_picture)
        if self._waiting >= self._most:
            raise Refused(ErrorCode.retry, retry_after_ms=2_000)
        self._waiting += 1
        try:
            async with self._free:
                return _read(await self._run(content))
        finally:
            self._waiting -= 1

    async def _run(self, content: bytes) -> bytes:
        """What the child wrote. It gets no environment, no arguments of the caller's, and not our folder."""
        limits = (self._pixels, CHILD_MEMORY, CHILD_CPU_S)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_CHILD), *map(str, limits)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
        )
        try:
            async with asyncio.timeout(self._wall_s):
                written, _ = await child.communicate(content)
        except TimeoutError:
            log.warning("files.child_too_slow")
            raise Refused(ErrorCode.not_a_picture) from None
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if child.returncode != 0:
            if child.returncode not in _ENDS:
                log.warning("files.child_ended", extra={"status": child.returncode})
            raise Refused(_ENDS.get(child.returncode or 0, ErrorCode.not_a_picture))
        return written


def _read(written: bytes) -> Picture:
    head, _, content = written.partition(b"\n")
    told = json.loads(head)
    return Picture(
        content=content,
        width=int(told["width"]),
        height=int(told["height"]),
        sha256=hashlib.sha256(content).hexdigest(),
        likeness=difference_hash(bytes.fromhex(told["grey"])),
    )
