"""Cases as agents and supervisors meet them: opened, numbered, searched, handed on, closed; never leaked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protocol import cases as wire
from protocol.errors import ErrorCode, Refused
from server.desk import cases as desk
from server.identifiers import new_client_id
from server.storage.cases import NewCase
from signaling.ports import Actor
from tests.desk.house import House, Person, Refusal


async def conversation_of(buyer: Person) -> str:
    return str((await buyer.ask("conversation.open", client_id=new_client_id()))["conversation_id"])


async def opened(agent: Person, conversation: str, title: str = "领口开线", **more: Any) -> dict[str, Any]:
    asked = {"conversation_id": conversation, "client_id": new_client_id(), "title": title}
    return await agent.ask("case.open", **(asked | more))


async def act(agent: Person, what: str, case: dict[str, Any], **more: Any) -> dict[str, Any]:
    case_id = case["case"]["case_id"]
    return await agent.ask(f"case.{what}", **({"case_id": case_id, "client_id": new_client_id()} | more))


async def refusal(awaited: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await awaited
    return refused.value.code


async def order(house: House, order_id: str, buyer: str, shop: str = "cloud") -> None:
    await house.put(
        f"/api/v1/orders/{order_id}",
        {
            "buyer": buyer,
            "status": "delivered",
            "placed_at": "2026-11-20T10:00:00Z",
            "total": 26900,
            "lines": [{"line_id": "1", "product_id": "p", "title": "连衣裙", "quantity": 1, "price": 26900}],
        },
        shop=shop,
    )


async def test_a_case_is_opened_noted_handed_on_closed_and_reopened_and_its_history_says_so(
    house: House,
) -> None:
    agent, colleague = await house.agent("a1"), await house.agent("a2")
    buyer = await house.buyer(name="小雨")
    await order(house, "D-20261120", "xiaoyu")
    conversation = await conversation_of(buyer)
    case = await opened(agent, conversation, order_id="D-20261120")
    assert case["case"]["number"] == 1001
    assert (case["case"]["buyer_name"], case["case"]["holder_name"]) == ("小雨", "小美")
    assert case["order"]["order_id"] == "D-20261120"
    told = await colleague.hears("case.changed")
    assert told["case"] == case["case"]
    await act(colleague, "note", case, text="仓库已查")
    await act(agent, "hold", case, person_id=house.people["a2"])
    await act(colleague, "close", case, text="已换货")
    case = await act(colleague, "reopen", case, text="换来的也坏了")
    assert [(e["kind"], e["by_name"]) for e in case["history"]] == [
        ("opened", "小美"),
        ("note", "阿强"),
        ("held", "小美"),
        ("closed", "阿强"),
        ("reopened", "阿强"),
    ]
    assert [e["seq"] for e in case["history"]] == [1, 2, 3, 4, 5]
    assert (case["case"]["state"], case["case"]["closed_at"]) == ("open", None)
    look = await agent.ask("conversation.look", conversation_id=conversation)
    assert [each["number"] for each in look["cases"]] == [1001]
    assert "case" not in str(buyer.heard)


async def test_a_repeated_command_changes_a_case_once(house: House) -> None:
    agent = await house.agent("a1")
    conversation = await conversation_of(await house.buyer())
    client_id = new_client_id()
    first, second = [await opened(agent, conversation, client_id=client_id) for _ in range(2)]
    assert first == second
    client_id = new_client_id()
    for _ in range(2):
        case = await act(agent, "note", first, client_id=client_id, text="一次")
    assert [e["kind"] for e in case["history"]] == ["opened", "note"]


async def test_numbers_are_counted_in_each_shop_and_none_is_given_twice(house: House) -> None:
    agent = await house.agent("a1")
    there = await house.agent("a1", shop="river")
    conversations = [await conversation_of(await house.buyer(f"b{n}")) for n in range(6)]
    made = await asyncio.gather(*(opened(agent, each) for each in conversations))
    assert sorted(case["case"]["number"] for case in made) == list(range(1001, 1007))
    elsewhere = await opened(there, await conversation_of(await house.buyer("b0", shop="river")))
    assert elsewhere["case"]["number"] == 1001


async def test_an_agent_acts_on_what_he_holds_and_a_supervisor_on_any(house: House) -> None:
    agent, colleague, lead = await house.agent("a1"), await house.agent("a2"), await house.agent("s1")
    case = await opened(agent, await conversation_of(await house.buyer()))
    assert await refusal(act(colleague, "close", case, text="不归我")) == "forbidden"
    assert await refusal(act(colleague, "hold", case, person_id=house.people["a3"])) == "forbidden"
    assert await refusal(act(lead, "hold", case, person_id=house.people["b1"])) == "not_found"
    await act(lead, "hold", case, person_id=house.people["a3"])
    await act(colleague, "hold", case, person_id=house.people["a2"])
    assert await refusal(act(agent, "close", case, text="不再归我")) == "forbidden"
    await act(lead, "close", case, text="主管结案")
    assert await refusal(act(lead, "close", case, text="再结一次")) == "conflict"
    assert await refusal(act(lead, "hold", case, person_id=house.people["a1"])) == "conflict"


async def test_another_shops_case_looks_like_one_that_is_not_there(house: House) -> None:
    agent, foreign = await house.agent("a1"), await house.agent("b1", shop="river")
    conversation = await conversation_of(await house.buyer())
    case = await opened(agent, conversation)
    for what, more in (
        ("note", {"text": "x"}),
        ("hold", {"person_id": house.people["b1"]}),
        ("close", {"text": "x"}),
        ("reopen", {"text": "x"}),
    ):
        for each in (case, {"case": {"case_id": "nothing"}}):
            assert await refusal(act(foreign, what, each, **more)) == "not_found"
    for case_id in (case["case"]["case_id"], "nothing"):
        assert await refusal(foreign.ask("case.read", case_id=case_id)) == "not_found"
    assert await refusal(opened(foreign, conversation)) == "not_found"
    assert await refusal(foreign.ask("case.list", shop_id="cloud")) == "not_found"
    assert (await foreign.ask("case.list"))["cases"] == []
    assert "case.changed" not in foreign.names()
    # An order of somebody else cannot be hung on it.
    await order(house, "D-1", "somebody-else")
    assert await refusal(opened(agent, conversation, order_id="D-1")) == "not_found"


async def test_cases_are_found_by_number_order_and_name_in_one_shop(house: House) -> None:
    agent = await house.agent("a1")
    for number, name in enumerate(("王小雨", "李雷", "王芳")):
        buyer = await house.buyer(f"b{number}", name=name)
        await order(house, f"D-77{number}", f"b{number}")
        await opened(agent, await conversation_of(buyer), order_id=f"D-77{number}")

    async def found(search: str, **more: Any) -> list[int]:
        page = await agent.ask("case.list", **({"shop_id": "cloud", "search": search} | more))
        return sorted(case["number"] for case in page["cases"])

    assert await found("") == [1001, 1002, 1003]
    assert await found("#1002") == await found("1002") == [1002]
    assert await found("王") == [1001, 1003]
    assert await found("D-77") == [1001, 1002, 1003]
    assert await found("D-771") == [1002]
    assert await found("%") == await found("_") == await found("999999999999999") == []
    assert await found("1002", state="closed") == []
    assert await found("", mine=True) == [1001, 1002, 1003]


async def test_there_is_no_search_across_shops(house: House) -> None:
    async with house.node.db.read() as unit:
        person = await unit.people.get(house.people["a1"])
    assert person is not None
    both = Actor("agent", person.id, "s", person.display_name, {"cloud": "agent", "river": "agent"}, 2**53)
    with pytest.raises(Refused) as refused:
        await desk.CaseDesk(house.node.merchant.world).list_cases(both, wire.ListCases(search="王"))
    assert refused.value.code is ErrorCode.bad_request


async def test_the_limits_of_cases_are_exact(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await house.agent("a1")
    conversation = await conversation_of(await house.buyer())
    monkeypatch.setattr(wire, "CASES_A_CONVERSATION", 2)
    monkeypatch.setattr(wire, "CASE_ENTRIES", 3)
    case = await opened(agent, conversation)
    await opened(agent, conversation)
    assert await refusal(opened(agent, conversation)) == "too_many"
    await act(agent, "note", case, text="第二条")
    assert await refusal(act(agent, "note", case, text="第三条")) == "too_many"
    closed = await act(agent, "close", case, text="已退款")
    assert closed["case"]["state"] == "closed"
    assert await refusal(act(agent, "reopen", case, text="还有")) == "too_many"


async def test_a_list_has_fifty_cases_and_says_that_there_is_one_more(house: House) -> None:
    agent = await house.agent("a1")
    conversation = await conversation_of(await house.buyer())
    async with house.node.db.write() as unit:
        found = await unit.conversations.head(conversation)
        assert found is not None
        for number in range(wire.CASES_PAGE + 1):
            await unit.cases.open(
                NewCase(
                    id=f"case-{number}",
                    shop_id="cloud",
                    conversation_id=conversation,
                    buyer_id=found.buyer_id,
                    title="领口开线",
                    order_id=None,
                    holder_id=house.people["a1"],
                    client_id=new_client_id(),
                    opened_at=number,
                )
            )
    page = await agent.ask("case.list")
    assert (len(page["cases"]), page["more"]) == (wire.CASES_PAGE, True)
    rest = await agent.ask("case.list", before=page["cases"][-1]["updated_at"])
    assert ([case["number"] for case in rest["cases"]], rest["more"]) == ([1001], False)


async def test_pages_of_cases_lose_none(house: House) -> None:
    agent = await house.agent("a1")
    conversation = await conversation_of(await house.buyer())
    for number in range(5):
        await opened(agent, conversation, f"第 {number} 件")
    seen: list[int] = []
    before = None
    async with house.node.db.read() as unit:
        while True:
            rows, more = await unit.cases.page(["cloud"], before=before, limit=2)
            seen += [row.number for row in rows]
            if not more:
                break
            before = rows[-1].updated_at
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
