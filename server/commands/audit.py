"""`livedesk audit`: who did what that must be answered for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from server.commands.desk import desk, err, out, refuse, run, shop_or_refuse, table, when
from server.storage.audit import Audited

PAGE = 200
"""Lines at once: what a person reads, and an end to what one query holds."""
COLUMNS = ("when", "who", "act", "call or recording", "about")


def add_to(app: typer.Typer) -> None:
    app.command("audit")(audit)


def audit(
    shop_id: Annotated[str, typer.Argument(metavar="SHOP")],
    subject: Annotated[str | None, typer.Option(help="Only of this call or recording, by its id.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only from this time on (UTC)."),
    ] = None,
    before: Annotated[str | None, typer.Option(help="Go on before this line, by its id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show who supervised calls, let guests in, and watched, exported, restricted or erased recordings."""

    async def work() -> Sequence[tuple[Audited, str | None]]:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            last = None if before is None else await unit.audit.get(shop_id, before)
            if before is not None and last is None:
                refuse(f"The audit of {shop_id} has no line {before}.")
            from_ms = None if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1_000)
            return await unit.audit.lines(shop_id, PAGE + 1, subject_id=subject, since=from_ms, before=last)

    found = run(work())
    page = found[:PAGE]
    if as_json:
        for line, name in page:
            out.print(_json(line, name), markup=False, highlight=False, soft_wrap=True)
    else:
        table(COLUMNS, (_row(line, name) for line, name in page), empty="Nothing is in the audit here.")
    if len(found) > PAGE:
        err.print(f"More: --before {page[-1][0].id}", markup=False, highlight=False, soft_wrap=True)


def _row(line: Audited, name: str | None) -> tuple[str, ...]:
    about = ", ".join(f"{key}: {value}" for key, value in line.about.items())
    return when(line.at), name or line.person_id, line.act, line.subject_id, about


def _json(line: Audited, name: str | None) -> str:
    told = {
        "id": line.id,
        "at": line.at,
        "person_id": line.person_id,
        "name": name,
        "act": line.act,
        "subject_id": line.subject_id,
        "about": dict(line.about),
    }
    return json.dumps(told, ensure_ascii=False)
