"""The demo as a whole: the merchant's site beside the desk, its orders, and what the desk knows of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer
from aiohttp.test_utils import TestServer

from server.auth import identity
from server.demo import merchant as merchants
from server.demo.command import demo
from server.demo.merchant import BUYER, Desk, Merchant, OrderBook, evening_of, past_orders
from server.demo.places import on_this_machine
from server.demo.room import DeskAway, Room
from server.demo.running import demo_settings, opened
from server.demo.script import ACHE, DRESS, FRYER, SCRIPT, THERMOS, XIAOMAN
from server.demo.seed import KID, SHOP, Secrets, claim
from server.demo.site import Site
from server.identifiers import epoch_ms
from server.storage.database import Database

DESK = "http://127.0.0.1:8080"
SECRETS = Secrets("password", "a key", "s" * 43, 1_800_000_000_000)


class Turned:
    """The wall clock, ahead by what a test has turned it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return epoch_ms() + self.ahead_ms


@dataclass
class Running:
    """The demo while it runs, and a browser's connection to it."""

    http: aiohttp.ClientSession
    room: str
    desk: str
    clock: Turned

    async def get(self, path: str) -> Any:
        async with self.http.get(self.room + path) as answer:
            assert answer.status == 200
            return await answer.json()

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        async with self.http.post(self.room + path, json=body) as answer:
            return answer.status, await answer.json()

    async def told(self) -> dict[str, Any]:
        """The first thing that a page hears from the room."""
        async with asyncio.timeout(10), self.http.get(self.room + "/feed") as answer:
            assert answer.content_type == "text/event-stream"
            while True:
                line = (await answer.content.readline()).decode()
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return found


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        with contextlib.ExitStack() as held:
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                for further in range(port + 1, port + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", further))
            except (OSError, OverflowError):
                continue
            return port


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Running]:
    """The whole demo."""
    places = on_this_machine(free_ports(2))
    claim(folder)
    clock = Turned()
    async with opened(places, folder, a_stream(folder), clock), browser() as http:
        yield Running(http, places.room, places.desk, clock)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """The merchant's site over a desk that agrees with everything."""
    clock = Turned()
    desk = Agreeing()
    book = OrderBook(tmp_path / "orders.json")
    shop = Merchant(desk, book, SECRETS, origin="", desk_url=DESK, clock=clock)
    await shop.open()
    room = Room(SCRIPT, desk, clock)
    async with TestServer(Site(shop, room, a_stream(tmp_path)).app()) as server, browser() as http:
        tasks = [asyncio.create_task(room.run()), asyncio.create_task(shop.keep_telling())]
        yield Running(http, f"http://localhost:{server.port}", DESK, clock)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await room.close()


class Agreeing(Desk):
    """A desk that takes whatever it is told, after `away_for` calls without an answer."""

    def __init__(self, away_for: int = 0) -> None:
        self.away_for = away_for
        self.orders: list[str] = []

    async def _call(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.away_for > 0:
            self.away_for -= 1
            raise DeskAway("not there")
        if "/orders/" in path:
            self.orders.append(path.rpartition("/")[2])
        return {"results": [{"accepted": True} for _ in body.get("events", ())]}


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar())


def a_stream(folder: Path) -> Path:
    stream = folder / "stream.mp4"
    stream.write_bytes(bytes(range(256)) * 8)
    return stream


async def stored(folder: Path, order_id: str) -> dict[str, Any]:
    """The newest verdict on where an order of the demo comes from."""
    db = await Database.open(demo_settings(on_this_machine(8080), folder).database, clock=epoch_ms)
    try:
        async with db.read() as reader:
            return (await reader.live.provenances(SHOP, order_id))["1"].verdict
    finally:
        await db.close()


async def test_an_order_in_the_room_is_known_to_the_desk_with_its_session_host_and_promises(
    tmp_path: Path,
) -> None:
    async with started(tmp_path) as running:
        room = await running.get("/room")
        running.clock.ahead_ms += 40_000
        told = await running.told()
        assert (told["session"], told["explaining"], told["host"]) == (room["session"]["id"], FRYER.id, ACHE)
        status, order = await running.post("/orders", {"product": FRYER.id, "request": "tap-1"})
        assert status == 200
    found = await stored(tmp_path, order["id"])
    assert found["confidence"] == "exact"
    assert found["live_session_id"] == room["session"]["id"]
    assert found["hosts"] == [ACHE]
    assert {promise["kind"] for promise in found["promises"]} == {"gift", "return_window"}


async def test_past_orders_show_every_kind_of_origin(tmp_path: Path) -> None:
    async with started(tmp_path) as running:
        mine = (await running.get("/my-orders"))["orders"]
    by_product = {order["product"]["id"]: order["id"] for order in mine}
    fryer = await stored(tmp_path, by_product[FRYER.id])
    assert (fryer["confidence"], fryer["hosts"]) == ("exact", [ACHE])
    assert {"gift", "delivery", "return_window"} == {promise["kind"] for promise in fryer["promises"]}
    dress = await stored(tmp_path, by_product[DRESS.id])
    assert (dress["confidence"], dress["hosts"]) == ("likely", [XIAOMAN])
    assert (await stored(tmp_path, by_product[THERMOS.id]))["confidence"] == "none"


async def test_a_second_start_on_the_same_folder_keeps_orders_and_begins_a_new_session(
    tmp_path: Path,
) -> None:
    async with started(tmp_path) as running:
        first = await running.get("/room")
        _, order = await running.post("/orders", {"product": DRESS.id, "request": "tap-1"})
        before = await running.get("/my-orders")
    async with started(tmp_path) as running:
        again = await running.get("/room")
        assert await running.get("/my-orders") == before
        # The same tap, sent again by a page that never got the answer.
        assert (await running.post("/orders", {"product": DRESS.id, "request": "tap-1"}))[1] == order
    assert again["session"]["id"] != first["session"]["id"]


