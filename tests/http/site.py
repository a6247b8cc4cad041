"""A whole public site on a free port of the loopback, with the world of `tests.auth.desk` behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web

from protocol import files, shop
from protocol.errors import MEANINGS, ErrorCode, Refused
from protocol.selftest import SelftestFindings
from server.auth.links import Links
from server.config import Network
from server.desk.selftests import Selftests
from server.http.client import Proxies
from server.http.door import COOKIE, Door
from server.http.files import Build
from server.http.pages import read_console, read_widget
from server.http.shown import Shown
from server.http.site import RUNNER, build_site
from server.storage.files import FileRecord
from signaling.ports import Actor
from tests.auth.desk import OWN, PASSWORD, World

REPORT: dict[str, Any] = {
    "kept_days": 180,
    "browser": "Chrome 156.0.7300.1",
    "platform": "Android 14",
    "model": "",
    "findings": {name: {"outcome": "works", "detail": "640x480"} for name in SelftestFindings.model_fields},
}
"""What a browser can do, as `/selftest` sends it."""


@dataclass
class Merchants:
    """Stands in for the desk's merchant use cases: remembers what reached it."""

    called: list[tuple[Any, ...]] = field(default_factory=list)
    raises: BaseException | None = None

    def _note(self, *call: Any) -> None:
        self.called.append(call)
        if self.raises is not None:
            raise self.raises

    async def put_product(self, shop_id: str, product_id: str, body: shop.PutProduct) -> shop.Stored:
        self._note("product", shop_id, product_id, body)
        return shop.Stored(id=product_id, changed=True)

    async def put_order(self, shop_id: str, order_id: str, body: shop.PutOrder) -> shop.Stored:
        self._note("order", shop_id, order_id, body)
        return shop.Stored(id=order_id, changed=True)

    async def put_live_session(self, shop_id: str, body: shop.PostLiveSession) -> shop.Stored:
        self._note("session", shop_id, body)
        return shop.Stored(id=body.id, changed=True)

    async def put_shot_list(self, shop_id: str, product_id: str, body: shop.PutShotList) -> shop.Stored:
        self._note("shots", shop_id, product_id, body)
        return shop.Stored(id=product_id, changed=True)

    async def append_live_events(
        self, shop_id: str, live_session_id: str, body: shop.PostLiveEvents
    ) -> shop.EventResults:
        self._note("events", shop_id, live_session_id, body)
        return shop.EventResults(results=[shop.EventResult(source_event_id=None, accepted=True)])


@dataclass
class Uploaded:
    """Stands in for the desk's pictures: `kept` by client id, and what may be seen by whom."""

    merchants: Merchants
    full: ErrorCode | None = None
    kept: dict[str, bytes] = field(default_factory=dict)
    shown: int = 0
    show_at_most: int = 1_000_000

    async def admit(self, buyer_id: str, conversation_id: str, client_id: str) -> files.FileStored | None:
        if self.full is not None:
            raise Refused(self.full)
        return self._stored(client_id) if client_id in self.kept else None

    async def store(
        self, buyer_id: str, conversation_id: str, client_id: str, content: bytes
    ) -> files.FileStored:
        self.merchants._note("upload", buyer_id, conversation_id, client_id, content)
        self.kept[client_id] = content
        return self._stored(client_id)

    def _stored(self, client_id: str) -> files.FileStored:
        size = len(self.kept[client_id])
        return files.FileStored(file_id=client_id, width=1, height=1, size=size, sha256="0" * 64, stored_at=1)

    async def show(self, viewer: Actor, file_id: str) -> FileRecord:
        self.shown += 1
        if file_id not in self.kept or viewer.kind != "buyer" or self.shown > self.show_at_most:
            raise Refused(ErrorCode.not_found)
        size = len(self.kept[file_id])
        record = (file_id, "shop-a", "c", viewer.id, file_id, "image/jpeg", size, 1, 1, "0" * 64, 0, 1)
        return FileRecord(*record)

    async def read(self, file: Any, start: int, end: int) -> bytes:
        return self.kept[file.id][start:end]


