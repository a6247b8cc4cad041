"""The job of the product: order, tap, write; the right agent sees where it comes from and answers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from server.http.pages import pinned_loader, read_widget
from tests.browser.conftest import DESKTOP, PHONE, TABLET, Demo
from tests.browser.people import buy_what_is_explained, serious, sign_in, tap_service, write
from tests.rounds import within

Visit = Callable[..., Page]
Shot = Callable[[Page, str], None]
ANSWER_WITHIN_S = within(1.0)


def load(room: Page, demo: Demo, integrity: str) -> bool:
    """Whether the browser runs the pinned loader when the room's page says that these are its bytes."""
    address = demo.desk + pinned_loader(read_widget()).path
    return bool(
        room.evaluate(
            """([src, integrity]) => new Promise(resolve => {
                const script = document.createElement('script')
                Object.assign(script, {src, integrity, crossOrigin: 'anonymous'})
                script.onload = () => resolve(true)
                script.onerror = () => resolve(false)
                document.head.append(script)
            })""",
            [address, integrity],
        )
    )


@pytest.fixture
def agents(demo: Demo, visit: Visit) -> dict[str, Page]:
    """The agents for clothes and for appliances, both ready."""
    pages = {}
    for login in ("mujin", "baichuan", "annie"):
        pages[login] = visit(f"{demo.desk}/console/")
        sign_in(pages[login], demo, login)
    return pages


def test_an_order_of_the_room_is_answered_by_an_agent_who_sees_where_it_comes_from(
    demo: Demo, visit: Visit, shot: Shot, agents: dict[str, Page]
) -> None:
    room = visit(demo.room, PHONE, is_mobile=True, has_touch=True)
    assert load(room, demo, pinned_loader(read_widget()).integrity)
    assert not load(room, demo, "sha384-" + "A" * 64)
    title = buy_what_is_explained(room)
    frame = tap_service(room)
    write(frame, "刚下单的，什么时候发货？")
    shot(room, "room-phone")
    owner = _who_has_it(agents)
    owner.locator("[data-conversation]").first.click()
    panel = owner.locator(".certificate").first
    expect(panel).to_be_visible()
    expect(owner.locator("body")).to_contain_text(title)
    expect(panel).to_contain_text("主播")
    expect(panel).to_contain_text("讲解时段")
    expect(panel).to_contain_text("有效承诺")
    shot(owner, "console-desktop")
    owner.fill("[data-composer]", "今天就发，亲。")
    owner.keyboard.press("Enter")
    sent = time.monotonic()
    expect(frame.get_by_text("今天就发，亲。")).to_be_visible()
    assert time.monotonic() - sent <= ANSWER_WITHIN_S
    shot(room, "room-phone-answered")


def _who_has_it(agents: dict[str, Page]) -> Page:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for page in agents.values():
            if page.locator("[data-conversation]").count():
                return page
    raise AssertionError("nobody got the conversation")


def test_a_reload_in_the_middle_lands_in_the_same_conversation(demo: Demo, visit: Visit) -> None:
    page = visit(f"{demo.desk}/c/{_shop(demo, visit)}", PHONE)
    expect(page.locator("textarea")).to_be_visible()
    page.locator("textarea").fill("刷新前写的")
    page.locator("textarea").press("Enter")
    expect(page.get_by_text("刷新前写的")).to_be_visible()
    page.locator("textarea").fill("没写完的草")
    page.reload()
    expect(page.get_by_text("刷新前写的")).to_be_visible()
    assert page.get_by_text("刷新前写的").count() == 1
    expect(page.locator("textarea")).to_have_value("没写完的草")


def _shop(demo: Demo, visit: Visit) -> str:
    room = visit(demo.room, PHONE)
    shop = room.locator("script[data-shop]").get_attribute("data-shop")
    assert shop is not None
    return shop


def test_in_the_dark_the_frame_stays_transparent_around_its_corners(demo: Demo, visit: Visit) -> None:
    """A frame whose root has another colour scheme than its element is painted opaque."""
    room = visit(demo.room, PHONE, color_scheme="dark")
    frame = tap_service(room)
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    scheme = "element => getComputedStyle(element).colorScheme"
    assert frame.locator("html").evaluate(scheme) == room.locator("iframe").evaluate(scheme) == "light"
    assert frame.locator(".sheet").evaluate(scheme) == "dark"


def test_enter_while_composing_never_sends(demo: Demo, visit: Visit) -> None:
    page = visit(f"{demo.desk}/c/{_shop(demo, visit)}", PHONE)
    box = page.locator("textarea")
    expect(box).to_be_visible()
    box.fill("nihao")
    for composing in ("{isComposing: true}", "{keyCode: 229}"):
        box.evaluate(
            "(box, init) => box.dispatchEvent(new KeyboardEvent('keydown',"
            " {key: 'Enter', bubbles: true, cancelable: true, ...eval('(' + init + ')')}))",
            composing,
        )
    expect(box).to_have_value("nihao")
    box.press("Enter")
    expect(box).to_have_value("")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_no_serious_fault_on_the_buyers_page(
    demo: Demo, visit: Visit, shot: Shot, size: dict[str, int], locale: str
) -> None:
    page = visit(f"{demo.desk}/c/{_shop(demo, visit)}", size, locale)
    expect(page.locator("textarea")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", locale)
    shot(page, f"buyer-{size['width']}-{locale}")
    assert serious(page) == []


def test_axe_finds_no_serious_fault_in_the_room_and_the_console(demo: Demo, visit: Visit, shot: Shot) -> None:
    room = visit(demo.room, DESKTOP)
    expect(room.locator("#explained")).to_be_visible()
    shot(room, "room-desktop")
    assert serious(room) == []
    console = visit(f"{demo.desk}/console/")
    assert serious(console) == []
    sign_in(console, demo, "zhixia", ready=False)
    assert serious(console) == []
    console.click("nav >> text=看板")
    expect(console.locator("main")).to_contain_text("服饰")
    shot(console, "wall-desktop")
    assert serious(console) == []


def test_a_finger_gets_44_px_on_every_control_of_the_console(demo: Demo, visit: Visit) -> None:
    tablet = visit(f"{demo.desk}/console/", TABLET, is_mobile=True, has_touch=True)
    sign_in(tablet, demo, "annie", ready=False)
    for place in ("工作台", "工单", "设置"):
        tablet.click(f"nav >> text={place}")
        expect(tablet.locator("main")).to_be_visible()
        assert tablet.evaluate(SMALL) == []


SMALL = """() => [...document.querySelectorAll('button, select, nav a, [role=tab], .el-radio-button__inner')]
  .filter((control) => control.offsetParent)
  .filter((control) => Math.min(control.offsetWidth, control.offsetHeight) < 44)
  .map((control) => control.outerHTML)"""
