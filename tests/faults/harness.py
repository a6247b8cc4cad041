"""Nodes that can be killed and come back, people who talk through them, and the books compared at the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

import aiohttp
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from queues.presence import SETTLE_MS
from server.auth import staff
from server.auth.merchant import sign_identity
from server.bootstrap import Livedesk
from server.identifiers import epoch_ms
from server.storage.database import Database, Unit
from server.storage.schema import assignments, public_log
from tests.desk.house import House, furnish
from tests.faults.client import WITHIN_S, Agent, Buyer, Chatter
from tests.faults.node import Fuse
from tests.journal.checker import Ownership, Row, check
from tests.rounds import ROOT, within
from tests.services.processes import free_port

READY_S = within(5.0)
"""How soon a killed server answers again (scenario 1)."""
RECEIVE_BYTES = 65_536
SHOP = "cloud"
OFFERING = "预约"
GROUPS = ("售后", OFFERING)
"""Where the agents serve: the default group, and that of buyers of tier `svip`, who are offered."""


class Nursery:
    """The process that forks nodes. One for all tests of this process; `close` twice is harmless."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.node"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("LIVEDESK_")},
        )

    def bear(self, order: Mapping[str, Any]) -> int:
        """The process id of a new node."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it; nodes that still live die with it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(WITHIN_S)


class Node:
    """A server process on one port that may be killed and started again on the same data."""

    def __init__(self, nursery: Nursery, folder: Path, database: str, **order: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self.fuse = Fuse(folder / "fuse")
        self.gone = asyncio.Event()
        self._nursery = nursery
        settings = {"data": str(folder), "database_url": database, "port": self.port}
        self._order = {
            "settings": settings | order.get("settings", {}),
            "limits": order.get("limits", {}),
            "constants": order.get("constants", {}),
            "settle_ms": order.get("settle_ms", SETTLE_MS),
            "fuse": str(folder / "fuse"),
            "log": str(self.log),
        }
        self.pid = 0
        self._fd: int | None = None

    async def start(self) -> float:
        """Starts it; the seconds until it answered."""
        begun = time.monotonic()
        self.fuse.put_out()
        self.gone = asyncio.Event()
        self.pid = self._nursery.bear(self._order)
        self._fd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._fd, self._died)
        async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession() as http:
            while True:
                if self.gone.is_set():
                    raise AssertionError(f"the node did not start:\n{self.said()}")
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with http.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return time.monotonic() - begun
                await asyncio.sleep(0.01)

    def _died(self) -> None:
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
        self.gone.set()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless it is gone."""
        if self._fd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def dies(self, within_s: float = WITHIN_S) -> None:
        """Waits for its end."""
        async with asyncio.timeout(within_s):
            await self.gone.wait()

    async def kill(self) -> None:
        """Ends it with SIGKILL: nothing is flushed, nobody is told."""
        if self._fd is not None:
            self.send(signal.SIGKILL)
            await self.dies()

    async def stop(self) -> float:
        """Ends it with SIGTERM; how long that took."""
        begun = time.monotonic()
        if self._fd is not None:
            self.send(signal.SIGTERM)
            await self.dies()
        return time.monotonic() - begun

    def said(self) -> str:
        """What it wrote to its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Town:
    """A furnished database with nodes on it, and people whose journals are checked together."""

    def __init__(self, nursery: Nursery, folder: Path, database: str, http: aiohttp.ClientSession) -> None:
        self.database = database
        self.people: list[Chatter] = []
        self.nodes: list[Node] = []
        self.http = http
        self.house = House(cast(Livedesk, None), "", http)
        self.conversations: dict[str, tuple[Buyer, Agent]] = {}
        self._nursery = nursery
        self._folder = folder

    async def furnish(self, agents: int = 2) -> Self:
        """The house's two shops, and in two groups of the first one so many agents `c0`, `c1`, …"""
        db = await Database.open(self.database, clock=epoch_ms)
        try:
            await furnish(self.house, db)
        finally:
            await db.close()
        now = epoch_ms()
        async with self.unit() as unit:
            for number in range(agents):
                person = await staff.add_person(
                    unit, display_name=f"客服{number}", logins=[f"c{number}"], password_hash="!", now=now
                )
                assert person is not None
                self.house.people[f"c{number}"] = person.id
                await staff.set_role(unit, person.id, SHOP, "agent", now)
                for group in GROUPS:
                    await unit.shops.join_group(self.house.groups[SHOP, group], person.id)
        return self

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """A unit of work, as an operator's command would open one beside the nodes."""
        db = await Database.open(self.database, clock=epoch_ms)
        try:
            async with db.write() as unit:
                yield unit
        finally:
            await db.close()

    async def node(self, **order: Any) -> Node:
        """One more node, started."""
        node = Node(self._nursery, self._folder / f"node-{len(self.nodes)}", self.database, **order)
        self.nodes.append(node)
        self.house.url = self.house.url or node.url
        await node.start()
        return node

    async def post(self, url: str, path: str, body: Any, *, key: str | None = None) -> dict[str, Any]:
        """An HTTP call, repeated while the node is not there. Raises AssertionError when it is refused."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with self.http.post(url + path, json=body, headers=headers) as answer:
                    data: dict[str, Any] = await answer.json()
                    if answer.status == 200:
                        return data
                    assert answer.status in (429, 503), data
            await asyncio.sleep(0.02)

    def buyer(self, subject: str, url: str, **claims: Any) -> Buyer:
        """A buyer's client, signed in by the shop; it keeps its session over reconnects, as a page does."""
        kept: list[str] = []

        async def token() -> str:
            if not kept:
                secret = self.house.secrets[SHOP]
                identity = sign_identity(
                    SHOP, subject, kid="k1", secret=secret, now_s=epoch_ms() // 1000, **claims
                )
                session = await self.post(
                    buyer.url, "/api/v1/buyer/session", {"shop": SHOP, "identity": identity}
                )
                kept.append(session["token"])
            return kept[0]

        buyer = Buyer(subject, url, "/buyer", token, self.http, len(self.people))
        buyer.merges = len(self.nodes) > 1
        self.people.append(buyer)
        return buyer

    def agent(self, login: str, url: str, *, name: str | None = None) -> Agent:
        """An agent's client; each connection has a socket token of its own."""

        async def token() -> str:
            answer = await self.post(
                agent.url, "/api/v1/agents/impersonate", {"login": login}, key=self.house.keys[SHOP]
            )
            return str(answer["token"])

        agent = Agent(name or login, url, "/agent", token, self.http, len(self.people))
        agent.merges = len(self.nodes) > 1
        self.people.append(agent)
        return agent

    async def pair(self, buyer: Buyer, agents: list[Agent]) -> tuple[str, Agent]:
        """Opens the buyer's conversation and waits until one of the agents has it."""
        conversation_id = await buyer.open()
        owners = [asyncio.create_task(agent.owns(conversation_id)) for agent in agents]
        try:
            done, _ = await asyncio.wait(owners, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in owners:
                each.cancel()
            await asyncio.gather(*owners, return_exceptions=True)
        agent = next(agent for agent in agents if conversation_id in agent.fences)
        self.conversations[conversation_id] = (buyer, agent)
        return conversation_id, agent

    async def leave(self) -> None:
        """Everybody leaves and every node is ended."""
        await asyncio.gather(*(person.close() for person in self.people))
        for node in self.nodes:
            await node.kill()

    # The books

    async def stored(self) -> tuple[list[Row], list[Ownership]]:
        """The public logs and the assignments as they are in the database now."""
        async with _reading(self.database) as connection:
            entries = await connection.execute(
                select(public_log).order_by(public_log.c.conversation_id, public_log.c.seq)
            )
            rows = [
                Row(
                    entry.conversation_id,
                    entry.seq,
                    entry.message_id,
                    entry.client_id,
                    json.loads(entry.body).get("text"),
                )
                for entry in entries
            ]
            owned = [
                Ownership(each.conversation_id, each.person_id, each.fence, each.since, each.until)
                for each in await connection.execute(select(assignments))
            ]
        return rows, owned

    async def settled(self, within_s: float = WITHIN_S) -> list[Row]:
        """Waits until both sides of every conversation show all of it; the rows."""
        rows, _ = await self.stored()
        last: dict[str, int] = {}
        for row in rows:
            last[row.conversation_id] = max(row.seq, last.get(row.conversation_id, 0))
        for conversation_id, sides in self.conversations.items():
            for side in sides:
                await side.shows(conversation_id, last[conversation_id], within_s)
        return rows

    async def check(self) -> None:
        """Every invariant, on what is stored now."""
        rows, owned = await self.stored()
        broken = check([person.journal for person in self.people], rows, owned)
        assert not broken, "\n".join(map(str, broken))
        for node in self.nodes:
            assert "Traceback" not in node.said() and "never retrieved" not in node.said(), node.said()


@asynccontextmanager
async def _reading(database: str) -> AsyncIterator[Any]:
    url = database.replace("sqlite://", "sqlite+aiosqlite://")
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _small(address: tuple[Any, ...]) -> socket.socket:
    """A socket with a receive buffer that stays as it is.

    Where a reader was quick before, Linux lets it grow to megabytes (tcp_rmem), and hides there that he has
    stopped.
    """
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return made


@asynccontextmanager
async def town(nursery: Nursery, folder: Path, database: str, *, agents: int = 2) -> AsyncIterator[Town]:
    """A furnished town without nodes."""
    connector = aiohttp.TCPConnector(limit=0, socket_factory=_small)
    async with aiohttp.ClientSession(connector=connector) as http:
        built = Town(nursery, folder, database, http)
        try:
            yield await built.furnish(agents)
        finally:
            await built.leave()


@contextlib.contextmanager
def nursing() -> Iterator[Nursery]:
    """The nursery from entering to leaving."""
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()
