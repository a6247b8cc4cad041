"""What a check answers, read from the runners' own reports, and the summary made of it."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Outcome:
    """What came of one part: counts, and the sentences that explain everything that did not pass.

    `skipped` has a line for each skipped test and each step that could not run, `rounds` for each use.
    """

    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    rounds: list[str] = field(default_factory=list)
    seconds: float = 0.0
    remembered: bool = False

    def add(self, other: "Outcome") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.rounds += other.rounds

    def require_all(self) -> None:
        """Count everything that was skipped as failed."""
        self.failures += [f"skipped, but everything is required: {line}" for line in self.skipped]
        self.failed += len(self.skipped)
        self.skipped = []

    @property
    def complete(self) -> bool:
        return not self.failed and not self.skipped

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def of_exit_status(name: str, status: int) -> Outcome:
    """A check that only says yes or no counts as one test."""
    if status == 0:
        return Outcome(passed=1)
    return Outcome(failed=1, failures=[f"{name} ended with {status}"])


def of_pytest(report: Path, status: int) -> Outcome:
    """Counts from a JUnit report; a test that failed and whose teardown failed, too, is one failure."""
    outcome = Outcome()
    if report.is_file():
        # Written by our own pytest a moment ago.
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314
            name = f"{case.get('classname')}::{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                outcome.failed += 1
                outcome.failures.append(name)
            elif (skip := case.find("skipped")) is not None:
                outcome.skipped.append(f"{name}: {skip.get('message')}")
            else:
                outcome.passed += 1
    if status == 5:
        return Outcome(failed=1, failures=["pytest found no test"])
    if status and not outcome.failed:
        outcome.add(of_exit_status("pytest", status))
    return outcome


def of_vitest(report: Path, status: int) -> Outcome:
    """Counts from vitest's JSON report; a file that could not even be loaded is one failure."""
    outcome = Outcome()
    files = json.loads(report.read_text(encoding="utf-8"))["testResults"] if report.is_file() else []
    for file in files:
        tests = file["assertionResults"]
        for test in tests:
            name = f"{Path(file['name']).name}: {test['fullName']}"
            if test["status"] == "passed":
                outcome.passed += 1
            elif test["status"] == "failed":
                outcome.failed += 1
                outcome.failures.append(name)
            else:
                outcome.skipped.append(f"{name}: {test['status']}")
        if file["status"] == "failed" and not any(test["status"] == "failed" for test in tests):
            outcome.failed += 1
            outcome.failures.append(f"{Path(file['name']).name} could not be run")
    if status and not outcome.failed:
        outcome.add(of_exit_status("vitest", status))
    elif not status and not outcome.passed:
        outcome.add(Outcome(failed=1, failures=["vitest found no test"]))
    return outcome


def rounds_used(log: Path) -> list[str]:
    """A line for each place that asked `tests.rounds` how often to repeat, from the lines it left."""
    if not log.is_file():
        return []
    uses = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return sorted({f"{use['where']}: {use['rounds']} of {use['full']} rounds" for use in uses})


def summary(outcomes: dict[str, Outcome], left_out: Iterable[str]) -> str:
    """The end of a run. Its last line is all that a reader in a hurry needs: `N passed, N failed`."""
    width = max(map(len, [*outcomes, "part"]))
    lines = ["", f"{'part':<{width}}  {'passed':>7}  {'failed':>7}  {'skipped':>7}  {'seconds':>8}"]
    for name, outcome in outcomes.items():
        seconds = "earlier" if outcome.remembered else f"{outcome.seconds:.1f}"
        counts = f"{outcome.passed:>7}  {outcome.failed:>7}  {len(outcome.skipped):>7}  {seconds:>8}"
        lines.append(f"{name:<{width}}  {counts}")
    sections = {
        "Repeated tests": [line for outcome in outcomes.values() for line in outcome.rounds],
        "Not run": [
            *(f"{name}: {line}" for name, outcome in outcomes.items() for line in outcome.skipped),
            *left_out,
        ],
        "Failed": [f"{name}: {line}" for name, outcome in outcomes.items() for line in outcome.failures],
    }
    for title, entries in sections.items():
        if entries:
            lines += ["", f"{title}:", *(f"  {entry}" for entry in entries)]
    passed, failed = (sum(getattr(o, count) for o in outcomes.values()) for count in ("passed", "failed"))
    skipped = sum(len(outcome.skipped) for outcome in outcomes.values())
    lines += ["", f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")]
    return "\n".join(lines)
