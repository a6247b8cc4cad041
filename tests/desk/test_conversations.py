"""From the tap to the close, as both sides see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.errors import ErrorCode, Refused
from server.bootstrap import Desk
from server.identifiers import new_client_id
from tests.desk.house import House, Person, Refusal


async def opened(buyer: Person, **about: Any) -> dict[str, Any]:
    return await buyer.ask("conversation.open", client_id=new_client_id(), **about)


async def taken(agent: Person, conversation_id: str) -> int:
    event = await agent.hears("conversation.taken", lambda e: e["conversation_id"] == conversation_id)
    return int(event["fence"])


async def test_a_buyer_is_answered_and_both_have_the_same_log(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = await taken(agent, conversation)
    assert (await buyer.hears("conversation.assigned"))["agent_name"] == "小美"
    await buyer.say(conversation, "这件外套起球吗？")
    await agent.hears("chat.posted", lambda e: e["entry"].get("text") == "这件外套起球吗？")
    await agent.say(conversation, "不会的，亲。", fence=fence)
    await buyer.hears("chat.posted", lambda e: e["entry"].get("text") == "不会的，亲。")
    epoch = house.node.db.epoch
    ours = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=epoch)
    theirs = await agent.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=epoch)
    assert [entry["seq"] for entry in ours["entries"]] == list(range(1, ours["last_seq"] + 1))
    assert [e["kind"] for e in ours["entries"]] == ["assigned", "text", "text"]
    assert [e["message_id"] for e in ours["entries"]] == [e["message_id"] for e in theirs["entries"]]
    assert ours["entries"][2]["sender"] == {"kind": "agent", "id": None, "name": "小美"}


async def test_a_message_with_nobody_online_waits_and_is_served_when_somebody_comes(house: House) -> None:
    buyer = await house.buyer()
    found = await opened(buyer)
    assert found["position"] == 1
    await buyer.say(found["conversation_id"], "有人吗")
    agent = await house.agent("a1")
    await taken(agent, found["conversation_id"])
    look = await agent.ask("conversation.look", conversation_id=found["conversation_id"])
    assert look["summary"]["preview"] == "有人吗"


async def test_a_repeated_message_gets_the_same_answer_and_one_place(house: House) -> None:
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    client_id = new_client_id()
    answers = [
        await buyer.say(conversation, text, client_id=client_id) for text in ("once", "once", "changed")
    ]
    assert answers[0] == answers[1] == answers[2]
    page = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert [entry.get("text") for entry in page["entries"]] == ["once"]


@pytest.fixture
def doubt(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Use cases whose next answer is lost after their commit, so that the asker is told to try again.

    To be asked for before the house, which binds its commands when it is built.
    """
    doubted: set[str] = set()

    def doubting(case: str, real: Any) -> Any:
        async def asked(desk: Desk, actor: Any, request: Any) -> Any:
            done = await real(desk, actor, request)
            if case in doubted:
                doubted.remove(case)
                raise Refused(ErrorCode.retry)
            return done

        return asked

    for case in (
        "open_conversation",
        "send_by_buyer",
        "write_note",
        "recall_by_buyer",
        "close_by_agent",
        "reopen_by_buyer",
    ):
        monkeypatch.setattr(Desk, case, doubting(case, getattr(Desk, case)))
    yield doubted
    assert not doubted


async def test_what_was_stored_in_doubt_is_told_when_it_is_sent_again(doubt: set[str], house: House) -> None:
    agent, tab = await house.agent("a1"), await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = await taken(agent, conversation)

    async def twice(case: str, person: Person, command: str, **payload: Any) -> dict[str, Any]:
        about = {} if command == "conversation.open" else {"conversation_id": conversation}
        asked = {"client_id": new_client_id()} | about | payload
        doubt.add(case)
        with pytest.raises(Refusal, match="retry"):
            await person.ask(command, **asked)
        return await person.ask(command, **asked)

    await twice("open_conversation", buyer, "conversation.open", live_session_id="live-2")
    card = await agent.hears("chat.posted", lambda e: e["entry"]["kind"] == "card")
    assert card["entry"]["body"]["live_session_id"] == "live-2"
    await agent.hears("conversation.changed", lambda e: e["summary"]["last_seq"] == card["entry"]["seq"])
    sent = await twice("send_by_buyer", buyer, "chat.send", kind="text", text="起球吗？")
    await agent.hears("chat.posted", lambda e: e["entry"]["seq"] == sent["seq"])
    noted = await twice("write_note", agent, "chat.note", text="老客户")
    await tab.hears("chat.noted", lambda e: e["entry"]["message_id"] == noted["message_id"])
    recalled = await twice("recall_by_buyer", buyer, "chat.recall", seq=sent["seq"])
    await agent.hears("chat.recalled", lambda e: e["entry"]["seq"] == recalled["seq"])
    await tab.ask("conversation.look", conversation_id=conversation)
    closed = await twice("close_by_agent", agent, "conversation.close", fence=fence)
    await buyer.hears("chat.posted", lambda e: e["entry"]["seq"] == closed["seq"])
    await agent.hears("conversation.changed", lambda e: e["summary"]["state"] == "closed")
    reopened = await twice("reopen_by_buyer", buyer, "conversation.reopen")
    await tab.hears("chat.posted", lambda e: e["entry"]["seq"] == reopened["seq"])


async def test_a_hundred_taps_at_once_open_one_conversation(house: House) -> None:
    tabs = [await house.buyer() for _ in range(4)]
    found = await asyncio.gather(*(opened(tab) for tab in tabs for _ in range(5)))
    assert len({each["conversation_id"] for each in found}) == 1


