"""The end of the HTTP side: nobody who is still connected holds it up."""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientSession, web

from server.http.site import RUNNER
from tests.rounds import within

STOPS_WITHIN_S = within(5.0)


async def test_a_request_that_never_ends_does_not_hold_up_the_stop() -> None:
    begun = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing ends it")

    app = web.Application()
    app.router.add_get("/", endless)
    runner = web.AppRunner(app, **RUNNER)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession() as client:
        asking = asyncio.create_task(client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/"))
        await begun.wait()
        started = time.monotonic()
        await runner.cleanup()
        assert time.monotonic() - started <= STOPS_WITHIN_S
        await asyncio.gather(asking, return_exceptions=True)
