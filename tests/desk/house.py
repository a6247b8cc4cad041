"""A furnished house: one node, two shops with groups, skills and rules, and people who speak over sockets."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from protocol.base import Role, Scope
from server.app import running
from server.auth import staff
from server.auth.merchant import sign_identity
from server.auth.secrets import Seal
from server.bootstrap import Livedesk
from server.config import load_settings
from server.identifiers import epoch_ms, new_client_id
from server.storage.database import Database
from server.storage.shops import Group, RoutingRule, Shop

WITHIN_S = 10.0
"""How long anything that must happen may take before a test fails."""
SCOPES: list[Scope] = ["catalogue", "orders", "ingest", "agents:impersonate"]
PASSWORD = "correct horse battery staple"


class Refusal(Exception):
    """The error object of an answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"])
        self.code: str = error["code"]
        self.data: dict[str, Any] = error["data"]


class Person:
    """Somebody at a socket. `heard` holds every event, in order."""

    def __init__(self, namespace: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.gone = asyncio.Event()
        self.token = ""
        self._namespace = namespace
        self._changed = asyncio.Condition()
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._hear, namespace=namespace)
        self._socket.on("disconnect", lambda *_: self.gone.set(), namespace=namespace)

    async def connect(self, url: str, token: str) -> None:
        """Opens the socket."""
        self.token = token
        await self._socket.connect(
            url,
            auth={"token": token},
            namespaces=[self._namespace],
            transports=["websocket"],
            wait_timeout=WITHIN_S,
        )

    async def leave(self) -> None:
        """Closes the socket."""
        await self._socket.disconnect()

    async def ask(self, command: str, **payload: Any) -> dict[str, Any]:
        """A command's data. Raises `Refusal`."""
        answer = await self._socket.call(command, payload, namespace=self._namespace, timeout=WITHIN_S)
        if not answer["ok"]:
            raise Refusal(answer["error"])
        return answer["data"]  # type: ignore[no-any-return]

    async def say(self, conversation_id: str, text: str, **more: Any) -> dict[str, Any]:
        """Sends a text."""
        return await self.ask(
            "chat.send",
            conversation_id=conversation_id,
            **({"client_id": new_client_id(), "kind": "text", "text": text} | more),
        )

    async def hears(
        self, event: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True, *, since: int = 0
    ) -> dict[str, Any]:
        """The first such event, waiting for it."""

        def found() -> dict[str, Any] | None:
            return next((said for name, said in self.heard[since:] if name == event and fits(said)), None)

        async with asyncio.timeout(WITHIN_S), self._changed:
            await self._changed.wait_for(lambda: found() is not None)
        result = found()
        assert result is not None
        return result

    def names(self) -> list[str]:
        """The names of all events heard."""
        return [name for name, _ in self.heard]

    async def _hear(self, event: str, payload: dict[str, Any]) -> None:
        async with self._changed:
            self.heard.append((event, payload))
            self._changed.notify_all()


