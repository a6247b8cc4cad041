"""An operator reads who did what that must be answered for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.commands import audit
from server.storage.audit import Audited
from server.storage.database import Database
from tests.cli.conftest import Type
from tests.cli.test_commands import PASSWORD, ask

DAY_MS = 86_400_000
MONDAY_MS = 1_795_392_000_000  # 2026-11-23


@pytest.fixture
def audited(type_: Type, tmp_path: Path) -> Type:
    """A shop where 小美 listened to a call, and a guest came to it a day later."""
    type_("shop", "create", "cloud", "--name", "云朵生活馆")
    type_("agent", "create", "1001", "--name", "小美", "--shop", "cloud", given=PASSWORD + "\n")

    async def write(database: Database) -> None:
        async with database.write() as unit:
            person = await unit.people.by_login("1001")
            assert person is not None
            await unit.audit.add(
                Audited("act-1", "cloud", MONDAY_MS, person.id, "call.listener", "call-1", {})
            )
            about = {"name": "[red]老李\x1b[2J"}
            await unit.audit.add(
                Audited("act-2", "cloud", MONDAY_MS + DAY_MS, "guest-1", "call.guest_came", "call-1", about)
            )
            await unit.audit.add(
                Audited("act-3", "cloud", MONDAY_MS, person.id, "recording.view", "rec-1", {})
            )

    ask(tmp_path, write)
    return type_


def test_the_audit_of_a_shop_is_a_table_in_which_words_are_only_words(audited: Type) -> None:
    head, *lines = audited("audit", "cloud").stdout.splitlines()
    assert "call or recording" in head
    assert [line.split()[4] for line in lines] == ["call.guest_came", "recording.view", "call.listener"]
    assert "name: [red]老李 [2J" in lines[0]
    assert lines[1].startswith("2026-11-23 00:00 UTC") and "小美" in lines[1]


def test_a_subject_and_a_time_say_which_lines(audited: Type) -> None:
    _, line = audited("audit", "cloud", "--subject", "rec-1").stdout.splitlines()
    assert "recording.view" in line
    (line,) = audited("audit", "cloud", "--since", "2026-11-23T00:00:01", "--json").stdout.splitlines()
    assert json.loads(line) == {
        "id": "act-2",
        "at": MONDAY_MS + DAY_MS,
        "person_id": "guest-1",
        "name": None,
        "act": "call.guest_came",
        "subject_id": "call-1",
        "about": {"name": "[red]老李\x1b[2J"},
    }
    assert "Nothing is in the audit" in audited("audit", "cloud", "--since", "2026-12-01").stdout
    assert "no shop" in audited("audit", "elsewhere", fails=True).stderr


def test_one_line_more_than_a_page_is_on_the_next(audited: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 3)
    assert "More" not in audited("audit", "cloud").stderr
    monkeypatch.setattr(audit, "PAGE", 2)
    first = audited("audit", "cloud", "--json")
    assert len(first.stdout.splitlines()) == 2
    assert "More: --before act-3" in first.stderr
    rest = audited("audit", "cloud", "--json", "--before", "act-3")
    assert [json.loads(line)["id"] for line in rest.stdout.splitlines()] == ["act-1"]
    assert "no line act-9" in audited("audit", "cloud", "--before", "act-9", fails=True).stderr
