"""What people do on the pages, once, in their own words."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import Demo


def sign_in(page: Page, demo: Demo, login: str, *, ready: bool = True) -> None:
    """An agent signs in at the console and says that he is ready."""
    page.fill("#login", login)
    page.fill("#password", demo.password)
    page.keyboard.press("Enter")
    page.wait_for_selector(".seat")
    if ready:
        page.click(".seat")
        page.click(".seat-menu >> text=就绪")
        expect(page.locator(".seat")).to_contain_text("就绪")


def tap_service(room: Page) -> FrameLocator:
    """A buyer taps 客服 in the live room."""
    room.click("#service")
    frame = room.frame_locator("iframe")
    expect(frame.locator("textarea")).to_be_visible()
    return frame


def write(frame: FrameLocator, text: str) -> None:
    """A buyer writes a line."""
    frame.locator("textarea").fill(text)
    frame.locator("textarea").press("Enter")
    expect(frame.get_by_text(text).last).to_be_visible()


def call_on_video(agent: Page, frame: FrameLocator) -> None:
    """The agent calls the buyer of the open conversation, who answers and will show her product alone."""
    agent.get_by_role("button", name=re.compile("^邀请 .+ 视频通话$")).click()
    frame.get_by_role("button", name="接听").click()
    frame.get_by_role("button", name="只拍商品").click()


def buy_what_is_explained(room: Page) -> str:
    """Orders the product that is being explained; its title."""
    card = room.locator("#explained")
    expect(card).to_be_visible()
    title = card.locator(".title").inner_text()
    card.locator(".buy").click()
    expect(room.locator("#toast")).to_be_visible()
    return title


def serious(page: Page) -> list[str]:
    """What axe finds on the page as it stands, of the serious and the critical."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['help']}" for each in found if each["impact"] in ("serious", "critical")]