@dataclass
class House:
    """A node and its people. `keys` and `secrets` are by shop; `groups` by shop and name."""

    node: Livedesk
    url: str
    http: aiohttp.ClientSession
    keys: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    groups: dict[tuple[str, str], str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    _sockets: list[Person] = field(default_factory=list)

    async def buyer(self, subject: str | None = "xiaoyu", *, shop: str = "cloud", **claims: Any) -> Person:
        """A buyer's socket: signed in by the shop, or a visitor for None."""
        body: dict[str, Any] = {"shop": shop}
        if subject is not None:
            body["identity"] = sign_identity(
                shop, subject, kid="k1", secret=self.secrets[shop], now_s=epoch_ms() // 1000, **claims
            )
        session = await self.post("/api/v1/buyer/session", body)
        return await self.socket("/buyer", session["token"])

    async def agent(self, login: str, *, shop: str = "cloud", state: str | None = "ready") -> Person:
        """An agent's socket, ready to serve."""
        token = await self.post("/api/v1/agents/impersonate", {"login": login}, key=self.keys[shop])
        person = await self.socket("/agent", token["token"])
        if state is not None:
            await person.ask("presence.set", state=state)
        return person

    async def socket(self, namespace: str, token: str) -> Person:
        """A socket with this token. Raises `ConnectionError`."""
        person = Person(namespace)
        try:
            await person.connect(self.url, token)
        except socketio.exceptions.ConnectionError as error:
            raise ConnectionError(str(error)) from None
        self._sockets.append(person)
        return person

    async def post(
        self, path: str, body: Any, *, key: str | None = None, method: str = "POST"
    ) -> dict[str, Any]:
        """An HTTP call's data. Raises `Refusal`."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            data: dict[str, Any] = await answer.json()
            if answer.status != 200:
                raise Refusal(data["error"])
            return data

    async def upload(
        self, buyer: Person, conversation_id: str, content: bytes, client_id: str | None = None
    ) -> dict[str, Any]:
        """A buyer sends a picture over HTTP. Raises `Refusal`."""
        path = f"/api/v1/conversations/{conversation_id}/files/{client_id or new_client_id()}"
        headers = {"Authorization": f"Bearer {buyer.token}"}
        async with self.http.put(self.url + path, data=io.BytesIO(content), headers=headers) as answer:
            data: dict[str, Any] = await answer.json()
            if answer.status != 200:
                raise Refusal(data["error"])
            return data

    async def put(self, path: str, body: Any, *, shop: str = "cloud") -> dict[str, Any]:
        """A merchant's PUT."""
        return await self.post(path, body, key=self.keys[shop], method="PUT")

    async def leave(self) -> None:
        """Everybody leaves."""
        for person in self._sockets:
            await person.leave()


@asynccontextmanager
async def furnished(
    url: str, folder: Path, *, files_url: str | None = None, **fakes: Any
) -> AsyncIterator[House]:
    """A house on the database at `url`, its files in a bucket where one is named."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = load_settings(
        {},
        database_url=url,
        data=folder,
        files_url=files_url,
        port=port,
        admin_bind="",
        log_level="error",
    )
    async with running(settings, check=True, **fakes) as node, aiohttp.ClientSession() as http:
        house = House(node, f"http://127.0.0.1:{port}", http)
        await furnish(house, node.db)
        try:
            yield house
        finally:
            await house.leave()


async def furnish(house: House, db: Database) -> None:
    """Two shops alike in everything but their names; 小美 works in both."""
    now = epoch_ms()
    async with db.write() as unit:
        for shop in ("cloud", "river"):
            await unit.shops.create(Shop(shop, f"{shop} 生活馆", "zh-CN", None, True, (), now))
            _, house.keys[shop] = await staff.add_api_key(
                unit, shop_id=shop, name="test", scopes=SCOPES, now=now
            )
            _, secret = await staff.add_identity_key(
                unit, Seal(db.secret), shop_id=shop, kid="k1", alg="HS256", public=None, now=now
            )
            house.secrets[shop] = secret or ""
            for name, accept, default in (
                ("售后", "auto", True),
                ("服装", "auto", False),
                ("预约", "offer", False),
            ):
                group = Group(f"{shop}-{name.encode().hex()}", shop, name, accept, 20, default)
                await unit.shops.create_group(group)
                house.groups[shop, name] = group.id
            await unit.shops.replace_rules(
                shop,
                [
                    RoutingRule(
                        shop,
                        1,
                        {"product_category": "服装"},
                        house.groups[shop, "服装"],
                        {"服装": 3},
                    ),
                    RoutingRule(shop, 2, {"tier": "svip"}, house.groups[shop, "预约"], {}),
                ],
            )
        for login, name, shops, groups, skills in (
            ("a1", "小美", ("cloud", "river"), ("售后",), {}),
            ("a2", "阿强", ("cloud",), ("服装", "预约"), {"服装": 4}),
            ("a3", "新人", ("cloud",), ("服装", "预约"), {"服装": 1}),
            ("b1", "外人", ("river",), ("售后",), {}),
            ("s1", "主管", ("cloud",), (), {}),
        ):
            person = await staff.add_person(
                unit, display_name=name, logins=[login], password_hash="!", now=now
            )
            assert person is not None
            house.people[login] = person.id
            for shop in shops:
                role: Role = "supervisor" if login.startswith("s") else "agent"
                await staff.set_role(unit, person.id, shop, role, now)
                for joined in groups:
                    await unit.shops.join_group(house.groups[shop, joined], person.id)
                if skills:
                    await unit.people.set_skills(person.id, shop, skills)
