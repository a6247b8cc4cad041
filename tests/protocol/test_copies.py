"""The committed copies of the catalogue are those that it prints today."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from protocol import export
from protocol.call import BOOK_AHEAD_MS
from tools.programs import node_environment

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "protocol" / "typescript"


def test_the_page_is_fresh() -> None:
    assert (ROOT / "docs" / "protocol.md").read_text("utf-8") == export.page()


def test_the_schema_for_typescript_is_fresh() -> None:
    assert (TYPESCRIPT / "wire.schema.json").read_text("utf-8") == export.pretty(export.bundle())


def test_the_texts_about_recording_are_fresh() -> None:
    assert (TYPESCRIPT / "src" / "consents.ts").read_text("utf-8") == export.consents()


def test_the_browser_offers_to_book_as_far_ahead_as_the_desk_books() -> None:
    written = (TYPESCRIPT / "src" / "call" / "booking.ts").read_text("utf-8")
    found = re.search(r"BOOK_AHEAD_MS = (\d+) \* ([\d_]+)\n", written)
    assert found is not None and int(found[1]) * int(found[2]) == BOOK_AHEAD_MS


def test_the_typescript_types_are_fresh() -> None:
    environment = node_environment()
    if environment is None:
        pytest.skip("Node is missing: the generated types are not compared")
    command = ["npm", "run", "-s", "wire:print"]
    printed = subprocess.run(
        command, cwd=TYPESCRIPT, env=environment, check=True, timeout=60, capture_output=True
    )
    assert printed.stdout.decode() == (TYPESCRIPT / "src" / "wire.ts").read_text("utf-8")
