"""`livedesk replay FILE`: recorded dialogues through the whole desk, compared at the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.replay.command import run
from server.replay.servers import SHOP


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


def replay(
    file: Annotated[Path, typer.Argument(help="Seven tab-separated columns a turn, without a header.")],
    url: Annotated[str | None, typer.Option(help="A running desk; without it one is started.")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="For --url: an API key with agents:impersonate.")
    ] = None,
    shop: Annotated[str, typer.Option(help="For --url: the key's shop.")] = SHOP,
    agent: Annotated[
        list[str] | None, typer.Option(help="For --url: a login to answer with; give it several times.")
    ] = None,
    identity_kid: Annotated[
        str | None, typer.Option(help="For --url: an HS256 identity key; visitors where it is missing.")
    ] = None,
    identity_secret: Annotated[str | None, typer.Option(help="Its secret.")] = None,
    kill_server: Annotated[
        bool, typer.Option("--kill-server", help="SIGKILL the own server at random moments meanwhile.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first dialogues.")] = None,
    seed: Annotated[int, typer.Option(help="For the moments of the kills.")] = 1,
) -> None:
    """Play every dialogue through real sockets; exit 0 only if log, both views and file are equal."""
    if url is not None and (api_key is None or not agent):
        raise typer.BadParameter("--url needs --api-key and at least one --agent")
    if url is not None and kill_server:
        raise typer.BadParameter("--kill-server kills only a server of its own")
    identity = (identity_kid, identity_secret) if identity_kid and identity_secret else None
    try:
        outcome = asyncio.run(
            run(
                file,
                url=url,
                api_key=api_key,
                identity=identity,
                shop=shop,
                logins=agent or [],
                kill_server=kill_server,
                limit=limit,
                seed=seed,
            )
        )
    except (OSError, ValueError) as wrong:
        typer.echo(f"{file}: {wrong}", err=True)
        raise typer.Exit(2) from None
    for difference in outcome.differences[:20]:
        typer.echo(difference, err=True)
    typer.echo(
        f"{outcome.dialogues} dialogues, {outcome.messages} messages, {outcome.kills} kills: "
        + (f"{len(outcome.differences)} differences" if outcome.differences else "all equal, in order")
    )
    if outcome.differences:
        raise typer.Exit(1)
