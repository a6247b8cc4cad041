"""Runs a node: the public site with its sockets, the admin site beside it, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from server.bootstrap import Livedesk, bootstrap
from server.config import ConfigurationRefused, Settings
from server.http.admin import build_admin
from server.http.files import Build, BuildMissing
from server.http.pages import read_console, read_widget
from server.http.shown import Shown
from server.http.site import RUNNER, build_site

log = logging.getLogger(__name__)

GARBAGE_AFTER = 20_000
"""New objects until the youngest are searched for cycles: what a message makes is freed without that, and the
interpreter's 700 had it searched every few messages."""
STOP_WITHIN_S = 10.0
"""From the signal to the exit; what is not finished by then is found by its client id or cursor later."""


@asynccontextmanager
async def running(
    settings: Settings, *, tls: ssl.SSLContext | None = None, **fakes: Any
) -> AsyncIterator[Livedesk]:
    """A node that serves from entering to leaving. `fakes` are `bootstrap`'s.

    `tls`: what the public site is served with where no proxy stands before it (the demo, for phones).

    Raises `ConfigurationRefused` where the data folder or an address cannot be used, `StorageRefused`.
    """
    node = await bootstrap(settings, **fakes)
    runners: list[web.AppRunner] = []
    try:
        site, door = build_site(
            buyers=node.buyers,
            agents=node.sign_ins,
            keys=node.keys,
            counter=node.rates,
            desk=node.merchant,
            uploads=node.uploads,
            selftests=node.selftests,
            shown=Shown(node.links, node.sockets, node.uploads, node.rates, node.db.clock),
            handed_over=node.handed_over,
            proxies=node.proxies,
            own_origin=settings.origin,
            console_origins=settings.own_origins,
            widget=_build(read_widget),
            console=_build(read_console),
        )
        node.signaling.attach(site)
        named = "LIVEDESK_BIND and LIVEDESK_PORT"
        runners.append(await _listen(site, settings.bind, settings.port, named, tls))
        if settings.admin_bind is not None:
            host, _, port = settings.admin_bind.rpartition(":")
            admin = build_admin(node, door)
            runners.append(await _listen(admin, host.strip("[]"), int(port), "LIVEDESK_ADMIN_BIND"))
        await node.start()
        yield node
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await node.stop()
                for runner in runners:
                    await runner.cleanup()


async def serve(settings: Settings, *, ready: Callable[[], None] = lambda: None, **fakes: Any) -> None:
    """Serves until SIGTERM or SIGINT, or until this node is deaf to the others; `ready` when it begins to."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(settings, **fakes) as node:
        # What was loaded stays: looking through it again and again finds nothing.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)
        log.info("ready", extra={"origin": settings.origin})
        ready()
        waits = [asyncio.create_task(ended.wait())]
        if node.cluster is not None:
            waits.append(asyncio.create_task(node.cluster.deaf.wait()))
        _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        log.info("stopping")


def _build(read: Any) -> Build | None:
    """A front end, or None with a line in the log: the API and sockets serve without it."""
    try:
        return read()  # type: ignore[no-any-return]
    except BuildMissing as missing:
        log.warning("%s", missing)
        return None


async def _listen(
    app: web.Application, host: str, port: int, named: str, tls: ssl.SSLContext | None = None
) -> web.AppRunner:
    runner = web.AppRunner(app, **RUNNER)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        # Its own words repeat the address in brackets.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigurationRefused(f"{host}:{port} ({named}) cannot be listened on: {why}.") from error
    return runner
