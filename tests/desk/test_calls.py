"""Calls at the desk on each database: rung, answered, joined, lost, handed on, ended; and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.call import AGENT_MS, CONNECT_MS, RECONNECT_MS, RING_MS
from protocol.errors import ErrorCode, Refused
from server.bootstrap import _each
from server.desk.calls import course
from server.desk.calls.legs import Legs
from server.desk.world import Happened
from server.identifiers import new_client_id
from server.storage.calls.store import Calls as CallRows
from server.storage.database import Reader
from server.storage.records import Conversation
from tests.desk.carrying import CONSENT, SDP, Scene, me, refused, staged
from tests.desk.house import WITHIN_S, Refusal
from tests.services.databases import new_sqlite


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a test says both: what differs between them is tested below the desk."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return new_sqlite(tmp_path)
    url: str = request.getfixturevalue("migrated_postgres")
    return url


both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(database_url, tmp_path) as made:
        yield made


@both
async def test_a_ring_that_nobody_answers_ends_after_its_time_and_the_chat_stays(scene: Scene) -> None:
    call_id = await scene.ring()
    rang = await scene.agent.hears("call.rang")
    assert rang["call"]["ring_until"] - rang["call"]["rang_at"] == RING_MS
    await scene.later(RING_MS - 5_000)
    assert scene.agent.names().count("call.ended") == 0
    await scene.later(RING_MS)
    for person in (scene.buyer, scene.agent):
        over = await person.hears("call.ended")
        assert (over["call"]["call_id"], over["call"]["reason"]) == (call_id, "no_answer")
    missed = await scene.buyer.hears("chat.posted", lambda said: said["entry"]["kind"] == "call")
    assert missed["entry"]["happened"] == "missed"
    assert await refused(scene.agent, "call.answer", call_id=call_id) == "call_ended"
    assert (await scene.buyer.say(scene.conversation_id, "在吗"))["seq"] > 0


async def test_an_agent_invites_under_his_fence_and_the_buyer_declines(scene: Scene) -> None:
    with pytest.raises(Refusal) as stale:
        await replace(scene, fence=scene.fence + 1).ring("agent")
    assert stale.value.code == "stale_fence"
    call_id = await scene.ring("agent")
    await scene.buyer.hears("call.rang")
    assert await refused(scene.agent, "call.answer", call_id=call_id) == "ring_over", "his own ring"
    declined = await scene.buyer.ask("call.decline", call_id=call_id)
    assert declined["call"]["reason"] == "declined"
    assert (await scene.agent.hears("call.ended"))["call"]["ended_by"] == "buyer"


async def test_who_rings_gives_up_and_asking_again_under_one_client_id_is_one_call(scene: Scene) -> None:
    asked = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "media": "voice"}
    first = await scene.buyer.ask("call.invite", **asked)
    again = await scene.buyer.ask("call.invite", **asked)
    assert again["call"]["call_id"] == first["call"]["call_id"]
    over = await scene.buyer.ask("call.hang_up", call_id=first["call"]["call_id"])
    assert over["call"]["reason"] == "cancelled"
    assert (await scene.buyer.ask("call.invite", **asked))["call"]["state"] == "ended", "it was this call"
    assert (await scene.buyer.ask("call.hang_up", call_id=first["call"]["call_id"]))["call"] == over["call"]


async def test_two_who_call_each_other_at_once_are_in_one_call(scene: Scene) -> None:
    call_id = await scene.ring("buyer")
    assert await scene.ring("agent") == call_id
    assert (await scene.buyer.hears("call.answered"))["call"]["state"] == "answered"
    assert await scene.ring("agent") == call_id, "the conversation has one call"


async def test_a_call_takes_the_agents_whole_room_and_gives_it_back(scene: Scene) -> None:
    assert await scene.units() == 20
    call_id = await scene.talk()
    assert await scene.units() == 100
    other = await scene.house.buyer("second")
    waiting = await other.ask("conversation.open", client_id=new_client_id(), topic="物流")
    assert waiting["position"] == 1
    ring = {"conversation_id": waiting["conversation_id"], "client_id": new_client_id(), "media": "video"}
    assert await refused(other, "call.invite", **ring) == "unassigned"
    await scene.buyer.ask("call.hang_up", call_id=call_id)
    ended = await scene.buyer.hears("chat.posted", lambda said: said["entry"].get("happened") == "ended")
    assert ended["entry"]["reason"] == "hung_up" and ended["entry"]["duration_ms"] >= 0
    await other.hears("conversation.assigned")
    assert await scene.units() == 40


@both
async def test_an_agent_in_a_call_and_full_media_are_busy(scene: Scene) -> None:
    other = await scene.house.buyer("second")
    opened = await other.ask("conversation.open", client_id=new_client_id(), topic="物流")
    await other.hears("conversation.assigned")
    call_id = await scene.ring()
    asked = {"conversation_id": opened["conversation_id"], "client_id": new_client_id(), "media": "video"}
    assert await refused(other, "call.invite", **asked) == "busy", "his agent is rung by another"
    await scene.buyer.ask("call.hang_up", call_id=call_id)
    scene.media.full = True
    with pytest.raises(Refusal) as full:
        await scene.ring()
    assert full.value.code == "busy"


async def test_full_media_does_not_refuse_the_call_that_took_the_last_place(scene: Scene) -> None:
    asked = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "media": "video"}
    first = await scene.buyer.ask("call.invite", **asked)
    scene.media.full = True
    again = await scene.buyer.ask("call.invite", **asked)
    assert again["call"]["call_id"] == first["call"]["call_id"], "its first answer may have been lost"
    assert await scene.ring("agent") == first["call"]["call_id"], "both rang at once"
    await scene.buyer.hears("call.answered")


async def test_what_cannot_become_a_call_asks_for_no_place(scene: Scene) -> None:
    scene.media.full = True
    with pytest.raises(Refusal) as stale:
        await replace(scene, fence=scene.fence + 1).ring("agent")
    assert stale.value.code == "stale_fence"
    await scene.agent.ask(
        "conversation.close",
        conversation_id=scene.conversation_id,
        fence=scene.fence,
        client_id=new_client_id(),
    )
    asked = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "media": "video"}
    assert await refused(scene.buyer, "call.invite", **asked) == "conversation_closed"


async def test_a_call_that_could_begin_only_now_asks_for_its_place_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await scene.ring("agent")
    look = course._begins

    async def begins(unit: Reader, found: Conversation, client_id: str) -> bool:
        looked = await look(unit, found, client_id)
        if not looked:
            await scene.agent.ask("call.hang_up", call_id=call_id)
        return looked

    monkeypatch.setattr(course, "_begins", begins)
    with pytest.raises(Refusal) as again:
        await scene.ring()
    assert again.value.code == "retry"
    assert await scene.ring() != call_id


async def test_a_visitor_is_called_one_in_the_language_of_his_conversation(scene: Scene) -> None:
    session = await scene.house.post("/api/v1/buyer/session", {"shop": "cloud", "locale": "en"})
    visitor = await scene.house.socket("/buyer", session["token"])
    opened = await visitor.ask("conversation.open", client_id=new_client_id(), topic="物流")
    await visitor.hears("conversation.assigned")
    asked = {"conversation_id": opened["conversation_id"], "client_id": new_client_id(), "media": "voice"}
    called = await visitor.ask("call.invite", **asked)
    assert called["call"]["participants"][0]["name"] == "Visitor"


async def test_a_page_goes_on_with_its_token_and_another_page_must_say_that_it_moves(scene: Scene) -> None:
    call_id = await scene.ring()
    assert await refused(scene.buyer, "call.join", call_id=call_id) == "conflict", "it still rings"
    await scene.agent.ask("call.answer", call_id=call_id)
    first = await scene.join(scene.buyer, call_id)
    assert [track["mid"] for track in first["tracks"]] == ["0", "1", "2", "3", "4", "5"]
    assert await refused(scene.buyer, "call.join", call_id=call_id) == "elsewhere"
    assert await refused(scene.buyer, "call.join", call_id=call_id, rejoin_token="x" * 47) == "elsewhere"
    second = await scene.join(scene.buyer, call_id, rejoin_token=first["rejoin_token"])
    assert second["participant_id"] == first["participant_id"]
    moved = await scene.buyer.hears("call.moved")
    assert moved["leg_id"] == second["leg_id"]
    assert (
        await refused(scene.buyer, "call.describe", call_id=call_id, leg_id=first["leg_id"], answer=SDP)
        == "stale_leg"
    )
    third = await scene.join(scene.buyer, call_id, move=True)
    assert scene.media.legs[first["participant_id"]] == third["leg_id"]


async def test_a_buyer_who_was_lost_is_waited_for_and_then_the_call_is_over(scene: Scene) -> None:
    call_id = await scene.talk()
    leg_id = scene.media.legs[(await me(scene.buyer, call_id, "buyer"))["participant_id"]]
    scene.media.tell("leg_lost", call_id, leg_id)
    lost = await scene.agent.hears("call.reconnecting")
    assert lost["code"] == "leg_lost"
    assert (await me(scene.agent, call_id, "buyer"))["level"] == "lost"
    scene.media.tell("leg_up", call_id, leg_id)
    since = len(scene.agent.heard)
    await scene.agent.hears("call.joined", since=since - 1)
    scene.media.tell("leg_lost", call_id, leg_id)
    await scene.agent.hears("call.reconnecting", since=since)
    await scene.later(RECONNECT_MS)
    assert (await scene.agent.hears("call.ended"))["call"]["reason"] == "buyer_lost"
    assert await scene.units() == 20


@both
async def test_a_lost_agent_gives_conversation_and_call_back_to_the_line_and_the_next_one_comes(
    scene: Scene,
) -> None:
    call_id = await scene.talk()
    agent = await me(scene.buyer, call_id, "agent")
    scene.media.tell("leg_lost", call_id, scene.media.legs[agent["participant_id"]])
    await scene.buyer.hears("call.reconnecting")
    await scene.agent.ask("presence.set", state="break", reason="lunch")
    await scene.later(RECONNECT_MS)
    left = await scene.buyer.hears("call.left")
    assert left["call"]["state"] == "waiting" and left["participant_id"] == agent["participant_id"]
    assert await scene.units() == 0
    second = await scene.house.agent("a1")
    del second
    rang = await scene.agent.hears("call.rang", since=scene.agent.names().index("call.left"))
    assert rang["call"]["call_id"] == call_id
    since = len(scene.buyer.heard)
    await scene.join(scene.agent, call_id)
    joined = await scene.buyer.hears("call.joined", since=since)
    assert joined["call"]["state"] == "connected"
    assert await scene.units() == 100


async def test_nobody_comes_for_a_waiting_buyer_and_the_call_ends_with_the_chat_open(scene: Scene) -> None:
    call_id = await scene.talk()
    await scene.agent.ask(
        "conversation.transfer",
        conversation_id=scene.conversation_id,
        fence=scene.fence,
        client_id=new_client_id(),
        group_id=scene.house.groups["cloud", "服装"],
        note="换人",
    )
    waiting = await scene.buyer.hears("call.left")
    assert waiting["call"]["state"] == "waiting"
    await scene.later(AGENT_MS)
    over = await scene.buyer.hears("call.ended")
    assert (over["call"]["call_id"], over["call"]["reason"]) == (call_id, "no_agent")
    assert (await scene.buyer.say(scene.conversation_id, "还在"))["seq"] > 0


async def test_closing_the_conversation_ends_its_call(scene: Scene) -> None:
    call_id = await scene.talk()
    await scene.agent.ask(
        "conversation.close",
        conversation_id=scene.conversation_id,
        fence=scene.fence,
        client_id=new_client_id(),
    )
    over = await scene.buyer.hears("call.ended")
    assert (over["call"]["call_id"], over["call"]["reason"]) == (call_id, "conversation_closed")
    assert scene.media.followed[-1][0].state == "ended"
    assert await scene.units() == 0


async def test_an_answer_after_which_no_media_comes_ends_the_call(scene: Scene) -> None:
    call_id = await scene.ring()
    await scene.agent.ask("call.answer", call_id=call_id)
    await scene.later(CONNECT_MS)
    assert (await scene.buyer.hears("call.ended"))["call"]["reason"] == "not_connected"


@both
async def test_everybody_is_asked_and_only_then_is_it_recorded_and_a_withdrawal_pauses_it(
    scene: Scene,
) -> None:
    call_id = await scene.talk()
    buyer = await scene.buyer.ask("call.consent", call_id=call_id, granted=True, **CONSENT)
    assert buyer["call"]["recording"] == {"state": "off", "code": "unasked"}
    agent = await scene.agent.ask("call.consent", call_id=call_id, granted=True, **CONSENT)
    assert agent["call"]["recording"] == {"state": "on", "code": None}
    call, agreed = scene.media.followed[-1]
    assert call.recording == "on" and {each.text_version for each in agreed} == {"caller-2026-11"}
    assert {each.person_id for each in agreed} == {each.person_id for each in call.participants}
    await scene.buyer.ask("call.consent", call_id=call_id, granted=False, **CONSENT)
    changed = await scene.agent.hears(
        "call.recording_changed", lambda said: said["call"]["recording"]["state"] == "paused"
    )
    assert changed["call"]["recording"]["code"] == "withdrawn"
    scene.media.tell("recording_failed", call_id, code="disk_full")
    stopped = await scene.buyer.hears(
        "call.recording_changed", lambda said: said["call"]["recording"]["state"] == "stopped"
    )
    assert stopped["call"]["recording"]["code"] == "disk_full" and stopped["call"]["state"] == "connected"
    async with scene.house.node.db.read() as unit:
        assert [each[1] for each in await unit.calls.consents(call_id)] == [True, True, False]


async def test_a_media_process_that_ends_leaves_everybody_time_to_come_back(scene: Scene) -> None:
    call_id = await scene.talk()
    scene.media.tell("room_lost", call_id)
    for person in (scene.buyer, scene.agent):
        assert (await person.hears("call.reconnecting"))["code"] == "media_lost"
    for person in (scene.buyer, scene.agent):
        await scene.join(person, call_id)
    assert (await me(scene.agent, call_id, "buyer"))["state"] == "joined"
    scene.media.tell("room_lost", call_id)
    await scene.buyer.hears("call.reconnecting", since=len(scene.buyer.heard))
    await scene.later(RECONNECT_MS)
    assert (await scene.buyer.hears("call.ended"))["call"]["reason"] == "media_lost"


async def test_a_server_that_starts_again_knows_that_its_rooms_are_gone(scene: Scene) -> None:
    call_id = await scene.talk()
    scene.media.boot = "another"
    await scene.house.node.legs.recover()
    assert (await scene.buyer.hears("call.reconnecting"))["call"]["call_id"] == call_id


async def test_what_happens_while_the_database_asks_for_another_try_is_followed_later_and_in_order() -> None:
    happenings: asyncio.Queue[Happened] = asyncio.Queue()
    tried, followed = [], []
    both_followed = asyncio.Event()

    async def follow(event: Happened) -> None:
        tried.append(event.leg_id)
        if len(tried) < 3:
            raise Refused(ErrorCode.retry)
        if event.leg_id == "second":
            raise ValueError("followed by nobody")
        followed.append(event.leg_id)
        if len(followed) == 2:
            both_followed.set()

    for leg_id in ("first", "second", "third"):
        happenings.put_nowait(Happened("leg_up", "c", leg_id))
    async with asyncio.timeout(WITHIN_S):
        following = asyncio.create_task(_each(happenings, follow))
        await both_followed.wait()
        following.cancel()
    assert (tried, followed) == (["first"] * 3 + ["second", "third"], ["first", "third"])


async def test_a_call_that_cannot_be_ended_does_not_keep_the_others_from_their_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call_id = await scene.ring()
    due = CallRows.due

    async def stuck_first(self: CallRows, now: int, limit: int) -> Sequence[tuple[str, str]]:
        # A call whose conversation cannot be found stands for one that fails.
        return [("0" * 32, "no conversation"), *await due(self, now, limit)]

    by_itself = Legs._by_itself

    async def fails(self: Legs, call_id: str, act: Any) -> None:
        if call_id == "0" * 32:
            raise ValueError("cannot be read")
        await by_itself(self, call_id, act)

    monkeypatch.setattr(CallRows, "due", stuck_first)
    monkeypatch.setattr(Legs, "_by_itself", fails)
    await scene.later(RING_MS)
    assert (await scene.buyer.hears("call.ended"))["call"]["call_id"] == call_id
    assert "could not be brought to its end" in caplog.text


OF_A_CALL: dict[str, dict[str, Any]] = {
    "call.answer": {},
    "call.decline": {},
    "call.join": {},
    "call.describe": {"leg_id": "l", "answer": SDP},
    "call.hang_up": {},
    "call.consent": {"granted": True, **CONSENT},
    "call.set": {"camera": True},
    "call.report": {
        "leg_id": "l",
        "sent": {"kbps": 0, "loss": 0, "jitter_ms": 0},
        "received": {"kbps": 0, "loss": 0, "jitter_ms": 0},
        "step": "full",
    },
    "call.mark": {"mark": {"shape": "clear", "mark_id": new_client_id(), "of": "p", "frame_at": 0}},
    "call.sync": {"after_seq": 0},
}
ONLY_AGENTS: dict[str, dict[str, Any]] = {
    "call.still": {"client_id": new_client_id()},
    "call.adjust": {"torch": True},
    "call.invite_guest": {"client_id": new_client_id(), "name": "仓库"},
    "call.revoke_guest": {"participant_id": "p"},
}
ONLY_LEADS = ("call.listen", "call.whisper", "call.barge", "call.take_over")


async def test_whose_call_it_is_not_hears_the_same_as_for_one_that_does_not_exist(scene: Scene) -> None:
    call_id = await scene.talk()
    stranger = await scene.house.buyer("stranger")
    foreign = await scene.house.agent("b1", shop="river")
    colleague = await scene.house.agent("a2")
    for person, commands in (
        (stranger, OF_A_CALL),
        (foreign, OF_A_CALL | ONLY_AGENTS),
        (colleague, OF_A_CALL | ONLY_AGENTS),
    ):
        assert (await person.ask("call.load"))["calls"] == []
        for command, payload in commands.items():
            answers = []
            for asked in (call_id, "0" * 32):
                with pytest.raises(Refusal) as refusal:
                    await person.ask(command, call_id=asked, **payload)
                answers.append((refusal.value.code, refusal.value.data))
            assert answers[0] == answers[1] == ("not_found", {}), command
    for command in ONLY_LEADS:
        assert await refused(colleague, command, call_id=call_id) == "forbidden"
    ring = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "media": "video"}
    assert await refused(stranger, "call.invite", **ring) == "not_found"
    assert await refused(stranger, "call.link", conversation_id=scene.conversation_id) == "not_found"
    assert await refused(foreign, "call.invite", **ring, fence=scene.fence) == "not_found"
