"""What the tests need from outside Python and npm, and how Debian or Ubuntu brings it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tools import programs


@dataclass(frozen=True)
class Need:
    """A program that some checks cannot do without."""

    name: str
    packages: tuple[str, ...]
    found: Callable[[], bool]
    without: str  # what is not run without it
    masked: tuple[str, ...] = ()  # services that Debian would start at once, and the tests do not need


BROWSER = "Chromium"
NODE = "Node"
NEEDS = (
    Need(
        BROWSER,
        ("chromium", "fonts-noto-cjk", "fontconfig"),
        lambda: programs.chromium() is not None and programs.chinese_font(),
        "the tests in tests/browser",
    ),
    Need("Redis", ("redis-server",), lambda: programs.redis_server() is not None, "the tests on two nodes"),
    Need(
        "PostgreSQL",
        ("postgresql",),
        lambda: programs.postgres_bin() is not None,
        "the PostgreSQL half of the tests",
    ),
    Need(
        "coturn",
        ("coturn",),
        lambda: programs.turnserver() is not None,
        "the tests of calls over a relay",
        # It would relay for anybody as it comes.
        masked=("coturn.service",),
    ),
    # Debian's is often too old, and the environment brings one: nothing to install.
    Need(
        NODE,
        (),
        lambda: programs.node_environment() is not None,
        "front ends, vue-tsc, vitest, tests/browser",
    ),
)


def provide() -> dict[str, str]:
    """Install what is missing where that is allowed; answer what is still missing: name → sentence."""
    missing = [need for need in NEEDS if not need.found()]
    packages = [package for need in missing for package in need.packages]
    obstacle = ""
    if packages:
        obstacle = _obstacle() or _install(packages, [unit for need in missing for unit in need.masked])
    sentences = {}
    for need in missing:
        if not need.found():
            remedy = f" (Debian: {' '.join(need.packages)}; {obstacle})" if need.packages else ""
            sentences[need.name] = f"{need.name} is missing{remedy}, so this is not run: {need.without}"
    return sentences


def _obstacle() -> str:
    if shutil.which("apt-get") is None:
        return "not installed by itself: this system has no apt-get"
    if os.geteuid() != 0:
        return "not installed by itself: that takes root"
    return ""


def _install(packages: list[str], masked: list[str]) -> str:
    """Answer what went wrong, or nothing."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if masked and shutil.which("systemctl") is not None:
        subprocess.run(["systemctl", "mask", *masked], stdin=subprocess.DEVNULL, check=False)
    print(f"Installing {', '.join(packages)} from Debian ...", flush=True)
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
    ):
        ended = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
        if ended.returncode:
            return f"`{' '.join(command[:2])}` ended with {ended.returncode}"
    return "installed, yet not usable"
