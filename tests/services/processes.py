"""Starts a server for a test so that it never outlives the test run."""

import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

START_SECONDS = 30.0
STOP_SECONDS = 15.0


class ServerDidNotStart(Exception):
    """The server ended, or did not answer in `START_SECONDS`; the message carries what it logged last."""


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that make the child run as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def identity(user: pwd.struct_passwd | None) -> Identity:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def spawn(
    command: Sequence[str], log: Path, death: signal.Signals, user: pwd.struct_passwd | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` (as `user`), its output in `log`.

    If this process dies without a word, the kernel sends the child `death`: util-linux's `setpriv` asks for
    that. (A `preexec_fn` could, too, but is unsafe beside threads.)
    """
    guard = (
        [setpriv, "--pdeathsig", death.name.removeprefix("SIG"), "--"]
        if (setpriv := shutil.which("setpriv"))
        else []
    )
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **identity(user),
        )


def wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    """Return once `ready()` is true."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last_lines = log.read_text(errors="replace")[-2000:]
            raise ServerDidNotStart(f"{process.args!r} (exit status {process.poll()}):\n{last_lines}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """Ask with `first`, insist with SIGKILL, wait until the process is gone. Harmless when it already is."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(STOP_SECONDS)
