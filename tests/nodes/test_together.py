"""What two nodes do at the same instant, and what one leaves undone when it dies."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from sqlalchemy import func, select

from server.identifiers import new_client_id
from server.storage.schema import conversations
from tests.faults.client import Buyer
from tests.faults.harness import Town
from tests.faults.node import Moment
from tests.rounds import rounds, within

CATCH_UP_S = within(3.0)
STOPPED_S = within(10.0)
OPENING_AT_ONCE = 10


async def test_a_first_opening_on_both_nodes_at_once_makes_one_conversation(desk: Town) -> None:
    async def open_twice(number: int) -> None:
        tabs = [desk.buyer(f"buyer-{number}", node.url) for node in desk.nodes]
        for tab in tabs:
            await tab.online()
        opened = await asyncio.gather(*(tab.open() for tab in tabs for _ in range(2)))
        assert len(set(opened)) == 1
        await asyncio.gather(*(tab.close() for tab in tabs))

    count = rounds(reduced=20, full=100)
    for start in range(0, count, OPENING_AT_ONCE):
        numbers = range(start, min(count, start + OPENING_AT_ONCE))
        await asyncio.gather(*(open_twice(number) for number in numbers))
    async with desk.unit() as unit:
        assert await unit.connection.scalar(select(func.count()).select_from(conversations)) == count


async def test_one_client_id_on_both_nodes_at_once_is_one_message(desk: Town) -> None:
    agent = desk.agent("c0", desk.nodes[1].url)
    await agent.online()
    tabs = [desk.buyer("buyer", node.url) for node in desk.nodes]
    conversation_id, _ = await desk.pair(tabs[0], [agent])
    assert await tabs[1].open() == conversation_id
    for number in range(rounds(reduced=4, full=100)):
        client_id = new_client_id()
        sent = await asyncio.gather(
            *(tab.send(conversation_id, f"line {number}", client_id=client_id) for tab in tabs for _ in "ab")
        )
        assert len({ack for each in sent for ack in each.acks}) == 1
    await desk.settled()
    await tabs[1].shows(conversation_id, tabs[0].views[conversation_id].last_seq)
    await desk.check()


@pytest.mark.parametrize("moment", get_args(Moment))
async def test_what_a_dying_node_did_not_tell_is_told_by_the_other(desk: Town, moment: Moment) -> None:
    here, there = desk.nodes
    agent = desk.agent("c0", there.url)
    await agent.online()
    buyer = desk.buyer("buyer", here.url)
    conversation_id, _ = await desk.pair(buyer, [agent])
    for number in range(rounds(reduced=1, full=20)):
        here.fuse.light(moment, 1)
        sending = asyncio.create_task(buyer.send(conversation_id, f"line {number}"))
        await here.dies()
        buyer.url = there.url
        await sending
        await agent.shows(conversation_id, sending.result().acks[0][1], CATCH_UP_S)
        await here.start()
        await buyer.move(here.url)
        await buyer.online(after=2 * number + 2)
    await desk.settled()
    await desk.check()


async def test_a_buyer_who_moves_between_nodes_keeps_one_conversation(desk: Town) -> None:
    here, there = desk.nodes
    agent = desk.agent("c0", here.url)
    await agent.online()
    buyer = desk.buyer("buyer", here.url)
    conversation_id, _ = await desk.pair(buyer, [agent])
    for number, node in enumerate((there, here, there)):
        await buyer.move(node.url)
        await buyer.online(after=number + 1)
        assert await buyer.open() == conversation_id
        await buyer.send(conversation_id, f"from node {node.port}")
        await agent.send(conversation_id, f"to node {node.port}")
    await desk.settled()
    await desk.check()


async def test_one_node_stopped_in_order_leaves_the_other_serving(desk: Town) -> None:
    here, there = desk.nodes
    agents = [desk.agent("c0", here.url), desk.agent("c1", there.url)]
    for agent in agents:
        await agent.online()
    buyers: list[Buyer] = [desk.buyer(f"buyer-{number}", node.url) for number, node in enumerate(desk.nodes)]
    for buyer in buyers:
        await desk.pair(buyer, agents)
    stopping = asyncio.create_task(here.stop())
    for person in desk.people:
        person.url = there.url
    for conversation_id, sides in desk.conversations.items():
        for side in sides:
            await side.send(conversation_id, f"{side.name} goes on")
    assert await stopping <= STOPPED_S
    # The decider's lease was given up: a new conversation is served at once by who is left.
    late = desk.buyer("late", there.url)
    await desk.pair(late, agents)
    await desk.settled()
    await desk.check()
