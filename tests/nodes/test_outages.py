"""Redis gone, emptied, deaf or paused while a buyer on one node talks with an agent on the other."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import time
from pathlib import Path
from statistics import quantiles

import pytest
import redis.asyncio

from server.auth import staff
from server.cluster import FANOUT_CHANNEL
from server.identifiers import epoch_ms, new_client_id
from tests.faults.client import Agent, Buyer, Chatter, CommandRefused
from tests.faults.harness import SHOP, Town
from tests.rounds import rounds, within
from tests.services.redis_server import RedisServer

CATCH_UP_S = within(3.0)
"""How late what was said during an outage may be on the other node (scenario 4)."""
SUBSCRIBED_S = 5.0
RIGHTS_END_S = within(5.0)
"""How soon rights that were taken are gone on open sockets (scenario 33)."""
BLOCKED_S = within(2.0)
"""No request waits longer while Redis is paused (scenario 6)."""


async def people(desk: Town) -> tuple[str, Buyer, Agent]:
    """A buyer on the first node who is served from the second."""
    here, there = desk.nodes
    agent = desk.agent("c0", there.url)
    await agent.online()
    buyer = desk.buyer("buyer", here.url)
    conversation_id, _ = await desk.pair(buyer, [agent])
    return conversation_id, buyer, agent


class Chatting:
    """Both sides write all the time, a few lines a second, until told to stop."""

    def __init__(self, desk: Town, conversation_id: str) -> None:
        self._desk = desk
        self._conversation = conversation_id
        self._over = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._write(person, seed))
            for seed, person in enumerate(desk.conversations[conversation_id])
        ]

    async def _write(self, person: Chatter, seed: int) -> None:
        chance = random.Random(seed)
        number = 0
        while not self._over.is_set():
            await person.send(self._conversation, f"{person.name} {(number := number + 1)}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), chance.uniform(0.3, 0.5))

    async def stop(self) -> None:
        """Ends when everything is acknowledged."""
        self._over.set()
        await asyncio.gather(*self._tasks)


def delays(desk: Town, conversation_id: str) -> list[float]:
    """How long after its acknowledgement each line was on the other side's screen."""
    buyer, agent = desk.conversations[conversation_id]
    return [
        to.views[conversation_id].shown_at[message_id] - at
        for of, to in ((buyer, agent), (agent, buyer))
        for message_id, at in of.acked_at.items()
    ]


async def subscribed(redis_url: str, nodes: int, within_s: float) -> None:
    """Waits until so many nodes hear the fan-out."""
    async with asyncio.timeout(within_s), redis.asyncio.Redis.from_url(redis_url) as client:
        while True:
            if dict(await client.pubsub_numsub(FANOUT_CHANNEL)) == {FANOUT_CHANNEL.encode(): nodes}:
                return
            await asyncio.sleep(0.02)


