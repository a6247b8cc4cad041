"""A bad network: answers are lost, events are lost or cross, lines are dead and say nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from sqlalchemy import update

from server.storage.schema import groups
from tests.faults import client
from tests.faults.client import Agent, Buyer, CommandRefused
from tests.faults.harness import OFFERING, SHOP, Town
from tests.faults.proxy import Tamper, proxied
from tests.rounds import rounds, within

LINES_AT_ONCE = 3
GAP_OPEN_S = within(1.0)
"""How soon what a gap shows to be missing is there (scenario 22)."""


async def people(desk: Town, url: str) -> tuple[str, Buyer, Agent]:
    """A buyer with an agent, both by way of `url`."""
    agent = desk.agent("c0", url)
    await agent.online()
    buyer = desk.buyer("buyer", url)
    conversation_id, _ = await desk.pair(buyer, [agent])
    return conversation_id, buyer, agent


async def test_what_is_sent_again_because_every_answer_is_lost_is_stored_and_shown_once(
    desk: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing = False
    lost = 0

    def forgetful() -> Tamper:
        def tamper(text: str) -> list[str]:
            nonlocal lost
            if losing and text.startswith("43"):
                lost += 1
                return []
            return [text]

        return tamper

    node = await desk.node()
    async with proxied(node.port, forgetful) as network:
        conversation_id, buyer, agent = await people(desk, network.url)
        monkeypatch.setattr(client, "ANSWER_WITHIN_S", 0.3)
        losing = True
        sending = [
            asyncio.create_task(person.send(conversation_id, f"{person.name} {number}"))
            for person in (buyer, agent)
            for number in range(LINES_AT_ONCE)
        ]
        await asyncio.sleep(rounds(reduced=1, full=60))  # so long no answer comes through
        # Nobody was told that his line is stored, and the other side shows it: pushes came through.
        assert not any(task.done() for task in sending)
        assert lost >= 2 * len(sending)
        for person, other in ((buyer, agent), (agent, buyer)):
            for sent in person.journal.sent:
                await other.hears("chat.posted", lambda said: said["entry"].get("text") == sent.text)  # noqa: B023
        losing = False
        await asyncio.gather(*sending)
        await desk.settled()
        await desk.check()
        rows, _ = await desk.stored()
        assert sum(row.client_id is not None for row in rows) == len(sending)
        await asyncio.gather(*(person.close() for person in desk.people))


async def test_events_that_are_lost_or_cross_each_other_are_shown_in_order_and_gaps_read_at_once(
    desk: Town,
) -> None:
    chance = random.Random(22)
    bad = False
    crossed = lost = 0

    def shuffling() -> Tamper:
        held: list[str] = []

        def tamper(text: str) -> list[str]:
            nonlocal crossed, lost
            if not text.startswith("42"):
                return [text]
            dice = chance.random() if bad else 1.0
            if dice < 0.2:
                lost += 1
                return []
            if dice < 0.5:
                held.append(text)
                return []
            late = held[::-1]
            crossed += len(late)
            held.clear()
            return [text, *late]

        return tamper

    node = await desk.node()
    async with proxied(node.port, shuffling) as network:
        conversation_id, buyer, agent = await people(desk, network.url)
        for person in (buyer, agent):
            person.merges = True  # marks cross, too: what is shown is the highest
        bad = True
        for number in range(rounds(reduced=25, full=500)):
            for person in (buyer, agent):
                await person.send(conversation_id, f"{person.name} {number}")
            if number % 5 == 0:
                await buyer.mark(conversation_id)
        bad = False
        # Who has not heard of the last ones hears it with the next.
        await buyer.send(conversation_id, "that is all")
        await agent.send(conversation_id, "thank you")
        await desk.settled()
        await desk.check()
        gaps = [gap for person in (buyer, agent) for gap in person.views[conversation_id].gaps]
        assert lost
        assert crossed
        assert gaps
        assert max(gaps) <= GAP_OPEN_S
        await asyncio.gather(*(person.close() for person in desk.people))


PINGS = {"ping_interval_seconds": 0.5, "ping_timeout_seconds": 0.5}


async def test_a_line_that_is_dead_and_says_nothing_is_left_by_both_ends(desk: Town) -> None:
    node = await desk.node(limits=PINGS)
    async with proxied(node.port) as network:
        conversation_id, buyer, agent = await people(desk, network.url)
        for number in range(rounds(reduced=2, full=50)):
            connections = [person.connections for person in desk.people]
            sending = [
                asyncio.create_task(person.send(conversation_id, f"{person.name} {number}.{line}"))
                for person in (buyer, agent)
                for line in range(LINES_AT_ONCE)
            ]
            # No FIN, no RST: what is open stays open for ever, what is new goes through.
            network.freeze(later=False)
            for person, before in zip(desk.people, connections, strict=True):
                await person.online(after=before)
            await asyncio.gather(*sending)
            await desk.settled()
            await desk.check()
        await asyncio.gather(*(person.close() for person in desk.people))


async def test_what_an_agent_held_whose_network_is_gone_finds_another_in_time(desk: Town) -> None:
    # A tenth of the product's own spans, or these themselves; the sweep's second stays one.
    scale, sweep_s = (1.0, 0.0) if rounds(reduced=0, full=1) else (0.1, 1.5)
    node = await desk.node(
        limits={"ping_interval_seconds": 14 * scale, "ping_timeout_seconds": 10 * scale},
        constants={
            "queues.presence.LEASE_MS": int(30_000 * scale),
            "queues.presence.GRACE_MS": int(10_000 * scale),
            "queues.presence.REQUEUE_AFTER_MS": int(55_000 * scale),
            "server.bootstrap.RENEW_EVERY_MS": int(10_000 * scale),
        },
        settle_ms=int(20_000 * scale),
    )
    async with desk.unit() as unit:
        offered = groups.c.id == desk.house.groups[SHOP, OFFERING]
        await unit.connection.execute(update(groups).where(offered).values(offer_seconds=int(20 * scale)))
    async with proxied(node.port) as network:
        gone = desk.agent("c0", network.url)
        gone.takes = False
        await gone.online()
        buyer = desk.buyer("served", node.url)
        owned, _ = await desk.pair(buyer, [gone])
        # A node that has just begun to decide does not judge who is absent.
        await asyncio.sleep(20 * scale)
        waiting = desk.buyer("waiting", node.url, tier="svip")
        held_out = await waiting.open()
        await gone.hears("conversation.offered")
        other = desk.agent("c1", node.url)
        await other.online()
        network.freeze()
        begun = time.monotonic()

        async def late(what: Coroutine[Any, Any, Any]) -> float:
            await what
            return time.monotonic() - begun

        again, flagged, requeued = await asyncio.gather(
            late(other.owns(held_out, 120)),
            late(
                other.hears(
                    "presence.changed",
                    lambda seat: seat["person_id"] == gone.person_id and not seat["connected"],
                    within_s=120,
                )
            ),
            late(other.owns(owned, 120)),
        )
        assert again <= 25 * scale + sweep_s  # the time of an offer, and 5 s
        assert flagged <= 35 * scale + sweep_s
        assert requeued <= 90 * scale + sweep_s
        desk.conversations = {owned: (buyer, other), held_out: (waiting, other)}
        for conversation_id, (person, _) in desk.conversations.items():
            await person.send(conversation_id, "are you there?")
            await other.send(conversation_id, "I am")
        # What he wrote in his old tab does not reach the buyer, and he is told so (scenario 14).
        before = gone.connections
        network.thaw()
        await gone.online(after=before)
        with pytest.raises(CommandRefused, match="stale_fence"):
            await gone.send(owned, "I am back")
        await desk.settled()
        await desk.check()
        await asyncio.gather(*(person.close() for person in desk.people))
