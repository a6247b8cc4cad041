"""A client that stops reading (scenario 23) is dropped, its neighbours go on, and later it gets all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from tests.faults.client import Connection, Gone
from tests.faults.harness import Node, Town
from tests.rounds import rounds

PONG_EVERY_S = 0.2
WORDS = "长" * 3_900
"""Nearly 12 kB, so that what may wait is used up after a hundred."""
AT_ONCE = 20
_ESTABLISHED = "01"


def serves(node: Node, port: int) -> bool:
    """Whether a node still has its end of the connection from a port.

    The kernel of who reads nothing would not tell: the end waits behind all that he has not read.
    """
    ends = (line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    ours = f":{node.port:04X}", f":{port:04X}", _ESTABLISHED
    return any(
        local.endswith(ours[0]) and remote.endswith(ours[1]) and state == ours[2]
        for local, remote, state in ends
    )


@pytest.mark.parametrize("answers_pings", [True, False], ids=["with PONG", "without PONG"])
async def test_who_reads_nothing_is_dropped_and_reads_everything_when_he_is_back(
    desk: Town, answers_pings: bool
) -> None:
    node = await desk.node()
    agents = [desk.agent("c0", node.url), desk.agent("c1", node.url)]
    for agent in agents:
        await agent.online()
    slow, neighbour = desk.buyer("slow", node.url), desk.buyer("neighbour", node.url)
    conversation_id, agent = await desk.pair(slow, agents)
    other, _ = await desk.pair(neighbour, agents)
    for number in range(rounds(reduced=1, full=10)):
        before = slow.connections
        line = slow.doze()
        port = line.ws.get_extra_info("sockname")[1]

        async def pong(line: Connection = line) -> None:
            with contextlib.suppress(Gone, ConnectionError):
                while True:
                    await line.ws.send_str("3")
                    await asyncio.sleep(PONG_EVERY_S)

        ponging = asyncio.create_task(pong()) if answers_pings else None
        sent = 0
        while serves(node, port):
            assert sent < 20 * AT_ONCE, "far more than may wait was sent, and he is still connected"
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(agent.send(conversation_id, f"{number} {sent} {WORDS}"))
                    sent += 1
            asking = time.monotonic()
            asked = await neighbour.send(other, f"{number} {sent}")
            assert time.monotonic() - asking < 1.0
            await desk.conversations[other][1].shows(other, asked.acks[0][1], 1.0)
        if ponging is not None:
            ponging.cancel()
            await asyncio.gather(ponging, return_exceptions=True)
        assert slow.views[conversation_id].last_seq < agent.views[conversation_id].last_seq
        line.awake.set()
        await slow.online(after=before)
        await desk.settled()
        await desk.check()
