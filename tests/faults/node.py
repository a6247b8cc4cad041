"""A node as a process of its own that can be told to die at a named moment: `python -m tests.faults.node`.

The process reads orders, one JSON object a line, and forks a node for each, so that a restart does not pay
for the imports again; it answers with the node's process id. It ends with its standard input, and its nodes
with it.

An order: {settings: server.config's, limits: fields of signaling.limits.Limits in seconds and counts,
fuse: a file of 8 bytes (see `Fuse`), log: a file for what the node writes}.
"""

from __future__ import annotations

import asyncio
import gc
import json
import mmap
import os
import signal
import struct
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, get_args

from sqlalchemy import Engine, event

from server import logs
from server.app import serve
from server.config import load_settings
from server.storage import batch
from server.storage.postgres import PostgresEngine
from signaling.dispatch import Stage
from signaling.limits import Allowance, Limits

Moment = Literal["before_commit", "committed", "acknowledged"]
"""Before a message's commit; after it and before the ack; after the ack and before the fan-out."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)

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
    """Eight bytes shared by test and node: which moment is fatal, and at which passing from now on."""

    _FORM = struct.Struct("=ii")

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(self._FORM.size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), self._FORM.size)

    def light(self, moment: Moment, passing: int) -> None:
        """The node dies at the `passing`-th such moment of a message, 1 being the next."""
        self._FORM.pack_into(self._shared, 0, MOMENTS.index(moment) + 1, passing)

    def put_out(self) -> None:
        """Nothing is fatal."""
        self._FORM.pack_into(self._shared, 0, 0, 0)

    def pass_by(self, moment: Moment) -> None:
        """Where the node comes by such a moment."""
        fatal, left = self._FORM.unpack_from(self._shared, 0)
        if fatal != MOMENTS.index(moment) + 1:
            return
        if left > 1:
            self._FORM.pack_into(self._shared, 0, fatal, left - 1)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def at(self, stage: Stage, command: str) -> None:
        """Signaling's failpoint."""
        if command == "chat.send":
            self.pass_by(stage)


_appending: ContextVar[bool] = ContextVar("appending", default=False)


def burn_before_commits(fuse: Fuse) -> None:
    """Has messages come by the fuse when their rows are written and not yet committed, on both databases."""
    store, append = batch._Batch.store, PostgresEngine.append

    def stored(self: batch._Batch) -> None:
        store(self)
        fuse.pass_by("before_commit")

    async def appended(self: PostgresEngine, *arguments: Any) -> Any:
        token = _appending.set(True)
        try:
            return await append(self, *arguments)
        finally:
            _appending.reset(token)

    def committing(_: object) -> None:
        if _appending.get():
            fuse.pass_by("before_commit")

    setattr(batch._Batch, "store", stored)  # noqa: B010 - mypy forbids the assignment
    setattr(PostgresEngine, "append", appended)  # noqa: B010
    event.listen(Engine, "commit", committing)


def live(order: dict[str, Any]) -> None:
    """Serves until a signal, or the fuse, ends it."""
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    fuse = Fuse(Path(order["fuse"]))
    burn_before_commits(fuse)
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
