"""`livedesk backup`, `livedesk restore`, `livedesk restored`: a copy of the database, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.commands.desk import desk, out, refuse, run, settings_or_refuse
from server.config import Settings
from server.files.shelf import FOLDER
from server.identifiers import epoch_ms
from server.storage import backup as storage
from server.storage.refusal import StorageRefused

File = Annotated[Path, typer.Argument(metavar="FILE")]


def add_to(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("restored")(restored)


def backup(file: File) -> None:
    """Write a copy of the SQLite database to FILE, also beside a running server. Pictures are not in it."""
    settings = settings_or_refuse()
    try:
        copy = storage.back_up(settings.database, file)
    except StorageRefused as refused:
        refuse(str(refused))
    _say(copy)
    _say_of_pictures(settings, "copy {} after this, its files never change")


def restore(file: File) -> None:
    """Put the backup FILE in the place of a SQLite database that is not there. The server is stopped."""
    settings = settings_or_refuse()
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        copy = storage.restore(settings.database, file, clock=epoch_ms)
    except StorageRefused as refused:
        refuse(str(refused))
    except OSError as error:
        refuse(f"The data folder {settings.data} cannot be used: {error.strerror}.")
    _say(copy)
    _say_of_pictures(settings, "they must lie in {} as they did")
    _say_what_came_back()


def restored() -> None:
    """After a restore by other means (pg_restore, a disk's snapshot), before the servers start."""

    async def work() -> None:
        async with desk() as database:
            await storage.forget(database)

    run(work())
    out.print("The database has another epoch; start every server anew.", highlight=False)
    _say_what_came_back()


def _say(copy: storage.Copy) -> None:
    out.print(
        f"{copy.file}: {copy.size / 1_048_576:.1f} MiB, schema {copy.schema}, epoch {copy.epoch}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _say_of_pictures(settings: Settings, what_to_do: str) -> None:
    place = settings.files_url or str(settings.data.absolute() / FOLDER)
    out.print(
        f"Pictures are not in it: {what_to_do.format(place)}.", markup=False, highlight=False, soft_wrap=True
    )


def _say_what_came_back() -> None:
    out.print(
        "Agents sign in anew. What was changed since the copy is undone: disable agents, revoke keys again "
        "(`livedesk agent list`, `livedesk key list SHOP`, `livedesk shop key list SHOP`).",
        highlight=False,
        soft_wrap=True,
    )
