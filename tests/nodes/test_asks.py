"""What one node asks of another: answered, refused in the same words, and never waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from protocol.errors import ErrorCode, Refused
from server import asks as module
from server.asks import AT_ONCE, SAID_AT_ONCE, Asks


class Town:
    """Nodes by name, and what is on its way between them."""

    def __init__(self) -> None:
        self.nodes: dict[str, Asks] = {}
        self.said: list[dict[str, Any]] = []
        self.lost = False

    async def address(self, node_id: str, message: bytes) -> bool:
        self.said.append(orjson.loads(message))
        if self.lost or node_id not in self.nodes:
            return not self.lost and node_id == "silent"
        self.nodes[node_id].heard(message)
        return True

    def node(self, name: str) -> Asks:
        numbers = iter(range(1_000_000))
        self.nodes[name] = Asks(self, name, lambda: f"{name}-{next(numbers)}")
        return self.nodes[name]


async def doubled(about: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"twice": 2 * about["number"]}


async def refused(about: Mapping[str, Any]) -> Mapping[str, Any]:
    raise Refused(ErrorCode.description_refused, why=about["why"])


async def broken(about: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ValueError("no matter of the other node's")


@pytest.fixture
def town() -> Town:
    return Town()


async def test_each_asker_gets_the_answer_to_his_own_question(town: Town) -> None:
    here = town.node("here")
    town.node("there").serve({"doubled": doubled})
    answers = await asyncio.gather(*(here.ask("there", "doubled", number=number) for number in range(50)))
    assert [each["twice"] for each in answers] == [2 * number for number in range(50)]


async def test_a_refusal_comes_back_as_it_was_and_a_fault_as_try_again(town: Town) -> None:
    here = town.node("here")
    town.node("there").serve({"refused": refused, "broken": broken})
    with pytest.raises(Refused) as refusal:
        await here.ask("there", "refused", why="answer_mid")
    assert (refusal.value.code, refusal.value.data) == (ErrorCode.description_refused, {"why": "answer_mid"})
    with pytest.raises(Refused) as fault:
        await here.ask("there", "broken")
    assert fault.value.code is ErrorCode.retry
    assert "other node" not in str(fault.value.data)


async def test_a_node_that_is_not_there_is_known_at_once_and_one_that_is_silent_after_its_time(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = town.node("here")
    with pytest.raises(Refused) as away:
        await here.ask("nowhere", "doubled", number=1)
    monkeypatch.setattr(module, "ANSWER_S", 0.01)
    with pytest.raises(Refused) as silent:
        await here.ask("silent", "doubled", number=1)
    assert away.value.code is silent.value.code is ErrorCode.retry
    assert away.value.data == silent.value.data == {"retry_after_ms": module.RETRY_MS}
    # An answer that comes after that is nobody's.
    here.heard(orjson.dumps({"answers": town.said[-1]["number"], "answer": {}}))


async def test_what_is_no_question_is_passed_over(town: Town) -> None:
    there = town.node("there")
    there.serve({"doubled": doubled})
    for nothing in (b"", b"{", b"[]", b"1", b"{}", b'{"what":"unknown","about":{}}', b'{"answers":[]}'):
        there.heard(nothing)
    assert (await town.node("here").ask("there", "doubled", number=4))["twice"] == 8


async def test_of_too_many_questions_those_beyond_the_limit_are_not_looked_at(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    there, go_on, begun = town.node("there"), asyncio.Event(), 0

    async def waits(about: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal begun
        begun += 1
        await go_on.wait()
        return {}

    there.serve({"waits": waits})
    for _ in range(AT_ONCE):
        there.heard(b'{"what":"waits","about":{}}')
    await asyncio.sleep(0)
    assert (begun, caplog.text) == (AT_ONCE, "")
    there.heard(b'{"what":"waits","about":{}}')
    await asyncio.sleep(0)
    assert begun == AT_ONCE and "asks.too_many" in caplog.text
    await there.close()


async def test_hints_beyond_the_limit_are_dropped(town: Town) -> None:
    here = town.node("here")
    for number in range(SAID_AT_ONCE + 1):
        here.tell("nowhere", "follow", number=number)
    await asyncio.gather(*here._saying)
    assert [each["about"]["number"] for each in town.said] == list(range(SAID_AT_ONCE))
    await here.close()
