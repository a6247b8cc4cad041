"""`livedesk demo`: a desk and a merchant's site beside it, in one process, on data of their own."""

from __future__ import annotations

import asyncio
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.commands.desk import draw_code
from server.demo.places import (
    EVERYWHERE,
    LOOPBACK,
    Https,
    NoNetwork,
    Places,
    in_this_network,
    on_this_machine,
    own_address,
    ports_from,
)
from server.demo.seed import SHOP_NAME, STAFF, NotTheDemos, Secrets, claim
from server.logs import set_up
from server.storage.refusal import StorageRefused

HIGHEST_PORT = 65_533


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
    https: Annotated[
        bool,
        typer.Option("--https", help="Open it to this network's phones, over TLS of the demo's own."),
    ] = False,
) -> None:
    """Start a shop with its live room, a desk and logins to try, all on this machine."""
    console = Console(highlight=False)
    set_up("warning")
    try:
        for each in ports_from(port, https):
            _free(EVERYWHERE if https else LOOPBACK, each)
        claim(data)
        places = _places(port, data, https)
        with console.status("正在画直播画面，约 15 秒… · Drawing the stream, some 15 seconds…"):
            stream = _video(video) if video is not None else _drawn(data)
        asyncio.run(_serve(console, places, data, stream))
    except (Refused, NotTheDemos, NoNetwork, StorageRefused) as refused:
        Console(stderr=True, highlight=False).print(
            f"livedesk demo: {refused}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from None


async def _serve(console: Console, places: Places, data: Path, stream: Path) -> None:
    # Imported here, as below: the other commands start without the whole server.
    from server.demo.running import opened

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with opened(places, data, stream) as known:
        _say(console, places, data, known)
        await ended.wait()
        console.print("正在停止… · Stopping…")


def _places(port: int, data: Path, https: bool) -> Places:
    if not https:
        return on_this_machine(port)
    return in_this_network(port, data, own_address(), datetime.now(UTC))


def _say(console: Console, places: Places, data: Path, known: Secrets) -> None:
    addresses = Table.grid(padding=(0, 3))
    for zh, en, address in (
        ("直播间", "Live room", f"{places.room}/"),
        ("订单页", "Orders", f"{places.room}/orders"),
        ("客服台", "Console", f"{places.desk}/console/"),
        ("手机自测", "Self-test", f"{places.desk}/selftest"),
    ):
        addresses.add_row(zh, en, Text(address, style=f"bold link {address}"))
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
    console.print(addresses)
    console.print()
    if places.https is not None:
        _say_to_phones(console, places.https)
    console.print(people)
    console.print()
    console.print(
        f"这些账号只在数据文件夹 {data} 里有效，别处没有。\n"
        f"These logins exist in the data folder {data} only. Serve no real shop from it.",
        soft_wrap=True,
    )
    console.print("按 Ctrl-C 停止 · Stop with Ctrl-C")


def _say_to_phones(console: Console, https: Https) -> None:
    console.print(Text("用手机扫码 · Scan with a phone", style="bold"))
    draw_code(console, https.trust_url)
    console.print(Text(https.trust_url, style=f"bold link {https.trust_url}"))
    console.print(f"证书指纹 Fingerprint SHA-256 {https.authority.fingerprint}", soft_wrap=True)
    console.print(
        "演示现在对整个局域网开放，谁连得上都能进直播间；只在信得过的网络里用。\n"
        "The demo is open to this whole network: whoever reaches it may enter.",
        style="yellow",
        soft_wrap=True,
    )
    console.print()


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


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise Refused(
                f"端口 {port} 被占用，用 --port 换一个 · port {port} is taken, choose another."
            ) from None
