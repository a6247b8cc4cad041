"""The runner's arithmetic: nothing that did not pass may look as if it did."""

import json
from pathlib import Path
from typing import Any

from tools import results
from tools.results import Outcome

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_good"/>
<testcase classname="tests.a" name="test_bad"><failure message="no"/><error message="teardown"/></testcase>
<testcase classname="tests.a" name="test_setup"><error message="no fixture"/></testcase>
<testcase classname="tests.a" name="test_left_out"><skipped message="no PostgreSQL"/></testcase>
</testsuite></testsuites>"""


def test_a_junit_report_counts_each_test_once_and_keeps_the_reason_of_a_skip(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(JUNIT)
    outcome = results.of_pytest(report, 1)
    assert (outcome.passed, outcome.failed) == (1, 2)
    assert outcome.failures == ["tests.a::test_bad", "tests.a::test_setup"]
    assert outcome.skipped == ["tests.a::test_left_out: no PostgreSQL"]


def test_pytest_that_finds_no_test_or_dies_without_a_report_has_failed(tmp_path: Path) -> None:
    for status in (2, 3, 4, 5, -9):
        assert results.of_pytest(tmp_path / "missing.xml", status).failed == 1


def test_an_error_beside_passing_tests_is_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
    outcome = results.of_pytest(report, 1)
    assert (outcome.passed, outcome.failed) == (1, 1)


def vitest_report(tmp_path: Path, status: str, *statuses: str) -> Path:
    tests: list[dict[str, Any]] = [{"fullName": f"is {status}", "status": status} for status in statuses]
    report = tmp_path / "vitest.json"
    file = {"name": "/x/client.test.ts", "status": status, "assertionResults": tests}
    report.write_text(json.dumps({"testResults": [file]}))
    return report


def test_a_vitest_report_counts_passed_failed_and_skipped_tests(tmp_path: Path) -> None:
    outcome = results.of_vitest(vitest_report(tmp_path, "failed", "passed", "failed", "skipped", "todo"), 1)
    assert (outcome.passed, outcome.failed, len(outcome.skipped)) == (1, 1, 2)


def test_a_typescript_test_file_that_cannot_be_loaded_has_failed(tmp_path: Path) -> None:
    assert results.of_vitest(vitest_report(tmp_path, "failed"), 1).failed == 1


def test_vitest_that_ran_nothing_has_failed(tmp_path: Path) -> None:
    assert results.of_vitest(tmp_path / "missing.json", 0).failed == 1


def test_where_everything_is_required_a_skip_is_a_failure() -> None:
    outcome = Outcome(passed=3, skipped=["tests.a::b: no browser"])
    outcome.require_all()
    assert (outcome.passed, outcome.failed, outcome.skipped) == (3, 1, [])
    assert "no browser" in outcome.failures[0]


def test_the_last_line_of_the_summary_sums_all_parts() -> None:
    outcomes = {"lint": Outcome(passed=2), "python": Outcome(passed=5, failed=1, failures=["tests.a::b"])}
    assert results.summary(outcomes, []).splitlines()[-1] == "7 passed, 1 failed"
    outcomes["browser"] = Outcome(skipped=["tests.c::d: no browser"])
    text = results.summary(outcomes, ["PostgreSQL is missing"])
    assert text.splitlines()[-1] == "7 passed, 1 failed, 1 skipped"
    assert "no browser" in text and "PostgreSQL is missing" in text and "python: tests.a::b" in text
