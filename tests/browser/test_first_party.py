"""The desk as a page of its own, reached by a link."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo


@pytest.mark.parametrize("path", ["/c/no-such-shop", "/c/%E0%A4"])
@pytest.mark.parametrize(
    ("locale", "says"), [("zh-CN", "没有找到这家店铺的客服。"), ("en-GB", "There is no such shop here.")]
)
def test_a_link_to_no_shop_says_so_in_the_readers_language(
    demo: Demo, visit: Callable[..., Page], path: str, locale: str, says: str
) -> None:
    page = visit(f"{demo.desk}{path}", locale=locale)
    expect(page.get_by_role("heading", name=says)).to_be_visible()
