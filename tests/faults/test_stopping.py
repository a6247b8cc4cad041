"""SIGTERM under load (scenario 3): everybody is told, it ends in time, nothing is left unknown."""

from __future__ import annotations

import asyncio

from tests.faults.client import Agent
from tests.faults.harness import READY_S, Town
from tests.faults.test_kills import CONVERSATIONS, LINES, talk
from tests.rounds import rounds, within

STOPPED_S = within(10.0)


async def test_a_server_stopped_under_load_tells_everybody_and_leaves_nothing_unknown(desk: Town) -> None:
    node = await desk.node()
    agents: list[Agent] = [desk.agent(login, node.url) for login in ("c0", "c1")]
    for agent in agents:
        await agent.online()
    for number in range(CONVERSATIONS):
        await desk.pair(desk.buyer(f"buyer-{number}", node.url), agents)
    for number in range(rounds(reduced=2, full=25)):
        heard = []
        for person in desk.people:
            await person.online(after=number)
            heard.append(len(person.heard))
        talking = asyncio.create_task(talk(desk, number))
        assert await node.stop() <= STOPPED_S
        for person, since in zip(desk.people, heard, strict=True):
            await person.hears("server.stopped", lambda told: told["retry_after_ms"] > 0, since=since)
        assert await node.start() <= READY_S
        await talking
        await desk.settled()
        await desk.check()
    rows, _ = await desk.stored()
    assert sum(row.client_id is not None for row in rows) == (number + 1) * CONVERSATIONS * LINES * 2