async def test_a_visitor_gets_no_identity_no_orders_and_cannot_order(running: Running) -> None:
    token = (await running.get("/identity"))["token"]
    key = identity.IdentityKey(SHOP, KID, "HS256", SECRETS.identity_secret)
    assert identity.verify(token, key, epoch_ms() // 1_000).subject == BUYER
    order_id = (await running.get("/my-orders"))["orders"][0]["id"]
    assert await running.post("/sign-in", {"signed_in": False}) == (200, {"buyer": None})
    assert (await running.get("/room"))["buyer"] is None
    assert (await running.get("/identity"))["token"] is None
    assert (await running.get("/my-orders"))["orders"] == []
    assert await running.post("/orders", {"product": DRESS.id, "request": "x"}) == (
        401,
        {"error": "sign_in_first"},
    )
    async with running.http.get(f"{running.room}/orders/{order_id}/contact") as answer:
        assert answer.status == 404
    await running.post("/sign-in", {"signed_in": True})
    assert (await running.get("/room"))["buyer"] == {"name": "小雨"}


async def test_an_order_leads_to_the_desks_own_page_with_a_fresh_identity_in_the_fragment(
    running: Running,
) -> None:
    order = (await running.get("/my-orders"))["orders"][0]
    contact = f"{running.room}/orders/{order['id']}/contact?lang=en"
    async with running.http.get(contact, allow_redirects=False) as answer:
        assert answer.status == 302
        address, _, fragment = answer.headers["Location"].partition("#")
    assert (
        address == f"{running.desk}/c/{SHOP}?order={order['id']}&product={order['product']['id']}&locale=en"
    )
    assert fragment.startswith("identity=eyJ")


async def test_players_can_ask_for_a_part_of_the_stream(running: Running) -> None:
    headers = {"Range": "bytes=256-511"}
    async with running.http.get(f"{running.room}/stream.mp4", headers=headers) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == "bytes 256-511/2048"
        assert await answer.read() == bytes(range(256))


async def test_the_pages_embed_the_desk_with_one_tag_and_their_parts_are_there(running: Running) -> None:
    for path in ("/", "/orders"):
        async with running.http.get(running.room + path) as answer:
            page = await answer.text()
        assert f'src="{running.desk}/widget/livedesk.js" data-shop="{SHOP}"' in page
        assert "{{" not in page
    parts = ["/pages/room.js", "/pages/shop.css", "/pictures/poster.jpg"]
    parts += [product["picture"] for product in (await running.get("/room"))["products"]]
    for path in parts:
        async with running.http.get(running.room + path) as answer:
            assert answer.status == 200, path


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/orders", {"product": "nothing", "request": "x"}, (400, {"error": "not_possible"})),
        ("/orders", {"product": "dress", "request": "x" * 65}, (400, {"error": "not_possible"})),
        ("/orders", {"product": "dress"}, (400, {"error": "not_possible"})),
        ("/comments", {"text": "好" * 101}, (400, {"error": "not_possible"})),
        ("/comments", {"text": "  "}, (400, {"error": "not_possible"})),
        ("/sign-in", {"signed_in": "yes"}, (400, {"error": "not_possible"})),
    ],
)
async def test_what_the_site_cannot_do_is_refused_with_a_code(
    running: Running, path: str, body: dict[str, Any], answer: tuple[int, Any]
) -> None:
    before = await running.get("/my-orders")
    assert await running.post(path, body) == answer
    assert await running.get("/my-orders") == before


async def test_comments_come_one_a_second_from_a_buyer(running: Running) -> None:
    assert (await running.post("/comments", {"text": "好" * 100}))[0] == 200
    assert await running.post("/comments", {"text": "第二句"}) == (429, {"error": "slow_down"})


def test_a_taken_port_ends_the_start_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        with pytest.raises(typer.Exit) as left:
            demo(port=port, data=tmp_path / "data")
    assert left.value.exit_code == 1
    said = capsys.readouterr().err.strip()
    assert str(port + 1) in said
    assert "\n" not in said
    assert not (tmp_path / "data").exists()


def test_a_video_that_is_not_there_ends_the_start_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        demo(port=free_ports(2), data=tmp_path / "data", video=tmp_path / "none.mp4")
    assert "none.mp4" in capsys.readouterr().err.replace("\n", "")


async def test_an_order_stands_though_the_desk_is_away_and_the_desk_hears_of_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merchants, "AGAIN_AFTER_S", 0.01)
    desk = Agreeing(away_for=2)
    shop = Merchant(
        desk, OrderBook(tmp_path / "orders.json"), SECRETS, origin="", desk_url="", clock=epoch_ms
    )
    telling = asyncio.create_task(shop.keep_telling())
    order = await shop.place(DRESS, "tap-1", "live-1")
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert desk.orders == [order.id]
    assert OrderBook(tmp_path / "orders.json").all() == [order]


def test_the_book_keeps_the_newest_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merchants, "ORDERS_KEPT", 2)
    book = OrderBook(tmp_path / "orders.json")
    past = past_orders(SECRETS.opened_at)
    book.add(*past)
    newest = sorted(past, key=lambda order: order.placed_at, reverse=True)[:2]
    assert book.all() == newest == OrderBook(tmp_path / "orders.json").all()


def test_the_earlier_session_was_yesterday_and_over_before_its_later_order() -> None:
    evening = evening_of(SECRETS.opened_at)
    assert 20 <= (SECRETS.opened_at - evening) / merchants.HOUR_MS < 21
    assert all(order.placed_at < SECRETS.opened_at for order in past_orders(SECRETS.opened_at))
