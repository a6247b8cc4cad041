"""Every command has exactly one use case, and every use case of the ports answers exactly one command."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

from protocol.catalogue import COMMANDS
from signaling.handlers import agent, buyer, guest
from signaling.handlers.table import routes
from signaling.ports import AgentDesk, BuyerDesk, CallDesk
from tests.signaling.fakes import FakeDesk


def test_every_command_has_one_use_case_and_every_use_case_one_command() -> None:
    desk = FakeDesk()
    tables: dict[Any, Any] = {
        "/buyer": buyer.handlers(desk),
        "/agent": agent.handlers(desk),
        "/guest": guest.handlers(desk),
    }
    made = routes(tables)
    bound = {(namespace, name) for namespace, table in made.items() for name in table}
    assert bound == {(command.namespace, command.name) for command in COMMANDS}
    for port, namespace in ((BuyerDesk, "/buyer"), (AgentDesk, "/agent"), (CallDesk, "/guest")):
        methods = {name for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"}
        used = [handle.__name__ for handle in tables[namespace].values()]
        assert sorted(used) == sorted(methods)


def test_a_table_that_differs_from_the_catalogue_is_not_taken() -> None:
    desk = FakeDesk()
    others: dict[Any, Any] = {"/agent": agent.handlers(desk), "/guest": guest.handlers(desk)}
    few = dict(buyer.handlers(desk))
    few.pop("chat.send")
    with pytest.raises(ValueError, match=r"chat\.send"):
        routes(others | {"/buyer": few})
    many = {**buyer.handlers(desk), "chat.shout": desk.list_own}
    with pytest.raises(ValueError, match=r"chat\.shout"):
        routes(others | {"/buyer": many})


@pytest.mark.parametrize(
    "namespace, table, port",
    [("/buyer", buyer, BuyerDesk), ("/agent", agent, AgentDesk), ("/guest", guest, CallDesk)],
)
def test_each_use_case_takes_the_request_and_returns_the_reply_of_its_command(
    namespace: str, table: Any, port: Any
) -> None:
    declared = {command.name: command for command in COMMANDS if command.namespace == namespace}
    for name, handle in table.handlers(FakeDesk()).items():
        hints = typing.get_type_hints(getattr(port, handle.__name__))
        (reply,) = typing.get_args(hints["return"])
        assert reply is declared[name].reply, name
        request = declared[name].request
        if hasattr(request, "__value__"):
            request = typing.get_args(request.__value__)[0]
        assert hints["request"] == request, name
