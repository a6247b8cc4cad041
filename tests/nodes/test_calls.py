"""A call of two nodes: carried by the one where it was invited, joined through either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from media.call import RECONNECT_MS
from server.bootstrap import Livedesk
from server.identifiers import epoch_ms
from server.storage.database import Database, Reader
from tests.calls.carried import (
    AGENTS,
    BUYERS,
    Side,
    answered,
    connected,
    decoded,
    open_conversation,
    recorded_in,
    rung,
)
from tests.calls.test_killed_server import on_the_case
from tests.cli.test_serve import free_port, process, ready
from tests.desk.house import House, Refusal, furnish
from tests.rounds import within
from tests.services.redis_server import RedisServer

BACK_S = within(RECONNECT_MS / 1000)
"""So long everybody is waited for whose media was lost."""


@dataclass
class Nodes:
    """Two nodes that serve one shop, and somebody at each of them."""

    house: House
    database: str
    data: list[Path]
    urls: list[str]
    servers: list[asyncio.subprocess.Process]
    buyer: Side
    agent: Side
    conversation_id: str = ""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """The database that both stand on."""
        database = await Database.open(self.database, clock=epoch_ms)
        try:
            async with database.read() as unit:
                yield unit
        finally:
            await database.close()

    async def agent_at(self, number: int) -> Any:
        """The agent's socket on a node."""
        self.house.url = self.urls[number]
        return await self.house.agent("a1")

    async def buyer_at(self, number: int) -> Any:
        """The buyer's socket on a node."""
        self.house.url = self.urls[number]
        return await self.house.buyer()


@pytest.fixture
async def nodes(postgres_database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Nodes]:
    """The buyer is on the first node and the agent on the other."""
    database = await Database.open(postgres_database, clock=epoch_ms)
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        house = House(cast("Livedesk", SimpleNamespace()), "", http)
        await furnish(house, database)
        await database.close()
        shared = {"LIVEDESK_DATABASE_URL": postgres_database, "LIVEDESK_REDIS_URL": redis_url}
        data, urls, servers = [], [], []
        for number in range(2):
            folder = tmp_path / f"node-{number}"
            folder.mkdir()
            port = free_port()
            # What is kept must be found by both.
            (folder / "files").symlink_to(tmp_path / "files")
            server = await stack.enter_async_context(process(folder, port, "tests.calls.serving", **shared))
            data.append(folder)
            urls.append(f"http://127.0.0.1:{port}")
            servers.append(server)
        (tmp_path / "files").mkdir()
        for server in servers:
            await ready(server)
        built = Nodes(house, postgres_database, data, urls, servers, cast("Side", None), cast("Side", None))
        built.agent = Side(await built.agent_at(1), AGENTS)
        built.buyer = Side(await built.buyer_at(0), BUYERS)
        built.conversation_id = await open_conversation(built.buyer.person, built.agent.person)
        try:
            yield built
        finally:
            await house.leave()
            for side in (built.buyer, built.agent):
                await side.caller.close()


async def test_buyer_and_agent_on_two_nodes_see_and_hear_each_other_and_are_recorded(nodes: Nodes) -> None:
    buyer, agent = nodes.buyer, nodes.agent
    await answered(buyer, agent, nodes.conversation_id)
    await recorded_in(nodes.data[0] / "recordings", buyer, agent)
    assert not (nodes.data[1] / "recordings").exists(), "one node carries the call, the other does not"
    await buyer.talks_with(agent, 2.0)
    for side in (buyer, agent):
        sent = {"kbps": 900, "loss": 0.0, "jitter_ms": 4}
        await side.person.ask(
            "call.report",
            call_id=side.call_id,
            leg_id=side.joined["leg_id"],
            sent=sent,
            received=sent,
            step="full",
        )
    async with nodes.read() as unit:
        kept = await unit.calls.quality(agent.call_id)
    assert [bool(body["server"]["video"]) for *_, body in kept] == [True, True], "measured by its carrier"
    over = await agent.hangs_up()
    assert (over["state"], over["ended_by"]) == ("ended", "agent")
    nodes.house.url = nodes.urls[1]
    recording = await on_the_case(nodes.house, nodes.data[1], agent.call_id)
    for side in (buyer, agent):
        media = f"{recording['recording_id']}/{side.joined['participant_id']}.webm"
        (file,) = (nodes.data[0] / "files").glob(f"*/recordings/{media}")
        pictures, sounds = decoded(file)
        assert pictures > 0 and sounds > 0


async def test_a_killed_node_costs_its_calls_nothing_but_the_way_to_the_other_node(nodes: Nodes) -> None:
    buyer, agent = nodes.buyer, nodes.agent
    await answered(buyer, agent, nodes.conversation_id)
    await connected(buyer, agent)
    await buyer.hears(agent)
    began = time.monotonic()
    nodes.servers[0].kill()
    await nodes.servers[0].wait()
    buyer.person = await nodes.buyer_at(1)
    await asyncio.gather(buyer.rejoins(), agent.rejoins())
    await buyer.hears(agent)
    await agent.hears(buyer)
    assert time.monotonic() - began < BACK_S
    assert (await buyer.hangs_up())["reason"] == "hung_up"


async def test_a_node_that_is_stopped_in_order_gives_its_calls_up_at_once(nodes: Nodes) -> None:
    buyer, agent = nodes.buyer, nodes.agent
    await answered(buyer, agent, nodes.conversation_id)
    await connected(buyer, agent)
    nodes.servers[0].terminate()
    await agent.person.hears("call.reconnecting", lambda said: said["code"] == "media_lost")
    buyer.person = await nodes.buyer_at(1)
    await asyncio.gather(buyer.rejoins(), agent.rejoins())
    await buyer.hears(agent)
    await agent.hears(buyer)


async def test_a_call_rings_and_ends_on_the_other_node_without_redis_and_is_carried_when_it_is_back(
    nodes: Nodes, redis_server: RedisServer
) -> None:
    buyer, agent = nodes.buyer, nodes.agent
    redis_server.kill()
    await rung(buyer, agent, nodes.conversation_id)
    await agent.person.ask("call.answer", call_id=agent.call_id)
    await buyer.person.hears("call.changed", lambda said: said["call"]["state"] == "answered")
    with pytest.raises(Refusal) as refused:
        await agent.opens()
    assert refused.value.code == "retry"
    redis_server.start()
    await asyncio.gather(buyer.comes(), agent.comes())
    await buyer.hears(agent)
    await agent.hears(buyer)
    redis_server.kill()
    await buyer.hangs_up()
    await agent.person.hears("call.ended")
    redis_server.start()
