"""`livedesk selftest` and `livedesk devices`: try a phone, and read what phones could do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from protocol.selftest import SelftestFindings
from server.commands.desk import desk, draw_code, out, run, settings_or_refuse, table, when

COLUMNS = ("seen", "browser", "platform", "model", "inside", "camera", "microphone", "cannot", "not tried")
_NAMED = ("app", "camera", "microphone")
"""Probes with a column of their own."""
_OUTCOMES = {"works": "yes", "fails": "no", "untold": "untold", "untried": "not tried"}


def add_to(app: typer.Typer) -> None:
    app.command()(selftest)
    app.command()(devices)


def selftest() -> None:
    """Print the address at which a phone shows what it can do for a call, and its QR code."""
    origin = settings_or_refuse().origin
    address = f"{origin}/selftest"
    draw_code(out, address)
    out.print(Text(address, style=f"bold link {address}"), soft_wrap=True)
    if not origin.startswith("https:"):
        out.print(
            "手机浏览器只在 https 页面里给用相机；先设好 LIVEDESK_PUBLIC_URL，或用 `demo --https` 试。\n"
            "Phones lend their camera to https pages only: set LIVEDESK_PUBLIC_URL, or try `demo --https`.",
            style="yellow",
            soft_wrap=True,
        )


def devices(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
) -> None:
    """Show what people sent from the self-test page: browsers, and what they could do."""

    async def work() -> list[tuple[int, dict[str, Any]]]:
        async with desk() as database, database.read() as reader:
            return await reader.selftests.all(database.clock())

    rows = [_row(*each) for each in run(work())]
    if markdown and rows:
        for line in _markdown(rows):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    table(COLUMNS, rows, empty="Nobody sent a self-test yet: `livedesk selftest` prints where to try one.")


def _row(received_at: int, body: dict[str, Any]) -> tuple[str, ...]:
    """One report. What an older or a newer page did not know of is not tried."""
    findings = {name: body["findings"].get(name) or {} for name in SelftestFindings.model_fields}
    others = {name: found.get("outcome", "untried") for name, found in findings.items() if name not in _NAMED}
    return (
        when(received_at)[:10],
        body["browser"],
        body["platform"],
        body["model"],
        findings["app"].get("detail", ""),
        _said(findings["camera"]),
        _said(findings["microphone"]),
        ", ".join(name for name, outcome in others.items() if outcome == "fails"),
        ", ".join(name for name, outcome in others.items() if outcome in ("untried", "untold")),
    )


def _said(finding: dict[str, str]) -> str:
    outcome = _OUTCOMES[finding.get("outcome", "untried")]
    return f"{outcome}: {finding['detail']}" if finding.get("detail") else outcome


def _markdown(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """No cell can end itself: the words of a report hold no bar and no markup."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{' --- |' * len(COLUMNS)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
