"""A real coturn on the loopback, with the lines of `docs/turn.md` and what a test must change in them."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.services.processes import end, free_port, spawn, wait_until_ready

PAGE = Path(__file__).parents[2] / "docs" / "turn.md"
SECRET = "told-to-the-two-servers-alone"
MEDIA = "127.0.0.7"
"""The one address that it may reach."""


def documented() -> list[str]:
    """The configuration that we tell people to use."""
    (block,) = re.findall(
        r"```\n(# /etc/turnserver\.conf\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    return [line for line in block.splitlines() if line and not line.startswith("#")]


class TurnServer:
    """One coturn. `without` takes lines away by their names, `more` adds some, `changed` are other values of
    some. `pem` is key and certificate for TLS, which is off without. `close` twice is harmless."""

    def __init__(
        self,
        program: Path,
        *,
        pem: Path | None = None,
        without: Sequence[str] = (),
        more: Sequence[str] = (),
        changed: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="livedesk-turn-"))
        self.port, self.tls_port = free_port(), free_port()
        own = {
            "cert": str(pem),
            "pkey": str(pem),
            "tls-listening-port": str(self.tls_port),
            "listening-port": str(self.port),
            "static-auth-secret": SECRET,
            "allowed-peer-ip": MEDIA,
            "realm": "turn.test",
            **(changed or {}),
        }
        left_out = {*without} if pem is not None else {"cert", "pkey", "tls-listening-port", *without}
        lines = [_line(line, own) for line in documented() if line.partition("=")[0] not in left_out]
        lines += [
            "listening-ip=127.0.0.1",
            "relay-ip=127.0.0.1",
            *(["no-tls", "no-dtls"] if pem is None else []),
            f"pidfile={self._folder / 'pid'}",
            f"userdb={self._folder / 'users.db'}",
            # Stricter than in earnest: the loopback is then refused by the list alone.
            "allow-loopback-peers",
            *more,
        ]
        self._config = self._folder / "turnserver.conf"
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        log = self._folder / "log"
        self._process: subprocess.Popen[bytes] = spawn(
            [str(program), "-c", str(self._config)], log, signal.SIGKILL
        )
        wait_until_ready(self._process, self._answers, log)

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        """End it."""
        end(self._process, signal.SIGTERM)
        shutil.rmtree(self._folder, ignore_errors=True)


def _line(line: str, own: Mapping[str, str]) -> str:
    name = line.partition("=")[0]
    return f"{name}={own[name]}" if name in own else line
