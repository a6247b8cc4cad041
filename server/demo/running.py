"""Runs the demo: the desk, the merchant's server, its live session and its site, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from server.app import running
from server.config import Settings, load_settings
from server.demo.merchant import Desk, Merchant, OrderBook
from server.demo.places import LOOPBACK, Places
from server.demo.room import Room
from server.demo.script import SCRIPT
from server.demo.seed import Secrets, seed
from server.demo.site import Site
from server.demo.trust import trust_site
from server.identifiers import epoch_ms

ORDERS = "orders.json"
"""The merchant's own order book, beside the desk's database."""
OPENS_WITHIN_S = 30.0
CLOSES_WITHIN_S = 3.0
"""For the room's last words to the desk, before the desk itself takes its time to stop."""


def demo_settings(places: Places, data: Path) -> Settings:
    """Nothing from the environment: a database that is set there must not get the demo's logins."""
    return load_settings(
        {},
        bind=places.bind,
        port=places.port,
        public_url=places.desk,
        data=data,
        admin_bind="",
        media_announce=places.address,
    )


@asynccontextmanager
async def opened(
    places: Places, data: Path, stream: Path, clock: Callable[[], int] = epoch_ms
) -> AsyncIterator[Secrets]:
    """The whole demo, from the moment that its pages answer until it is left."""
    settings = demo_settings(places, data)
    https = places.https
    tls = https.serving if https is not None else None
    async with running(settings, tls=tls, clock=clock) as node:
        known = await seed(node.db, node.passwords, data, places.room)
        trusting = aiohttp.TCPConnector(ssl=https.authority.trusting() if https is not None else True)
        async with aiohttp.ClientSession(connector=trusting) as http:
            merchant = Merchant(
                Desk(http, settings.origin, known.api_key),
                OrderBook(data / ORDERS),
                known,
                origin=places.room,
                desk_url=settings.origin,
                clock=clock,
            )
            async with asyncio.timeout(OPENS_WITHIN_S):
                await merchant.open()
            room = Room(SCRIPT, merchant.desk, clock)
            sites = [await _listen(Site(merchant, room, stream).app(), places.bind, places.port + 1, tls)]
            if https is not None:
                trust = trust_site(https.authority, places)
                sites.append(await _listen(trust, places.bind, https.trust_port))
            tasks = [asyncio.create_task(room.run()), asyncio.create_task(merchant.keep_telling())]
            try:
                yield known
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSES_WITHIN_S):
                        await room.close()
                for site in sites:
                    await site.cleanup()


async def _listen(
    app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> web.AppRunner:
    # A page that watches holds its connection for ever: the room's end lets it go, and nobody waits longer.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        if host == LOOPBACK:
            # Browsers try ::1 for localhost first; where there is none they take the other at once.
            with contextlib.suppress(OSError):
                await web.TCPSite(runner, "::1", port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
