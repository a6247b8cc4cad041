"""`livedesk demo`: a desk and a merchant's site beside it, in one process, on data of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from aiohttp import web
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.app import running
from server.config import Settings, load_settings
from server.demo.merchant import Desk, Merchant, OrderBook
from server.demo.room import Room
from server.demo.script import SCRIPT
from server.demo.seed import SHOP_NAME, STAFF, NotTheDemos, Secrets, claim, seed
from server.demo.site import Site
from server.demo.stream import stream_in
from server.identifiers import epoch_ms
from server.logs import set_up
from server.storage.refusal import StorageRefused

ORDERS = "orders.json"
"""The merchant's own order book, beside the desk's database."""
OPENS_WITHIN_S = 30.0
CLOSES_WITHIN_S = 3.0
"""For the room's last words to the desk, before the desk itself takes its time to stop."""
HIGHEST_PORT = 65_534


class Refused(Exception):
    """The demo cannot start. The text is one sentence."""


def add_to(app: typer.Typer) -> None:
    """`livedesk demo`."""
    app.command()(demo)


def demo(
    port: Annotated[
        int, typer.Option(min=1, max=HIGHEST_PORT, help="The desk's port; the live room gets the next one.")
    ] = 8080,
    data: Annotated[Path, typer.Option(help="The demo's own data folder; kept between starts.")] = Path(
        "demo-data"
    ),
    video: Annotated[Path | None, typer.Option(help="A video to loop in place of the drawn one.")] = None,
) -> None:
    """Start a shop with its live room, a desk and logins to try, all on this machine."""
    console = Console(highlight=False)
    set_up("warning")
    try:
        for each in (port, port + 1):
            _free(each)
        claim(data)
        with console.status("正在画直播画面，约 15 秒… · Drawing the stream, some 15 seconds…"):
            stream = _video(video) if video is not None else stream_in(data)
        asyncio.run(_serve(console, port, data, stream))
    except (Refused, NotTheDemos, StorageRefused) as refused:
        Console(stderr=True, highlight=False).print(f"livedesk demo: {refused}", style="red")
        raise typer.Exit(1) from None


@asynccontextmanager
async def opened(port: int, data: Path, stream: Path) -> AsyncIterator[Secrets]:
    """The whole demo, from the moment that its pages answer until it is left."""
    settings = _settings(port, data)
    room_origin = f"http://localhost:{port + 1}"
    async with running(settings) as node:
        known = await seed(node.db, node.passwords, data, room_origin)
        async with aiohttp.ClientSession() as http:
            merchant = Merchant(
                Desk(http, settings.origin, known.api_key),
                OrderBook(data / ORDERS),
                known,
                origin=room_origin,
                desk_url=settings.origin,
                clock=epoch_ms,
            )
            async with asyncio.timeout(OPENS_WITHIN_S):
                await merchant.open()
            room = Room(SCRIPT, merchant.desk, epoch_ms)
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


async def _serve(console: Console, port: int, data: Path, stream: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with opened(port, data, stream) as known:
        _say(console, port, data, known)
        await ended.wait()
        console.print("正在停止… · Stopping…")


def _settings(port: int, data: Path) -> Settings:
    """Nothing from the environment: a database that is set there must not get the demo's logins."""
    return load_settings({}, bind="127.0.0.1", port=port, data=data, admin_bind="")


def _say(console: Console, port: int, data: Path, known: Secrets) -> None:
    room = f"http://localhost:{port + 1}"
    places = Table.grid(padding=(0, 3))
    for zh, en, address in (
        ("直播间", "Live room", f"{room}/"),
        ("订单页", "Orders", f"{room}/orders"),
        ("客服台", "Console", f"http://127.0.0.1:{port}/console/"),
    ):
        places.add_row(zh, en, Text(address, style=f"bold link {address}"))
    people = Table.grid(padding=(0, 3))
    people.add_row("账号 Login", "密码 Password", "谁 Who", "接什么 Takes", style="dim")
    for colleague, zh, en in zip(STAFF, _TAKES_ZH, _TAKES_EN, strict=True):
        people.add_row(
            Text(colleague.login, style="bold"),
            Text(known.password, style="bold"),
            colleague.name,
            f"{zh} {en}",
        )
    console.print()
    console.print(Text(f"{SHOP_NAME} · livedesk demo", style="bold"))
    console.print()
    console.print(places)
    console.print()
    console.print(people)
    console.print()
    console.print(
        f"这些账号只在数据文件夹 {data} 里有效，别处没有。\n"
        f"These logins exist in the data folder {data} only. Serve no real shop from it.",
        soft_wrap=True,
    )
    console.print("按 Ctrl-C 停止 · Stop with Ctrl-C")


_TAKES_ZH = ("服饰", "家电", "英语、售前", "主管，看全局")
_TAKES_EN = ("clothes", "appliances", "English, advice", "supervisor, sees the wall")


def _video(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path.resolve()
    except OSError:
        raise Refused(f"the video {path} cannot be read.") from None


def _free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Refused(
                f"端口 {port} 被占用，用 --port 换一个 · port {port} is taken, choose another."
            ) from None


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
