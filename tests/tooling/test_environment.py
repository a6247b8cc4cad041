"""The environment is made anew when it must be, and only then; programs are found where they are."""

import hashlib
import os
import re
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from tools import debian, environment, frontends, programs
from tools.programs import ROOT


def test_the_stamp_changes_with_the_lock_and_the_project(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("one")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1"\n[tool.mypy]\nstrict = true\n')
    before = environment.fingerprint(tmp_path)
    assert environment.fingerprint(tmp_path) == before
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1"\n')
    assert environment.fingerprint(tmp_path) == before, "what checks read is nothing to install"
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "2"\n')
    assert environment.fingerprint(tmp_path) != before
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1"\n')
    (tmp_path / "requirements.lock").write_text("two")
    assert environment.fingerprint(tmp_path) != before


def test_the_pip_in_the_tree_is_the_one_of_the_lock() -> None:
    version = environment.PIP_WHEEL.name.split("-")[1]
    digest = hashlib.sha256(environment.PIP_WHEEL.read_bytes()).hexdigest()
    entry = environment.LOCK.read_text().split(f"\npip=={version} ")[1].split("\n", 3)
    assert any(f"sha256:{digest}" in line for line in entry)


def test_every_requirement_is_pinned_and_hashed_and_names_no_address() -> None:
    lock = environment.LOCK.read_text()
    head, *entries = re.split(r"\n(?=[^\s#])", lock.strip())
    assert head.startswith("#") and "uv pip compile" in head
    for entry in entries:
        assert "==" in entry.splitlines()[0] and "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in lock
    assert '"resolved": "http' not in (ROOT / "package-lock.json").read_text()


def test_every_dependency_of_the_project_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    locked = environment.LOCK.read_text()
    for requirement in wanted:
        name = re.split(r"[\[<>=!~; ]", requirement)[0]
        assert re.search(rf"^{re.escape(name)}==", locked, re.MULTILINE), (
            f"lock {name}: the command is the file's first line"
        )


def test_a_front_end_is_built_again_when_a_source_changes_but_not_for_what_is_built(tmp_path: Path) -> None:
    source = tmp_path / "widget" / "src" / "main.ts"
    built = tmp_path / "widget" / "dist" / "livedesk.js"
    for file in (source, built):
        file.parent.mkdir(parents=True)
        file.write_text("one")
    before = frontends.fingerprint([tmp_path / "widget"], tmp_path)
    built.write_text("two")
    assert frontends.fingerprint([tmp_path / "widget"], tmp_path) == before
    source.write_text("two")
    assert frontends.fingerprint([tmp_path / "widget"], tmp_path) != before


@pytest.mark.parametrize("status", [0, 1])
def test_what_a_build_writes_is_shown_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\necho modules; echo warnings >&2; exit {status}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(frontends, "STAMPS", tmp_path)
    if status:
        with pytest.raises(frontends.BuildFailed, match="`npm run build --workspace widget` ended with 1"):
            frontends.build("widget", {"PATH": str(tmp_path)})
    else:
        frontends.build("widget", {"PATH": str(tmp_path)})
    shown = capfd.readouterr()
    assert shown.out == "Building widget ...\n"
    assert shown.err.split() == (["modules", "warnings"] if status else [])


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("v18.20.4", False),
        ("v20.18.9", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_node_is_taken_in_the_range_that_the_build_tools_support(version: str, good: bool) -> None:
    assert programs.node_is_new_enough(version) is good


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_old_node_in_path_makes_way_for_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    monkeypatch.setattr(programs, "ENVIRONMENT_BIN", inside)
    for folder, version in ((inside, "v24.19.0"), (outside, "v18.20.4")):
        script(folder / "node", f"echo {version}")
        script(folder / "npm", "")
    environ = {"PATH": f"{inside}:{outside}"}
    chosen = programs.node_environment(environ)
    assert chosen is not None and chosen["PATH"] == f"{inside}:{outside}"

    script(outside / "node", "echo v22.13.0")
    chosen = programs.node_environment(environ)
    assert chosen is not None and chosen["PATH"] == str(outside)

    (outside / "node").unlink()
    (inside / "node").unlink()
    assert programs.node_environment(environ) is None


def test_the_newest_postgresql_of_debian_is_found_outside_of_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    for version in ("9.6", "15", "17"):
        for name in ("initdb", "postgres", "psql"):
            script(tmp_path / version / "bin" / name, "")
    assert programs.postgres_bin(tmp_path) == tmp_path / "17" / "bin"
    (tmp_path / "17" / "bin" / "initdb").unlink()
    assert programs.postgres_bin(tmp_path) == tmp_path / "15" / "bin"


def test_what_is_missing_and_may_not_be_installed_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "redis_server", lambda: None)
    monkeypatch.setattr(debian, "NEEDS", [need for need in debian.NEEDS if need.name == "Redis"])
    (sentence,) = debian.provide().values()
    assert "redis-server" in sentence and "tests on two nodes" in sentence and "no apt-get" in sentence


def test_run_refuses_an_old_python_with_a_sentence(tmp_path: Path) -> None:
    shutil.copy(ROOT / "run", tmp_path)
    script(tmp_path / "python3", "exit 1")
    for name in ("dirname", "sed"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    ended = subprocess.run(
        ["/bin/sh", tmp_path / "run", "true"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "Python 3.11 or newer" in ended.stderr


def test_run_passes_a_command_its_arguments_and_exit_status() -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    ended = subprocess.run(
        [ROOT / "run", "python", "-c", code, "two words", ""],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (7, "['two words', '']\n")
