"""The command line: `livedesk serve`, and what an operator sets up and looks at.

Every command is a module with `add_to(app)` in the list below.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from server.commands import agent, audit, backup, devices, doctor, group, key, replay, serve, shop
from server.demo import command as demo

COMMANDS: tuple[Callable[[typer.Typer], None], ...] = (
    serve.add_to,
    shop.add_to,
    group.add_to,
    agent.add_to,
    key.add_to,
    backup.add_to,
    doctor.add_to,
    devices.add_to,
    audit.add_to,
    replay.add_to,
    demo.add_to,
)

app = typer.Typer(
    name="livedesk",
    help="The service desk inside a live-shopping room. 直播间里的客服台。",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold passwords and tokens
    add_completion=False,
)
for add_to in COMMANDS:
    add_to(app)


def main() -> None:
    """The `livedesk` program."""
    app()


if __name__ == "__main__":
    main()
