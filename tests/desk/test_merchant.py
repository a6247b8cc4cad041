"""What a merchant's server tells, and where the agent's panel says that orders come from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from server.identifiers import new_client_id
from server.storage.schema import conversations
from tests.desk.house import House, Refusal

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def event(event_id: str, seconds: float, kind: str, **fields: Any) -> dict[str, Any]:
    return {"source_event_id": event_id, "at": at(seconds), "kind": kind} | fields


EVENTS = [
    event("e1", 0, "host_on", host="小满"),
    event("e2", 60, "explain_start", product_id="dress"),
    event(
        "e3",
        70,
        "promise",
        text="七天无理由，运费我出",
        promise="return_window",
        product_id="dress",
        host="小满",
    ),
    event("e4", 80, "comment", text="起球吗？", buyer="xiaoyu", name="小雨", product_id="dress"),
    event("e5", 180, "explain_end", product_id="dress"),
]


def order(**changes: Any) -> dict[str, Any]:
    return {
        "buyer": "xiaoyu",
        "status": "paid",
        "placed_at": at(100),
        "total": 26900,
        "receiver": {"name": "余小雨", "phone": "13812345678", "address": "浙江省杭州市西湖区文三路138号5幢"},
        "lines": [
            {
                "line_id": "l1",
                "product_id": "dress",
                "title": "碎花连衣裙",
                "quantity": 1,
                "price": 26900,
                "live_session_id": "live-1",
            }
        ],
    } | changes


async def a_stream(house: House) -> None:
    await house.put("/api/v1/products/dress", {"title": "碎花连衣裙", "price": 26900, "category": "女装"})
    await house.post(
        "/api/v1/live-sessions",
        {"id": "live-1", "room": "云朵直播间", "title": "秋装专场", "started_at": at(0), "delay_ms": 2000},
        key=house.keys["cloud"],
    )
    results = await house.post(
        "/api/v1/live-sessions/live-1/events", {"events": EVENTS}, key=house.keys["cloud"]
    )
    assert all(result["accepted"] for result in results["results"])


async def test_the_panel_shows_where_the_order_comes_from_before_the_buyer_has_typed(house: House) -> None:
    await a_stream(house)
    assert await house.put("/api/v1/orders/o1", order()) == {"id": "o1", "changed": True}
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1")
    context = await agent.ask("conversation.look", conversation_id=conversation["conversation_id"])
    line = context["orders"][0]["lines"][0]
    birth = line["provenance"]
    assert (birth["confidence"], birth["live_title"], birth["hosts"]) == ("exact", "秋装专场", ["小满"])
    assert (birth["offset_from_ms"], birth["offset_to_ms"]) == (60_000, 180_000)
    assert [promise["text"] for promise in birth["promises"]] == ["七天无理由，运费我出"]
    assert [(said["text"], said["own"]) for said in birth["questions"]] == [("起球吗？", True)]
    assert birth["version"] == 1


async def test_a_late_event_makes_a_new_version_and_tells_the_panel(house: House) -> None:
    await a_stream(house)
    await house.put("/api/v1/orders/o1", order())
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1"))[
        "conversation_id"
    ]
    await agent.hears("conversation.taken")
    late = event("e9", 90, "promise", text="送围巾一条", promise="gift", product_id="dress")
    await house.post("/api/v1/live-sessions/live-1/events", {"events": [late]}, key=house.keys["cloud"])
    bound = await agent.hears("provenance.bound")
    assert bound["provenance"]["version"] == 2
    assert bound["conversation_id"] == conversation
    assert {each["text"] for each in bound["provenance"]["promises"]} == {
        "七天无理由，运费我出",
        "送围巾一条",
    }


async def test_the_end_of_an_explanation_reaches_the_orders_placed_while_it_ran(house: House) -> None:
    await a_stream(house)
    running = [event("e20", 300, "explain_start", product_id="dress")]
    await house.post("/api/v1/live-sessions/live-1/events", {"events": running}, key=house.keys["cloud"])
    await house.put("/api/v1/orders/o1", order(placed_at=at(310)))
    agent, buyer = await house.agent("a1"), await house.buyer()
    conversation = await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1")
    look = {"conversation_id": conversation["conversation_id"]}
    birth = (await agent.ask("conversation.look", **look))["orders"][0]["lines"][0]["provenance"]
    assert (birth["offset_from_ms"], birth.get("offset_to_ms")) == (300_000, None)
    over = [event("e21", 400, "explain_end", product_id="dress")]
    await house.post("/api/v1/live-sessions/live-1/events", {"events": over}, key=house.keys["cloud"])
    birth = (await agent.ask("conversation.look", **look))["orders"][0]["lines"][0]["provenance"]
    assert (birth["offset_from_ms"], birth["offset_to_ms"]) == (300_000, 400_000)


async def test_receiver_data_is_masked_before_it_is_stored(house: House) -> None:
    await a_stream(house)
    await house.put("/api/v1/orders/o1", order())
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1")
    context = await agent.ask("conversation.look", conversation_id=conversation["conversation_id"])
    assert context["orders"][0]["contact"] == {
        "name": "余**",
        "phone": "138****5678",
        "address": "浙江省杭州市西湖区文三路***",
    }
    async with house.node.db.read() as unit:
        stored = await unit.catalogue.order("cloud", "o1")
    assert "13812345678" not in repr(stored)
    assert "5幢" not in repr(stored)


async def test_an_order_of_somebody_else_is_answered_like_none(house: House) -> None:
    await a_stream(house)
    await house.put("/api/v1/orders/o1", order())
    stranger, visitor = await house.buyer("dayu"), await house.buyer(None)
    neighbour = await house.buyer("xiaoyu", shop="river")
    for person in (stranger, visitor, neighbour):
        answers = set()
        for order_id in ("o1", "no-such-order"):
            with pytest.raises(Refusal) as refused:
                await person.ask("conversation.open", client_id=new_client_id(), order_id=order_id)
            answers.add((refused.value.code, str(refused.value.data)))
        assert answers == {("not_found", "{}")}
        assert (await person.ask("conversation.list"))["conversations"] == []


async def test_an_identity_that_names_orders_opens_only_those(house: House) -> None:
    await a_stream(house)
    for order_id in ("o1", "o2"):
        await house.put(f"/api/v1/orders/{order_id}", order())
    buyer = await house.buyer(orders=["o2"])
    with pytest.raises(Refusal, match="not_found"):
        await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1")
    opened = await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o2")
    card = {"kind": "card", "conversation_id": opened["conversation_id"]}
    for order_id, code in (("o1", "not_found"), ("none", "not_found")):
        with pytest.raises(Refusal, match=code):
            await buyer.ask(
                "chat.send", client_id=new_client_id(), body={"card": "order", "order_id": order_id}, **card
            )
    await buyer.ask("chat.send", client_id=new_client_id(), body={"card": "order", "order_id": "o2"}, **card)


async def test_putting_the_same_again_changes_nothing(house: House) -> None:
    await a_stream(house)
    await house.put("/api/v1/orders/o1", order())
    assert await house.put("/api/v1/orders/o1", order()) == {"id": "o1", "changed": False}
    assert (await house.put("/api/v1/orders/o1", order(status="shipped")))["changed"] is True


async def test_each_event_is_accepted_or_refused_by_itself(house: House) -> None:
    await a_stream(house)
    mixed = [
        EVENTS[0],
        event("e10", 200, "explain_start"),
        {"source_event_id": "e11", "at": "yesterday", "kind": "said", "text": "x"},
        event("e12", 210, "said", text="下一个", host="小满"),
        event("e13", 210, "dance"),
    ]
    answer = await house.post(
        "/api/v1/live-sessions/live-1/events", {"events": mixed}, key=house.keys["cloud"]
    )
    results = answer["results"]
    assert [result["accepted"] for result in results] == [True, False, False, True, False]
    assert results[0]["duplicate"] is True
    assert results[1]["error"] == "bad_request"
    assert "product_id" in results[1]["message"]


async def test_another_shop_has_no_way_to_a_session(house: House) -> None:
    await a_stream(house)
    with pytest.raises(Refusal, match="not_found"):
        await house.post("/api/v1/live-sessions/live-1/events", {"events": EVENTS}, key=house.keys["river"])


async def test_a_session_cannot_get_another_start(house: House) -> None:
    await a_stream(house)
    with pytest.raises(Refusal, match="conflict"):
        await house.post(
            "/api/v1/live-sessions",
            {"id": "live-1", "room": "云朵直播间", "title": "秋装专场", "started_at": at(5)},
            key=house.keys["cloud"],
        )


async def a_room_of_two_hosts(house: House) -> None:
    """Both explain the dress at the same time, and nobody said yet that they ended."""
    await house.put("/api/v1/products/dress", {"title": "碎花连衣裙", "price": 26900})
    await house.post(
        "/api/v1/live-sessions",
        {"id": "live-2", "room": "云朵直播间", "title": "双人专场", "started_at": at(0)},
        key=house.keys["cloud"],
    )
    told = [
        event("d1", 0, "host_on", host="小满"),
        event("d2", 0, "host_on", host="阿朗"),
        event("d3", 60, "explain_start", product_id="dress", host="小满"),
        event("d4", 70, "explain_start", product_id="dress", host="阿朗"),
        event("d5", 80, "promise", text="送围巾一条", promise="gift", product_id="dress", host="小满"),
    ]
    results = await house.post(
        "/api/v1/live-sessions/live-2/events", {"events": told}, key=house.keys["cloud"]
    )
    assert all(result["accepted"] for result in results["results"])


async def birth_of(house: House, order_id: str) -> dict[str, Any]:
    """What an agent's panel shows of the first line of the buyer's order."""
    agent, buyer = await house.agent("a1"), await house.buyer()
    conversation = await buyer.ask("conversation.open", client_id=new_client_id(), order_id=order_id)
    context = await agent.ask("conversation.look", conversation_id=conversation["conversation_id"])
    birth: dict[str, Any] = context["orders"][0]["lines"][0]["provenance"]
    return birth


async def test_an_ambiguous_order_says_between_which_hosts_and_minutes_it_wavers(house: House) -> None:
    await a_room_of_two_hosts(house)
    await house.put("/api/v1/orders/o1", order(lines=[order()["lines"][0] | {"live_session_id": "live-2"}]))
    birth = await birth_of(house, "o1")
    assert (birth["confidence"], birth["live_title"]) == ("ambiguous", "双人专场")
    assert birth["segment_from"] is None
    alternatives = birth["alternatives"]
    assert [(one["live_title"], one["hosts"], one["offset_from_ms"]) for one in alternatives] == [
        ("双人专场", ["阿朗"], 70_000),
        ("双人专场", ["小满"], 60_000),
    ]
    assert [one["segment_to"] for one in alternatives] == [None, None]
    assert [[said["text"] for said in one["promises"]] for one in alternatives] == [["送围巾一条"]] * 2


async def test_an_order_between_two_sessions_claims_neither_and_lists_their_promises(house: House) -> None:
    await a_stream(house)
    await a_room_of_two_hosts(house)
    over = [event("d9", 65, "explain_end", product_id="dress")]
    await house.post("/api/v1/live-sessions/live-2/events", {"events": over}, key=house.keys["cloud"])
    await house.put(
        "/api/v1/orders/o1",
        order(buyer="dayu", lines=[order()["lines"][0] | {"live_session_id": None}]),
    )
    agent, buyer = await house.agent("a1"), await house.buyer("dayu")
    conversation = await buyer.ask("conversation.open", client_id=new_client_id(), order_id="o1")
    context = await agent.ask("conversation.look", conversation_id=conversation["conversation_id"])
    birth = context["orders"][0]["lines"][0]["provenance"]
    assert (birth["confidence"], birth["live_session_id"], birth["promises"]) == ("ambiguous", None, [])
    promised = {
        one["live_title"]: [said["text"] for said in one["promises"]] for one in birth["alternatives"]
    }
    assert promised == {
        "秋装专场": ["七天无理由，运费我出"],
        "双人专场": ["送围巾一条"],
    }


async def test_the_position_of_the_buyers_player_counts_before_the_clock(house: House) -> None:
    await a_stream(house)
    line = order()["lines"][0]
    late = order(placed_at=at(3_000), lines=[line | {"position_ms": 100_000}])
    await house.put("/api/v1/orders/late", late)
    birth = await birth_of(house, "late")
    assert (birth["confidence"], birth["offset_from_ms"], birth["offset_to_ms"]) == ("exact", 60_000, 180_000)
    assert "position_used" in {reason["code"] for reason in birth["reasons"]}


async def test_a_product_without_an_explanation_is_said_of_the_day_that_was_read(house: House) -> None:
    await a_stream(house)
    line = order()["lines"][0] | {"product_id": "hat", "live_session_id": None}
    await house.put("/api/v1/orders/o1", order(lines=[line]))
    last = (await birth_of(house, "o1"))["reasons"][-1]
    assert last == {
        "code": "not_explained_within",
        "data": {"product_id": "hat", "within_ms": 86_400_000},
    }


async def test_who_taps_at_another_minute_without_an_order_is_shown_that_minute(house: House) -> None:
    """He has an old order, opened the conversation ten minutes ago, and taps again now."""
    now = datetime.now(UTC)

    def ago(minutes: float) -> str:
        return (now - timedelta(minutes=minutes)).isoformat()

    async def told(name: str, minutes: float, kind: str, product: str) -> None:
        one = {"source_event_id": name, "at": ago(minutes), "kind": kind, "product_id": product}
        await house.post("/api/v1/live-sessions/now/events", {"events": [one]}, key=house.keys["cloud"])

    for product in ("dress", "hat"):
        await house.put(f"/api/v1/products/{product}", {"title": product, "price": 100})
    session = {"id": "now", "room": "云朵直播间", "title": "今晚", "started_at": ago(30)}
    await house.post("/api/v1/live-sessions", session, key=house.keys["cloud"])
    await told("t1", 14, "explain_start", "hat")
    await told("t2", 6, "explain_end", "hat")
    await told("t3", 5, "explain_start", "dress")
    await house.put("/api/v1/orders/old", order(placed_at=ago(9_000)))
    agent, buyer = await house.agent("a1"), await house.buyer()
    opened = await buyer.ask(
        "conversation.open",
        client_id=new_client_id(),
        live_session_id="now",
        product_id="hat",
        position_ms=20 * 60_000,
    )
    async with house.node.db.write() as unit:
        await unit.connection.execute(
            update(conversations).values(opened_at=conversations.c.opened_at - 10 * 60_000)
        )
    look = {"conversation_id": opened["conversation_id"]}
    birth = (await agent.ask("conversation.look", **look))["provenance"]
    assert (birth["confidence"], birth["offset_from_ms"]) == ("exact", 16 * 60_000)
    await buyer.ask(
        "conversation.open",
        client_id=new_client_id(),
        live_session_id="now",
        product_id="dress",
        position_ms=27 * 60_000,
    )
    context = await agent.ask("conversation.look", **look)
    assert [view["order"]["order_id"] for view in context["orders"]] == ["old"]
    birth = context["provenance"]
    assert (birth["confidence"], birth["offset_from_ms"]) == ("exact", 25 * 60_000)
