"""Passwords cost the same for everybody, run beside the event loop, and only so many wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from protocol.errors import ErrorCode, Refused
from server.auth.passwords import MAX_CHARACTERS, MAX_WAITING, MIN_CHARACTERS, THREADS, Passwords


class SlowHasher(PasswordHasher):
    """Verifies when it is let go on."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go_on = threading.Event()
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        assert self.go_on.wait(30)
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()
    made.close()


async def test_only_the_right_password_verifies(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse battery")
    assert "correct" not in stored
    assert await passwords.verify(stored, "correct horse battery")
    assert not await passwords.verify(stored, "correct horse batterz")
    assert not await passwords.verify("no hash at all", "correct horse battery")


@pytest.mark.parametrize("length", [MIN_CHARACTERS - 1, MAX_CHARACTERS + 1])
async def test_a_password_beyond_its_limits_is_refused(passwords: Passwords, length: int) -> None:
    await passwords.hash("x" * MIN_CHARACTERS)
    await passwords.hash("x" * MAX_CHARACTERS)
    with pytest.raises(ValueError, match="10 to 200"):
        await passwords.hash("x" * length)


async def test_an_unknown_login_costs_as_many_hashes_as_a_known_one() -> None:
    hasher = SlowHasher()
    hasher.go_on.set()
    passwords = Passwords(hasher)
    stored = await passwords.hash("correct horse battery")
    assert not await passwords.verify(None, "correct horse battery")
    assert not await passwords.verify(stored, "wrong horse battery")
    assert len(hasher.verified) == 2
    unknown, known = hasher.verified
    assert extract_parameters(unknown) == extract_parameters(known), "so it costs the same"
    assert len(unknown) == len(known)
    passwords.close()


async def test_weaker_parameters_of_an_older_hash_are_noticed(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse battery")
    assert not passwords.outdated(stored)
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    assert stronger.outdated(stored)
    stronger.close()


async def test_one_sign_in_more_than_may_wait_is_asked_to_try_again() -> None:
    hasher = SlowHasher()
    passwords = Passwords(hasher)
    stored = hasher.hash("correct horse battery")
    waiting = [
        asyncio.create_task(passwords.verify(stored, "correct horse battery"))
        for _ in range(THREADS + MAX_WAITING)
    ]
    await asyncio.sleep(0)  # each has handed its work to the threads
    with pytest.raises(Refused) as caught:
        await passwords.verify(stored, "correct horse battery")
    assert caught.value.code is ErrorCode.retry
    hasher.go_on.set()
    assert all(await asyncio.gather(*waiting))
    assert await passwords.verify(stored, "correct horse battery")
    passwords.close()
