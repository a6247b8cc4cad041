"""Whole calls: heard, seen, recorded as far as everybody agreed, rejoined, and ended."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from recordings.manifest import Manifest
from tests.calls.carried import (
    AGENTS,
    BUYERS,
    Side,
    called,
    connected,
    finished,
    folder_of,
    manifests,
    recorded,
)
from tests.desk.house import House, Refusal
from tests.rounds import within


async def test_two_people_see_and_hear_each_other_through_a_reload_and_the_recording_names_their_call(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        assert written(house) == 0, "no byte before consent"

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

        over = await buyer.hangs_up()
        assert over["reason"] == "hung_up"
        assert (await agent.person.hears("call.ended"))["call"]["ended_by"] == "buyer"
        with pytest.raises(Refusal) as refused:
            await agent.person.ask("call.join", call_id=agent.call_id)
        assert refused.value.code == "call_ended"

        lines = await buyer.person.ask(
            "chat.sync", conversation_id=over["conversation_id"], epoch=house.node.db.epoch, after_seq=0
        )
        told = [entry["happened"] for entry in lines["entries"] if entry["kind"] == "call"]
        assert told == ["started", "ended"]
        for side, other in ((buyer, AGENTS), (agent, BUYERS)):
            everything = json.dumps([side.joined, side.person.heard])
            assert '"offer"' in everything and other not in everything, "neither learns the other's address"
        (kept,) = await finished(house, agent)
        people = {buyer.joined["participant_id"], agent.joined["participant_id"]}
        assert (kept.call_id, kept.ended_code) == (buyer.call_id, "call_ended")
        assert kept.about is not None
        assert {one["consent"]["participant"] for one in kept.about["consents"]} == people
        assert {side["participant"] for side in kept.about["sides"]} == people


async def test_a_consent_taken_back_stops_the_writing_within_two_seconds_and_the_call_goes_on(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await recorded(house, buyer, agent)
        await written_while_speaking(house, buyer, agent)
        withdrawn = time.monotonic()
        await buyer.agrees(False)
        (manifest,) = await paused(house)
        assert time.monotonic() - withdrawn <= within(2.0)
        assert [pause.reason for pause in manifest.pauses] == ["consent_withdrawn"]
        size = written(house)
        for _ in range(3):
            await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        assert written(house) == size
        await buyer.hangs_up()


def written(house: House) -> int:
    """Bytes of media on disk."""
    return sum(path.stat().st_size for path in folder_of(house).rglob("*.webm"))


async def written_while_speaking(house: House, *sides: Side) -> None:
    """Something of what they say is on disk."""
    async with asyncio.timeout(15):
        while not written(house):
            for side in sides:
                side.speak()
            await asyncio.sleep(0.02)  # as a microphone: the disk tells nobody


async def paused(house: House) -> list[Manifest]:
    async with asyncio.timeout(15):
        while True:
            found = manifests(house)
            if all(each.pauses for each in found):
                return found
            await asyncio.sleep(0.02)  # it tells only the disk
