"""Staying and going: expiry, renewal, revocation, changed rights, rooms, and sockets a person has."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from protocol.conversation import LIST_PAGE
from protocol.errors import ErrorCode, Refused
from signaling.facts import RowChanged, SeatChanged
from signaling.limits import Limits
from signaling.ports import Actor, Revision
from tests.signaling.fakes import NOW, UNHURRIED, agent, buyer, client_id, seat, summary, with_shops
from tests.signaling.floor import Floor, Socket, floor
from tests.signaling.samples import FACTS


async def polled(built: Floor) -> None:
    """Lets the interval of the revisions pass and waits until they were looked up and reviewed."""
    async with asyncio.timeout(10):
        await built.clock.asleep.wait()
        built.clock.advance(Limits().revision_seconds)
        await built.clock.asleep.wait()


async def ended(socket: Socket, code: str) -> None:
    """The socket is told this code, then its namespace and its connection end."""
    payload = await socket.event("session.ended")
    assert payload["code"] == code
    assert payload["message"]
    packet = await socket.packet()
    assert packet is not None and packet.startswith("41/")
    await socket.until_closed()


def test_revocation_takes_effect_within_five_seconds_with_one_look_up_lost() -> None:
    assert 2 * Limits().revision_seconds <= 5


async def test_a_session_that_expires_is_told_and_ended() -> None:
    async with floor() as built:
        socket = await built.join(buyer(expires_at=NOW + 20_000))
        neighbour = await built.join(buyer("b2"))
        built.clock.advance(19.9)
        assert (await socket.call("/buyer", "conversation.list", {}))["ok"]
        built.clock.advance(0.1)
        await ended(socket, "session_expired")
        assert (await neighbour.call("/buyer", "conversation.list", {}))["ok"]


async def test_a_renewal_extends_the_session() -> None:
    async with floor() as built:
        socket = await built.join(buyer(expires_at=NOW + 20_000))
        built.desk.renewed_until = NOW + 24_000
        answer = await socket.call("/buyer", "session.renew", {})
        assert answer["data"] == {"token": "renewed-token-0000", "expires_at": NOW + 24_000}
        built.clock.advance(23)
        assert (await socket.call("/buyer", "conversation.list", {}))["ok"]
        built.clock.advance(1)
        await ended(socket, "session_expired")


async def test_a_renewal_that_is_refused_extends_nothing() -> None:
    async with floor() as built:
        socket = await built.join(buyer(expires_at=NOW + 20_000))

        async def revoked(name: str, actor: Actor, request: object) -> None:
            raise Refused(ErrorCode.session_revoked)

        built.desk.before = revoked
        assert (await socket.call("/buyer", "session.renew", {}))["error"]["code"] == "session_revoked"
        built.clock.advance(20)
        await ended(socket, "session_expired")


async def test_a_disabled_agent_loses_every_socket_and_nobody_else_does() -> None:
    async with floor() as built:
        sockets = [await built.join(agent()), await built.join(agent())]
        colleague = await built.join(agent("a2"))
        namesake = await built.join(buyer("a1"))  # the same id, another kind of person
        await polled(built)
        built.sessions.reviews["a1"] = None
        built.sessions.log.append(Revision("person", "a1"))
        await polled(built)
        for socket in sockets:
            await ended(socket, "session_revoked")
        assert (await colleague.call("/agent", "desk.load", {}))["ok"]
        assert (await namesake.call("/buyer", "conversation.list", {}))["ok"]


async def test_an_ended_session_loses_its_sockets_and_the_same_person_s_other_sessions_stay() -> None:
    async with floor() as built:
        stolen = await built.join(agent())
        own = await built.join(replace(agent(), session_id="session-at-home"))
        await polled(built)
        built.sessions.reviews["a1"] = None
        built.sessions.log.append(Revision("session", "session-a1"))
        await polled(built)
        await ended(stolen, "session_revoked")
        assert (await own.call("/agent", "desk.load", {}))["ok"]


async def test_a_buyer_s_revoked_session_loses_its_sockets() -> None:
    async with floor() as built:
        socket = await built.join(buyer())
        await polled(built)
        built.sessions.reviews["b1"] = None
        built.sessions.log.append(Revision("buyer", "b1"))
        await polled(built)
        await ended(socket, "session_revoked")


async def test_a_look_up_that_fails_is_made_again() -> None:
    async with floor() as built:
        socket = await built.join(agent())
        await polled(built)
        built.sessions.reviews["a1"] = None
        built.sessions.log.append(Revision("person", "a1"))
        built.sessions.failing = True
        await polled(built)
        assert (await socket.call("/agent", "desk.load", {}))["ok"]
        built.sessions.failing = False
        await polled(built)
        await ended(socket, "session_revoked")


async def test_a_session_that_ends_while_its_socket_is_let_in_is_not_missed() -> None:
    async with floor() as built:
        await polled(built)

        async def revoke() -> None:
            # The token was read; before the answer is here, the session ends and everybody is reviewed.
            built.sessions.reviews["a1"] = None
            built.sessions.log.append(Revision("person", "a1"))
            await polled(built)

        built.sessions.admitting = revoke
        socket = await built.open()
        await socket.send(f'40/agent,{{"token":"{built.sessions.enrol(agent())}"}}')
        await ended(socket, "session_revoked")
        assert built.attendance.log == []
        assert built.signaling.census().sockets == {}


async def test_whoever_is_here_before_the_first_look_up_is_reviewed_by_it() -> None:
    unlucky = Floor()
    unlucky.sessions.failing = True
    async with unlucky as built:
        socket = await built.join(agent())
        built.sessions.reviews["a1"] = None
        built.sessions.log.append(Revision("person", "a1"))
        built.sessions.failing = False
        await polled(built)
        await ended(socket, "session_revoked")


async def test_a_lowered_role_takes_effect_on_the_open_socket() -> None:
    async with floor() as built:
        lead = agent("a9", "supervisor")
        socket = await built.join(lead)
        await polled(built)
        assert (await socket.call("/agent", "wall.load", {"shop_id": "s1"}))["ok"]
        built.sessions.reviews["a9"] = with_shops(lead, {"s1": "agent"})
        built.sessions.log.append(Revision("person", "a9"))
        await polled(built)
        answer = await socket.call("/agent", "wall.load", {"shop_id": "s1"})
        assert answer["error"]["code"] == "forbidden"
        assert (await socket.call("/agent", "desk.load", {}))["ok"]


async def test_a_shop_that_is_taken_away_is_not_heard_any_more() -> None:
    async with floor() as built:
        person = agent("a9", shops=("s1", "s2"))
        socket = await built.join(person)
        await polled(built)
        assert (await socket.call("/agent", "conversation.look", {"conversation_id": "c1"}))["ok"]
        built.signaling.publish([RowChanged(summary("c1", "s1"))])
        assert (await socket.event("conversation.changed"))["summary"]["shop_id"] == "s1"
        built.sessions.reviews["a9"] = with_shops(person, {"s2": "agent", "s3": "agent"})
        built.sessions.log.append(Revision("person", "a9"))
        await polled(built)
        customer = await built.join(buyer())
        message = {"conversation_id": "c1", "client_id": client_id(1), "kind": "text", "text": "在吗"}
        assert (await customer.call("/buyer", "chat.send", message))["ok"]
        built.signaling.publish([RowChanged(summary("c1", "s1")), RowChanged(summary("c8", "s3"))])
        assert (await socket.event("conversation.changed"))["summary"]["conversation_id"] == "c8"
        assert socket.events == []


async def test_an_agent_without_any_shop_left_is_sent_away() -> None:
    async with floor() as built:
        socket = await built.join(agent())
        await polled(built)
        built.sessions.reviews["a1"] = with_shops(agent(), {})
        built.sessions.log.append(Revision("person", "a1"))
        await polled(built)
        await ended(socket, "forbidden")


async def test_looking_lets_one_hear_a_conversation_until_one_looks_away() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5"))
        customer = await built.join(buyer())

        async def say(number: int) -> None:
            message = {
                "conversation_id": "c1",
                "client_id": client_id(number),
                "kind": "text",
                "text": str(number),
            }
            assert (await customer.call("/buyer", "chat.send", message))["ok"]

        await say(1)
        assert (await colleague.call("/agent", "conversation.look", {"conversation_id": "c1"}))["ok"]
        await say(2)
        assert (await colleague.event("chat.posted"))["entry"]["text"] == "2"
        assert (await colleague.call("/agent", "conversation.unlook", {"conversation_id": "c1"}))["ok"]
        await say(3)
        await colleague.call("/agent", "desk.load", {})
        assert colleague.events == []


async def test_who_watches_a_list_hears_its_rows_until_he_watches_another() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5"))
        customer = await built.join(buyer())

        async def watch(*conversation_ids: str) -> list[str]:
            told = await colleague.call(
                "/agent", "conversation.watch", {"conversation_ids": list(conversation_ids)}
            )
            return [row["conversation_id"] for row in told["data"]["conversations"]]

        async def say(number: int) -> None:
            message = {"conversation_id": "c1", "client_id": client_id(number), "kind": "text"}
            assert (await customer.call("/buyer", "chat.send", message | {"text": str(number)}))["ok"]

        assert await watch("c1", "c2", "unknown") == ["c1", "c2"]
        await say(1)
        assert (await colleague.event("chat.posted"))["entry"]["text"] == "1"
        assert await watch("c2") == ["c2"]
        await say(2)
        assert await watch() == []
        assert colleague.events == []
        assert built.rooms() == {"/agent": {"agent:a5", "shop:s1"}, "/buyer": {"buyer:b1"}}


async def test_watching_a_list_and_looking_at_one_of_its_rows_do_not_end_each_other() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5"))
        both = {"agent:a5", "shop:s1", "look:c1"}

        async def call(name: str, **request: object) -> set[str]:
            assert (await colleague.call("/agent", f"conversation.{name}", request))["ok"]
            return built.rooms()["/agent"]

        assert await call("look", conversation_id="c1") == both
        assert await call("watch", conversation_ids=["c1"]) == both
        assert await call("unlook", conversation_id="c1") == both
        assert await call("look", conversation_id="c1") == both
        assert await call("watch", conversation_ids=[]) == both
        assert await call("unlook", conversation_id="c1") == both - {"look:c1"}


async def test_a_row_of_a_shop_that_one_left_is_heard_no_more() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5", shops=("s1", "s2")))
        await colleague.call("/agent", "conversation.watch", {"conversation_ids": ["c1"]})
        built.sessions.reviews["a5"] = with_shops(agent("a5"), {"s2": "agent"})
        built.sessions.log.append(Revision("person", "a5"))
        await polled(built)
        assert built.rooms() == {"/agent": {"agent:a5", "shop:s2"}}


async def test_more_rows_than_a_list_shows_are_not_watched() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5"))

        async def watch(count: int) -> bool:
            told = await colleague.call(
                "/agent",
                "conversation.watch",
                {"conversation_ids": [f"x{number}" for number in range(count)]},
            )
            return bool(told["ok"])

        assert await watch(LIST_PAGE)
        assert not await watch(LIST_PAGE + 1)


async def test_of_too_many_conversations_looked_at_the_first_gives_way() -> None:
    async with floor(replace(UNHURRIED, looks=1)) as built:
        colleague = await built.join(agent("a5"))
        for conversation_id in ("c1", "c2", "c2"):
            look = {"conversation_id": conversation_id}
            assert (await colleague.call("/agent", "conversation.look", look))["ok"]
        assert built.rooms() == {"/agent": {"agent:a5", "shop:s1", "look:c2"}}


async def test_a_look_that_the_desk_refuses_joins_nothing() -> None:
    async with floor() as built:
        stranger = await built.join(agent("a5", shops=("s2",)))
        customer = await built.join(buyer())
        refused = await stranger.call("/agent", "conversation.look", {"conversation_id": "c1"})
        assert refused["error"]["code"] == "not_found"
        message = {"conversation_id": "c1", "client_id": client_id(1), "kind": "text", "text": "在吗"}
        assert (await customer.call("/buyer", "chat.send", message))["ok"]
        await stranger.call("/agent", "desk.load", {})
        assert stranger.events == []


@pytest.mark.parametrize("actor, limit", [(buyer(), 5), (agent(), 10)], ids=["buyer", "agent"])
async def test_of_too_many_sockets_of_one_person_the_oldest_gives_way(actor: Actor, limit: int) -> None:
    assert limit == (UNHURRIED.agent_sockets if actor.kind == "agent" else UNHURRIED.buyer_sockets)
    async with floor() as built:
        namespace = f"/{actor.kind}"
        command = "desk.load" if actor.kind == "agent" else "conversation.list"
        sockets = [await built.join(actor) for _ in range(limit)]
        for socket in sockets:
            assert (await socket.call(namespace, command, {}))["ok"]
        newest = await built.join(actor)
        await ended(sockets[0], "too_many")
        for socket in (*sockets[1:], newest):
            assert (await socket.call(namespace, command, {}))["ok"]
        assert built.signaling.census().sockets == {namespace: limit}


async def test_a_person_who_left_and_came_back_is_still_one_person() -> None:
    async with floor() as built:
        first = await built.join(buyer())
        await first.ws.close()
        await built.meter.closing("/buyer", "client")
        second = await built.join(buyer())
        await polled(built)
        for _ in range(UNHURRIED.buyer_sockets):
            await built.join(buyer())
        await ended(second, "too_many")


async def test_who_left_a_namespace_hears_no_more_of_it_and_leaves_no_room_behind() -> None:
    async with floor() as built:
        colleague = await built.join(agent("a5"))
        assert (await colleague.call("/agent", "conversation.look", {"conversation_id": "c1"}))["ok"]
        await colleague.send("41/agent,")
        await built.meter.closing("/agent", "client")
        again = await colleague.connect("/buyer", {"token": built.sessions.enrol(buyer("b5"))})
        assert not again["refused"]
        built.signaling.publish(FACTS)
        assert (await colleague.call("/buyer", "conversation.list", {}))["ok"]
        assert colleague.events == []
        assert built.rooms() == {"/buyer": {"buyer:b5"}}


async def test_attendance_hears_of_every_agent_s_socket_and_which_was_his_last() -> None:
    async with floor() as built:
        built.attendance.facts = [SeatChanged(seat("a1"), ("s1",))]
        colleague = await built.join(agent("a2"))
        assert (await colleague.event("presence.changed"))["person_id"] == "a1"
        first, second = await built.join(agent()), await built.join(agent())
        await built.join(buyer())
        await first.ws.close()
        async with built.attendance.changed:
            await asyncio.wait_for(
                built.attendance.changed.wait_for(lambda: len(built.attendance.log) == 4), timeout=10
            )
        await second.ws.close()
        async with built.attendance.changed:
            await asyncio.wait_for(
                built.attendance.changed.wait_for(lambda: len(built.attendance.log) == 5), timeout=10
            )
        assert built.attendance.log == [
            ("arrived", "a2", None),
            ("arrived", "a1", None),
            ("arrived", "a1", None),
            ("left", "a1", False),
            ("left", "a1", True),
        ]
        for _ in range(4):
            assert (await colleague.event("presence.changed"))["person_id"] == "a1"


async def test_the_use_case_knows_the_socket_and_the_person() -> None:
    async with floor() as built:
        actors: list[Actor] = []

        async def note(name: str, actor: Actor, request: object) -> None:
            actors.append(actor)

        built.desk.before = note
        first, second = await built.join(agent()), await built.join(agent())
        await first.call("/agent", "desk.load", {})
        await second.call("/agent", "desk.load", {})
        assert actors[0].sid and actors[1].sid and actors[0].sid != actors[1].sid
        assert replace(actors[0], sid=None) == agent()
