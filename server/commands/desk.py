"""What every command stands on: settings, the database, tables, and one sentence where something is wrong."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Never, TypeVar

import segno
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from protocol.errors import Refused
from server import logs
from server.auth.agents import folded
from server.config import ConfigurationRefused, Settings, load_settings
from server.identifiers import epoch_ms
from server.storage.database import Database, Unit
from server.storage.people import Person
from server.storage.refusal import StorageRefused
from server.storage.shops import Group, Shop

Result = TypeVar("Result")

WIDTH_OF_A_PIPE = 240
"""Columns where nobody looks: what reads a table from a pipe wants its cells whole."""
out = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
err = Console(stderr=True)
WRONG = 1
MISCONFIGURED = 2


def refuse(sentence: str, code: int = WRONG) -> Never:
    """Ends the command with one sentence on standard error."""
    err.print(f"livedesk: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def settings_or_refuse(**given: Any) -> Settings:
    """The settings, or the sentence that says which one is wrong."""
    try:
        return load_settings(**given)
    except ConfigurationRefused as refused:
        refuse(str(refused), MISCONFIGURED)


@asynccontextmanager
async def desk() -> AsyncIterator[Database]:
    """The database of the settings, migrated."""
    settings = settings_or_refuse()
    # A person reads tables; a service's log gets the audit lines of what was changed.
    logs.set_up("warning" if sys.stderr.isatty() else "info")
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        database = await Database.open(settings.database, clock=epoch_ms)
    except StorageRefused as refused:
        refuse(f"{settings.database_variable}: {refused}")
    except OSError as error:
        refuse(f"The data folder {settings.data} (LIVEDESK_DATA) cannot be used: {error.strerror}.")
    try:
        yield database
    except Refused as refused:
        refuse(str(refused))
    finally:
        await database.close()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a command's work to its end."""
    return asyncio.run(work)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, empty: str) -> None:
    """Prints a table, or the sentence that there is nothing."""
    # What people wrote is no markup and moves no cursor.
    lines = [
        [Text("".join(each if each.isprintable() else " " for each in _cell(value))) for value in row]
        for row in rows
    ]
    if not lines:
        out.print(empty)
        return
    shown = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for line in lines:
        shown.add_row(*line)
    out.print(shown)


def draw_code(console: Console, address: str) -> None:
    """Draws a QR code. Its own escapes set black on white: rich must not fold or paint it."""
    drawn = io.StringIO()
    segno.make(address, error="m").terminal(drawn, compact=True)
    console.file.write(drawn.getvalue())


def when(ms: int | None) -> str:
    """A time as people read it."""
    return "" if ms is None else datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def show_once(what: str, secret: str) -> None:
    """Prints a secret. It is not shown again."""
    err.print(f"{what} — shown once, keep it now:", highlight=False)
    # Alone on standard output, so that a script can take it from there.
    out.print(secret, markup=False, highlight=False, soft_wrap=True)


async def shop_or_refuse(unit: Unit, shop_id: str) -> Shop:
    """The shop, or the sentence that there is none."""
    found = await unit.shops.get(shop_id)
    if found is None:
        refuse(f"There is no shop {shop_id}; `livedesk shop list` shows all.")
    return found


async def group_or_refuse(unit: Unit, shop_id: str, name: str) -> Group:
    """The shop's group, or the sentence that there is none."""
    await shop_or_refuse(unit, shop_id)
    found = await unit.shops.group(shop_id, name)
    if found is None:
        refuse(f"The shop {shop_id} has no group {name}; `livedesk group list {shop_id}` shows all.")
    return found


async def person_or_refuse(unit: Unit, login: str) -> Person:
    """The person, or the sentence that there is none."""
    found = await unit.people.by_login(folded(login))
    if found is None:
        refuse(f"Nobody signs in as {login}; `livedesk agent list` shows all.")
    return found


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
        case _:
            return str(value)
