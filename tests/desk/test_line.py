"""Who is served by whom: skills, offers, transfers, presence and the wall, through the whole desk."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.auth import staff
from server.auth.agents import IDLE_MS
from server.identifiers import epoch_ms, new_client_id
from tests.desk.house import House, Person, Refusal


async def opened(buyer: Person, **about: Any) -> dict[str, Any]:
    return await buyer.ask("conversation.open", client_id=new_client_id(), **about)


async def a_dress(house: House) -> None:
    await house.put("/api/v1/products/dress", {"title": "碎花连衣裙", "price": 26900, "category": "服装"})


async def test_the_agent_with_the_skill_gets_the_conversation(house: House) -> None:
    await a_dress(house)
    beginner, skilled = await house.agent("a3"), await house.agent("a2")
    buyer = await house.buyer()
    conversation = (await opened(buyer, product_id="dress"))["conversation_id"]
    assert (await skilled.hears("conversation.taken"))["conversation_id"] == conversation
    assert "conversation.taken" not in beginner.names()
    page = await skilled.ask(
        "chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch
    )
    assert [(e["kind"], e["text"]) for e in page["desk_entries"]] == [("routed", "1 → 服装 · 服装 ≥ 3")]


async def test_positions_are_told_as_the_line_moves(house: House) -> None:
    buyers = [await house.buyer(f"buyer-{number}") for number in range(7)]
    places = [(await opened(buyer))["position"] for buyer in buyers]
    assert places == [1, 2, 3, 4, 5, 6, 7]
    await house.agent("a1")
    moved = await buyers[5].hears("queue.moved", lambda e: e["position"] == 1)
    assert moved["waiting"] == 2
    assert (await buyers[0].hears("queue.moved", lambda e: e["position"] is None))["waiting"] == 0


async def test_an_agent_with_five_chats_gets_no_sixth_until_one_is_closed(house: House) -> None:
    agent = await house.agent("a1")
    buyers = [await house.buyer(f"buyer-{number}") for number in range(6)]
    conversations = [(await opened(buyer))["conversation_id"] for buyer in buyers]
    for conversation in conversations[:5]:
        await agent.hears("conversation.taken", lambda e, c=conversation: e["conversation_id"] == c)  # type: ignore[misc]
    wall = await (await house.agent("s1", state=None)).ask("wall.load", shop_id="cloud")
    served = next(row for row in wall["groups"] if row["name"] == "售后")
    assert (served["waiting"], served["in_service"], served["ready"]) == (1, 5, ["小美"])
    await buyers[0].ask("conversation.close", conversation_id=conversations[0], client_id=new_client_id())
    await agent.hears("conversation.taken", lambda e: e["conversation_id"] == conversations[5])


async def test_an_offer_is_accepted_once_by_the_agent_it_was_made_to(house: House) -> None:
    asked, other = await house.agent("a2"), await house.agent("a3", state=None)
    buyer = await house.buyer(tier="svip")
    conversation = (await opened(buyer))["conversation_id"]
    offer = await asked.hears("conversation.offered")
    assert offer["summary"]["conversation_id"] == conversation
    assert offer["expires_at"] - offer["now"] == 20_000
    answer = {"offer_id": offer["offer_id"], "fence": offer["fence"]}
    with pytest.raises(Refusal, match="already_taken"):
        await other.ask("conversation.accept", **answer)
    first = await asked.ask("conversation.accept", **answer)
    assert await asked.ask("conversation.accept", **answer) == first
    assert (await asked.hears("conversation.offer_ended"))["outcome"] == "accepted"
    await asked.say(conversation, "您好", fence=first["fence"])
    await buyer.hears("chat.posted", lambda e: e["entry"].get("text") == "您好")


async def test_an_open_offer_is_shown_again_to_a_console_that_was_reloaded(house: House) -> None:
    asked = await house.agent("a2")
    buyer = await house.buyer(tier="svip")
    await opened(buyer)
    offer = await asked.hears("conversation.offered")
    reloaded = await house.agent("a2", state=None)
    assert (await reloaded.hears("conversation.offered"))["offer_id"] == offer["offer_id"]


async def test_a_declined_offer_goes_to_the_next_agent(house: House) -> None:
    first, second = await house.agent("a2"), await house.agent("a3")
    buyer = await house.buyer(tier="svip")
    await opened(buyer)
    asked, other = first, second
    offer = await _offered_to_one_of(first, second)
    if "conversation.offered" in second.names():
        asked, other = second, first
    await asked.ask("conversation.decline", offer_id=offer["offer_id"], fence=offer["fence"])
    again = await other.hears("conversation.offered")
    assert again["fence"] > offer["fence"]


async def _offered_to_one_of(*agents: Person) -> dict[str, Any]:
    waits = [asyncio.create_task(agent.hears("conversation.offered")) for agent in agents]
    done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    return done.pop().result()


async def test_a_transfer_takes_the_note_along_and_makes_the_old_fence_stale(house: House) -> None:
    first = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = (await first.hears("conversation.taken"))["fence"]
    second = await house.agent("a2")
    await first.ask(
        "conversation.transfer",
        conversation_id=conversation,
        client_id=new_client_id(),
        fence=fence,
        person_id=house.people["a2"],
        note="买家要换码，已核对订单",
    )
    taken = await second.hears("conversation.taken")
    assert taken["fence"] > fence
    with pytest.raises(Refusal, match="stale_fence"):
        await first.say(conversation, "我再补一句", fence=fence)
    page = await second.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    notes = [e for e in page["desk_entries"] if e["kind"] == "handover"]
    assert notes[0]["text"] == "买家要换码，已核对订单"
    assert "换码" not in repr(buyer.heard)
    assert "我再补一句" not in repr(page)
    await second.say(conversation, "您好，我来处理", fence=taken["fence"])


async def test_a_transfer_sent_again_answers_the_same_and_hands_nothing_on_twice(house: House) -> None:
    first, second = await house.agent("a1"), await house.agent("a2")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    asked = {
        "conversation_id": conversation,
        "client_id": new_client_id(),
        "fence": (await first.hears("conversation.taken"))["fence"],
        "person_id": house.people["a2"],
    }
    assert await first.ask("conversation.transfer", **asked) == {}
    fence = (await second.hears("conversation.taken"))["fence"]
    assert await first.ask("conversation.transfer", **asked) == {}
    await second.say(conversation, "我来处理", fence=fence)
    page = await second.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert [e["kind"] for e in page["entries"]] == ["assigned", "transferred", "assigned", "text"]
    assert [e["kind"] for e in page["desk_entries"]] == ["routed", "handover"]
    # Under another client id it is another wish, and his fence is stale.
    with pytest.raises(Refusal, match="stale_fence"):
        await first.ask("conversation.transfer", **asked | {"client_id": new_client_id()})


async def test_a_group_s_name_stays_inside_when_a_conversation_is_handed_to_it(house: House) -> None:
    first = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = (await first.hears("conversation.taken"))["fence"]
    await first.ask(
        "conversation.transfer",
        conversation_id=conversation,
        client_id=new_client_id(),
        fence=fence,
        group_id=house.groups["cloud", "服装"],
        note="",
    )
    posted = await buyer.hears("chat.posted", lambda e: e["entry"]["kind"] == "transferred")
    assert posted["entry"].get("to_name") is None
    assert "服装" not in repr(buyer.heard)


async def test_only_the_owner_closes_except_a_supervisor(house: House) -> None:
    owner = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = (await owner.hears("conversation.taken"))["fence"]
    colleague, supervisor = await house.agent("a2"), await house.agent("s1", state=None)
    close = {"conversation_id": conversation, "client_id": new_client_id(), "fence": fence}
    with pytest.raises(Refusal, match="stale_fence"):
        await colleague.ask("conversation.close", **close)
    await supervisor.ask("conversation.close", **close)
    await buyer.hears("conversation.closed")


async def test_a_wall_is_for_supervisors_of_that_shop(house: House) -> None:
    agent, supervisor = await house.agent("a1"), await house.agent("s1", state=None)
    with pytest.raises(Refusal, match="forbidden"):
        await agent.ask("wall.load", shop_id="cloud")
    with pytest.raises(Refusal, match="not_found"):
        await supervisor.ask("wall.load", shop_id="river")


async def test_an_agent_of_two_shops_sees_both_and_his_impersonator_only_his_own(house: House) -> None:
    both = await house.agent("a1")
    desk = await both.ask("desk.load")
    assert [shop["shop_id"] for shop in desk["shops"]] == ["cloud"]
    listed = await both.ask("conversation.list", tab="all")
    assert listed == {"conversations": [], "more": False}
    with pytest.raises(Refusal, match="not_found"):
        await both.ask("conversation.list", tab="all", shop_id="river")


async def test_a_disabled_agent_loses_his_socket(house: House) -> None:
    agent = await house.agent("a1")
    async with house.node.db.write() as unit:
        await staff.disable(unit, house.people["a1"], epoch_ms())
    ended = await agent.hears("session.ended")
    assert ended["code"] == "session_revoked"


async def test_who_watches_the_waiting_line_hears_what_is_said_in_it_meanwhile(house: House) -> None:
    looker = await house.agent("a1", state=None)
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    await buyer.say(conversation, "在吗")
    rows = (await looker.ask("conversation.watch", conversation_ids=[conversation]))["conversations"]
    assert [(row["conversation_id"], row["preview"]) for row in rows] == [(conversation, "在吗")]
    await buyer.say(conversation, "发货了吗")
    heard = await looker.hears("chat.posted")
    assert (heard["conversation_id"], heard["entry"]["text"]) == (conversation, "发货了吗")


async def test_rows_of_another_shop_are_neither_shown_nor_heard(house: House) -> None:
    stranger = await house.agent("b1", shop="river", state=None)
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    assert await stranger.ask("conversation.watch", conversation_ids=[conversation]) == {"conversations": []}
    await buyer.say(conversation, "在吗")
    await stranger.ask("desk.load")
    assert "chat.posted" not in stranger.names()


async def test_an_open_socket_keeps_a_sign_in_in_use_and_without_one_it_is_idle(house: House) -> None:
    here = await house.agent("a1")
    await house.post("/api/v1/agents/impersonate", {"login": "a2"}, key=house.keys["cloud"])
    now = epoch_ms()
    async with house.node.db.write() as unit:
        both = [
            row.id
            for login in ("a1", "a2")
            for row in await unit.people.sign_ins(house.people[login], now=now, seen_after=0, most=9)
        ]
        await unit.people.seen(both, now - IDLE_MS)
    await house.node.tidy()
    async with house.node.db.read() as reader:
        ended = [await reader.people.sign_in(session_id=each) for each in both]
    assert [row is not None and row.ended_at is None for row in ended] == [True, False]
    assert (await here.ask("desk.load"))["seat"]
