"""Installs the npm packages and builds `widget` and `agent_console`, each when its sources changed."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.programs import ROOT, node_environment

STAMPS = ROOT / "node_modules" / ".livedesk"
APPS = ("widget", "agent_console")
SHARED = ("protocol/typescript", "package-lock.json", "tsconfig.base.json")
PACKAGE_FILES = ("package-lock.json", "package.json", ".npmrc")
LEFT_OUT = {"node_modules", "dist", "__pycache__"}
NO_NODE = "the front ends need npm with Node 20.19, 22.12 or newer: neither PATH nor .venv has one that runs"


class BuildFailed(Exception):
    """A step of the front ends ended with an error; the message names the step."""


def fingerprint(paths: Iterable[Path], root: Path = ROOT) -> str:
    """One hash over the names and contents of these files and folders, less what is installed or built."""
    digest = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            relative = file.relative_to(root)
            if file.is_file() and not LEFT_OUT.intersection(relative.parts):
                content = file.read_bytes()
                digest.update(f"{relative}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def install_packages(environment: dict[str, str]) -> None:
    """`npm ci`: exactly what the lock file says."""
    stamp = STAMPS / "packages"
    files = [ROOT / name for name in PACKAGE_FILES]
    wanted = fingerprint([*files, *(ROOT / app / "package.json" for app in (*APPS, "protocol/typescript"))])
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("Installing the front ends' packages (npm ci) ...", flush=True)
    _npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], environment)
    STAMPS.mkdir(exist_ok=True)
    stamp.write_text(wanted)


def build(app: str, environment: dict[str, str]) -> None:
    """Build one app into its `dist`."""
    stamp = STAMPS / app
    wanted = fingerprint([ROOT / app, *(ROOT / path for path in SHARED)])
    if stamp.is_file() and stamp.read_text() == wanted and (ROOT / app / "dist").is_dir():
        return
    print(f"Building {app} ...", flush=True)
    stamp.unlink(missing_ok=True)
    _npm(["run", "build", "--workspace", app], environment)
    stamp.write_text(wanted)


def make_all() -> None:
    """Everything a browser gets from the server, as fresh as its sources."""
    environment = node_environment()
    if environment is None:
        raise BuildFailed(NO_NODE)
    install_packages(environment)
    for app in APPS:
        build(app, environment)


def _npm(arguments: list[str], environment: dict[str, str]) -> None:
    """Runs npm; what it writes is for whom it failed. It fills a screen, and tells others nothing."""
    command = ["npm", *arguments]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if ended.returncode:
        print(ended.stdout.decode(errors="replace"), file=sys.stderr, flush=True)
        raise BuildFailed(f"`{' '.join(command)}` ended with {ended.returncode}")


if __name__ == "__main__":
    try:
        make_all()
    except BuildFailed as failure:
        sys.exit(f"run: {failure}.")
