"""Builds the public application: the door around everything, the API, the pages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from protocol.base import MAX_HTTP_BODY_BYTES
from protocol.routes import ROUTES
from server.auth.agents import SignIns
from server.auth.buyers import BuyerSessions
from server.auth.keys import ApiKeys
from server.http.api import HandedOver, MerchantDesk, SelftestDesk, UploadDesk, complete, handlers
from server.http.client import Proxies
from server.http.door import Door, common_headers, unknown
from server.http.files import Build
from server.http.pages import Pages
from server.http.shown import Shown
from server.rates import Rates

RUNNER: dict[str, Any] = {
    "access_log": None,  # the door writes it, without paths and tokens
    "keepalive_timeout": 15.0,  # also the deadline of a request's head: a slow sender is cut off
    "auto_decompress": False,  # a compressed body could be a bomb; the door refuses it
    "handle_signals": False,
    # Whoever connects in the moment of the stop and asks nothing is waited for so long: by then everything
    # else has ended, and aiohttp's minute would be the whole of what a stop may take.
    "shutdown_timeout": 1.0,
}
"""For `web.AppRunner(app, **RUNNER)`."""


def build_site(
    *,
    buyers: BuyerSessions,
    agents: SignIns,
    keys: ApiKeys,
    counter: Rates,
    desk: MerchantDesk,
    uploads: UploadDesk,
    selftests: SelftestDesk,
    shown: Shown,
    handed_over: HandedOver,
    proxies: Proxies,
    own_origin: str,
    console_origins: frozenset[str],
    widget: Build | None,
    console: Build | None,
) -> tuple[web.Application, Door]:
    """The application, to which signaling attaches itself, and its door (for the metrics)."""
    door = Door(buyers, agents, keys, counter, proxies, console_origins)
    app = web.Application(middlewares=[door.guard], client_max_size=MAX_HTTP_BODY_BYTES)
    app.on_response_prepare.append(common_headers)
    found = handlers(door, buyers, agents, desk, uploads, selftests, handed_over)
    complete(found)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, door.handler(route, found[route.method, route.path]))
    Pages(buyers, own_origin, widget, console).add_to(app)
    shown.add_to(app)
    app.router.add_route("*", "/api/{any:.*}", unknown)
    return app, door
