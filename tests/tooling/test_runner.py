"""`./run test` itself: one failing part stops no other, and a full run goes on where it stopped."""

import sys
from pathlib import Path

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
    folders = [name for name in all_parts(full=True) if name.startswith("tests/")]
    for file in files:
        assert len([folder for folder in folders if file.startswith(f"{folder}/")]) == 1, file


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
