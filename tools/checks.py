"""`./run test`: every check of the project as named parts, and one summary at the end.

A part that fails does not stop the others. With paths, only the tests that they name are run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import debian, results
from tools.programs import ROOT, node_environment
from tools.results import Outcome

STATE = ROOT / ".test-state"
ROUNDS_LOG = STATE / "rounds.jsonl"
JUNIT = STATE / "junit.xml"
VITEST = STATE / "vitest.json"
WORKSPACES = ("protocol/typescript", "widget", "agent_console")
BROWSER_TESTS = "tests/browser"
BUILD = "build"
# The longest that one test may take; with the full counts it may be the whole of a scenario.
FULL_TEST_SECONDS = 7200


@dataclass(frozen=True)
class Step:
    """One command. `read` makes its outcome of `report` and exit status; without it the status says all."""

    name: str
    command: tuple[str, ...]
    needs: str | None = None
    read: Callable[[Path, int], Outcome] | None = None
    report: Path = STATE


def check(name: str, *command: str, needs: str | None = None) -> Step:
    return Step(name, command, needs)


def pytest(*arguments: str, full: bool = False, needs: str | None = None) -> Step:
    longer = [f"--timeout={FULL_TEST_SECONDS}"] if full else []
    command = (sys.executable, "-m", "pytest", f"--junitxml={JUNIT}", *longer, *arguments)
    return Step("pytest", command, needs, results.of_pytest, JUNIT)


def vitest(*filters: str) -> Step:
    reports = ("--reporter=default", "--reporter=json", f"--outputFile.json={VITEST}")
    command = (str(ROOT / "node_modules/.bin/vitest"), "run", *reports, *filters)
    return Step("vitest", command, debian.NODE, results.of_vitest, VITEST)


def all_parts(full: bool) -> dict[str, list[Step]]:
    """Name → steps, in the order in which they run: what is quick and says most comes first."""
    python = sys.executable
    parts = {
        "lint": [
            check("ruff check", "ruff", "check", "."),
            check("ruff format", "ruff", "format", "--check", "."),
        ],
        "imports": [check("lint-imports", "lint-imports")],
        BUILD: [check("front ends", python, "-m", "tools.frontends", needs=debian.NODE)],
        "types": [
            check("mypy", "mypy"),
            *(check(f"vue-tsc {w}", "npm", "run", "types", "-w", w, needs=debian.NODE) for w in WORKSPACES),
        ],
        "typescript": [vitest()],
    }
    # Three on two cores: the tests wait for disks and clocks half of their time.
    spread = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
    if full:
        # One part a folder, and one for the files beside them: a stopped run goes on where it was.
        folders = sorted(str(file.parent.relative_to(ROOT)) for file in ROOT.glob("tests/*/__init__.py"))
        files = sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("tests/test_*.py"))
        parts |= {"tests": [pytest(*files, *spread, full=True)]} if files else {}
        parts |= {folder: [pytest(folder, *spread, full=True)] for folder in folders if has_tests(folder)}
    else:
        parts["python"] = [pytest("tests", f"--ignore={BROWSER_TESTS}", *spread)]
    # The full run holds what a person waits for to its limits: nothing beside it.
    beside = () if full else ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
    parts[BROWSER_TESTS if full else "browser"] = [
        pytest(BROWSER_TESTS, *beside, full=full, needs=debian.BROWSER)
    ]
    return parts


def has_tests(folder: str) -> bool:
    return folder != BROWSER_TESTS and any((ROOT / folder).rglob("test_*.py"))


def parts_for(paths: list[str], full: bool) -> dict[str, list[Step]]:
    """Only the tests that these paths name: vitest for those in a workspace, pytest for the others."""
    typescript = [path for path in paths if path.startswith(WORKSPACES)]
    python = [path for path in paths if path not in typescript]
    build = [check("front ends", sys.executable, "-m", "tools.frontends", needs=debian.NODE)]
    parts = {BUILD: build} if typescript or any(path.startswith(BROWSER_TESTS) for path in paths) else {}
    if typescript:
        parts["typescript"] = [vitest(*typescript)]
    if python:
        parts["python"] = [pytest(*python, full=full)]
    return parts


def run_part(steps: list[Step], missing: dict[str, str], environment: dict[str, str]) -> Outcome:
    node = node_environment() or {}
    outcome, began = Outcome(), time.monotonic()
    ROUNDS_LOG.unlink(missing_ok=True)
    for step in steps:
        if step.needs in missing:
            outcome.skipped.append(f"{step.name} needs {step.needs}")
            continue
        if step.read is not None:
            step.report.unlink(missing_ok=True)
        status = run_command(step.command, environment | (node if step.needs == debian.NODE else {}))
        read = step.read(step.report, status) if step.read else results.of_exit_status(step.name, status)
        outcome.add(read)
    outcome.rounds = results.rounds_used(ROUNDS_LOG)
    outcome.seconds = time.monotonic() - began
    return outcome


def run_command(command: tuple[str, ...], environment: dict[str, str]) -> int:
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait(30)  # it got the same Ctrl-C, and ends what it started
            raise


class Memory:
    """The finished parts of a full run, for one commit with nothing changed; without one it stays empty."""

    def __init__(self, file: Path, commit: str | None) -> None:
        self._file = file
        self._commit = commit
        self._parts: dict[str, Outcome] = {}
        if commit and file.is_file():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["commit"] == commit:
                self._parts = {
                    name: Outcome(**part | {"remembered": True}) for name, part in kept["parts"].items()
                }

    def recall(self, name: str) -> Outcome | None:
        return self._parts.get(name)

    def keep(self, name: str, outcome: Outcome) -> None:
        if self._commit and outcome.complete:
            self._parts[name] = outcome
            parts = {name: part.as_json() for name, part in self._parts.items()}
            self._file.write_text(json.dumps({"commit": self._commit, "parts": parts}), encoding="utf-8")


def clean_commit() -> str | None:
    """The commit that the work tree equals, or None where it was changed or is no clone."""

    def git(*arguments: str) -> str | None:
        try:
            asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return asked.stdout.strip()

    return git("rev-parse", "HEAD") if git("status", "--porcelain") == "" else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run test", description="Run every check of the project.")
    parser.add_argument(
        "--full", action="store_true", help="the scenarios' exact counts; goes on where it stopped"
    )
    parser.add_argument("--require-all", action="store_true", help="nothing may be missing or skipped")
    parser.add_argument("paths", nargs="*", help="only these tests, e.g. tests/storage or widget/src")
    options = parser.parse_args(arguments)

    STATE.mkdir(exist_ok=True)
    missing = debian.provide()
    environment = {
        **os.environ,
        "LIVEDESK_TEST_ROUNDS_LOG": str(ROUNDS_LOG),
        "LIVEDESK_TEST_ROUNDS": "full" if options.full else "reduced",
        "LIVEDESK_TEST_REQUIRE": "1" if options.require_all else "0",
    }
    # Where an environment forbids it, each process that a test starts compiles the whole program for itself.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    parts = parts_for(options.paths, options.full) if options.paths else all_parts(options.full)
    memory = Memory(STATE / "finished.json", clean_commit() if options.full and not options.paths else None)
    outcomes: dict[str, Outcome] = {}
    for name, steps in parts.items():
        if outcome := memory.recall(name):
            print(f"\n=== {name}: finished earlier for this commit, not run again", flush=True)
        else:
            print(f"\n=== {name}", flush=True)
            outcome = run_part(steps, missing, environment)
            if name != BUILD:  # what it built may be gone; where it is not, building again is quick
                memory.keep(name, outcome)
            print(f"=== {name}: {outcome.seconds:.1f} s", flush=True)
        if options.require_all:
            outcome.require_all()
        outcomes[name] = outcome
    if options.require_all and missing:
        outcomes["machine"] = Outcome(failed=len(missing), failures=list(missing.values()))
        missing = {}
    left_out = list(missing.values())
    if options.paths:
        left_out.append("everything else: paths were given")
    print(results.summary(outcomes, left_out), flush=True)
    return 1 if any(outcome.failed for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
