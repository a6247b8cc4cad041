"""Scenarios 34 and 35: floods and nonsense at a live call, and callers that stop at every stage."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import threading
import time

from benchmarks.caller import Caller
from tests.media.calls import Call, call
from tests.rounds import rounds, within

FLOOD_EACH = 100
"""Datagrams a burst; a hundred bursts a second are the scenario's ten thousand."""


async def speaks(made: Call, buyer: Caller, number: int) -> None:
    heard = made.heard["agent"]
    text = b"still here %d" % number
    buyer.send("audio", text, timestamp=number * 960)
    await heard.until(lambda: any(packet.payload == text for packet in heard.rtp))


async def test_a_flood_of_every_kind_leaves_a_call_alive() -> None:
    chance = random.Random(7)
    seconds = rounds(reduced=2, full=30)
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        kinds = [
            b"\x80\x60",
            b"\x80\xc9",
            b"\x90\x6f",
            b"\x00\x01\x00\x00\x21\x12\xa4\x42",
            b"\x16\xfe\xfd",
            b"\xff",
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            for number in range(100 * seconds):
                began = time.monotonic()
                for index in range(FLOOD_EACH):
                    data = kinds[index % len(kinds)] + chance.randbytes(chance.choice((8, 100, 1_400, 1_700)))
                    stranger.sendto(data, buyer.server)
                    if index % 10 == 0:
                        buyer.send_raw(data)  # and from the participant's own address, as a spoofer would
                await speaks(made, buyer, number)
                await asyncio.sleep(max(0.0, 0.01 - (time.monotonic() - began)))
        assert not any(event["event"] in ("closed", "silent") for event in made.events)


def counted() -> tuple[int, int, int]:
    """Open descriptors, threads and tasks."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count(), len(asyncio.all_tasks())


async def whole(made: Call, number: int) -> None:
    for name in ("buyer", "agent"):
        await made.join(name)
    await speaks(made, made._callers[-2], number)
    for name in ("buyer", "agent"):
        await made.room.leave(name)


async def aborted(made: Call, stage: int) -> None:
    """Somebody who joins and stops: after the offer, gone at the answer, during ICE or during DTLS."""
    caller = Caller()
    made._callers.append(caller)
    offer = await made.room.join("buyer", "speaker")
    if stage >= 1:
        text = await caller.answer(offer)
        if stage == 1:
            await caller.close()
        made.room.answer("buyer", text)
    if stage >= 3:
        await asyncio.sleep(0.005 * (stage - 2))
    await made.room.leave("buyer")
    await caller.close()


async def test_callers_that_come_and_go_at_every_stage_leave_nothing_behind() -> None:
    async def churn(calls: int) -> None:
        for number in range(calls):
            async with call() as made:
                await aborted(made, number % 6)
            async with call() as made:
                await whole(made, number)

    await churn(2)
    base = counted()
    await churn(rounds(reduced=6, full=200))
    async with asyncio.timeout(60):
        # Nothing tells when a cancelled task is gone.
        while any(now > before for now, before in zip(counted(), base, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_somebody_whose_network_changed_is_heard_again_within_three_seconds() -> None:
    times = rounds(reduced=3, full=20)
    took = []
    async with call() as made:
        await made.join("agent")
        await made.join("buyer")
        for number in range(times):
            began = time.monotonic()
            again = await made.join("buyer")  # a new socket, and so another address
            await speaks(made, again, number)
            took.append(time.monotonic() - began)
    assert sorted(took)[int(0.95 * (times - 1))] <= within(3.0)