async def test_a_buyer_on_one_node_and_an_agent_on_the_other_talk(desk: Town) -> None:
    conversation_id, buyer, agent = await people(desk)
    for number in range(5):
        await buyer.send(conversation_id, f"question {number}")
        await agent.send(conversation_id, f"answer {number}")
    await buyer.mark(conversation_id)
    await agent.hears("chat.marked", lambda told: told["marks"]["buyer_read"] >= 10)
    await desk.settled()
    await desk.check()
    # Told by Redis and not found by looking: far sooner than the next look.
    assert sorted(delays(desk, conversation_id))[len(delays(desk, conversation_id)) // 2] < 1.0


async def test_redis_killed_for_two_seconds_under_load_loses_nothing(
    desk: Town, redis_server: RedisServer
) -> None:
    conversation_id, *_ = await people(desk)
    chatting = Chatting(desk, conversation_id)
    for _ in range(rounds(reduced=1, full=10)):
        redis_server.kill()
        await asyncio.sleep(2.0)  # the outage itself
        redis_server.start()
        await subscribed(redis_server.url, 2, SUBSCRIBED_S)
        rows, _ = await desk.stored()
        begun = time.monotonic()
        for person in desk.conversations[conversation_id]:
            await person.shows(conversation_id, rows[-1].seq)
        assert time.monotonic() - begun <= CATCH_UP_S
    await chatting.stop()
    await desk.settled()
    await desk.check()
    assert quantiles(delays(desk, conversation_id), n=20)[-1] <= CATCH_UP_S
    assert not any(node.gone.is_set() for node in desk.nodes)


async def test_chat_between_nodes_goes_on_while_redis_never_comes_back(
    desk: Town, redis_server: RedisServer
) -> None:
    conversation_id, buyer, agent = await people(desk)
    redis_server.kill()
    for number in range(rounds(reduced=3, full=20)):
        for of, to in ((buyer, agent), (agent, buyer)):
            sent = await of.send(conversation_id, f"{of.name} {number}")
            await to.shows(conversation_id, sent.acks[0][1])
    await buyer.mark(conversation_id)
    await agent.hears(
        "chat.marked", lambda told: told["marks"]["buyer_read"] == buyer.views[conversation_id].last_seq
    )
    # A new conversation finds its agent, who is told on the other node.
    second = desk.buyer("second", desk.nodes[0].url)
    other, _ = await desk.pair(second, [agent])
    await second.send(other, "here I am")
    await desk.settled()
    await second.ask("conversation.close", conversation_id=other, client_id=new_client_id())
    await agent.until(lambda: agent.views[other].entries[-1]["kind"] == "closed")
    await desk.check()
    assert quantiles(delays(desk, conversation_id), n=20)[-1] <= CATCH_UP_S
    await places_and_states_are_told(desk, agent)


async def places_and_states_are_told(desk: Town, agent: Agent) -> None:
    """Who waits hears of his place, and agents of their colleagues, whichever node decides."""
    colleague = desk.agent("c1", desk.nodes[0].url)
    colleague.state = "break"
    await colleague.online()
    await agent.ask("presence.set", state="break", reason="lunch")
    await colleague.hears(
        "presence.changed",
        lambda seat: (seat["person_id"], seat["state"]) == (agent.person_id, "break"),
        within_s=CATCH_UP_S,
    )
    first, *others = (desk.buyer(f"waiting-{number}", desk.nodes[number % 2].url) for number in range(3))
    served = await first.open()
    for each in others:
        await each.open()
    heard = [len(each.heard) for each in others]
    await first.ask("conversation.close", conversation_id=served, client_id=new_client_id())
    for each, since, place in zip(others, heard, (1, 2), strict=True):
        await stands(each, place, since)


async def stands(buyer: Buyer, place: int, since: int) -> None:
    """Waits until the buyer hears, after so many events, that this is his place in line."""
    await buyer.hears("queue.moved", lambda told: told["position"] == place, since=since, within_s=CATCH_UP_S)


async def test_an_emptied_redis_and_killed_subscriptions_are_heard_again(
    desk: Town, redis_server: RedisServer
) -> None:
    conversation_id, *_ = await people(desk)
    await subscribed(redis_server.url, 2, SUBSCRIBED_S)
    chatting = Chatting(desk, conversation_id)
    files = [open_files(node.pid) for node in desk.nodes]
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        for _ in range(rounds(reduced=3, full=100)):
            await client.flushall()
            killed = 0
            while killed < 2:
                # A client that subscribed again by itself may leave that for a subscription of a new one.
                killed += await client.client_kill_filter(_type="pubsub")
                await subscribed(redis_server.url, 2, SUBSCRIBED_S)
    await chatting.stop()
    await desk.settled()
    await desk.check()
    assert quantiles(delays(desk, conversation_id), n=20)[-1] <= CATCH_UP_S
    for before, node in zip(files, desk.nodes, strict=True):
        assert abs(open_files(node.pid) - before) <= 5


def open_files(pid: int) -> int:
    return len(os.listdir(Path("/proc") / str(pid) / "fd"))


async def test_no_request_waits_for_a_redis_that_is_paused(desk: Town, redis_server: RedisServer) -> None:
    conversation_id, buyer, agent = await people(desk)
    longest = 0.0
    redis_server.pause()
    try:
        seconds = rounds(reduced=3, full=20)
        ends = time.monotonic() + seconds
        for number in itertools.takewhile(lambda _: time.monotonic() < ends, itertools.count()):
            for person in (buyer, agent):
                begun = time.monotonic()
                await person.send(conversation_id, f"{person.name} at {begun}")
                await person.read_on(conversation_id)
                longest = max(longest, time.monotonic() - begun)
            begun = time.monotonic()
            other = desk.buyer(f"buyer-{number}", desk.nodes[0].url)
            await other.online()
            longest = max(longest, time.monotonic() - begun)
            await other.close()
    finally:
        redis_server.resume()
    assert longest <= BLOCKED_S
    await desk.settled()
    await desk.check()
    assert quantiles(delays(desk, conversation_id), n=20)[-1] <= CATCH_UP_S


@pytest.mark.parametrize("what", ["disabled", "role", "buyer"])
async def test_rights_end_on_every_node_also_without_redis(
    desk: Town, redis_server: RedisServer, what: str
) -> None:
    person_id, now = desk.house.people["c1"], epoch_ms()
    async with desk.unit() as unit:
        await staff.set_role(unit, person_id, SHOP, "supervisor", now)
    concerned: list[Chatter] = []
    for number, node in enumerate(desk.nodes):
        person: Chatter = desk.buyer("buyer", node.url)
        if what != "buyer":
            person = desk.agent("c1", node.url, name=f"c1 {number}")
        await person.online()
        concerned.append(person)
    redis_server.kill()
    begun = time.monotonic()
    async with desk.unit() as unit:
        if what == "disabled":
            await staff.disable(unit, person_id, now)
        elif what == "role":
            await staff.set_role(unit, person_id, SHOP, "agent", now)
        else:
            buyer = await unit.buyers.verified("", SHOP, "buyer", name=None, tier=None, now=now)
            await staff.revoke_buyer(unit, buyer.id, now)
    for person in concerned:
        if what != "role":
            await person.hears("session.ended", lambda said: said["code"] == "session_revoked")
            continue
        with pytest.raises(CommandRefused, match="forbidden"):
            while time.monotonic() - begun < RIGHTS_END_S:
                await person.once("wall.load", shop_id=SHOP)
    assert time.monotonic() - begun <= RIGHTS_END_S
