"""A wheel carries all that an installed desk needs, and none is made without the front ends."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.services.processes import free_port
from tools.programs import ROOT
from tools.wheel import BUILT

PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"][
    "build"
]["targets"]["wheel"]["packages"]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", "dist")


def project(folder: Path) -> Path:
    """What a wheel is made from, with builds that stand in for the front ends' real ones."""
    for package in (*PACKAGES, "tools"):
        shutil.copytree(ROOT / package, folder / package, ignore=LEFT_OUT)
    for file in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / file, folder / file)
    for app, names in BUILT.items():
        for name in (*names, "assets/app-0a1b2c3d.js"):
            built = folder / app / "dist" / name
            built.parent.mkdir(parents=True, exist_ok=True)
            built.write_text(f"{app} {name}")
    return folder


def hatchling(source: Path, target: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", "made"]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)


def packed(source: Path, target: str = "wheel") -> Path:
    ended = hatchling(source, target)
    assert ended.returncode == 0, ended.stderr
    (made,) = (source / "made").iterdir()
    return made


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return packed(source)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as an installer would lay them."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def desk(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python on the wheel's files, started where no checkout is."""
    environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_has_every_file_of_the_packages_and_the_builds_and_nothing_else(
    source: Path, wheel: Path
) -> None:
    wanted = {
        file.relative_to(source).as_posix()
        for package in PACKAGES
        for file in (source / package).rglob("*")
        if file.is_file() and not file.is_relative_to(source / "protocol/typescript")
    }
    wanted |= {
        f"server/frontends/{app}/{name}"
        for app, names in BUILT.items()
        for name in (*names, "assets/app-0a1b2c3d.js")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == wanted
    for kind in ("server/storage/migrations/versions/spine.py", "server/demo/assets/poster.jpg"):
        assert kind in names


def test_the_wheel_describes_itself_with_the_readme_and_starts_livedesk(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        said = {name.split("/", 1)[1]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(said["METADATA"]).decode()
        assert "livedesk = server.cli:main" in archive.read(said["entry_points.txt"]).decode()
    assert "Description-Content-Type: text/markdown" in metadata
    assert metadata.endswith((ROOT / "README.md").read_text(encoding="utf-8"))
    assert "licenses/LICENSE" in said


def test_an_installed_desk_is_ours_and_finds_its_builds_and_migrations(
    installed: Path, tmp_path: Path
) -> None:
    code = f"""
import importlib, pathlib, sys
for name in {PACKAGES!r}:
    assert pathlib.Path(importlib.import_module(name).__file__).parent == pathlib.Path(sys.argv[1]) / name
from server.http.pages import read_console, read_widget
print(read_widget().page("frame.html"), read_console().page("index.html"), sep="|")
"""
    ended = desk(installed, tmp_path, "-c", code, str(installed))
    assert ended.stdout == "widget frame.html|agent_console index.html\n", ended.stderr
    made = desk(installed, tmp_path, "-m", "server.cli", "shop", "create", "cloud", "--name", "云朵生活馆")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "livedesk-data" / "livedesk.db").is_file()


def test_an_installed_demo_says_what_it_needs_to_draw(installed: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from server.cli import main; main()"
    ended = desk(installed, tmp_path, "-c", code, "demo", "--port", str(free_port()))
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "livedesk demo: drawing the stream needs av: `pip install 'livedesk[demo]'`, or give a --video."
    )


@pytest.mark.parametrize(
    ("app", "name"), [(app, name) for app, names in BUILT.items() for name in names], ids=str
)
@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_nothing_is_packaged_without_a_build(source: Path, app: str, name: str, target: str) -> None:
    built = source / app / "dist" / name
    kept = built.read_bytes()
    built.unlink()
    try:
        ended = hatchling(source, target)
    finally:
        built.write_bytes(kept)
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[-1] == (
        f"The front end `{app}` is not built ({app}/dist/{name} is missing): "
        "run `./run python -m tools.frontends` before packaging."
    )


def test_a_source_archive_carries_the_builds_so_that_a_wheel_can_be_made_from_it(tmp_path: Path) -> None:
    archive = packed(project(tmp_path / "source"), "sdist")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path / "unpacked"], check=True)
    (again,) = (tmp_path / "unpacked").iterdir()
    with zipfile.ZipFile(packed(again)) as made:
        assert "server/frontends/widget/frame.html" in made.namelist()
