"""The merchant's own site: the live room, the order page, and the few endpoints that they call.

Anyone who reaches it may be the demo's buyer: signing in is a switch here, because the demo is about what
comes after. It listens on the loopback only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from server.demo.merchant import BUYER, BUYER_NAME, Merchant, Order
from server.demo.room import News, Room
from server.demo.script import SCRIPT, Product
from server.demo.seed import SHOP

HERE = Path(__file__).parent
PAGES, PICTURES = HERE / "pages", HERE / "assets"
COOKIE = "visitor"
"""Set on a browser that has signed out; every other one is the demo's buyer."""
WATCHERS = 200
"""Pages that may watch at the same time; each holds one connection."""
COMMENT_LONGEST = 100
COMMENT_EVERY_S = 1.0
"""One comment a second from a buyer, one from all visitors together."""
BODY_BYTES = 4_096
REQUEST_LONGEST = 64

NO_STORE = {"Cache-Control": "no-store"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wrong(Exception):
    """The shop refuses; the text is a code for which its pages have a sentence."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class Site:
    """The pages and endpoints over one merchant and one room."""

    def __init__(self, merchant: Merchant, room: Room, stream: Path) -> None:
        self._merchant = merchant
        self._room = room
        self._stream = stream
        self._pages = {name: self._page(name) for name in ("room.html", "orders.html")}
        self._watching = 0
        self._commented: dict[str, float] = {}

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[_answered], client_max_size=BODY_BYTES)
        app.add_routes(
            [
                web.get("/", self._room_page),
                web.get("/orders", self._orders_page),
                web.static("/pages", PAGES),
                web.static("/pictures", PICTURES),
                web.get("/stream.mp4", self._video),
                web.get("/room", self._about_room),
                web.get("/feed", self._feed),
                web.get("/my-orders", self._my_orders),
                web.get("/identity", self._identity),
                web.get("/orders/{order}/contact", self._contact),
                web.post("/sign-in", self._sign_in),
                web.post("/comments", self._comment),
                web.post("/orders", self._buy),
            ]
        )
        return app

    def _page(self, name: str) -> str:
        text = (PAGES / name).read_text("utf-8")
        return text.replace("{{desk}}", self._merchant.desk_url).replace("{{shop}}", SHOP)

    async def _room_page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self._pages["room.html"], content_type="text/html")

    async def _orders_page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self._pages["orders.html"], content_type="text/html")

    async def _video(self, request: web.Request) -> web.StreamResponse:
        """The stream; aiohttp answers ranges, which players ask for."""
        return web.FileResponse(self._stream)

    async def _about_room(self, request: web.Request) -> web.StreamResponse:
        """All that the room's page begins with. `now` lets it find the session's clock."""
        return _json(
            {
                **_who(request),
                "now": self._room.now,
                "session": {"id": self._room.session_id, "started_at": self._room.started_at},
                "products": [_product(product) for product in SCRIPT.products],
            }
        )

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        """What happens in the room, as server-sent events; a browser that comes back goes on where it was."""
        if self._watching >= WATCHERS:
            raise Wrong("offline", 503)
        last = request.headers.get("Last-Event-ID", "")
        after = int(last) if last.isdecimal() and len(last) < 16 else None
        buyer = _buyer(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **NO_STORE})
        self._watching += 1
        try:
            await response.prepare(request)
            async for news in self._room.news(after):
                told = json.dumps(self._told(news, buyer), ensure_ascii=False)
                await response.write(f"id: {news.number}\ndata: {told}\n\n".encode())
        except ConnectionResetError:
            pass  # the page was closed
        finally:
            self._watching -= 1
        return response

    def _told(self, news: News, buyer: str | None) -> dict[str, Any]:
        return {
            "session": self._room.session_id,
            "explaining": news.moment.explaining,
            "host": news.moment.host,
            "viewers": news.viewers,
            "entries": [
                {
                    "kind": entry.kind,
                    "by": entry.by,
                    "text": entry.text,
                    "own": buyer is not None and entry.buyer == buyer,
                }
                for entry in news.entries
            ],
        }

    async def _my_orders(self, request: web.Request) -> web.StreamResponse:
        orders = self._merchant.book.all() if _buyer(request) else []
        return _json({**_who(request), "orders": [_order(order) for order in orders]})

    async def _identity(self, request: web.Request) -> web.StreamResponse:
        """What the page hands to the desk: a fresh signed identity, null for a visitor."""
        return _json({"token": self._merchant.identity() if _buyer(request) else None})

    async def _contact(self, request: web.Request) -> web.StreamResponse:
        """To the desk's page for an order. The identity is made now, for it lasts minutes."""
        order = self._merchant.book.of(request.match_info["order"])
        if order is None or not _buyer(request):
            raise web.HTTPNotFound
        locale = "en" if request.query.get("lang") == "en" else "zh-CN"
        return web.Response(status=302, headers={"Location": self._merchant.contact(order, locale)})

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        wanted = (await _body(request)).get("signed_in")
        if not isinstance(wanted, bool):
            raise Wrong("not_possible")
        response = _json({"buyer": {"name": BUYER_NAME} if wanted else None})
        if wanted:
            response.del_cookie(COOKIE)
        else:
            response.set_cookie(COOKIE, "1", httponly=True, samesite="Lax")
        return response

    async def _comment(self, request: web.Request) -> web.StreamResponse:
        text = (await _body(request)).get("text")
        if not isinstance(text, str) or not text.strip() or len(text) > COMMENT_LONGEST:
            raise Wrong("not_possible")
        buyer = _buyer(request)
        now = asyncio.get_running_loop().time()
        if now - self._commented.get(buyer or "", -COMMENT_EVERY_S) < COMMENT_EVERY_S:
            raise Wrong("slow_down", 429)
        self._commented[buyer or ""] = now
        await self._room.comment(buyer, BUYER_NAME if buyer else "访客", " ".join(text.split()))
        return _json({})

    async def _buy(self, request: web.Request) -> web.StreamResponse:
        if not _buyer(request):
            raise Wrong("sign_in_first", 401)
        body = await _body(request)
        product = next((one for one in SCRIPT.products if one.id == body.get("product")), None)
        tap = body.get("request")
        if product is None or not isinstance(tap, str) or not 0 < len(tap) <= REQUEST_LONGEST:
            raise Wrong("not_possible")
        return _json(_order(await self._merchant.place(product, tap, self._room.session_id)))


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except Wrong as wrong:
        response = _json({"error": wrong.code}, wrong.status)
    if not response.prepared:
        # A changed page is seen at the next reload; pictures and video answer 304.
        response.headers.setdefault("Cache-Control", "no-cache")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
    return response


def _buyer(request: web.Request) -> str | None:
    return None if COOKIE in request.cookies else BUYER


def _who(request: web.Request) -> dict[str, Any]:
    """Who is signed in, and who could be."""
    account = {"name": BUYER_NAME}
    return {"buyer": account if _buyer(request) else None, "account": account}


async def _body(request: web.Request) -> dict[str, Any]:
    # A form of another site can send text, never JSON.
    if request.content_type != "application/json":
        raise Wrong("not_possible")
    try:
        body = await request.json()
    except ValueError:
        raise Wrong("not_possible") from None
    if not isinstance(body, dict):
        raise Wrong("not_possible")
    return body


def _product(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "title": product.title,
        "price": product.price,
        "before": product.before,
        "picture": f"/pictures/{product.picture}",
    }


def _order(order: Order) -> dict[str, Any]:
    product = next(one for one in SCRIPT.products if one.id == order.product_id)
    return {
        "id": order.id,
        "status": order.status,
        "price": order.price,
        "sku": order.sku,
        "placed_at": order.placed_at,
        "product": _product(product),
    }


def _json(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers=NO_STORE)
