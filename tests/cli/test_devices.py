"""An operator shows a phone where to try itself, and reads what phones could do."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.selftest import SelftestReport
from server.desk.selftests import Selftests
from server.storage.database import Database
from tests.cli.conftest import Type
from tests.cli.test_commands import ask
from tests.http.site import REPORT

PHONE = REPORT | {
    "model": "Pixel 8",
    "findings": REPORT["findings"]
    | {
        "app": {"outcome": "fails", "detail": "wechat 8.0.49"},
        "camera": {"outcome": "fails", "detail": "denied"},
        "microphone": {"outcome": "untried", "detail": ""},
        "capture": {"outcome": "fails", "detail": ""},
        "visibility": {"outcome": "untried", "detail": ""},
    },
}


def test_the_address_is_printed_with_its_code_and_what_it_lacks(
    type_: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = type_("selftest").output
    assert "http://127.0.0.1:8080/selftest" in printed
    assert "https" in printed
    monkeypatch.setenv("LIVEDESK_PUBLIC_URL", "https://desk.example")
    printed = type_("selftest").output
    assert "https://desk.example/selftest" in printed
    assert "LIVEDESK_PUBLIC_URL" not in printed
    assert "▄" in printed


def test_what_phones_could_do_is_a_table_and_the_same_one_in_markdown(type_: Type, tmp_path: Path) -> None:
    assert "Nobody sent a self-test yet" in type_("devices", "--markdown").output

    async def send(database: Database) -> None:
        await Selftests(database).store(SelftestReport.model_validate(PHONE))

    ask(tmp_path, send)
    assert "Pixel 8" in type_("devices").output
    head, rule, row = type_("devices", "--markdown").output.splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    kind = "| Chrome 156.0.7300.1 | Android 14 | Pixel 8 | wechat 8.0.49 "
    assert row.endswith(f"{kind}| no: denied | not tried | capture | visibility |")