@dataclass
class Site:
    """What a test holds of a running site."""

    world: World
    client: ClientSession
    door: Door
    merchants: Merchants
    uploaded: Uploaded
    links: Links
    handed_over: list[tuple[str, str]]
    port: int

    async def login(self, name: str = "1001", password: str = PASSWORD, **headers: str) -> ClientResponse:
        """Tries to sign in from the console's own origin."""
        body = {"login": name, "password": password}
        return await self.client.post("/api/v1/agent/login", json=body, headers={"Origin": OWN} | headers)

    async def cookie(self, name: str = "1001") -> str:
        """The cookie of a new sign-in; the client itself keeps none."""
        response = await self.login(name)
        assert response.status == 200
        return response.cookies[COOKIE].value

    def as_agent(self, cookie: str, origin: str | None = OWN) -> dict[str, str]:
        """Headers of a page that is signed in."""
        return {"Cookie": f"{COOKIE}={cookie}"} | ({} if origin is None else {"Origin": origin})


def bearer(token: str) -> dict[str, str]:
    """Headers of who holds a token."""
    return {"Authorization": f"Bearer {token}"}


async def refused(response: ClientResponse) -> ErrorCode:
    """The code of a refusal, whose whole shape is looked at on the way."""
    assert response.content_type == "application/json"
    body = await response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "data"}
    code = ErrorCode(body["error"]["code"])
    assert response.status == MEANINGS[code].status
    assert body["error"]["message"]
    return code


def write_build(folder: Path) -> tuple[Path, Path]:
    """Two small front ends as the builds lay them out; the folders of widget and console."""
    files = {
        "widget/livedesk.js": "/* loader */" * 40,
        "widget/frame.html": "<!doctype html><title>widget</title>",
        "widget/guest.html": "<!doctype html><title>guest</title>",
        "widget/selftest.html": "<!doctype html><title>selftest</title>",
        "widget/assets/app-B-ZgskOs.js": "export {}",
        "console/index.html": "<!doctype html><title>console</title>",
        "console/theme.js": "0",
        "console/assets/index-Co2Dx1u_.js": "import(1)" * 100,
        "console/assets/plain.css": "a{}",
        "secret.txt": "not served",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "widget", folder / "console"


@asynccontextmanager
async def serve(
    world: World,
    folder: Path,
    *,
    trusted: tuple[Network, ...] = (),
    change: Callable[[web.Application], None] = lambda app: None,
    built: bool = True,
) -> AsyncIterator[Site]:
    """Runs the site until the block ends."""
    widget, console = write_build(folder)
    merchants = Merchants()
    uploaded = Uploaded(merchants)
    links = Links(world.database.secret)
    handed_over: list[tuple[str, str]] = []

    async def note(shop_id: str, conversation_id: str) -> None:
        handed_over.append((shop_id, conversation_id))

    app, door = build_site(
        buyers=world.buyers,
        agents=world.agents,
        keys=world.keys,
        counter=world.counter,
        desk=merchants,
        uploads=uploaded,
        selftests=Selftests(world.database),
        shown=Shown(links, world.sockets, uploaded, world.counter, world.clock),
        handed_over=note,
        proxies=Proxies(trusted),
        own_origin=OWN,
        console_origins=frozenset({OWN}),
        widget=_optional(read_widget, widget, built),
        console=_optional(read_console, console, built),
    )
    change(app)
    runner = web.AppRunner(app, **RUNNER)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        (address,) = runner.addresses
        base = f"http://127.0.0.1:{address[1]}"
        async with ClientSession(base, cookie_jar=DummyCookieJar()) as client:
            yield Site(world, client, door, merchants, uploaded, links, handed_over, address[1])
    finally:
        await runner.cleanup()


def _optional(read: Callable[[Path], Build], folder: Path, built: bool) -> Build | None:
    return read(folder) if built else None
