"""Every command with broken requests on a real socket: answered with a declared code, or valid after all."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from protocol.catalogue import ALWAYS, COMMAND_OF
from tests.rounds import rounds
from tests.signaling.fakes import agent, buyer, guest
from tests.signaling.floor import floor
from tests.signaling.samples import REQUESTS

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    2**63,
    2**64,
    10**400,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\0",
    "\ud800",
    "\u202e倒着",
    "a" * 65,
    "字" * 4001,
    "x" * 70_000,
    "'; DROP TABLE conversations; --",
    "<img src=x onerror=alert(1)>",
    "../../etc/passwd",
    [],
    {},
    [[]],
    {"__proto__": {"admin": True}},
    {"$ne": None},
    json.loads("[" * 12 + "]" * 12),
    json.loads('{"a":' * 9 + "1" + "}" * 9),
    {"_placeholder": True, "num": 0},
)


def broken(chance: random.Random, request: dict[str, Any]) -> str:
    """The JSON of an event's argument, with something wrong in it (or, by chance, nothing)."""
    made: Any = dict(request)
    match chance.randrange(6):
        case 0 if made:
            made[chance.choice(sorted(made))] = chance.choice(ODD)
        case 1 if made:
            del made[chance.choice(sorted(made))]
        case 2:
            made[chance.choice(["__proto__", "constructor", "shop_id", "by_sid", "", "字", "x" * 300])] = (
                chance.choice(ODD)
            )
        case 3:
            made = chance.choice(ODD)
        case 4 if made:
            one, other = chance.choice(sorted(made)), chance.choice(sorted(made))
            made[one], made[other] = made[other], made[one]
        case _:
            # The same key twice.
            extra = json.dumps(chance.choice(ODD))
            key = json.dumps(chance.choice([*sorted(made), "x"]))
            return json.dumps(made)[:-1] + (", " if made else "") + f"{key}: {extra}}}"
    return json.dumps(made)


@pytest.mark.parametrize("namespace, name", sorted(REQUESTS))
async def test_broken_requests_are_answered_with_a_declared_code_and_change_nothing(
    namespace: str, name: str
) -> None:
    command = COMMAND_OF[namespace, name]
    declared = {code.value for code in (*ALWAYS, *command.errors)}
    chance = random.Random(f"{namespace} {name}")
    async with floor() as built:
        neighbour = await built.join(agent("a2"))
        actor = {"/buyer": buyer(), "/agent": agent("a1", "supervisor"), "/guest": guest()}[namespace]
        socket = await built.join(actor)
        for number in range(1, rounds(reduced=60, full=5_000) + 1):
            built.desk.calls.clear()
            argument = broken(chance, REQUESTS[namespace, name])
            await socket.send(f"42{namespace},{number}[{json.dumps(name)},{argument}]")
            answer = await socket.answer(namespace, number)
            if answer["ok"]:
                assert answer.keys() == {"ok", "data"}
            else:
                assert answer.keys() == {"ok", "error"}
                assert answer["error"].keys() == {"code", "message", "data"}
                assert answer["error"]["code"] in declared - {"internal", "retry"}, argument[:200]
                # Refused at the door, or by the use case after a whole and valid request.
                assert not built.desk.calls or answer["error"]["code"] in ("not_found", "resync")
            for conversation in built.desk.conversations.values():
                conversation.entries.clear()
        assert (await neighbour.call("/agent", "desk.load", {}))["ok"]
        assert built.meter.closings == {}
