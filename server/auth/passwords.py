"""Passwords of people: hashed with Argon2id in a few threads of their own, at the same cost for everybody."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from protocol.errors import ErrorCode, Refused

Result = TypeVar("Result")

MIN_CHARACTERS = 10
"""What a new password must have at least (NIST SP 800-63B asks for 8); no rule about its kinds of letters."""
MAX_CHARACTERS = 200
THREADS = 2
"""One verification takes about 0.1 s of a core and 64 MiB: two at a time leave the event loop its share."""
MAX_WAITING = 32
"""Verifications that may wait for a thread, about 2 s; beyond that a sign-in is asked to try again."""


class Passwords:
    """Hashes and verifies without blocking the event loop. `close` may be called twice."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._inside = 0
        self._lock = Lock()
        self._nobody = _of_nobody(self._hasher)

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ValueError with a sentence for a password of the wrong length."""
        if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
            raise ValueError(f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.")
        return await self._run(self._hasher.hash, password)

    async def hash_again(self, password: str) -> str:
        """The hash of a password that was right, with today's parameters."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored`. None (nobody has this login) costs just as much."""
        if stored is None:
            await self._run(self._matches, self._nobody, password)
            return False
        return await self._run(self._matches, stored, password)

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with weaker parameters than today's and should be made anew."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Ends the threads; what runs is finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., Result], *values: str) -> Result:
        with self._lock:
            if self._inside >= THREADS + MAX_WAITING:
                raise Refused(
                    ErrorCode.retry, "Many sign in at this moment; try again.", retry_after_ms=2_000
                )
            self._inside += 1
        # Counted until the thread is done with it, even where nobody waits for the answer any more.
        job = self._threads.submit(work, *values)
        job.add_done_callback(self._done)
        return await asyncio.wrap_future(job)

    def _done(self, _: object) -> None:
        with self._lock:
            self._inside -= 1


def _of_nobody(hasher: PasswordHasher) -> str:
    """A stored hash (PHC string format) of no password: verifying against it costs what any other does.

    Its digest is chance: hashing something would take a start 0.2 s of a core and 64 MiB.
    """

    def chance(length: int) -> str:
        return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")

    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    kind = f"argon2{hasher.type.name.lower()}"
    return f"${kind}$v={ARGON2_VERSION}${cost}${chance(hasher.salt_len)}${chance(hasher.hash_len)}"
