"""Whoever lost his right to be in a call is put out of it, wherever his socket was; others stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.auth import staff
from server.desk.calls import company
from server.desk.calls.rights import Rights
from server.identifiers import new_client_id
from tests.desk.carrying import Scene, me, staged


@pytest.fixture
async def scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(database_url, tmp_path) as made:
        yield made


async def at(scene: Scene, now: int) -> None:
    """The sweep of a clock that says so."""
    await Rights(replace(scene.house.node.legs.world, clock=lambda: now)).sweep()


async def sweep(scene: Scene) -> None:
    await at(scene, scene.house.node.db.clock())


async def put_out(scene: Scene, call_id: str) -> list[tuple[str, Any]]:
    """Of whom the audit says that he was put out, and why."""
    async with scene.house.node.db.read() as unit:
        lines = await unit.audit.lines("cloud", 50, subject_id=call_id)
    return [(line.person_id, line.about["taken"]) for line, _ in lines if line.act == "call.put_out"]


async def listening(scene: Scene) -> tuple[str, str]:
    """A call with a supervisor in it; its id and his person's."""
    call_id = await scene.talk()
    lead = await scene.house.agent("s1", state=None)
    await lead.ask("call.listen", call_id=call_id)
    await scene.join(lead, call_id)
    await sweep(scene)
    assert (await me(scene.agent, call_id, "supervisor"))["state"] == "joined"
    return call_id, scene.house.people["s1"]


@pytest.mark.parametrize(
    ("act", "taken"), [("disable", "disabled"), ("lower", "role"), ("leave", "role"), ("end", "signed_out")]
)
async def test_a_supervisor_hears_no_more_once_his_right_is_taken(scene: Scene, act: str, taken: str) -> None:
    call_id, person_id = await listening(scene)
    now = scene.house.node.db.clock()
    async with scene.house.node.db.write() as unit:
        match act:
            case "disable":
                await staff.disable(unit, person_id, now)
            case "lower":
                await staff.set_role(unit, person_id, "cloud", "agent", now)
            case "leave":
                await staff.set_role(unit, person_id, "cloud", None, now)
            case _:
                await unit.people.end_sign_ins(now, person_id=person_id)
    for _ in range(2):
        await sweep(scene)
    assert (await me(scene.agent, call_id, "supervisor"))["state"] == "left"
    assert (await me(scene.agent, call_id, "agent"))["state"] == "joined"
    assert await put_out(scene, call_id) == [(person_id, taken)], "once"


async def test_one_sign_in_that_is_left_keeps_him_in_the_call(scene: Scene) -> None:
    call_id, person_id = await listening(scene)
    async with scene.house.node.db.read() as unit:
        now = scene.house.node.db.clock()
        (first,) = await unit.people.sign_ins(person_id, now=now, seen_after=0, most=9)
    await scene.house.agent("s1", state=None)
    async with scene.house.node.db.write() as unit:
        await unit.people.end_sign_ins(now, session_id=first.id)
    await sweep(scene)
    assert (await me(scene.agent, call_id, "supervisor"))["state"] == "joined"
    assert await put_out(scene, call_id) == []


@pytest.mark.parametrize(("act", "taken"), [("disable", "disabled"), ("end", "signed_out")])
async def test_an_agent_who_lost_his_right_gives_the_call_back_to_the_line_and_not_to_himself(
    scene: Scene, act: str, taken: str
) -> None:
    call_id, person_id = await scene.talk(), scene.house.people["a1"]
    now = scene.house.node.db.clock()
    async with scene.house.node.db.write() as unit:
        if act == "disable":
            await staff.disable(unit, person_id, now)
        else:
            await unit.people.end_sign_ins(now, person_id=person_id)
    await sweep(scene)
    left = await scene.buyer.hears("call.left")
    assert left["call"]["state"] == "waiting"
    assert await put_out(scene, call_id) == [(person_id, taken)]
    async with scene.house.node.db.read() as unit:
        found = await unit.conversations.head(scene.conversation_id)
        assert found is not None and found.owner_id is None


async def test_a_guest_is_put_out_when_his_links_time_is_over_and_not_before(scene: Scene) -> None:
    call_id = await scene.talk()
    asked = {"call_id": call_id, "client_id": new_client_id(), "name": "仓库老李"}
    invited = await scene.agent.ask("call.invite_guest", **asked)
    guest = await scene.house.socket("/guest", invited["token"])
    await scene.join(guest, call_id)
    # The agents' sign-ins made with a key last as long as a link: those of the test go on.
    until = invited["expires_at"]
    assert company.GUEST_MS == 3_600_000
    async with scene.house.node.db.write() as unit:
        await unit.calls.set_link(invited["participant_id"], "0" * 64, until - 600_000)
    await at(scene, until - 600_001)
    assert (await me(scene.agent, call_id, "guest"))["state"] == "joined"
    await at(scene, until - 600_000)
    assert (await me(scene.agent, call_id, "guest"))["state"] == "left"
    assert await put_out(scene, call_id) == [(invited["participant_id"], "link_over")]
    assert (await me(scene.agent, call_id, "agent"))["state"] == "joined"
