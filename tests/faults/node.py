"""A node as a process of its own that can be told to die at a named moment: `python -m tests.faults.node`.

The process reads orders, one JSON object a line, and forks a node for each, so that a restart does not pay
for the imports again; it answers with the node's process id. It ends with its standard input, and its nodes
with it.

An order: {settings: server.config's, limits: fields of signaling.limits.Limits in seconds and counts,
constants: other values for constants of modules, by dotted name, settle_ms: the dispatcher's,
fuse: a file of 12 bytes (see `Fuse`), log: a file for what the node writes}.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import mmap
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from sqlalchemy import Engine, event

from queues.dispatcher import Dispatcher
from server import bootstrap, logs
from server.app import serve
from server.bootstrap import Desk
from server.config import load_settings
from server.http.files import BuildMissing
from server.http.pages import read_console, read_widget
from server.storage import batch
from server.storage.database import Database, Unit
from server.storage.postgres import PostgresEngine
from signaling.dispatch import Stage
from signaling.limits import Allowance, Limits

Moment = Literal["before_commit", "committed", "acknowledged"]
"""Before a command's commit; after it and before the ack; after the ack and before the fan-out."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)
SEND = "chat.send"
STEPS: dict[str, tuple[str, ...]] = {
    "conversation.open": ("open_conversation",),
    "conversation.accept": ("accept_offer",),
    "conversation.transfer": ("transfer",),
    "conversation.close": ("close_by_buyer", "close_by_agent"),
}
"""Commands that take a conversation on, each with its use cases, which are units of work."""
COMMANDS = (SEND, *STEPS)

MUCH = Allowance(1_000_000, 1_000_000)
ALL = {"write": MUCH, "read": MUCH, "mark": MUCH, "hint": MUCH}
UNHURRIED: dict[str, Any] = {
    "frames": MUCH,
    "connects": MUCH,
    "buyer_socket": ALL,
    "buyer_person": ALL,
    "agent_socket": ALL,
    "agent_person": ALL,
}
"""Allowances that no test uses up by accident."""


class Fuse:
    """Twelve bytes shared by test and node: which moment of which command is fatal, at which passing."""

    _FORM = struct.Struct("=iii")

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(self._FORM.size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), self._FORM.size)

    def light(self, moment: Moment, passing: int, command: str = SEND) -> None:
        """The node dies at the `passing`-th such moment of such a command, 1 being the next."""
        self._FORM.pack_into(self._shared, 0, MOMENTS.index(moment) + 1, passing, COMMANDS.index(command))

    def put_out(self) -> None:
        """Nothing is fatal."""
        self._FORM.pack_into(self._shared, 0, 0, 0, 0)

    def pass_by(self, moment: Moment, command: str | None) -> None:
        """Where the node comes by such a moment."""
        fatal, left, which = self._FORM.unpack_from(self._shared, 0)
        if fatal != MOMENTS.index(moment) + 1 or command != COMMANDS[which]:
            return
        if left > 1:
            self._FORM.pack_into(self._shared, 0, fatal, left - 1, which)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def at(self, stage: Stage, command: str) -> None:
        """Signaling's failpoint."""
        self.pass_by(stage, command)


_doing: ContextVar[str | None] = ContextVar("doing", default=None)
"""The command that is at work."""


def burn_before_commits(fuse: Fuse) -> None:
    """Has commands come by the fuse when their rows are written and not yet committed, on both databases."""
    store, append, write = batch._Batch.store, PostgresEngine.append, Database.write

    def stored(self: batch._Batch) -> None:
        store(self)
        fuse.pass_by("before_commit", SEND)

    @asynccontextmanager
    async def written(self: Database) -> AsyncIterator[Unit]:
        async with write(self) as unit:
            yield unit
            fuse.pass_by("before_commit", _doing.get())

    def committing(_: object) -> None:
        if _doing.get() == SEND:
            fuse.pass_by("before_commit", SEND)

    setattr(batch._Batch, "store", stored)  # noqa: B010 - mypy forbids the assignment
    setattr(PostgresEngine, "append", _named(SEND, append))  # noqa: B010
    setattr(Database, "write", written)  # noqa: B010
    event.listen(Engine, "commit", committing)
    for command, cases in STEPS.items():
        for case in cases:
            setattr(Desk, case, _named(command, getattr(Desk, case)))


def _named(command: str, work: Any) -> Any:
    async def named(*arguments: Any) -> Any:
        token = _doing.set(command)
        try:
            return await work(*arguments)
        finally:
            _doing.reset(token)

    return named


def live(order: dict[str, Any]) -> None:
    """Serves until a signal, or the fuse, ends it."""
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    fuse = Fuse(Path(order["fuse"]))
    burn_before_commits(fuse)
    for name, value in order["constants"].items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    setattr(bootstrap, "Dispatcher", partial(Dispatcher, settle_ms=order["settle_ms"]))  # noqa: B010
    logs.set_up("warning")
    settings = load_settings({}, admin_bind="", log_level="warning", **order["settings"])

    async def run() -> None:
        logs.catch_the_rest(asyncio.get_running_loop())
        await serve(settings, limits=Limits(**UNHURRIED | order["limits"]), failpoint=fuse.at)

    asyncio.run(run())


def main() -> None:
    """Forks a node for each order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    born: list[int] = []
    with suppress(BuildMissing):  # packed once, and not by each node
        read_widget()
        read_console()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = 1
            try:
                live(json.loads(line))
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        born.append(child)
        print(child, flush=True)
    for child in born:
        # An id may belong to somebody else by now; only our own children are in our session.
        try:
            if os.getsid(child) == os.getsid(0):
                os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
