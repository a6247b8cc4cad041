"""Whose call it is to carry: this node's, another's that is asked, or one's that was taken for dead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from media import steps
from media.call import Call
from protocol.errors import ErrorCode, Refused
from server.asks import Asks
from server.call_bridges import Agreed
from server.desk.calls.absent import NoMedia
from server.desk.world import Offer
from server.media.carriers import MediaCarriers
from server.storage.calls.runs import FORGOTTEN_AFTER_MS, LEASE_MS
from server.storage.database import Database
from tests.storage.test_calls import added, put
from tests.storage.world import NOON


class Rooms(NoMedia):
    """A node's media that writes down what it is told."""

    def __init__(self, boot: str, rooms: Mapping[str, int]) -> None:
        super().__init__(boot)
        self.rooms = dict(rooms)
        self.told: list[tuple[str, Any]] = []

    def followed(self) -> dict[str, int]:
        return self.rooms

    def follow(self, call: Call, agreed: Sequence[Agreed]) -> None:
        self.told.append(("follow", call.revision))

    def give_up(self, call_id: str) -> None:
        self.told.append(("give_up", call_id))

    async def join(self, call: Call, participant_id: str, leg_id: str, now: int) -> Any:
        return Offer(f"{self.boot} {participant_id} {leg_id}", [], [])


class Cable:
    """To other nodes."""

    def __init__(self) -> None:
        self.nodes: dict[str, Asks] = {}

    async def address(self, node_id: str, message: bytes) -> bool:
        if node_id in self.nodes:
            self.nodes[node_id].heard(message)
        return node_id in self.nodes


class Pair:
    """Two nodes on one database; time stands at noon."""

    def __init__(self, database: Database, rooms: Mapping[str, int]) -> None:
        cable, self.now = Cable(), NOON
        numbers = iter(range(1_000))
        self.rooms = {name: Rooms(name, rooms) for name in ("one", "two")}
        self.carriers: dict[str, MediaCarriers] = {}
        for name, media in self.rooms.items():
            cable.nodes[name] = Asks(cable, name, lambda: str(next(numbers)))
            self.carriers[name] = MediaCarriers(media, database, lambda: self.now, cable.nodes[name])


@pytest.fixture
async def pair(database: Database) -> AsyncIterator[Pair]:
    """The first node carries the call `k1`, which was answered."""
    before = await added(database)
    async with database.write() as unit:
        await unit.calls.house("k1", "one")
    await put(database, before, steps.answer(before.call, "agent", now=NOON).call)
    yield Pair(database, {"k1": before.call.revision})


async def test_a_leg_is_opened_by_the_node_that_carries_the_call(pair: Pair) -> None:
    call = steps.invite("k1", media="voice", by="buyer", buyer=("b", "", ""), agent=("a", "", ""), now=0).call
    for name in ("one", "two"):
        offer = await pair.carriers[name].join("one", call, "k1-a", "leg-1", NOON)
        assert offer.sdp == "one k1-a leg-1"
    with pytest.raises(Refused) as refused:
        # It was the other's when this node looked, and is not by now.
        await pair.carriers["one"].join("two", call, "k1-a", "leg-1", NOON)
    assert refused.value.code is ErrorCode.retry


async def test_alone_a_node_asks_nobody(database: Database, pair: Pair) -> None:
    alone = MediaCarriers(pair.rooms["one"], database, lambda: NOON, None)
    assert await alone.alive() == {"one"}
    assert await alone.measured("two", "k1", "k1-a") == {}
    alone.follow("two", replace((await one(database)).call, revision=9), ())
    with pytest.raises(Refused) as refused:
        await alone.answer("two", "k1", "k1-a", "leg-1", "v=0")
    assert refused.value.code is ErrorCode.retry
    assert pair.rooms["one"].told == []


async def test_what_was_not_heard_of_is_followed_at_the_next_look(pair: Pair, database: Database) -> None:
    newest = (await one(database)).call.revision
    await pair.carriers["one"].sweep()
    assert pair.rooms["one"].told == [("follow", newest)]
    pair.rooms["one"].rooms["k1"] = newest
    await pair.carriers["one"].sweep()
    assert len(pair.rooms["one"].told) == 1, "nothing is new"


async def test_a_room_of_a_call_that_another_node_carries_is_given_up(pair: Pair) -> None:
    await pair.carriers["two"].sweep()
    assert pair.rooms["two"].told == [("give_up", "k1")]


async def test_a_run_is_alive_until_its_lease_is_over_or_given_back(pair: Pair, database: Database) -> None:
    for each in pair.carriers.values():
        await each.hold()
    pair.now += LEASE_MS - 1
    assert await pair.carriers["one"].alive() == {"one", "two"}
    await pair.carriers["one"].hold()
    pair.now += 1
    assert await pair.carriers["one"].alive() == {"one"}
    assert await pair.carriers["two"].alive() == {"one", "two"}, "each knows itself alive"
    await pair.carriers["one"].release()
    await pair.carriers["one"].release()
    assert await pair.carriers["two"].alive() == {"two"}
    async with database.read() as unit:
        assert await unit.runs.alive(NOON) == {"two"}
    pair.now += FORGOTTEN_AFTER_MS + 1
    await pair.carriers["one"].hold()
    async with database.read() as unit:
        assert await unit.runs.alive(NOON) == {"one"}, "the dead one's row is gone"


async def one(database: Database) -> Any:
    async with database.read() as unit:
        return await unit.calls.get("k1")
