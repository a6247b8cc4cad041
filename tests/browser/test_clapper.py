"""Sound and picture of a real browser stay together on their way through the call into the recording."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import CAMERA, DESKTOP, PHONE, QUIET, Demo
from tests.browser.people import sign_in, tap_service, write
from tests.recordings.watching import onsets
from tests.rounds import within

Visit = Callable[..., Page]
CLAPPER = Path(__file__).with_name("clapper.js")
CLAPS = 10
APART_MS = within(60.0)
KEPT_WITHIN_MS = 60_000


@pytest.fixture
def room(demo: Demo, driver: Playwright, chromium_path: str) -> Iterator[Page]:
    """The live room in a browser whose camera and microphone clap."""
    sounds = "--autoplay-policy=no-user-gesture-required"
    browser: Browser = driver.chromium.launch(executable_path=chromium_path, args=[*QUIET, CAMERA, sounds])
    context = browser.new_context(
        viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai", permissions=["camera", "microphone"]
    )
    context.add_init_script(path=CLAPPER)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{demo.room}/")
    yield page
    browser.close()


def test_sound_and_picture_of_a_browser_are_together_in_the_recording(
    demo: Demo, visit: Visit, room: Page
) -> None:
    agent = visit(f"{demo.desk}/console/", DESKTOP, permissions=["camera", "microphone"])
    sign_in(agent, demo, "mujin")
    frame = tap_service(room)
    write(frame, "拉链拉不上")
    agent.locator("[data-conversation]", has_text="拉链拉不上").click()
    agent.get_by_role("button", name="邀请 小雨 视频通话").click()
    frame.get_by_role("button", name="接听").click()
    frame.get_by_role("button", name="只拍商品").click()
    frame.get_by_role("button", name="接通").click()
    frame.get_by_role("button", name="同意录制").click()
    agent.get_by_role("button", name="同意录制").click()
    expect(frame.get_by_text("正在录制")).to_be_visible()
    claps = frame.locator("body").evaluate("() => window.claps")
    frame.locator("body").evaluate(
        f"""() => new Promise(enough => {{
            const look = () => window.claps >= {claps + CLAPS} ? enough() : requestAnimationFrame(look)
            look()
        }})"""
    )
    agent.get_by_role("button", name="挂断").click()
    watch = agent.locator("[data-recording]").get_by_role("button", name="播放录像")
    expect(watch).to_be_visible(timeout=KEPT_WITHIN_MS)
    (told,) = (demo.data / "files").glob("*/recordings/*/recording.json")
    (media,) = [file for file in told.parent.glob("*.webm") if file.with_suffix(".jpg").exists()]
    white, loud = onsets(media)
    # What was begun in the middle of a clap has no beginning to compare.
    apart = [flash - min(loud, key=lambda heard: abs(heard - flash)) for flash in white if flash > 500]
    figures = {
        "claps": len(apart),
        "apart_p50_ms": statistics.median(apart),
        "apart_max_ms": max(apart, key=abs),
    }
    print(figures)
    assert len(apart) >= CLAPS - 2
    assert abs(statistics.median(apart)) <= APART_MS
