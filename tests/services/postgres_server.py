"""A real PostgreSQL of the tests' own: a new cluster in a temporary folder, with fsync on."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.services.processes import end, free_port, identity, spawn, wait_until_ready

OWNER = "livedesk"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # What the durability tests rest on. They are the defaults, said aloud.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: it refuses root. None means the user who runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


class PostgresServer:
    """One PostgreSQL. Its address survives `stop`, `kill` and `start`; `close` twice is harmless."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = unprivileged_user()
        self._folder = Path(tempfile.mkdtemp(prefix="livedesk-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.port = free_port()
        self.url = self.url_of("postgres")
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={OWNER}"
        )

    def url_of(self, database: str) -> str:
        """The address of one of its databases, as the server's settings take it."""
        return f"postgresql+asyncpg://{OWNER}@127.0.0.1:{self.port}/{database}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it on what its folder holds and return when it answers. Does nothing while it runs."""
        if self.running:
            return
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        log = self._folder / "log"
        self._process = spawn(command, log, signal.SIGINT, self._user)
        wait_until_ready(self._process, self._answers, log)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, the cluster is left clean."""
        if self._process is not None:
            end(self._process, signal.SIGINT)

    def kill(self) -> None:
        """Immediate shutdown (SIGQUIT), as a crash: the next start recovers from the write-ahead log.

        SIGKILL on the postmaster alone would leave its children holding the shared memory.
        """
        if self._process is not None:
            end(self._process, signal.SIGQUIT)

    def restart(self) -> None:
        """Crash it and start it again at the same address."""
        self.kill()
        self.start()

    def create_database(self, template: str = "template1") -> str:
        """Make a database like `template`, empty without one, and answer its name."""
        name = f"livedesk_{next(self._numbers)}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sql(self, statements: str, database: str = "postgres") -> None:
        """Run statements, as the owner of everything."""
        # By the socket in its own folder: no other server can answer there.
        address = [
            "--host",
            str(self._folder),
            "--port",
            str(self.port),
            "--username",
            OWNER,
            "--dbname",
            database,
        ]
        psql = [str(self._programs / "psql"), "--no-psqlrc", "--quiet", *address, "--set", "ON_ERROR_STOP=1"]
        subprocess.run([*psql, "--command", statements], capture_output=True, check=True)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        subprocess.run(command, capture_output=True, check=True, cwd=self._folder, **identity(self._user))
