"""SIGKILL under load (scenario 1): nothing acknowledged is lost or doubled, and everybody sees the same."""

from __future__ import annotations

import asyncio
import random
from typing import get_args

import pytest

from tests.faults.client import Agent
from tests.faults.harness import READY_S, Town
from tests.faults.node import Moment
from tests.rounds import rounds

CONVERSATIONS = 4
LINES = 4
"""Each side of a conversation writes so many in a round."""


async def talk(desk: Town, number: int) -> None:
    """Both sides of every conversation write at the same time; ends when everything is acknowledged."""

    async def write(conversation_id: str, side: int) -> None:
        person = desk.conversations[conversation_id][side]
        for line in range(LINES):
            await person.send(conversation_id, f"{person.name} {number}.{line}")
        await person.mark(conversation_id)

    async with asyncio.TaskGroup() as group:
        for conversation_id in desk.conversations:
            for side in (0, 1):
                group.create_task(write(conversation_id, side))


@pytest.mark.parametrize("moment", [*get_args(Moment), "any"])
async def test_a_server_killed_under_load_loses_and_doubles_nothing(desk: Town, moment: str) -> None:
    chance = random.Random(f"kill {moment}")
    node = await desk.node()
    agents: list[Agent] = [desk.agent(login, node.url) for login in ("c0", "c1")]
    for agent in agents:
        await agent.online()
    for number in range(CONVERSATIONS):
        await desk.pair(desk.buyer(f"buyer-{number}", node.url), agents)
    by_fuse = 0
    # The full run kills each database 200 times, 50 at each moment.
    for number in range(rounds(reduced=2, full=50)):
        # Everybody is there when it dies: a kill before the last one is back would try nothing.
        for person in desk.people:
            await person.online(after=number)
        talking = asyncio.create_task(talk(desk, number))
        if moment == "any":
            await asyncio.sleep(chance.uniform(0.0, 0.2))  # the random moment itself, waiting for nothing
            await node.kill()
        else:
            node.fuse.light(moment, chance.randint(1, 3))  # type: ignore[arg-type]
            await node.dies()
            by_fuse += 1
        assert await node.start() <= READY_S
        async with asyncio.timeout(60):
            await talking
        await desk.settled()
        await desk.check()
    rows, _ = await desk.stored()
    assert sum(row.client_id is not None for row in rows) == (number + 1) * CONVERSATIONS * LINES * 2
    assert all(person.connections > number for person in desk.people)
