"""A browser that refuses the frame its storage: everything lives in memory, and nothing is lost unsaid."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Frame, Page, Playwright, expect

from tests.browser.conftest import DESKTOP, QUIET, Demo
from tests.browser.people import tap_service, write

REFUSED = 2
"""Chromium's content setting "block"."""


@pytest.fixture
def room(demo: Demo, driver: Playwright, chromium_path: str, tmp_path: Path) -> Iterator[Page]:
    """The live room in a browser whose owner blocked cookies and storage of the desk's site inside it."""
    blocked = {f"{demo.desk},*": {"setting": REFUSED}}
    preferences = {"profile": {"content_settings": {"exceptions": {"cookies": blocked}}}}
    folder = tmp_path / "Default"
    folder.mkdir()
    (folder / "Preferences").write_text(json.dumps(preferences))
    context = driver.chromium.launch_persistent_context(
        tmp_path, executable_path=chromium_path, args=QUIET, viewport=DESKTOP, locale="zh-CN"
    )
    page = context.pages[0]
    page.set_default_timeout(20_000)
    page.goto(demo.room)
    yield page
    context.close()


def frame_of(room: Page) -> Frame:
    return next(frame for frame in room.frames if frame != room.main_frame)


def is_refused(frame: Frame) -> bool:
    return bool(frame.evaluate("() => { try { localStorage.length; return false } catch { return true } }"))


def test_a_verified_buyer_finds_his_conversation_again_after_a_reload(room: Page) -> None:
    frame = tap_service(room)
    assert is_refused(frame_of(room))
    write(frame, "浏览器不让存东西")
    expect(frame.get_by_text("已发送").last).to_be_visible()
    room.reload()
    frame = tap_service(room)
    assert is_refused(frame_of(room))
    expect(frame.get_by_text("浏览器不让存东西")).to_have_count(1)


def test_leaving_with_a_line_that_was_not_sent_warns_and_staying_sends_it(demo: Demo, room: Page) -> None:
    frame = tap_service(room)
    write(frame, "先说一句")
    expect(frame.get_by_text("已发送").last).to_be_visible()
    os.kill(demo.pid, signal.SIGSTOP)
    try:
        write(frame, "这句还没发出去")
        warned: list[str] = []

        def stay(dialog: Dialog) -> None:
            warned.append(dialog.type)
            dialog.dismiss()

        room.on("dialog", stay)
        with room.expect_event("dialog"):
            room.evaluate("() => void setTimeout(() => location.reload())")
        assert warned == ["beforeunload"]
    finally:
        os.kill(demo.pid, signal.SIGCONT)
    line = frame.locator("article").filter(has_text="这句还没发出去")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("已发送")


def test_the_frame_says_so_when_it_is_asked(room: Page) -> None:
    tap_service(room)
    findings = room.evaluate("() => window.LiveDesk.debug()")
    storage = next(each for each in findings if each["check"] == "storage")
    assert not storage["ok"]
