"""The event × role matrix at the door, on real sockets, against the table that is checked in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.base import Role
from protocol.catalogue import COMMAND_OF, COMMANDS
from protocol.errors import ErrorCode, Refused
from protocol.line import LoadDesk
from signaling.dispatch import authorise
from tests.signaling.fakes import agent, buyer, guest
from tests.signaling.floor import Floor, Socket, floor
from tests.signaling.matrix import ASKERS, EXPECTED, Asker
from tests.signaling.samples import REQUESTS


async def socket_of(built: Floor, asker: Asker) -> Socket:
    if asker == "nobody":
        return await built.open()
    if asker == "buyer":
        return await built.join(buyer())
    if asker == "guest":
        return await built.join(guest())
    role: Role = asker
    return await built.join(agent("a1", role))


def test_the_table_and_the_samples_name_every_command_and_no_other() -> None:
    declared = {(command.namespace, command.name) for command in COMMANDS}
    assert EXPECTED.keys() == declared
    assert REQUESTS.keys() == declared


@pytest.mark.parametrize("asker", ASKERS)
async def test_each_asker_gets_what_the_table_says(asker: Asker) -> None:
    async with floor() as built:
        column = ASKERS.index(asker)
        for (namespace, name), expected in EXPECTED.items():
            socket = await socket_of(built, asker)
            built.desk.calls.clear()
            answer = await socket.call(namespace, name, REQUESTS[namespace, name])
            got = "ok" if answer["ok"] else answer["error"]["code"]
            assert got == expected[column], (asker, namespace, name)
            assert len(built.desk.calls) == (expected[column] == "ok"), (asker, namespace, name)
            await socket.ws.close()


def test_a_role_in_any_shop_is_enough_only_where_no_shop_is_named() -> None:
    wall = COMMAND_OF["/agent", "wall.load"]
    lead_of_two = replace(agent(), shops={"s1": "supervisor", "s2": "agent"})
    authorise(wall, lead_of_two, LoadDesk())
    with pytest.raises(Refused) as refused:
        authorise(wall, agent(), LoadDesk())
    assert refused.value.code is ErrorCode.forbidden


async def test_every_reply_has_the_declared_shape() -> None:
    async with floor() as built:
        sockets = {
            "/buyer": await built.join(buyer()),
            "/agent": await built.join(agent("a1", "supervisor")),
            "/guest": await built.join(guest()),
        }
        for command in COMMANDS:
            answer = await sockets[command.namespace].call(
                command.namespace, command.name, REQUESTS[command.namespace, command.name]
            )
            assert answer.keys() == {"ok", "data"}
            command.reply.model_validate(answer["data"])
