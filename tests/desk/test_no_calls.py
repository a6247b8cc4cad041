"""A desk without a media worker refuses calls by code, and nothing else."""

from __future__ import annotations

from protocol.catalogue import COMMANDS
from protocol.errors import ErrorCode
from server.desk.calls.absent import NoCalls
from tests.signaling.fakes import FakeDesk, agent, buyer, guest
from tests.signaling.floor import Floor
from tests.signaling.samples import REQUESTS

CALLS = [command for command in COMMANDS if command.name.startswith("call.")]


class Desk(NoCalls, FakeDesk):
    """Everything made up but the refusal of calls."""


def test_every_command_of_calls_declares_that_there_may_be_no_media_worker() -> None:
    assert len(CALLS) > 0
    for command in COMMANDS:
        assert (ErrorCode.media_away in command.errors) == (command in CALLS), command.name


async def test_every_command_of_calls_is_refused_by_code_and_the_chat_goes_on() -> None:
    async with Floor(desk=Desk()) as built:
        sockets = {
            "/buyer": await built.join(buyer()),
            "/agent": await built.join(agent("a1", "supervisor")),
            "/guest": await built.join(guest()),
        }
        for command in CALLS:
            where = command.namespace
            answer = await sockets[where].call(where, command.name, REQUESTS[where, command.name])
            assert not answer["ok"], (where, command.name)
            assert answer["error"]["code"] == "media_away", (where, command.name)
        said = await sockets["/buyer"].call("/buyer", "chat.send", REQUESTS["/buyer", "chat.send"])
        assert said["ok"], said
