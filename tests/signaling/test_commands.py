"""The one door: every command is answered, whatever is sent, and what is refused reaches no use case."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from protocol.base import MAX_DEPTH
from protocol.errors import ErrorCode, Refused
from signaling.limits import Allowance
from signaling.ports import Actor
from tests.signaling.fakes import UNHURRIED, agent, buyer, client_id
from tests.signaling.floor import floor


def text(number: int, words: str = "在吗", conversation_id: str = "c1") -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "client_id": client_id(number),
        "kind": "text",
        "text": words,
    }


async def test_two_hundred_commands_of_one_socket_stay_in_order_and_are_all_answered() -> None:
    async with floor() as built:

        async def dawdle(name: str, actor: Actor, request: Any) -> None:
            # Later commands would overtake earlier ones if each ran in a task of its own (F1).
            await asyncio.sleep(0.002 if int(request.text) % 3 == 0 else 0)

        built.desk.before = dawdle
        sender = await built.join(buyer())
        reader = await built.join(agent())
        numbers = [await sender.ask("/buyer", "chat.send", text(n, str(n))) for n in range(200)]
        answers = [await sender.answer("/buyer", number) for number in numbers]
        assert [answer["data"]["seq"] for answer in answers] == list(range(1, 201))
        heard = [(await reader.event("chat.posted"))["entry"] for _ in range(200)]
        assert [entry["text"] for entry in heard] == [str(n) for n in range(200)]
        assert [request.text for _, _, request in built.desk.calls] == [str(n) for n in range(200)]


async def test_the_answer_comes_before_the_news_of_it() -> None:
    stages: list[tuple[str, str, int]] = []
    async with floor(failpoint=lambda stage, name: stages.append((stage, name, told()))) as built:

        def told() -> int:
            return built.meter.events["chat.posted"]

        sender = await built.join(buyer())
        other_tab = await built.join(buyer())
        await sender.call("/buyer", "chat.send", text(1))
        assert (await other_tab.event("chat.posted"))["entry"]["text"] == "在吗"
        assert stages == [("committed", "chat.send", 0), ("acknowledged", "chat.send", 0)]
        assert told() == 1
        # The sender has his acknowledgement and needs no echo.
        await sender.call("/buyer", "conversation.list", {})
        assert sender.events == []


MALFORMED = {
    "no argument": ('["chat.send"]', "bad_request"),
    "two arguments": ('["chat.send",{},{}]', "bad_request"),
    "no name": ("[]", "bad_request"),
    "a name that is a number": ("[1,{}]", "bad_request"),
    "not a list": ('{"chat.send":{}}', "bad_request"),
    "not JSON": ('["chat.send",', "bad_request"),
    "nothing": ("", "bad_request"),
    "NaN": ('["chat.send",{"conversation_id":NaN}]', "bad_request"),
    "infinity": ('["chat.mark",{"conversation_id":"c1","read_seq":1e999}]', "bad_request"),
    "a lone surrogate": ('["chat.type",{"conversation_id":"\\ud800"}]', "bad_request"),
    "a NUL": (json.dumps(["chat.send", text(1, "a\x00b")]), "bad_request"),
    "an unknown command": ('["chat.shout",{}]', "unknown_command"),
    "a command of the other side": ('["desk.load",{}]', "unknown_command"),
    "an event's name": ('["chat.posted",{}]', "unknown_command"),
    "a reserved name": ('["connect",{}]', "unknown_command"),
    "a list for an object": ('["chat.type",[]]', "bad_request"),
    "null for an object": ('["chat.type",null]', "bad_request"),
    "an unknown field": ('["chat.type",{"conversation_id":"c1","__proto__":{}}]', "bad_request"),
    "a missing field": ('["chat.type",{}]', "bad_request"),
    "a number for a string": ('["chat.type",{"conversation_id":1}]', "bad_request"),
    "a string for a number": ('["chat.mark",{"conversation_id":"c1","read_seq":"1"}]', "bad_request"),
    "a float for a number": ('["chat.mark",{"conversation_id":"c1","read_seq":1.0}]', "bad_request"),
    "a number too large": (
        '["chat.mark",{"conversation_id":"c1","read_seq":9007199254740992}]',
        "bad_request",
    ),
    "a negative number": ('["chat.mark",{"conversation_id":"c1","read_seq":-1}]', "bad_request"),
    "white space for text": (
        json.dumps(["chat.send", text(1, "  ")]),
        "bad_request",
    ),
    "a kind of later days": (
        json.dumps(["chat.send", text(1) | {"kind": "video"}]),
        "bad_request",
    ),
    "a thousand levels": ('["chat.type",' + '{"a":' * 1000 + "1" + "}" * 1000 + "]", "too_deep"),
    "more levels than JSON is read with": ('["chat.type",' + "[" * 3000 + "1" + "]" * 3000 + "]", "too_deep"),
}


@pytest.mark.parametrize("body, code", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_cannot_be_understood_is_answered_and_reaches_no_use_case(body: str, code: str) -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send(f"42/buyer,7{body}")
        answer = await sender.answer("/buyer", 7)
        assert answer["ok"] is False
        assert answer["error"]["code"] == code
        assert answer["error"]["message"]
        assert built.desk.calls == []
        # The socket and its neighbour live on.
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        assert (await (await built.join(agent())).call("/agent", "desk.load", {}))["ok"]


async def test_the_refusal_names_the_field_and_never_its_value() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        answer = await sender.call("/buyer", "chat.send", text(1) | {"text": "秘密" * 4000})
        assert answer["error"]["data"] == {"field": "text.text", "why": "string_too_long"}
        assert "秘密" not in str(answer)


@pytest.mark.parametrize("depth, code", [(MAX_DEPTH, "bad_request"), (MAX_DEPTH + 1, "too_deep")])
async def test_nesting_is_refused_beyond_the_limit(depth: int, code: str) -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        nested: Any = 1
        for _ in range(depth):
            nested = {"a": nested}
        assert (await sender.call("/buyer", "chat.type", nested))["error"]["code"] == code


async def test_of_a_repeated_key_the_last_counts() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send('42/buyer,1["chat.type",{"conversation_id":"c2","conversation_id":"c1"}]')
        assert (await sender.answer("/buyer", 1))["ok"]
        ((_, _, request),) = built.desk.calls
        assert request.conversation_id == "c1"


async def test_a_command_without_an_ack_id_is_not_run_and_is_counted() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send('42/buyer,["chat.type",{"conversation_id":"c1"}]')
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        assert [name for name, _, _ in built.desk.calls] == ["list_own"]
        assert built.meter.refusals == {"bad_request": 1}


async def test_an_ack_id_that_is_no_exact_number_is_no_packet() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send('42/buyer,%s["conversation.list",{}]' % ("9" * 17))
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        assert len(built.desk.calls) == 1
        assert built.meter.refusals == {"bad_request": 1}


async def test_a_command_for_a_namespace_not_connected_is_unauthenticated() -> None:
    async with floor() as built:
        stranger = await built.open()
        for namespace in ("/buyer", "/agent", "/guest"):
            answer = await stranger.call(namespace, "chat.type", {"conversation_id": "c1"})
            assert answer["error"]["code"] == "unauthenticated"
        known = await built.join(buyer())
        assert (await known.call("/agent", "desk.load", {}))["error"]["code"] == "unauthenticated"
        assert built.desk.calls == []


async def test_a_use_case_that_refuses_is_answered_with_its_code_and_data() -> None:
    async with floor() as built:

        async def refuse(name: str, actor: Actor, request: Any) -> None:
            raise Refused(ErrorCode.conversation_closed, seq=9)

        built.desk.before = refuse
        sender = await built.join(buyer())
        answer = await sender.call("/buyer", "chat.send", text(1))
        assert answer == {
            "ok": False,
            "error": {
                "code": "conversation_closed",
                "message": "The conversation is closed.",
                "data": {"seq": 9},
            },
        }


async def test_a_use_case_that_fails_is_answered_with_an_incident_that_stands_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with floor() as built:

        async def fail(name: str, actor: Actor, request: Any) -> None:
            raise ZeroDivisionError("the secret of the use case")

        built.desk.before = fail
        sender = await built.join(buyer())
        with caplog.at_level(logging.ERROR, "signaling.dispatch"):
            answer = await sender.call("/buyer", "chat.send", text(1))
        assert answer["error"]["code"] == "internal"
        assert "secret" not in str(answer)
        (record,) = caplog.records
        assert record.__dict__["incident"] == answer["error"]["data"]["incident"]
        assert "在吗" not in caplog.text
        built.desk.before = None
        assert (await sender.call("/buyer", "chat.send", text(1)))["ok"]


async def test_a_refusal_that_is_not_declared_for_the_command_is_a_fault_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with floor() as built:

        async def refuse(name: str, actor: Actor, request: Any) -> None:
            raise Refused(ErrorCode.at_capacity)

        built.desk.before = refuse
        sender = await built.join(buyer())
        answer = await sender.call("/buyer", "chat.send", text(1))
        assert answer["error"]["code"] == "internal"
        assert answer["error"]["data"] == {"undeclared": "at_capacity"}
        assert "not declared" in caplog.text


async def test_a_command_that_takes_too_long_is_answered_retry_and_the_socket_goes_on() -> None:
    async with floor() as built:
        hanging = asyncio.Semaphore(0)

        async def hang(name: str, actor: Actor, request: Any) -> None:
            hanging.release()
            await asyncio.Event().wait()

        built.desk.before = hang
        sender, later = await built.join(buyer("b1")), await built.join(buyer("b2"))
        first = await sender.ask("/buyer", "chat.send", text(1))
        await hanging.acquire()
        built.clock.advance(UNHURRIED.command_seconds / 2)
        second = await later.ask("/buyer", "chat.send", text(2))
        await hanging.acquire()
        built.clock.advance(UNHURRIED.command_seconds / 2)
        answer = await sender.answer("/buyer", first)
        assert answer["error"]["code"] == "retry"
        assert built.signaling.census().in_flight == 1
        built.clock.advance(UNHURRIED.command_seconds / 2)
        assert (await later.answer("/buyer", second))["error"]["code"] == "retry"
        assert answer["error"]["data"]["retry_after_ms"] > 0
        built.desk.before = None
        assert (await sender.call("/buyer", "chat.send", text(1)))["ok"]
        assert built.signaling.census().in_flight == 0


async def test_a_node_that_is_full_of_commands_answers_retry_at_once() -> None:
    async with floor(replace(UNHURRIED, in_flight=2)) as built:
        release, started = asyncio.Event(), asyncio.Semaphore(0)

        async def hold(name: str, actor: Actor, request: Any) -> None:
            started.release()
            await release.wait()

        built.desk.before = hold
        first, second, third = [await built.join(buyer(name)) for name in ("b1", "b2", "b3")]
        numbers = [await socket.ask("/buyer", "conversation.list", {}) for socket in (first, second)]
        for _ in numbers:
            await started.acquire()
        refused = await third.call("/buyer", "conversation.list", {})
        assert refused["error"]["code"] == "retry"
        release.set()
        for socket, number in zip((first, second), numbers, strict=True):
            assert (await socket.answer("/buyer", number))["ok"]
        assert (await third.call("/buyer", "conversation.list", {}))["ok"]


async def test_a_repeated_client_id_gets_the_same_answer_and_is_told_once() -> None:
    async with floor() as built:
        sender, reader = await built.join(buyer()), await built.join(agent())
        first = await sender.call("/buyer", "chat.send", text(1))
        again = await sender.call("/buyer", "chat.send", text(1))
        assert first == again
        await sender.call("/buyer", "chat.send", text(2, "第二句"))
        assert (await reader.event("chat.posted"))["entry"]["seq"] == 1
        assert (await reader.event("chat.posted"))["entry"]["seq"] == 2


async def test_too_fast_is_answered_with_the_time_to_wait_and_then_goes_on() -> None:
    limits = replace(UNHURRIED, buyer_socket={**UNHURRIED.buyer_socket, "write": Allowance(2, 3)})
    async with floor(limits) as built:
        sender = await built.join(buyer())
        for n in range(3):
            assert (await sender.call("/buyer", "chat.send", text(n)))["ok"]
        refused = await sender.call("/buyer", "chat.send", text(3))
        assert refused["error"]["code"] == "rate_limited"
        assert refused["error"]["data"] == {"retry_after_ms": 500}
        assert len(built.desk.calls) == 3
        # Another kind of command has an allowance of its own.
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        built.clock.advance(0.5)
        assert (await sender.call("/buyer", "chat.send", text(3)))["ok"]


async def test_five_sockets_do_not_make_five_buyers() -> None:
    limits = replace(UNHURRIED, buyer_person={**UNHURRIED.buyer_person, "write": Allowance(1, 4)})
    async with floor(limits) as built:
        tabs = [await built.join(buyer()) for _ in range(3)]
        answers = [
            await tab.call("/buyer", "chat.send", text(10 * n + index))
            for n in range(2)
            for index, tab in enumerate(tabs)
        ]
        assert [answer["ok"] for answer in answers] == [True] * 4 + [False] * 2
        # Leaving and coming back does not make the allowance whole again.
        await tabs[0].ws.close()
        again = await built.join(buyer())
        assert (await again.call("/buyer", "chat.send", text(99)))["error"]["code"] == "rate_limited"
        # Another buyer is not concerned.
        other = await built.join(buyer("b2"))
        assert (await other.call("/buyer", "chat.send", text(1, "你好", "c2")))["ok"]


async def test_an_allowance_shared_by_all_nodes_counts_too() -> None:
    class Shared:
        def __init__(self) -> None:
            self.asked: list[tuple[str, str]] = []

        async def take(self, person: str, rate: str) -> float:
            self.asked.append((person, rate))
            return 1.5

    shared = Shared()
    async with floor(shared=shared) as built:
        sender = await built.join(buyer())
        refused = await sender.call("/buyer", "chat.send", text(1))
        assert refused["error"]["data"] == {"retry_after_ms": 1500}
        assert shared.asked == [("buyer:b1", "write")]
        assert built.desk.calls == []


async def test_repeat_offenders_are_told_and_disconnected_and_nobody_else() -> None:
    async with floor(replace(UNHURRIED, offences=Allowance(0.5, 20))) as built:
        neighbour = await built.join(agent())
        offender = await built.join(buyer())
        for _ in range(20):
            assert (await offender.call("/buyer", "chat.shout", {}))["error"]["code"] == "unknown_command"
        last = await offender.call("/buyer", "chat.shout", {})
        assert last["error"]["code"] == "unknown_command"
        assert (await offender.event("session.ended"))["code"] == "rate_limited"
        await offender.until_closed()
        await built.meter.closing("/buyer", "offences")
        assert (await neighbour.call("/agent", "desk.load", {}))["ok"]


async def test_an_offence_now_and_then_is_forgiven() -> None:
    async with floor(replace(UNHURRIED, offences=Allowance(0.5, 2))) as built:
        clumsy = await built.join(buyer())
        for _ in range(10):
            await clumsy.call("/buyer", "chat.shout", {})
            built.clock.advance(2)
        assert (await clumsy.call("/buyer", "conversation.list", {}))["ok"]


async def test_a_role_must_hold_in_the_shop_that_is_named() -> None:
    async with floor() as built:
        lead = replace(agent("a9", "supervisor"), shops={"s1": "supervisor", "s2": "agent"})
        socket = await built.join(lead)
        assert (await socket.call("/agent", "wall.load", {"shop_id": "s1"}))["ok"]
        assert (await socket.call("/agent", "wall.load", {"shop_id": "s2"}))["error"]["code"] == "forbidden"
        # A shop of others and a shop that does not exist look the same.
        assert (await socket.call("/agent", "wall.load", {"shop_id": "s3"}))["error"]["code"] == "not_found"
        assert [request.shop_id for _, _, request in built.desk.calls] == ["s1"]
