"""The demo's merchant: what a shop's own server has and does. It knows the desk only by its public API.

It keeps its orders itself and tells the desk of each until the desk has it: an order never waits for a desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from server.auth.merchant import sign_identity
from server.demo.room import DeskAway, DeskRefuses, event_of, iso
from server.demo.script import DELAY_MS, DRESS, FRYER, SCRIPT, THERMOS, Product, due
from server.demo.seed import KID, SHOP, Secrets

log = logging.getLogger(__name__)

BUYER, BUYER_NAME = "xiaoyu", "小雨"
"""Who buys in the demo: the `sub` of her identity, and her name."""
RECEIVER = {"name": "林小雨", "phone": "13800138000", "address": "浙江省杭州市西湖区文三路 138 号"}
ORDERS_KEPT = 200
"""Orders in the book; the oldest ones go. More than anyone places in a demo."""
TOLD_WITHIN_S = 2.0
"""How long placing an order waits for the desk to know it, so that the next tap finds it there."""
AGAIN_AFTER_S = 2.0
CALL_S = 8.0
EVENTS_AT_ONCE = 100
"""Of the evening, at the start: a piece that even a slow and busy machine stores within `CALL_S`."""

HOUR_MS = 3_600_000
EVENING_LOOPS = 15
"""The earlier session: the story's loops, twelve minutes."""


SHOT_LISTS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    DRESS.id: (
        ("吊牌", "吊牌还在裙子上，款号和尺码看得清", "tag"),
        ("瑕疵特写", "靠近线头、污渍或破损的地方，对焦清楚", "detail"),
        ("整件平铺", "正面朝上平铺，四边都在画面里", "whole"),
        ("面单", "快递单号看得清，其余可以遮住", "waybill"),
    ),
    FRYER.id: (
        ("底部铭牌", "型号和序列号看得清", "waybill"),
        ("故障处", "靠近有问题的地方，插头先拔下", "detail"),
        ("整机", "整台机器和炸篮都在画面里", "whole"),
    ),
}
"""Label, hint and outline of each picture that agents ask for; other products have the usual four."""


