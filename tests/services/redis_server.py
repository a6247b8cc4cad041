"""A real redis-server of the tests' own: in memory only, on a free loopback port."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from tests.services.processes import end, free_port, spawn, wait_until_ready


class RedisServer:
    """One redis-server. Its address survives `stop`, `kill` and `start`; `close` twice is harmless."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="livedesk-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, empty, and return when it answers. Does nothing while it runs."""
        if self.running:
            return
        log = self.folder / "log"
        command = [
            *(str(self.program), "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
        ]
        self._process = spawn(command, log, signal.SIGKILL)
        wait_until_ready(self._process, self._answers, log)

    def stop(self) -> None:
        """Let it say goodbye to its clients (SIGTERM)."""
        if self._process is not None:
            end(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._process is not None:
            end(self._process, signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again at the same address, empty."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Hold it (SIGSTOP): connections stay open and nothing is answered until `resume`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on. Harmless when it is not held."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Empty every database of it, as an operator's FLUSHALL would."""
        with self._client() as client:
            client.flushall()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                # Another server on this port is not ours: ours has our process's id.
                return self._process is not None and client.info("server")["process_id"] == self._process.pid
        except redis.ConnectionError:
            return False
