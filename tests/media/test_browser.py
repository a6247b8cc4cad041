"""Two real Chromiums with fake cameras, and the room between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from media.room import Role
from tests.media.calls import Call, call
from tests.rounds import within

PAGE = Path(__file__).with_name("page.html")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
]
WITHIN_S = 30.0


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield launched
        await launched.close()


async def visit(browser: Browser, made: Call, name: str, role: Role = "speaker", **options: Any) -> Page:
    """A page that has joined the room and is connected."""
    context = await browser.new_context()
    page = await context.new_page()

    async def offered() -> str:
        return await made.room.join(name, role)

    async def answered(sdp: str) -> None:
        made.room.answer(name, sdp)

    await page.expose_function("offered", offered)
    await page.expose_function("answered", answered)
    await page.route("http://localhost/", lambda route: route.fulfill(path=PAGE))
    await page.goto("http://localhost/")
    await page.evaluate("options => start(options)", options)
    await made.until("connected", name)
    return page


async def until(page: Page, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The page's figures, once they fulfil it."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await page.evaluate("figures()")
            if true(found):
                return found


def decoded(figures: dict[str, Any], mid: int = 1) -> int:
    return int(figures.get(f"inbound_video_{mid}", {}).get("framesDecoded", 0))


def heard(figures: dict[str, Any], mid: int = 0) -> int:
    return int(figures.get(f"inbound_audio_{mid}", {}).get("packetsReceived", 0))


async def ticking(made: Call) -> None:
    while True:
        await asyncio.sleep(1.0)
        made.room.tick(1.0)


@pytest.fixture
async def made() -> AsyncIterator[Call]:
    async with call() as room:
        clock = asyncio.create_task(ticking(room))
        yield room
        clock.cancel()


async def test_two_browsers_see_and_hear_each_other(browser: Browser, made: Call) -> None:
    pages = [await visit(browser, made, name) for name in ("buyer", "agent")]
    for page in pages:
        figures = await until(page, lambda found: decoded(found) > 60 and heard(found) > 100)
        video = figures["inbound_video_1"]
        assert figures["pair"]["currentRoundTripTime"] < 1
        assert video["keyFramesDecoded"] < 10
        assert (video["frameWidth"], video["frameHeight"]) == (640, 480)
        assert figures["outbound_video_1"]["framesEncoded"] > 30


async def test_a_listening_browser_sees_both_on_seats_of_their_own(browser: Browser, made: Call) -> None:
    for name in ("buyer", "agent"):
        await visit(browser, made, name, width=320, height=240)
    chief = await visit(browser, made, "chief", "listener", sends=False)
    figures = await until(
        chief, lambda found: all(decoded(found, mid) > 10 and heard(found, mid - 1) > 10 for mid in (1, 3))
    )
    assert "outbound_video_1" not in figures
    assert await chief.evaluate("window.camera === undefined"), "no microphone was opened"


async def test_a_reloaded_page_is_seen_again_without_the_other_negotiating(
    browser: Browser, made: Call
) -> None:
    buyer = await visit(browser, made, "buyer")
    agent = await visit(browser, made, "agent")
    await until(agent, lambda found: decoded(found) > 10)
    await buyer.reload()
    before = decoded(await agent.evaluate("figures()"))
    await buyer.evaluate("start()")
    assert (await made.until("connected", "buyer", 2))["participant"] == "buyer"
    figures = await until(agent, lambda found: decoded(found) > before + 30)
    assert figures["state"] == "connected"
    await until(buyer, lambda found: decoded(found) > 10)


async def test_on_a_clean_link_the_picture_has_a_megabit_soon(browser: Browser, made: Call) -> None:
    buyer = await visit(browser, made, "buyer")
    await visit(browser, made, "agent")
    connected = time.monotonic()
    figures = await until(
        buyer, lambda found: found.get("outbound_video_1", {}).get("targetBitrate", 0) >= 1_000_000
    )
    assert time.monotonic() - connected <= within(3.0)
    outbound = figures["outbound_video_1"]
    assert outbound["qualityLimitationReason"] in ("none", "cpu"), "not the bandwidth"


async def test_a_page_that_neither_sends_nor_hears_anything_sees_each_second_that_its_path_is_there(
    browser: Browser, made: Call
) -> None:
    # Two seconds without a byte are a dead path to it, and checks of ICE are further apart.
    page = await visit(browser, made, "agent", sends=False)
    seen = await until(page, lambda found: found["arrived"] > 0)
    for _ in range(4):
        before, since = seen["arrived"], time.monotonic()
        seen = await until(page, lambda found: bool(found["arrived"] > before))  # noqa: B023
        assert time.monotonic() - since < within(2.0)
