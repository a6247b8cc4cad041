"""Counts of repeated tests: reduced unless the full run is asked for, and always told. And time limits."""

import threading
from pathlib import Path

import pytest

from tests.rounds import PATIENCE, rounds, within
from tools.results import rounds_used


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rounds.jsonl"
    monkeypatch.setenv("LIVEDESK_TEST_ROUNDS_LOG", str(path))
    return path


@pytest.mark.parametrize(("asked", "count"), [("full", 200), ("reduced", 3)])
def test_the_full_run_gets_the_full_count(
    asked: str, count: int, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEDESK_TEST_ROUNDS", asked)
    assert rounds(reduced=3, full=200) == count
    (line,) = rounds_used(log)
    assert line.startswith("tests/tooling/test_rounds.py:")
    assert line.endswith(f"{count} of 200 rounds")


def test_without_the_runner_the_count_is_the_reduced_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVEDESK_TEST_ROUNDS", raising=False)
    monkeypatch.delenv("LIVEDESK_TEST_ROUNDS_LOG", raising=False)
    assert rounds(reduced=3, full=200) == 3


@pytest.mark.parametrize(("asked", "limit"), [("full", 2.0), ("reduced", 2.0 * PATIENCE)])
def test_the_full_run_holds_a_time_limit_exactly(
    asked: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEDESK_TEST_ROUNDS", asked)
    assert within(2.0) == limit


def test_uses_from_many_writers_at_once_are_each_told_once(log: Path) -> None:
    def use() -> None:
        for _ in range(50):
            rounds(reduced=7, full=70)

    writers = [threading.Thread(target=use) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(log.read_text().splitlines()) == 200
    assert len(rounds_used(log)) == 1
