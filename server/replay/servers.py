"""The server that a replay plays on: one of its own on a fresh data folder, or one that runs elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from server.auth import staff
from server.auth.secrets import Seal
from server.identifiers import epoch_ms, new_id
from server.storage.database import Database
from server.storage.shops import Group, Shop

READY_WITHIN_S = 30.0
KILL_BETWEEN_S = (0.5, 5.0)
"""How long the server lives between two SIGKILLs, by chance between these."""
SHOP = "replay"
KID = "replay"
NO_LOGIN = "!"
"""No password leads to this hash: these agents are only ever impersonated."""


@dataclass(slots=True)
class OwnServer:
    """A server process on its own data folder that can be killed and comes back on the same port."""

    data: Path
    agents: int
    port: int = field(default_factory=lambda: _free_port())
    api_key: str = ""
    identity_secret: str = ""
    kills: int = 0
    _process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """Its database's address."""
        return f"sqlite:///{self.data / 'livedesk.db'}"

    def logins(self) -> list[str]:
        """The logins of its agents."""
        return [f"replay-{number}" for number in range(self.agents)]

    async def prepare(self) -> None:
        """Makes the shop, its agents and the API key, before the server runs."""
        self.data.mkdir(parents=True, exist_ok=True)
        db = await Database.open(self.database, clock=epoch_ms)
        now = epoch_ms()
        async with db.write() as unit:
            await unit.shops.create(
                Shop(
                    id=SHOP,
                    name="对话回放",
                    locale="zh-CN",
                    accent=None,
                    anonymous=True,
                    origins=(),
                    created_at=now,
                )
            )
            group = Group(
                id=new_id(),
                shop_id=SHOP,
                name="售后组",
                accept="auto",
                offer_seconds=20,
                is_default=True,
            )
            await unit.shops.create_group(group)
            _, self.api_key = await staff.add_api_key(
                unit, shop_id=SHOP, name="replay", scopes=["agents:impersonate"], now=now
            )
            _, secret = await staff.add_identity_key(
                unit, Seal(db.secret), shop_id=SHOP, kid=KID, alg="HS256", public=None, now=now
            )
            self.identity_secret = secret or ""
            for login in self.logins():
                person = await staff.add_person(
                    unit, display_name=login, logins=[login], password_hash=NO_LOGIN, now=now
                )
                if person is None:
                    raise RuntimeError(f"{login} is there already")
                await unit.people.set_role(person.id, SHOP, "agent")
                await unit.shops.join_group(group.id, person.id)
        await db.close()

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server.cli",
            "serve",
            env=os.environ
            | {
                "LIVEDESK_DATA": str(self.data),
                "LIVEDESK_PORT": str(self.port),
                "LIVEDESK_ADMIN_BIND": "",
                "LIVEDESK_LOG_LEVEL": "error",
            },
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as http:
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError("the server did not start")
                try:
                    async with http.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """Ends it with SIGKILL: nothing is flushed, nobody is told."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
            self.kills += 1

    async def stop(self) -> None:
        """Ends it in the orderly way; may be called twice."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
