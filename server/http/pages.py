"""The front ends' pages and files: the widget's loader and frame, the first-party page, the console."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from protocol.errors import ErrorCode, Refused
from protocol.export import asyncapi, openapi
from server.auth.buyers import BuyerSessions
from server.http.answers import plain_json
from server.http.door import ASKER
from server.http.files import FOR_EVER, Build
from server.http.policies import page_headers

SERVER = Path(__file__).resolve().parents[1]


def _dist(app: str) -> Path:
    """Where a front end's build lies: inside an installed package, beside it in a checkout."""
    installed = SERVER / "frontends" / app
    return installed if installed.is_dir() else SERVER.parent / app / "dist"


WIDGET, CONSOLE = _dist("widget"), _dist("agent_console")
LOADER, FRAME, GUEST, INDEX = "livedesk.js", "frame.html", "guest.html", "index.html"
SELFTEST = "selftest.html"
# Made when somebody asks: a start does not wait for them.
_openapi, _asyncapi = functools.cache(openapi), functools.cache(asyncapi)
_SHOP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_LOADER_HEADERS: Mapping[str, str] = {
    # Any merchant's page may run the loader, also with an integrity attribute (which needs CORS).
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def read_widget(folder: Path = WIDGET) -> Build:
    """The widget's build: `livedesk.js`, `frame.html`, `guest.html`, `selftest.html`, `assets/`.

    Raises `BuildMissing`."""
    return Build.read("widget", folder, needs=FRAME)


def read_console(folder: Path = CONSOLE) -> Build:
    """The console's build: `index.html`, `assets/`. Raises `BuildMissing`."""
    return Build.read("agent_console", folder, needs=INDEX)


@dataclass(frozen=True, slots=True)
class PinnedLoader:
    """The loader at an address that gives these bytes or, once the desk has others, nothing."""

    path: str
    integrity: str


def pinned_loader(widget: Build) -> PinnedLoader:
    """The address changes with the bytes: by 96 bits of their hash, in letters that any address may have."""
    integrity = widget.integrity(LOADER)
    name = integrity.removeprefix("sha384-")[:16].replace("+", "-").replace("/", "_")
    return PinnedLoader(f"/widget/livedesk.{name}.js", integrity)


class Pages:
    """Hands the front ends out. A front end that is None was not built: its addresses say so."""

    def __init__(
        self, buyers: BuyerSessions, own_origin: str, widget: Build | None, console: Build | None
    ) -> None:
        self._buyers = buyers
        self._own_origin = own_origin
        self._widget = widget
        self._console = console
        self._pinned = None if widget is None else pinned_loader(widget)

    def add_to(self, app: web.Application) -> None:
        """Every page under its address."""
        add = app.router.add_get
        add("/", self._home)
        add("/healthz", self._healthz)
        add("/favicon.ico", self._no_icon)
        add("/openapi.json", self._openapi)
        add("/asyncapi.json", self._asyncapi)
        add("/widget/livedesk.js", self._loader)
        if self._pinned is not None:
            add(self._pinned.path, self._pinned_loader)
        add("/widget/frame", self._frame)
        add("/widget/{path:.+}", self._widget_file)
        add("/c/{shop}", self._first_party)
        add("/guest", self._guest)
        add("/selftest", self._selftest)
        add("/console", self._home)
        add("/console/", self._console_page)
        add("/console/{path:.+}", self._console_file)

    async def _home(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/console/", "Cache-Control": "no-store"})

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        """The process answers. Whether it can serve is `/readyz` of the admin side."""
        return plain_json({"ok": True})

    async def _no_icon(self, request: web.Request) -> web.StreamResponse:
        """Browsers ask for it on every page; the console names its own."""
        return web.Response(status=204, headers={"Cache-Control": "public, max-age=86400"})

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        return plain_json(await asyncio.to_thread(_openapi))

    async def _asyncapi(self, request: web.Request) -> web.StreamResponse:
        return plain_json(await asyncio.to_thread(_asyncapi))

    async def _loader(self, request: web.Request) -> web.StreamResponse:
        return _built(self._widget, "widget").serve(request, LOADER, _LOADER_HEADERS)

    async def _pinned_loader(self, request: web.Request) -> web.StreamResponse:
        for_ever = {**_LOADER_HEADERS, "Cache-Control": FOR_EVER}
        return _built(self._widget, "widget").serve(request, LOADER, for_ever)

    async def _frame(self, request: web.Request) -> web.StreamResponse:
        """The widget's frame: only pages of the shop's registered origins may hold it."""
        shop = await self._shop(request.query.get("shop", ""))
        return self._page(request, _built(self._widget, "widget"), FRAME, shop)

    async def _first_party(self, request: web.Request) -> web.StreamResponse:
        """The same app as a page of its own: for order pages, web-views and QR codes; nobody embeds it.

        A person came here by a link: that there is no such shop he is told by the app, in his language.
        """
        page = self._page(request, _built(self._widget, "widget"), FRAME, ())
        try:
            await self._shop(request.match_info["shop"])
        except Refused as refusal:
            if refusal.code is not ErrorCode.not_found:
                raise
            page.set_status(404)
        return page

    async def _guest(self, request: web.Request) -> web.StreamResponse:
        """Where a guest of one call comes in. What lets him in stands behind the #: no server is sent it."""
        return self._page(request, _built(self._widget, "widget"), GUEST, ())

    async def _selftest(self, request: web.Request) -> web.StreamResponse:
        """What the asking device can do for a call, shown on it, and sent if its person agrees."""
        return self._page(request, _built(self._widget, "widget"), SELFTEST, ())

    async def _widget_file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path in (LOADER, FRAME, GUEST, SELFTEST):
            raise Refused(ErrorCode.not_found)
        return _built(self._widget, "widget").serve(request, path)

    async def _console_page(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, _built(self._console, "agent_console"), INDEX, ())

    async def _console_file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path == INDEX:
            raise Refused(ErrorCode.not_found)
        return _built(self._console, "agent_console").serve(request, path)

    async def _shop(self, shop_id: str) -> list[str]:
        """The origins of a shop."""
        if not _SHOP.fullmatch(shop_id):
            raise Refused(ErrorCode.not_found)
        return (await self._buyers.shop(shop_id)).origins

    def _page(
        self, request: web.Request, build: Build, path: str, ancestors: list[str] | tuple[str, ...]
    ) -> web.Response:
        headers = page_headers(self._own_origin, ancestors, secure=request[ASKER].scheme == "https")
        headers["Content-Type"] = "text/html; charset=utf-8"
        return web.Response(text=build.page(path), headers=headers)


def _built(build: Build | None, name: str) -> Build:
    if build is None:
        raise Refused(ErrorCode.retry, f"The front end `{name}` is not built on this server.")
    return build
