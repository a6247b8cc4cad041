"""A folder for the desk, and a way to type commands at it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.cli import app

Type = Callable[..., Result]


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Type]:
    """Types a command; `given` is what stands on standard input. It must succeed unless `fails`."""
    monkeypatch.setenv("LIVEDESK_DATA", str(tmp_path / "data"))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def type_one(*words: str, given: str = "", fails: bool = False) -> Result:
        result = CliRunner().invoke(app, list(words), input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert (result.exit_code != 0) is fails, result.output
        return result

    yield type_one
    root.handlers[:] = handlers
    root.setLevel(level)
