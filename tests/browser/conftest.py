"""The demo as anybody starts it, and a Chromium in front of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, sync_playwright

from server.demo.seed import read_secrets

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".test-state"
SHOTS = KEPT / "screenshots"
STARTS_WITHIN_S = 90
PHONE: ViewportSize = {"width": 375, "height": 812}
TABLET: ViewportSize = {"width": 1180, "height": 820}
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
CAMERA = "--use-fake-device-for-media-stream"
"""A camera that moves; a page may have it where its context is granted it."""


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    port: int
    data: Path
    password: str
    pid: int

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def room(self) -> str:
        return f"http://localhost:{self.port + 1}"


@pytest.fixture(scope="module")
def demo(stream: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`livedesk demo` on two free ports and a fresh data folder, ended by its process id.

    Each file its own: buyers whom one leaves in the line would fill the agents of the next.
    """
    data = tmp_path_factory.mktemp("demo")
    port = _two_free_ports()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "server.cli",
            "demo",
            "--port",
            str(port),
            "--data",
            str(data),
            "--video",
            str(stream),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        _answers(process, f"http://localhost:{port + 1}/")
        secrets = read_secrets(data)
        assert secrets is not None
        yield Demo(port, data, secrets.password, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _two_free_ports() -> int:
    """Two neighbours below the ports that the kernel gives away: a client waiting there would meet itself."""
    for port in range(20_000 + os.getpid() % 5_000 * 2, 32_000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports side by side")


def _answers(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demo did not start"
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - an address of this test
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("the demo did not answer in time")


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """The driver of every browser of this process."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(driver: Playwright, chromium_path: str) -> Iterator[Browser]:
    """One browser for all tests of this process."""
    browser = driver.chromium.launch(executable_path=chromium_path, args=[*QUIET, CAMERA])
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page in a browser profile of its own; page errors fail the test at its end."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(url: str, size: ViewportSize = DESKTOP, locale: str = "zh-CN", **options: object) -> Page:
        context = chromium.new_context(
            viewport=size,
            locale=locale,
            timezone_id="Asia/Shanghai",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Keeps a screenshot under `.test-state/screenshots/`."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png")

    return keep
