"""Stopping: everybody is told, commands at work are answered, and it ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from signaling.ports import Actor
from signaling.server import RETRY_AFTER_MS
from tests.signaling.fakes import UNHURRIED, agent, buyer
from tests.signaling.floor import floor
from tests.signaling.test_slow_consumer import Deaf, fill


async def test_everybody_is_told_when_to_come_back_and_not_all_at_once() -> None:
    chances: Iterator[float] = iter([0.0, 0.5, 1.0])
    async with floor(chance=lambda: next(chances)) as built:
        sockets = [await built.join(buyer()), await built.join(buyer("b2")), await built.join(agent())]
        nobody = await built.open()
        await built.signaling.stop()
        waits = [(await socket.event("server.stopped"))["retry_after_ms"] for socket in sockets]
        low, high = RETRY_AFTER_MS
        assert waits == [low, (low + high) // 2, high]
        for socket in (*sockets, nobody):
            # No DISCONNECT packet: the client comes back by itself.
            assert await socket.packet() is None
            assert socket.close_code == aiohttp.WSCloseCode.SERVICE_RESTART
        assert built.meter.closings == {("/buyer", "stopped"): 2, ("/agent", "stopped"): 1}


async def test_a_command_at_work_is_answered_and_a_new_one_is_told_to_retry() -> None:
    async with floor() as built:
        started, release = asyncio.Event(), asyncio.Event()

        async def hold(name: str, actor: Actor, request: Any) -> None:
            started.set()
            await release.wait()

        built.desk.before = hold
        working, late = await built.join(buyer()), await built.join(buyer("b2"))
        number = await working.ask("/buyer", "conversation.list", {})
        await started.wait()
        stopping = asyncio.create_task(built.signaling.stop())
        await late.event("server.stopped")
        refused = await late.call("/buyer", "conversation.list", {})
        assert refused["error"]["code"] == "retry"
        with pytest.raises(aiohttp.WSServerHandshakeError) as closed:
            await built.open()
        assert closed.value.status == 503
        assert not stopping.done()
        release.set()
        assert (await working.answer("/buyer", number))["ok"]
        await stopping


async def test_a_command_that_never_ends_and_a_reader_who_never_reads_do_not_hold_the_stop() -> None:
    async with floor(replace(UNHURRIED, stop_seconds=0.05, close_seconds=0.05)) as built:
        started = asyncio.Event()

        async def hang(name: str, actor: Actor, request: Any) -> None:
            started.set()
            await asyncio.Event().wait()

        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))):
            fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 1)
            built.desk.before = hang
            hanging = await built.join(buyer("b2"))
            await hanging.ask("/buyer", "conversation.list", {})
            await started.wait()
            async with asyncio.timeout(5):
                await built.signaling.stop()


async def test_stopping_twice_and_without_anybody_is_harmless() -> None:
    async with floor() as built:
        await built.signaling.stop()
        await built.signaling.stop()


def test_a_stop_takes_less_than_ten_seconds() -> None:
    assert UNHURRIED.stop_seconds + 2 * UNHURRIED.close_seconds < 10
