"""`./run test` itself: one failing part stops no other, and a full run goes on where it stopped."""

import sys
from pathlib import Path

import pytest

from tools import checks, debian
from tools.checks import Memory, Step, all_parts, parts_for, run_part
from tools.debian import BROWSER, NODE
from tools.programs import ROOT
from tools.results import Outcome

GOOD = Step("good", (sys.executable, "-c", ""))
BAD = Step("bad", (sys.executable, "-c", "raise SystemExit(3)"))


def test_a_failing_step_does_not_stop_the_next() -> None:
    outcome = run_part([BAD, GOOD], {}, {})
    assert (outcome.passed, outcome.failed, outcome.failures) == (1, 1, ["bad ended with 3"])


def test_a_step_whose_program_is_missing_is_listed_and_not_run() -> None:
    step = Step("vitest", ("this program does not exist",), needs=NODE)
    outcome = run_part([step], {NODE: "no Node"}, {})
    assert (outcome.passed, outcome.failed, outcome.skipped) == (0, 0, ["vitest needs Node"])


def test_every_python_test_is_in_exactly_one_part_of_either_run() -> None:
    files = {str(file.relative_to(ROOT)) for file in ROOT.glob("tests/**/test_*.py")}
    asked = [word for steps in all_parts(full=True).values() for step in steps for word in step.command]
    for file in files:
        assert len([word for word in asked if word == file or file.startswith(f"{word}/")]) == 1, file


def test_paths_choose_the_runner_and_only_the_browser_needs_the_front_ends_built() -> None:
    assert list(parts_for(["tests/tooling"], full=False)) == ["python"]
    assert list(parts_for(["widget/src"], full=False)) == ["build", "typescript"]
    assert list(parts_for(["tests/browser/test_room.py"], full=False)) == ["build", "python"]


def test_the_browser_tests_wait_for_a_browser() -> None:
    (step,) = all_parts(full=False)["browser"]
    assert step.needs == BROWSER


def test_a_finished_part_is_remembered_for_its_commit_only(tmp_path: Path) -> None:
    file = tmp_path / "finished.json"
    Memory(file, "abc").keep("tests/storage", Outcome(passed=4, rounds=["x: 200 of 200 rounds"]))
    recalled = Memory(file, "abc").recall("tests/storage")
    assert recalled is not None
    assert recalled.remembered and recalled.passed == 4 and recalled.rounds == ["x: 200 of 200 rounds"]
    assert Memory(file, "def").recall("tests/storage") is None


def test_a_part_that_failed_or_skipped_is_run_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "finished.json", "abc")
    memory.keep("lint", Outcome(passed=1, failed=1))
    memory.keep("python", Outcome(passed=9, skipped=["tests.a::b: no PostgreSQL"]))
    assert memory.recall("lint") is None
    assert memory.recall("python") is None


def test_nothing_is_remembered_in_a_changed_tree(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "finished.json", None)
    memory.keep("lint", Outcome(passed=1))
    assert not (tmp_path / "finished.json").exists()


@pytest.fixture
def small_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two parts, the first of which fails; answers the folder where the runner keeps its state."""
    monkeypatch.setattr(checks, "STATE", tmp_path)
    monkeypatch.setattr(checks, "ROUNDS_LOG", tmp_path / "rounds.jsonl")
    monkeypatch.setattr(checks, "all_parts", lambda full: {"lint": [BAD], "types": [GOOD]})
    monkeypatch.setattr(debian, "provide", dict)
    return tmp_path


@pytest.mark.usefixtures("small_project")
def test_the_parts_after_a_failing_one_run_and_the_run_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


@pytest.mark.usefixtures("small_project")
def test_a_missing_program_is_told_and_only_fails_a_run_that_requires_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "all_parts", lambda full: {"types": [GOOD]})
    monkeypatch.setattr(
        debian, "provide", lambda: {"Redis": "Redis is missing, so this is not run: two nodes"}
    )
    assert checks.main([]) == 0
    told = capsys.readouterr().out
    assert "Redis is missing" in told and told.splitlines()[-1] == "1 passed, 0 failed"
    assert checks.main(["--require-all"]) == 1
    told = capsys.readouterr().out
    assert "machine: Redis is missing" in told and told.splitlines()[-1] == "1 passed, 1 failed"


def test_a_full_run_that_is_started_again_does_only_what_is_left(
    small_project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "clean_commit", lambda: "abc")
    counted = small_project / "counted"
    count = Step("count", (sys.executable, "-c", f"open({str(counted)!r}, 'a').write('x')"))
    monkeypatch.setattr(checks, "all_parts", lambda full: {"types": [count], "lint": [BAD]})
    for _ in range(2):
        assert checks.main(["--full"]) == 1
        assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
    assert counted.read_text() == "x"
    assert checks.main([]) == 1
    assert counted.read_text() == "xx", "a run that is not full remembers nothing"
