"""`livedesk serve`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server import logs
from server.commands.desk import out, refuse, settings_or_refuse
from server.config import ConfigurationRefused, Settings
from server.storage.refusal import StorageRefused


def add_to(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    port: Annotated[int | None, typer.Option(help="Listen here instead of LIVEDESK_PORT.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder instead of LIVEDESK_DATA.")] = None,
    bind: Annotated[str | None, typer.Option(help="Address instead of LIVEDESK_BIND.")] = None,
) -> None:
    """Serve buyers and agents until SIGTERM or Ctrl-C."""
    settings = settings_or_refuse(port=port, data=data, bind=bind)
    logs.set_up(settings.log_level)
    try:
        asyncio.run(_serve(settings))
    except ConfigurationRefused as refused:
        refuse(str(refused))
    except StorageRefused as refused:
        refuse(f"{settings.database_variable}: {refused}")


async def _serve(settings: Settings) -> None:
    # Imported here: the other commands start without the whole server.
    from server.app import serve as run

    def ready() -> None:
        out.print(f"livedesk serves {settings.origin} (console: {settings.origin}/console/)", highlight=False)

    logs.catch_the_rest(asyncio.get_running_loop())
    await run(settings, ready=ready)
