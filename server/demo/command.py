"""`livedesk demo`: a desk and a merchant's site beside it, in one process, on data of their own."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.demo.seed import SHOP_NAME, STAFF, NotTheDemos, Secrets, claim
from server.logs import set_up
from server.storage.refusal import StorageRefused

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
            stream = _video(video) if video is not None else _drawn(data)
        asyncio.run(_serve(console, port, data, stream))
    except (Refused, NotTheDemos, StorageRefused) as refused:
        Console(stderr=True, highlight=False).print(
            f"livedesk demo: {refused}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from None


async def _serve(console: Console, port: int, data: Path, stream: Path) -> None:
    # Imported here, as below: the other commands start without the whole server.
    from server.demo.running import opened

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with opened(port, data, stream) as known:
        _say(console, port, data, known)
        await ended.wait()
        console.print("正在停止… · Stopping…")


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


def _drawn(folder: Path) -> Path:
    try:
        from server.demo.stream import stream_in
    except ModuleNotFoundError as missing:
        raise Refused(
            f"drawing the stream needs {missing.name}: `pip install 'livedesk[demo]'`, or give a --video."
        ) from None
    return stream_in(folder)


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