async def test_another_product_while_one_is_open_adds_a_card_and_tells_the_agent(house: House) -> None:
    for product in ("p1", "p2"):
        await house.put(f"/api/v1/products/{product}", {"title": f"外套 {product}", "price": 9900})
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer, product_id="p1"))["conversation_id"]
    await taken(agent, conversation)
    assert (await opened(buyer, product_id="p2"))["conversation_id"] == conversation
    posted = await agent.hears(
        "chat.posted", lambda e: (e["entry"].get("body") or {}).get("product", {}).get("product_id") == "p2"
    )
    assert posted["entry"]["kind"] == "card"


async def test_a_note_never_reaches_a_buyer(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = await taken(agent, conversation)
    await agent.ask("chat.note", conversation_id=conversation, client_id=new_client_id(), text="内部：老客户")
    await agent.say(conversation, "您好", fence=fence)
    await buyer.hears("chat.posted", lambda e: e["entry"].get("text") == "您好")
    assert "内部" not in repr(buyer.heard)
    page = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert "内部" not in repr(page)


async def test_recalling_takes_the_text_from_everyone(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    await taken(agent, conversation)
    sent = await buyer.say(conversation, "发错了")
    await buyer.ask("chat.recall", conversation_id=conversation, client_id=new_client_id(), seq=sent["seq"])
    recalled = await agent.hears("chat.recalled")
    assert recalled["entry"]["recalled_seq"] == sent["seq"]
    page = await agent.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    entry = next(e for e in page["entries"] if e["seq"] == sent["seq"])
    assert entry["recalled"] is True
    assert entry.get("text") is None
    with pytest.raises(Refusal, match="recall_refused"):
        await buyer.ask(
            "chat.recall", conversation_id=conversation, client_id=new_client_id(), seq=sent["seq"]
        )


async def test_marks_move_forward_and_are_told_to_the_other_side(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    await taken(agent, conversation)
    sent = await buyer.say(conversation, "看到了吗")
    await agent.ask(
        "chat.mark", conversation_id=conversation, delivered_seq=sent["seq"], read_seq=sent["seq"]
    )
    marks = (await buyer.hears("chat.marked"))["marks"]
    assert marks["agent_read"] == sent["seq"]
    back = await agent.ask("chat.mark", conversation_id=conversation, read_seq=1)
    assert back["marks"]["agent_read"] == sent["seq"]
    far = await buyer.ask("chat.mark", conversation_id=conversation, read_seq=10_000)
    assert far["marks"]["buyer_read"] == sent["seq"]


async def test_typing_is_told_to_the_other_side_only(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    await taken(agent, conversation)
    await buyer.ask("chat.type", conversation_id=conversation)
    assert (await agent.hears("chat.typing"))["by"] == "buyer"
    await agent.ask("chat.type", conversation_id=conversation)
    assert (await buyer.hears("chat.typing"))["by"] == "agent"


async def test_closing_ends_it_for_both_and_reopening_goes_on_in_the_same_log(house: House) -> None:
    agent = await house.agent("a1")
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    fence = await taken(agent, conversation)
    await agent.ask(
        "conversation.close", conversation_id=conversation, client_id=new_client_id(), fence=fence
    )
    assert (await buyer.hears("conversation.closed"))["by"] == "agent"
    with pytest.raises(Refusal, match="conversation_closed"):
        await buyer.say(conversation, "还有一个问题")
    heard = len(agent.heard)
    await buyer.ask("conversation.reopen", conversation_id=conversation, client_id=new_client_id())
    again = await agent.hears("conversation.taken", since=heard)
    assert again["fence"] > fence
    await buyer.say(conversation, "还有一个问题")
    with pytest.raises(Refusal, match="stale_fence"):
        await agent.say(conversation, "旧的", fence=fence)
    history = await buyer.ask("conversation.list")
    assert [each["conversation_id"] for each in history["conversations"]] == [conversation]


async def test_history_is_there_on_another_device(house: House) -> None:
    phone = await house.buyer()
    conversation = (await opened(phone))["conversation_id"]
    await phone.say(conversation, "手机上写的")
    laptop = await house.buyer()
    assert (await opened(laptop))["conversation_id"] == conversation
    page = await laptop.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert [entry.get("text") for entry in page["entries"]] == ["手机上写的"]
    await laptop.say(conversation, "电脑上写的")
    await phone.hears("chat.posted", lambda e: e["entry"].get("text") == "电脑上写的")


async def test_anothers_conversation_and_none_get_the_same_answer(house: House) -> None:
    mine = (await opened(await house.buyer("xiaoyu")))["conversation_id"]
    stranger = await house.buyer("dayu")
    neighbour = await house.buyer("xiaoyu", shop="river")
    other_shop = await house.agent("b1", shop="river")
    for person in (stranger, neighbour, other_shop):
        answers = []
        for conversation in (mine, "no-such-conversation"):
            with pytest.raises(Refusal) as refused:
                await person.ask(
                    "chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch
                )
            answers.append((refused.value.code, refused.value.data))
        assert answers == [("not_found", {}), ("not_found", {})]


async def test_another_epoch_is_answered_resync_with_the_right_one(house: House) -> None:
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    with pytest.raises(Refusal, match="resync") as refused:
        await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch="restored")
    assert refused.value.data == {"epoch": house.node.db.epoch}


async def test_a_page_of_long_messages_is_cut_and_says_that_there_is_more(house: House) -> None:
    buyer = await house.buyer()
    conversation = (await opened(buyer))["conversation_id"]
    for _ in range(6):
        await buyer.say(conversation, "长" * 4_000)
    page = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert (len(page["entries"]), page["more"], page["last_seq"]) == (4, True, 6)
    rest = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=4, epoch=house.node.db.epoch)
    assert (len(rest["entries"]), rest["more"]) == (2, False)
