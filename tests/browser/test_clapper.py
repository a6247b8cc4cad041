"""Sound, picture and marks of real browsers stay together through the call into the recording."""

from __future__ import annotations

import json
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import CAMERA, DESKTOP, PHONE, QUIET, Demo
from tests.browser.people import call_on_video, sign_in, tap_service, write
from tests.recordings.watching import onsets
from tests.rounds import within

Visit = Callable[..., Page]
CLAPPER = Path(__file__).with_name("clapper.js")
CLAPS = 10
APART_MS = within(60.0)
MARK_OFF_MS = within(120.0)
"""Three or four frames: how far the place of a mark in the recording is from the frame it was made on."""
KEPT_WITHIN_MS = 60_000
WHERE = """async (image) => {
    await image.decode()
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 })
    const pen = canvas.getContext('2d')
    pen.drawImage(image, 0, 0, 640, 480)
    const row = pen.getImageData(0, 420, 640, 1).data
    const lit = [...Array(640).keys()].filter(x => row[4 * x + 1] > 80)
    return lit.reduce((sum, x) => sum + x, 0) / lit.length
}"""
"""Where the block is that runs along the lower edge."""


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


def test_sound_picture_and_marks_are_together_in_the_recording(demo: Demo, visit: Visit, room: Page) -> None:
    agent = visit(f"{demo.desk}/console/", DESKTOP, permissions=["camera", "microphone"])
    sign_in(agent, demo, "mujin")
    frame = tap_service(room)
    write(frame, "拉链拉不上")
    agent.locator("[data-conversation]", has_text="拉链拉不上").click()
    call_on_video(agent, frame)
    frame.get_by_role("button", name="接通").click()
    frame.get_by_role("button", name="同意录制").click()
    agent.get_by_role("button", name="同意录制").click()
    expect(frame.get_by_text("正在录制")).to_be_visible()
    claps = frame.locator("body").evaluate("() => window.claps")
    frame.locator("body").evaluate(
        f"""() => new Promise(enough => {{
            const over = () => window.claps >= {claps + CLAPS} && window.sinceClap > 0.4
            const look = () => over() ? enough() : requestAnimationFrame(look)
            look()
        }})"""
    )
    agent.get_by_role("button", name="定格画面").click()
    held_x = agent.locator(".call .picture img").evaluate(WHERE)
    agent.get_by_role("button", name="挂断").click()
    watch = agent.locator("[data-recording]").get_by_role("button", name="播放录像")
    expect(watch).to_be_visible(timeout=KEPT_WITHIN_MS)
    (told,) = (demo.data / "files").glob("*/recordings/*/recording.json")
    (media,) = [file for file in told.parent.glob("*.webm") if file.with_suffix(".jpg").exists()]
    held_ms = _held_ms(demo)
    near = [(at_ms, x) for at_ms, x in _block(media) if abs(at_ms - held_ms) < 1_000]
    mark_off_ms = held_ms - min(near, key=lambda one: abs(one[1] - held_x))[0]
    white, loud = onsets(media)
    # What was begun in the middle of a clap has no beginning to compare.
    apart = [flash - min(loud, key=lambda heard: abs(heard - flash)) for flash in white if flash > 500]
    figures = {
        "claps": len(apart),
        "apart_p50_ms": statistics.median(apart),
        "apart_max_ms": max(apart, key=abs),
        "mark_off_ms": mark_off_ms,
    }
    print(figures)
    assert len(apart) >= CLAPS - 2
    assert abs(statistics.median(apart)) <= APART_MS
    assert abs(mark_off_ms) <= MARK_OFF_MS


def _held_ms(demo: Demo) -> int:
    """Where in the recording the frame is that was held, as the desk has it."""
    (file,) = demo.data.glob("*.db")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        (began_at,) = db.execute("SELECT began_at FROM recordings").fetchone()
        marks = [json.loads(body) for (body,) in db.execute("SELECT body FROM call_marks")]
    (held,) = [mark["frame_at"] for mark in marks if mark["shape"] == "freeze"]
    return int(held) - int(began_at)


def _block(media: Path) -> list[tuple[int, float]]:
    """When each picture is shown, in ms, and where its block is."""
    found = []
    with av.open(str(media)) as container:
        for frame in container.decode(video=0):
            plane = frame.reformat(width=640, height=480, format="gray").planes[0]
            row = bytes(plane)[420 * plane.line_size : 420 * plane.line_size + 640]
            lit = [x for x, light in enumerate(row) if light > 80]
            if lit and len(lit) < 100:
                found.append((round(frame.time * 1000), sum(lit) / len(lit)))
    return found
