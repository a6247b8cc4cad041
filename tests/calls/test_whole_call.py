"""Whole calls: two sockets of a desk, two peers with transports of their own, a real media process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.caller import Caller
from recordings import journal
from recordings.manifest import Manifest
from server.bootstrap import media_of
from server.identifiers import new_client_id
from tests.desk.house import House, Person, Refusal, furnished

WITHIN_S = 15.0
KEY, DELTA = b"\x10\x00\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00", b"\x10\x01\x55\x55"
"""VP8: payload descriptor, then a key frame's header (320 x 240), or a delta frame's first bytes."""


class Side:
    """One side of a call: a socket at the desk and a peer of the media process."""

    def __init__(self, person: Person, call_id: str = "") -> None:
        self.person = person
        self.call_id = call_id
        self.caller = Caller()
        self.joined: dict[str, Any] = {}
        self._heard: set[str] = set()
        self._changed = asyncio.Event()
        self._clock = 0

    async def join(self, **more: Any) -> None:
        """Opens a leg and waits until keys are agreed on; again, it is another page of the same person."""
        if self.joined:
            await self.caller.close()
            self.caller = Caller()
        self.joined = await self.person.ask("call.join", call_id=self.call_id, **more)
        self.caller.on_rtp = self._hear
        answer = await self.caller.answer(self.joined["offer"])
        await self.person.ask(
            "call.describe", call_id=self.call_id, leg_id=self.joined["leg_id"], answer=answer
        )
        await self.caller.connected()

    def _hear(self, packet: bytes, now: float) -> None:
        self._heard.add("audio" if packet[1] & 0x7F == 111 else "video")
        self._changed.set()

    async def hears(self, other: Side) -> None:
        """Both sound and picture of the other arrive, who speaks until they do."""
        self._heard.clear()
        async with asyncio.timeout(WITHIN_S):
            while self._heard < {"audio", "video"}:
                other.speak()
                self._changed.clear()
                with_patience = asyncio.wait_for(self._changed.wait(), 0.02)
                try:
                    await with_patience
                except TimeoutError:
                    continue

    def speak(self) -> None:
        self._clock += 1
        self.caller.send("audio", bytes(20), timestamp=self._clock * 960)
        head = KEY if self._clock % 10 == 1 else DELTA
        self.caller.send("video", head + bytes(40), timestamp=self._clock * 1_800, marker=True)

    async def agrees(self) -> None:
        await self.person.ask(
            "call.consent", call_id=self.call_id, granted=True, text_version="2026-11", locale="zh-CN"
        )


@asynccontextmanager
async def called(folder: Path) -> AsyncIterator[tuple[House, Side, Side]]:
    """A buyer and an agent in a call that was answered; nobody has media yet."""
    admitting = partial(media_of, module="tests.media_worker.admitting")
    async with furnished(f"sqlite:///{folder / 'desk.db'}", folder, media=admitting) as house:
        agent, buyer = Side(await house.agent("a1")), Side(await house.buyer())
        try:
            conversation_id = await open_conversation(buyer.person, agent.person)
            invited = await buyer.person.ask(
                "call.invite", conversation_id=conversation_id, client_id=new_client_id(), media="video"
            )
            rang = await agent.person.hears("call.rang")
            assert rang["call"]["call_id"] == invited["call"]["call_id"]
            agent.call_id = buyer.call_id = rang["call"]["call_id"]
            await agent.person.ask("call.answer", call_id=agent.call_id)
            await buyer.person.hears("call.answered")
            yield house, buyer, agent
        finally:
            await buyer.caller.close()
            await agent.caller.close()


async def open_conversation(buyer: Person, agent: Person) -> str:
    """A conversation that the agent owns."""
    opened = await buyer.ask("conversation.open", client_id=new_client_id(), topic="质量")
    conversation_id: str = opened["conversation_id"]
    await agent.hears("conversation.taken", lambda said: said["conversation_id"] == conversation_id)
    return conversation_id


async def connected(buyer: Side, agent: Side) -> None:
    await asyncio.gather(buyer.join(), agent.join())
    await buyer.person.hears("call.joined", lambda said: said["call"]["state"] == "connected")


def manifests(house: House) -> list[Manifest]:
    return [journal.read(folder) for folder in (house.node.settings.data / "recordings").iterdir()]


async def test_two_people_see_and_hear_each_other_through_a_reload_and_the_recording_names_their_call(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        assert manifests_or_none(house) == [], "no byte before consent"

        await buyer.agrees()
        await agent.agrees()
        on = await buyer.person.hears("call.recording_changed")
        assert on["call"]["recording"]["state"] == "on"

        before = len(agent.person.heard)
        first = buyer.joined["rejoin_token"]
        await buyer.join(rejoin_token=first)
        lost = await agent.person.hears("call.reconnecting", since=before)
        assert lost["participant_id"] == buyer.joined["participant_id"]
        assert lost["code"] in ("leg_lost", "left_page"), "the old page may say goodbye first"
        await agent.person.hears("call.joined", since=before)
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))

        over = await buyer.person.ask("call.hang_up", call_id=buyer.call_id)
        assert over["call"]["reason"] == "hung_up"
        assert (await agent.person.hears("call.ended"))["call"]["ended_by"] == "buyer"
        with pytest.raises(Refusal) as refused:
            await agent.person.ask("call.join", call_id=agent.call_id)
        assert refused.value.code == "call_ended"

        lines = await buyer.person.ask(
            "chat.sync",
            conversation_id=over["call"]["conversation_id"],
            epoch=house.node.db.epoch,
            after_seq=0,
        )
        told = [entry["happened"] for entry in lines["entries"] if entry["kind"] == "call"]
        assert told == ["started", "ended"]
    (kept,) = manifests(house)
    people = {buyer.joined["participant_id"], agent.joined["participant_id"]}
    assert kept.begun.call_id == buyer.call_id and kept.ended is not None
    assert kept.ended.code == "call_ended"
    assert {each.consent.participant for each in kept.consents} == people == set(kept.participants())


def manifests_or_none(house: House) -> list[Manifest]:
    folder = house.node.settings.data / "recordings"
    return manifests(house) if folder.is_dir() else []


async def test_a_call_goes_on_in_the_next_media_process_when_its_own_is_killed(tmp_path: Path) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        (pid,) = house.node.media.pids  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        lost = await agent.person.hears("call.reconnecting")
        assert lost["code"] == "media_lost"
        said = await buyer.person.say(lost["call"]["conversation_id"], "还在吗")
        assert said["seq"] > 0, "the chat goes on beside it"
        await asyncio.gather(*(rejoined(side) for side in (buyer, agent)))
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))


async def rejoined(side: Side) -> None:
    """Comes back, as soon as there is a media process again."""
    token = side.joined["rejoin_token"]
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await side.join(rejoin_token=token)
            except Refusal as refusal:
                assert refusal.code == "retry"
                await asyncio.sleep(refusal.data["retry_after_ms"] / 1000)  # as the answer says
