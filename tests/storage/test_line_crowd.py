"""Agents, buyers and two deciding nodes who do everything at once, and the line in order after it.

A deadlock would show as `Refused(retry)`, which nothing here catches.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from queues.dispatcher import Dispatcher
from queues.model import Fact
from queues.ownership import Refused, TransferTarget
from server.storage import schema
from server.storage.line.leases import SqlDecidingLease
from server.storage.line.shapes import OFFER
from tests.queues.build import NOW, SHOP, group, seat, ticket
from tests.queues.contract_line_store import LineUnderTest
from tests.rounds import rounds
from tests.storage.line_world import Nodes, agree, line_on


class Crowd:
    """Agents, buyers and two deciding nodes that do whatever they may, at once; what each tries is seeded."""

    PEOPLE = tuple(f"p-{number}" for number in range(6))
    BUYERS = tuple(f"c-{number}" for number in range(12))

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._rng = random.Random(1)
        self._now = NOW
        self._numbers = 0
        self.happened: Counter[str] = Counter()
        self.dispatchers = [
            Dispatcher(
                store=line_on(database),
                lease=SqlDecidingLease(database, f"node-{name}"),
                announce=self._announced,
                new_id=self._new_id,
                clock=lambda: self._now,
                on_error=self._failed,
                settle_ms=0,
            )
            for name, database in zip("ab", nodes, strict=True)
        ]

    async def settle(self) -> None:
        line, _ = self._nodes.lines
        await line.add_group(group("sales"))
        await line.add_group(group("returns", accept="offer"))
        for person_id in self.PEOPLE:
            await line.add_seat(seat(person_id, groups=("sales", "returns")), node_id=f"run-{person_id}")
        for name in self.BUYERS:
            await line.join(ticket(name))

    async def live(self, steps: int) -> None:
        """One of the crowd."""
        for _ in range(steps):
            self._now += self._rng.randrange(400)
            acts = (
                self._decide,
                self._decide,
                self._come,
                self._answer,
                self._answer,
                self._end,
                self._attend,
            )
            await self._rng.choice(acts)(self._rng.choice(self._nodes.lines))

    async def _decide(self, _: LineUnderTest) -> None:
        number = self._rng.randrange(2)
        if self._rng.random() < 0.1:
            await SqlDecidingLease(self._nodes[number], f"node-{'ab'[number]}").release()
        await self.dispatchers[number].run_once(self._now)

    async def _come(self, line: LineUnderTest) -> None:
        name = self._rng.choice(self.BUYERS)
        number = self._numbers = self._numbers + 1
        group_id = self._rng.choice(["sales", "returns"])
        new = ticket(f"{name}-{number}", group_id=group_id, joined=self._now - NOW)
        await line.join(replace(new, conversation_id=name))

    async def _answer(self, line: LineUnderTest) -> None:
        async with self._nodes.near.read() as reader:
            query = select(*OFFER).where(schema.offers.c.state == "open")
            open_offers = list(await reader.connection.execute(query))
        if not open_offers:
            return
        held_out = self._rng.choice(open_offers)
        answer = line.accept if self._rng.random() < 0.7 else line.decline
        told = await answer(held_out.id, person_id=held_out.person_id, fence=held_out.fence, now=self._now)
        self._note(told)

    async def _end(self, line: LineUnderTest) -> None:
        name = self._rng.choice(self.BUYERS)
        async with self._nodes.near.read() as reader:
            owner = await reader.line.owner(name)
        if owner is None:
            if self._rng.random() < 0.2:
                self._note(await line.close(name, now=self._now))
            return
        person_id, fence = owner.person_id, owner.fence
        if self._rng.random() < 0.5:
            self._note(await line.close(name, person_id=person_id, fence=fence, now=self._now))
            return
        other = self._rng.choice(self.PEOPLE)
        to = TransferTarget(group(self._rng.choice(["sales", "returns"])), other, frozenset({SHOP}))
        self._note(await line.transfer(name, person_id=person_id, fence=fence, to=to, now=self._now))

    async def _attend(self, line: LineUnderTest) -> None:
        person_id = self._rng.choice(self.PEOPLE)
        node_id = f"run-{person_id}"
        match self._rng.randrange(6):
            case 0:
                await line.leave(node_id, person_id, now=self._now)
            case 1:
                self._note(await line.arrive(node_id, person_id, now=self._now))
            case 2:
                self._note(await line.declare(person_id, state="break", reason="lunch", now=self._now))
            case 3:
                self._note(await line.declare(person_id, state="offline", reason=None, now=self._now))
            case _:
                self._note(await line.renew(node_id, self.PEOPLE, now=self._now))
                self._note(await line.declare(person_id, state="ready", reason=None, now=self._now))

    async def _announced(self, facts: Sequence[Fact]) -> None:
        self._note(facts)

    def _note(self, told: Any) -> None:
        for each in told if isinstance(told, list | tuple) else [told]:
            self.happened[each.code if isinstance(each, Refused) else type(each).__name__] += 1

    def _new_id(self) -> str:
        self._numbers += 1
        return f"o-{self._numbers}"

    def _failed(self, error: Exception) -> None:
        raise AssertionError("a pass is awaited, not looped") from error


async def test_a_crowd_that_does_everything_at_once_leaves_the_line_in_order(nodes: Nodes) -> None:
    crowd = Crowd(nodes)
    await crowd.settle()
    for _ in range(rounds(reduced=4, full=50)):
        await asyncio.gather(*(crowd.live(15) for _ in range(8)))
        await agree(nodes)
    wanted = {"Assigned", "Offered", "OfferEnded", "Requeued", "Closed", "SeatChanged"}
    assert wanted <= set(crowd.happened), crowd.happened
