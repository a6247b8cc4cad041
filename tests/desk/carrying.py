"""A desk with calls and media that carries nothing: legs are up when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from media.call import Call
from media.seats import KINDS, SEATS, mid
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.call_bridges import Agreed
from server.config import Settings
from server.desk.calls.legs import Legs
from server.desk.world import Happened, Offer
from server.identifiers import new_client_id
from tests.desk.house import House, Person, Refusal, furnished

CONSENT = {"text_version": "caller-2026-11", "locale": "zh-CN"}
SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"


class FakeMedia:
    """Fulfils `server.desk.world.Media`."""

    def __init__(self, settings: Settings, boot: str) -> None:
        self.boot = boot
        self.happenings: asyncio.Queue[Happened] = asyncio.Queue()
        self.full = False
        self.legs: dict[str, str] = {}
        """Participant and his newest leg."""
        self.answered: list[tuple[str, str]] = []
        self.followed: list[tuple[Call, Sequence[Agreed]]] = []

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def admit(self) -> None:
        if self.full:
            raise Refused(ErrorCode.busy)

    async def join(self, call: Call, participant_id: str, leg_id: str, now: int) -> Offer:
        self.legs[participant_id] = leg_id
        tracks = [wire.Track(mid=mid(seat, kind), kind=kind) for seat in range(SEATS) for kind in KINDS]
        return Offer(SDP, tracks, [])

    async def answer(self, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        self.answered.append((participant_id, leg_id))

    def follow(self, call: Call, agreed: Sequence[Agreed]) -> None:
        self.followed.append((call, agreed))

    def measured(self, call_id: str, participant_id: str) -> dict[str, Any]:
        return {"link": {"rtt_ms": 12.0}}

    async def stats(self) -> list[dict[str, Any]]:
        return []

    def tell(self, what: Any, call_id: str, leg_id: str = "", code: str = "", recording_id: str = "") -> None:
        """Something happens by itself."""
        self.happenings.put_nowait(Happened(what, call_id, leg_id, code, recording_id))


@dataclass
class Scene:
    """A buyer whose conversation an agent has."""

    house: House
    media: FakeMedia
    buyer: Person
    agent: Person
    conversation_id: str
    fence: int

    async def ring(self, by: str = "buyer", media: str = "video") -> str:
        """A call rings; its id."""
        who: Person = getattr(self, by)
        fence = {} if by == "buyer" else {"fence": self.fence}
        asked = await who.ask(
            "call.invite",
            conversation_id=self.conversation_id,
            client_id=new_client_id(),
            media=media,
            **fence,
        )
        call_id: str = asked["call"]["call_id"]
        return call_id

    async def talk(self) -> str:
        """A call in which both have media; its id."""
        call_id = await self.ring()
        await self.agent.ask("call.answer", call_id=call_id)
        for person in (self.buyer, self.agent):
            await self.join(person, call_id)
        await self.buyer.hears("call.joined", lambda said: said["call"]["state"] == "connected")
        return call_id

    async def join(self, person: Person, call_id: str, **more: Any) -> dict[str, Any]:
        """He joins, and his media comes."""
        joined = await person.ask("call.join", call_id=call_id, **more)
        await person.ask("call.describe", call_id=call_id, leg_id=joined["leg_id"], answer=SDP)
        since = len(person.heard)
        self.media.tell("leg_up", call_id, joined["leg_id"])
        await person.hears("call.joined", since=since)
        return joined

    async def later(self, ms: int) -> None:
        """The sweep of a clock that is so much ahead."""
        world = self.house.node.legs.world
        await Legs(replace(world, clock=lambda: world.clock() + ms)).sweep()

    async def units(self, login: str = "a1") -> int:
        async with self.house.node.db.read() as unit:
            return (await unit.line.seat(self.house.people[login])).units_used


@asynccontextmanager
async def staged(database_url: str, folder: Path, subject: str | None = "xiaoyu") -> AsyncIterator[Scene]:
    """The scene on the database at this address; `subject` None: the buyer is a visitor."""
    async with furnished(database_url, folder, media=FakeMedia) as house:
        agent, buyer = await house.agent("a1"), await house.buyer(subject)
        opened = await buyer.ask("conversation.open", client_id=new_client_id(), topic="质量")
        taken = await agent.hears("conversation.taken")
        media = house.node.media
        assert isinstance(media, FakeMedia)
        yield Scene(house, media, buyer, agent, opened["conversation_id"], taken["fence"])


async def refused(person: Person, command: str, **payload: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        await person.ask(command, **payload)
    return refusal.value.code


async def me(person: Person, call_id: str, role: str) -> dict[str, Any]:
    """A participant of a call as this person sees it."""
    calls = (await person.ask("call.load"))["calls"]
    (call,) = [each for each in calls if each["call_id"] == call_id]
    found: dict[str, Any] = next(each for each in call["participants"] if each["role"] == role)
    return found