class Desk:
    """The desk's public API, with the shop's API key."""

    def __init__(self, http: aiohttp.ClientSession, url: str, api_key: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def put_product(self, product_id: str, product: Mapping[str, Any]) -> None:
        await self._call("PUT", f"/api/v1/products/{product_id}", product)

    async def put_shot_list(self, product_id: str, shots: list[dict[str, str]]) -> None:
        await self._call("PUT", f"/api/v1/products/{product_id}/shot-list", {"shots": shots})

    async def put_order(self, order_id: str, order: Mapping[str, Any]) -> None:
        await self._call("PUT", f"/api/v1/orders/{order_id}", order)

    async def announce(self, session: Mapping[str, Any]) -> None:
        await self._call("POST", "/api/v1/live-sessions", session)

    async def append(self, session_id: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One result for each event."""
        path = f"/api/v1/live-sessions/{session_id}/events"
        results: list[dict[str, Any]] = (await self._call("POST", path, {"events": events}))["results"]
        return results

    async def _call(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        try:
            async with self._http.request(
                method, self._url + path, json=dict(body), headers=self._headers, timeout=timeout
            ) as answer:
                said: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            raise DeskAway(f"{method} {path}: {type(fault).__name__}") from fault
        if answer.status == 429 or answer.status >= 500:
            raise DeskAway(f"{method} {path}: {said['error']['code']}")
        if answer.status != 200:
            raise DeskRefuses(f"{method} {path}: {said['error']['message']}")
        return said


@dataclass(frozen=True, slots=True)
class Order:
    """One order in the merchant's book. `request` is the page's own id of the tap that placed it."""

    id: str
    product_id: str
    sku: str
    price: int
    status: str
    placed_at: int
    live_session_id: str | None
    request: str


class OrderBook:
    """The merchant's orders, newest first, in one file that is whole at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._orders = [Order(**order) for order in json.loads(path.read_text("utf-8"))]
        except FileNotFoundError:
            self._orders = []

    def all(self) -> list[Order]:
        return list(self._orders)

    def of(self, order_id: str) -> Order | None:
        return next((order for order in self._orders if order.id == order_id), None)

    def placed_by(self, request: str) -> Order | None:
        return next((order for order in self._orders if order.request == request), None)

    def add(self, *orders: Order) -> None:
        """Keep these; one whose id is known is replaced."""
        ids = {order.id for order in orders}
        kept = [*orders, *(order for order in self._orders if order.id not in ids)]
        self._orders = sorted(kept, key=lambda order: order.placed_at, reverse=True)[:ORDERS_KEPT]
        unfinished = self._path.with_suffix(".part")
        text = json.dumps([asdict(order) for order in self._orders], ensure_ascii=False)
        unfinished.write_text(text, "utf-8")
        unfinished.replace(self._path)


class Merchant:
    """The shop's server without its pages. `origin` is the address of its site, `desk_url` the desk's."""

    def __init__(
        self,
        desk: Desk,
        book: OrderBook,
        known: Secrets,
        *,
        origin: str,
        desk_url: str,
        clock: Callable[[], int],
    ) -> None:
        self.desk = desk
        self.book = book
        self.desk_url = desk_url
        self._known = known
        self._origin = origin
        self._clock = clock
        self._untold: dict[str, Order] = {}
        self._told = asyncio.Condition()

    async def open(self) -> None:
        """Tells the desk the catalogue, an earlier live session, and every order of the book."""
        for product in SCRIPT.products:
            await self.desk.put_product(product.id, self._product(product))
        for product_id, shots in SHOT_LISTS.items():
            listed = [{"label": label, "hint": hint, "frame": frame} for label, hint, frame in shots]
            await self.desk.put_shot_list(product_id, listed)
        await self._tell_evening()
        past = past_orders(self._known.opened_at)
        self.book.add(*(order for order in past if self.book.placed_by(order.request) is None))
        for order in reversed(self.book.all()):
            await self.desk.put_order(order.id, _order(order))

    async def keep_telling(self) -> None:
        """Tells the desk orders that it does not know yet, until cancelled."""
        while True:
            async with self._told:
                await self._told.wait_for(lambda: bool(self._untold))
            for order in list(self._untold.values()):
                try:
                    await self.desk.put_order(order.id, _order(order))
                except DeskAway as away:
                    log.warning("the desk does not know order %s yet: %s", order.id, away)
                    await asyncio.sleep(AGAIN_AFTER_S)
                    break
                except DeskRefuses as refusal:
                    log.error("the desk refuses order %s: %s", order.id, refusal)
                async with self._told:
                    self._untold.pop(order.id, None)
                    self._told.notify_all()

    async def place(self, product: Product, request: str, live_session_id: str) -> Order:
        """The order of one tap, in the book; the same tap again gets the same order."""
        known = self.book.placed_by(request)
        if known is not None:
            return known
        now = self._clock()
        order = Order(
            id=f"YD{datetime.fromtimestamp(now / 1_000):%y%m%d%H%M}{secrets.randbelow(10_000):04}",  # noqa: DTZ006
            product_id=product.id,
            sku=product.skus[len(product.skus) // 3],
            price=product.price,
            status="paid",
            placed_at=now,
            live_session_id=live_session_id,
            request=request,
        )
        self.book.add(order)
        async with self._told:
            self._untold[order.id] = order
            self._told.notify_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TOLD_WITHIN_S):
                    await self._told.wait_for(lambda: order.id not in self._untold)
        return order

    def identity(self) -> str:
        """Who the buyer is, signed for the desk."""
        return sign_identity(
            SHOP,
            BUYER,
            kid=KID,
            secret=self._known.identity_secret,
            now_s=self._clock() // 1_000,
            name=BUYER_NAME,
        )

    def contact(self, order: Order, locale: str) -> str:
        """The address of the desk's own page for an order, for browsers and web-views that embed nothing."""
        place = f"order={order.id}&product={order.product_id}&locale={locale}"
        return f"{self.desk_url}/c/{SHOP}?{place}#identity={self.identity()}"

    async def _tell_evening(self) -> None:
        started_at = evening_of(self._known.opened_at)
        session_id = f"live-{started_at}"
        length_s = EVENING_LOOPS * SCRIPT.length_s
        announcement = {
            "id": session_id,
            "room": SCRIPT.room,
            "title": "夜场：" + SCRIPT.title,
            "started_at": iso(started_at),
            "ended_at": iso(started_at + round(length_s * 1_000)),
            "delay_ms": DELAY_MS,
        }
        await self.desk.announce(announcement)
        events = [event_of(one, started_at) for one in due(SCRIPT, 0, length_s)]
        for first in range(0, len(events), EVENTS_AT_ONCE):
            for result in await self.desk.append(session_id, events[first : first + EVENTS_AT_ONCE]):
                if not result["accepted"]:
                    raise DeskRefuses(f"{result['source_event_id']}: {result['message']}")

    def _product(self, product: Product) -> dict[str, Any]:
        return {
            "title": product.title,
            "price": product.price,
            "category": product.category,
            "picture": f"{self._origin}/pictures/{product.picture}",
        }


def evening_of(opened_at: int) -> int:
    """When the earlier session began: on a full hour, most of a day before the shop's desk opened."""
    return (opened_at - 20 * HOUR_MS) // HOUR_MS * HOUR_MS


def past_orders(opened_at: int) -> tuple[Order, ...]:
    """What the buyer has ordered before: one while it was explained, one minutes after, one elsewhere."""
    evening = evening_of(opened_at)
    loop_ms = SCRIPT.length_s * 1_000

    def order(name: str, product: Product, at: int, status: str, live: bool) -> Order:
        day = datetime.fromtimestamp(at / 1_000)  # noqa: DTZ006
        return Order(
            id=f"YD{day:%y%m%d%H%M}{name}",
            product_id=product.id,
            sku=product.skus[len(product.skus) // 3],
            price=product.price,
            status=status,
            placed_at=at,
            live_session_id=f"live-{evening}" if live else None,
            request=f"past-{name}",
        )

    return (
        order("0417", FRYER, evening + round(6 * loop_ms + 43_500), "shipped", True),
        order("0892", DRESS, evening + round(EVENING_LOOPS * loop_ms + 6 * 60_000), "paid", True),
        order("0136", THERMOS, evening - 9 * 24 * HOUR_MS, "delivered", False),
    )


def _order(order: Order) -> dict[str, Any]:
    """The order as the desk's API takes it."""
    product = next(one for one in SCRIPT.products if one.id == order.product_id)
    line: dict[str, Any] = {
        "line_id": "1",
        "product_id": product.id,
        "sku": order.sku,
        "title": product.title,
        "quantity": 1,
        "price": order.price,
    }
    if order.live_session_id is not None:
        line["live_session_id"] = order.live_session_id
    return {
        "buyer": BUYER,
        "status": order.status,
        "placed_at": iso(order.placed_at),
        "paid_at": iso(order.placed_at),
        "total": order.price,
        "receiver": RECEIVER,
        "lines": [line],
    }
