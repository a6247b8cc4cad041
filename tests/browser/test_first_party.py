"""The desk as a page of its own, reached by a link."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Demo


@pytest.mark.parametrize("path", ["/c/no-such-shop", "/c/%E0%A4"])
@pytest.mark.parametrize(
    ("locale", "says"), [("zh-CN", "没有找到这家店铺的客服。"), ("en-GB", "There is no such shop here.")]
)
def test_a_link_to_no_shop_says_so_in_the_readers_language(
    demo: Demo, visit: Callable[..., Page], path: str, locale: str, says: str
) -> None:
    page = visit(f"{demo.desk}{path}", locale=locale)
    expect(page.get_by_role("heading", name=says)).to_be_visible()


def test_a_device_says_what_was_refused_and_counts_what_is_left(
    demo: Demo, visit: Callable[..., Page], shot: Callable[[Page, str], None]
) -> None:
    page = visit(f"{demo.desk}/selftest", PHONE)
    page.get_by_role("button", name="试摄像头").click()
    verdict = page.locator(".verdict.part")
    expect(verdict.get_by_role("heading", name="摄像头没有得到许可")).to_be_visible()
    expect(verdict).to_contain_text("还差一步")
    page.get_by_role("button", name="试麦克风").click()
    expect(verdict.get_by_role("heading", name="现在不能通话")).to_be_visible()
    expect(verdict).to_contain_text("摄像头和麦克风没有得到许可。请在浏览器或系统的设置里允许，再试一次。")
    shot(page, "selftest-refused")


def test_a_device_tries_itself_shows_what_it_would_send_and_sends_it_when_agreed(
    demo: Demo, visit: Callable[..., Page], shot: Callable[[Page, str], None]
) -> None:
    page = visit(f"{demo.desk}/selftest", PHONE, permissions=["camera", "microphone"])
    expect(page.get_by_role("heading", name="还差两步")).to_be_visible()
    expect(page.get_by_text("VP8 和 Opus 都有")).to_be_visible()
    expect(page.get_by_text(re.compile(r"通，\d+ 毫秒"))).to_be_visible()
    shot(page, "selftest")
    page.get_by_role("button", name="试摄像头").click()
    expect(page.get_by_text(re.compile(r"\d+ × \d+，每秒 [1-9]\d* 帧"))).to_be_visible()
    expect(page.get_by_role("heading", name="还差一步")).to_be_visible()
    page.get_by_role("button", name="试麦克风").click()
    expect(page.get_by_role("heading", name="可以视频客服")).to_be_visible(timeout=10_000)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.post_data or "") if asked.method == "POST" else None)
    page.get_by_role("button", name="上传结果…").click()
    page.get_by_text("查看发送的原文").click()
    shown = page.locator("pre").inner_text()
    assert sent == []
    page.get_by_role("button", name="同意并上传").scroll_into_view_if_needed()
    shot(page, "selftest-consent")
    page.get_by_role("button", name="同意并上传").click()
    expect(page.get_by_role("heading", name="已收到，谢谢")).to_be_visible()
    assert [json.loads(each) for each in sent] == [json.loads(shown)], "what was shown, and nothing else"
    page.set_viewport_size(DESKTOP)
    shot(page, "selftest-desktop")
