"""Runs the demo: the desk, the merchant's server, its live session and its site, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from server.app import running
from server.config import Settings, load_settings
from server.demo.merchant import Desk, Merchant, OrderBook
from server.demo.room import Room
from server.demo.script import SCRIPT
from server.demo.seed import Secrets, seed
from server.demo.site import Site
from server.identifiers import epoch_ms

ORDERS = "orders.json"
"""The merchant's own order book, beside the desk's database."""
OPENS_WITHIN_S = 30.0
CLOSES_WITHIN_S = 3.0
"""For the room's last words to the desk, before the desk itself takes its time to stop."""


def demo_settings(port: int, data: Path) -> Settings:
    """Nothing from the environment: a database that is set there must not get the demo's logins."""
    return load_settings({}, bind="127.0.0.1", port=port, data=data, admin_bind="")


@asynccontextmanager
async def opened(
    port: int, data: Path, stream: Path, clock: Callable[[], int] = epoch_ms
) -> AsyncIterator[Secrets]:
    """The whole demo, from the moment that its pages answer until it is left."""
    settings = demo_settings(port, data)
    room_origin = f"http://localhost:{port + 1}"
    async with running(settings, clock=clock) as node:
        known = await seed(node.db, node.passwords, data, room_origin)
        async with aiohttp.ClientSession() as http:
            merchant = Merchant(
                Desk(http, settings.origin, known.api_key),
                OrderBook(data / ORDERS),
                known,
                origin=room_origin,
                desk_url=settings.origin,
                clock=clock,
            )
            async with asyncio.timeout(OPENS_WITHIN_S):
                await merchant.open()
            room = Room(SCRIPT, merchant.desk, clock)
            site = await _listen(Site(merchant, room, stream).app(), port + 1)
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
                await site.cleanup()


async def _listen(app: web.Application, port: int) -> web.AppRunner:
    # A page that watches holds its connection for ever: the room's end lets it go, and nobody waits longer.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        # Browsers try ::1 for localhost first; where there is none they take the other at once.
        with contextlib.suppress(OSError):
            await web.TCPSite(runner, "::1", port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
