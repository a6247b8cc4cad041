"""A server killed while a conversation is opened, accepted, handed on or closed (scenarios 1 and 17).

Whatever step it dies at, each step is taken once, and every conversation comes to the same legal end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from server.identifiers import new_client_id
from server.storage.schema import assignments, conversations, desk_log, offers, public_log, seats, tickets
from tests.faults.client import Agent, Buyer
from tests.faults.harness import READY_S, Town
from tests.faults.node import MOMENTS, STEPS
from tests.rounds import rounds

LEASE_MS = 1_000
"""The deciding node's, so that on PostgreSQL the next run need not wait for 5 s."""


async def whole(desk: Town, buyer: Buyer, agents: list[Agent], by_agent: bool) -> None:
    """From the tap to the close, with a transfer while messages are in flight."""
    conversation_id, first = await desk.pair(buyer, agents)
    await buyer.send(conversation_id, "a question")
    await first.send(conversation_id, "a colleague knows")
    other = agents[1 - agents.index(first)]
    fence = first.fences[conversation_id]
    await asyncio.gather(
        buyer.send(conversation_id, "hello?"),
        first.ask(
            "conversation.transfer",
            conversation_id=conversation_id,
            client_id=new_client_id(),
            fence=fence,
            person_id=other.person_id,
            note="please",
        ),
    )
    await other.owns(conversation_id)
    desk.conversations[conversation_id] = (buyer, other)
    await other.send(conversation_id, "an answer")
    closing: dict[str, Any] = {"conversation_id": conversation_id, "client_id": new_client_id()}
    if by_agent:
        await other.ask("conversation.close", fence=other.fences[conversation_id], **closing)
    else:
        await buyer.ask("conversation.close", **closing)


async def hasty(buyer: Buyer) -> None:
    """Closed again while it is offered or accepted."""
    conversation_id = await buyer.open()
    await buyer.send(conversation_id, "never mind")
    await buyer.ask("conversation.close", conversation_id=conversation_id, client_id=new_client_id())


@pytest.mark.parametrize("command", STEPS)
async def test_a_server_killed_at_a_step_takes_it_once_and_ends_legally(desk: Town, command: str) -> None:
    node = await desk.node(constants={"server.storage.line.leases.DECIDING_LEASE_MS": LEASE_MS})
    agents = [desk.agent(login, node.url) for login in ("c0", "c1")]
    # Offered, so that they are accepted.
    served, restless = (desk.buyer(name, node.url, tier="svip") for name in ("served", "restless"))
    count = rounds(reduced=3, full=24)
    for number in range(count):
        for person in desk.people:
            await person.online(after=number)
        desk.conversations.clear()
        node.fuse.light(MOMENTS[number % len(MOMENTS)], 1, command)
        living = asyncio.gather(whole(desk, served, agents, number % 2 == 0), hasty(restless))
        await node.dies()
        assert await node.start() <= READY_S
        async with asyncio.timeout(60):
            await living
        await desk.settled()
        await desk.check()
        await ended(desk, number + 1)


async def ended(desk: Town, times: int) -> None:
    """So many whole and so many hasty conversations: each step stands in the books once, nothing is held."""

    async def count(query: Any) -> int:
        return int(await unit.connection.scalar(query) or 0)

    async with desk.unit() as unit:
        rows = await unit.connection.execute(select(conversations.c.state, conversations.c.owner_id))
        assert [tuple(row) for row in rows] == [("closed", None)] * (2 * times)
        closed = select(func.count()).select_from(public_log).where(public_log.c.kind == "closed")
        assert await count(closed) == 2 * times
        handed = select(func.count()).select_from(desk_log).where(desk_log.c.kind == "handover")
        assert await count(handed) == times
        for held in (tickets.c.state != "done", offers.c.state == "open", assignments.c.until.is_(None)):
            assert await count(select(func.count()).where(held)) == 0
        assert await count(select(func.sum(seats.c.units_used))) == 0
