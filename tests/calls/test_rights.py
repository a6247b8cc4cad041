"""Rights and media: who has none hears nothing any more, and who listens in silence is not noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import update

from server.auth import staff
from server.identifiers import new_client_id
from server.storage.schema import call_participants
from tests.calls.carried import WITHIN_S, Side, called, connected, finished, manifests, recorded
from tests.desk.house import House
from tests.media_worker.talking import talk

LEAD, GUEST = "127.0.0.7", "127.0.0.8"


async def test_a_supervisor_comes_and_listens_and_nothing_of_it_reaches_the_buyer(tmp_path: Path) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        await buyer.person.ask("call.load")
        known = len(buyer.person.heard)
        lead = await listening(house, buyer)
        try:
            await lead.hears(agent)
            await buyer.person.ask("call.load")  # whatever was on its way to him came before this answer
            assert buyer.person.heard[known:] == []
        finally:
            await lead.caller.close()


async def test_of_a_supervisor_who_spoke_to_all_and_whispers_now_no_word_is_recorded_any_more(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await recorded(house, buyer, agent)
        lead = await listening(house, buyer)
        try:
            await lead.person.ask("call.barge", call_id=lead.call_id)
            await lead.agrees()
            async with asyncio.timeout(WITHIN_S):
                while not any(len(each.consents) == 3 for each in manifests(house)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # it tells only the disk
            first = manifests(house)[0].begun.recording_id
            await lead.person.ask("call.whisper", call_id=lead.call_id)
            async with asyncio.timeout(WITHIN_S):
                while not any(each.begun.recording_id != first for each in manifests(house)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await talk(lead.caller, 1.0)
            await agent.talks_with(buyer, 1.0)
            await buyer.hangs_up()
            rows = await finished(house, agent, 2)
            part = lead.joined["participant_id"]
            sides = [{side["participant"] for side in row.about["sides"]} for row in rows if row.about]
            assert part not in sides[1], "the recording that goes on has the two alone"
            assert len(sides[1]) == 2
        finally:
            await lead.caller.close()


async def test_a_supervisor_who_was_disabled_hears_nothing_any_more_and_the_call_goes_on(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        lead = await listening(house, buyer)
        try:
            await lead.hears(buyer)
            async with house.node.db.write() as unit:
                await staff.disable(unit, house.people["s1"], house.node.db.clock())
            await silence(lead, buyer, agent)
        finally:
            await lead.caller.close()


async def test_a_guest_whose_time_is_over_neither_hears_nor_is_heard(tmp_path: Path) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await connected(buyer, agent)
        invited = await agent.person.ask(
            "call.invite_guest", call_id=agent.call_id, client_id=new_client_id(), name="老李"
        )
        guest = Side(await house.socket("/guest", invited["token"]), GUEST)
        guest.call_id = buyer.call_id
        try:
            await guest.join()
            await asyncio.gather(guest.hears(buyer), buyer.hears(guest))
            part = call_participants.c.id == invited["participant_id"]
            async with house.node.db.write() as unit:
                await unit.connection.execute(
                    update(call_participants).where(part).values(link_until=house.node.db.clock())
                )
            await silence(guest, buyer, agent)
            assert "left" in {each["state"] for each in await participants(agent) if each["role"] == "guest"}
        finally:
            await guest.caller.close()


async def listening(house: House, buyer: Side) -> Side:
    """A supervisor who listens to the buyer's call and has media."""
    lead = Side(await house.agent("s1", state=None), LEAD)
    lead.call_id = buyer.call_id
    await lead.person.ask("call.listen", call_id=lead.call_id)
    await lead.join()
    await lead.person.hears("call.joined", lambda said: said["call"]["call_id"] == lead.call_id)
    return lead


async def silence(one: Side, buyer: Side, agent: Side) -> None:
    """He is put out, and what the others say from then on does not reach him, though they hear each other."""
    async with asyncio.timeout(WITHIN_S):
        while one.caller.peer.connectionState != "closed":  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # as his own peer connection sees it
    one._heard.clear()
    await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
    assert one._heard == set()


async def participants(agent: Side) -> list[dict[str, str]]:
    """Everybody in the agent's call."""
    (call,) = (await agent.person.ask("call.load"))["calls"]
    found: list[dict[str, str]] = call["participants"]
    return found
