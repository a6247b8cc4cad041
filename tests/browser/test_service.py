"""What buyers and agents do beside writing: skills, offers, transfers, closing, tabs, signing in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from server.demo.seed import APPLIANCE_GROUP, SHOP
from tests.browser.conftest import DESKTOP, PHONE, ROOT, Demo
from tests.browser.people import serious, sign_in, tap_service, write

Visit = Callable[..., Page]
Shot = Callable[[Page, str], None]


@pytest.fixture
def work_at(demo: Demo, visit: Visit) -> Iterator[Callable[[str], Page]]:
    """Seats an agent, ready, at a console of his own; at the end he closes what he still has."""
    consoles: list[Page] = []

    def seat(login: str) -> Page:
        page = visit(f"{demo.desk}/console/")
        sign_in(page, demo, login)
        consoles.append(page)
        return page

    yield seat
    for page in consoles:
        rows = page.locator("[data-conversation]:not(.gone)")
        while count := rows.count():
            rows.first.click()
            _close_now(page)
            expect(rows).to_have_count(count - 1)


def _close_now(console: Page) -> None:
    console.get_by_role("button", name="结束", exact=True).first.click()
    console.locator(".close .now").click()


def _ask(demo: Demo, visit: Visit, product: str, text: str, size: object = PHONE) -> Page:
    """A visitor on the desk's own page asks about a product."""
    page = visit(f"{demo.desk}/c/{SHOP}?product={product}", size)
    _write(page, text)
    return page


def _write(page: Page, text: str) -> None:
    box = page.locator("textarea")
    expect(box).to_be_visible()
    box.fill(text)
    box.press("Enter")
    expect(page.get_by_text(text)).to_be_visible()


def _answer(console: Page, text: str) -> None:
    """Sends a text, also in the second after switching, in which the console asks once."""
    box = console.locator("[data-composer]")
    box.fill(text)
    box.press("Enter")
    if console.locator(".asking").count():
        box.press("Enter")
    expect(box).to_have_value("")


@pytest.mark.parametrize(("product", "skilled"), [("dress", "mujin"), ("fryer", "baichuan")])
def test_the_agent_with_the_skill_gets_the_conversation_and_the_others_do_not(
    demo: Demo, visit: Visit, work_at: Callable[[str], Page], product: str, skilled: str
) -> None:
    consoles = {login: work_at(login) for login in ("mujin", "baichuan", "annie")}
    _ask(demo, visit, product, "这款还有货吗？")
    expect(consoles.pop(skilled).locator("[data-conversation]")).to_have_count(1)
    for other in consoles.values():
        assert other.locator("[data-conversation]").count() == 0


@pytest.fixture
def offering(demo: Demo) -> Iterator[None]:
    """Appliances are offered while the test runs, as an operator sets it: from the command line."""

    def accept(how: str) -> None:
        environment = {**os.environ, "LIVEDESK_DATA": str(demo.data)}
        command = [sys.executable, "-m", "server.cli", "group", "change"]
        subprocess.run(
            [*command, SHOP, APPLIANCE_GROUP, "--accept", how],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    accept("offer")
    yield
    accept("auto")


@pytest.mark.usefixtures("offering")
def test_an_offer_never_takes_the_focus_and_is_accepted_from_anywhere_by_keyboard(
    demo: Demo, visit: Visit, shot: Shot, work_at: Callable[[str], Page]
) -> None:
    agent = work_at("baichuan")
    agent.keyboard.press("Control+k")
    typing = agent.locator("input:focus")
    expect(typing).to_be_visible()
    buyer = _ask(demo, visit, "fryer", "炸锅怎么清洗？", DESKTOP)
    offer = agent.locator(".offer")
    expect(offer).to_be_visible()
    expect(typing).to_be_visible()
    shot(agent, "offer-desktop")
    assert agent.locator("[data-conversation]").count() == 0
    agent.keyboard.press("Control+Shift+A")
    expect(agent.locator("[data-conversation]")).to_have_count(1)
    expect(offer).to_have_count(0)
    expect(buyer.get_by_text("白川 为您服务").first).to_be_visible()
    agent.keyboard.press("Escape")


@pytest.mark.usefixtures("offering")
def test_a_declined_offer_goes_on_while_the_buyer_keeps_his_place(
    demo: Demo, visit: Visit, work_at: Callable[[str], Page]
) -> None:
    agent = work_at("baichuan")
    buyer = _ask(demo, visit, "fryer", "可以开发票吗？")
    offer = agent.locator(".offer")
    offer.locator(".decline").click()
    # Nobody else may serve it: he is asked again rather than that the buyer waits for nobody.
    expect(offer).to_be_visible()
    buyer.reload()
    expect(buyer.get_by_text("您是下一位")).to_be_visible()
    buyer.get_by_role("button", name="咨询的更多操作").click()
    buyer.get_by_role("button", name="结束咨询").click()
    buyer.get_by_role("button", name="结束", exact=True).click()
    expect(buyer.get_by_text("您结束了咨询")).to_be_visible()
    expect(offer).to_have_count(0)


def test_a_transfer_brings_the_note_to_the_colleague_and_never_to_the_buyer(
    demo: Demo, visit: Visit, shot: Shot, work_at: Callable[[str], Page]
) -> None:
    first, second = work_at("mujin"), work_at("annie")
    buyer = _ask(demo, visit, "dress", "会起球吗？")
    first.locator("[data-conversation]").click()
    first.get_by_role("button", name="转接").click()
    dialog = first.get_by_role("dialog")
    dialog.get_by_text("客服", exact=True).click()
    dialog.locator(".target", has_text="安妮").click()
    dialog.locator("#transfer-note").fill("问面料，麻烦看下吊牌")
    shot(first, "transfer-desktop")
    dialog.get_by_role("button", name="转接").click()
    second.locator("[data-conversation]").click()
    expect(second.locator("main")).to_contain_text("问面料，麻烦看下吊牌")
    _answer(second, "您好，这款是棉麻的，不易起球。")
    expect(buyer.get_by_text("这款是棉麻的")).to_be_visible()
    expect(buyer.get_by_text("安妮").first).to_be_visible()
    assert "麻烦看下吊牌" not in buyer.content()
    expect(first.locator("[data-conversation]:not(.gone)")).to_have_count(0)


def test_closing_can_be_taken_back_and_a_closed_conversation_goes_on(
    demo: Demo, visit: Visit, work_at: Callable[[str], Page]
) -> None:
    agent = work_at("mujin")
    buyer = _ask(demo, visit, "dress", "谢谢，没有问题了")
    agent.locator("[data-conversation]").click()
    agent.keyboard.press("Escape")
    agent.locator(".pane h1").click()
    agent.keyboard.press("e")
    agent.locator(".close .undo").click()
    expect(agent.locator(".close")).to_have_count(0)
    _answer(agent, "不客气，随时找我。")
    expect(buyer.get_by_text("随时找我")).to_be_visible()
    _close_now(agent)
    expect(buyer.get_by_text("客服结束了咨询")).to_be_visible()
    buyer.get_by_role("button", name="继续这次咨询").click()
    _write(buyer, "还有一个问题")
    expect(agent.locator("[data-conversation]:not(.gone)")).to_have_count(1)


def test_two_tabs_of_one_buyer_show_the_same_conversation_each_line_once(
    demo: Demo, visit: Visit, work_at: Callable[[str], Page]
) -> None:
    agent = work_at("mujin")
    one = _ask(demo, visit, "dress", "第一个标签页写的")
    two = one.context.new_page()
    two.goto(one.url)
    expect(two.get_by_text("第一个标签页写的")).to_be_visible()
    _write(two, "第二个标签页写的")
    expect(one.get_by_text("第二个标签页写的")).to_be_visible()
    expect(agent.locator("[data-conversation]")).to_have_count(1)
    for page in (one, two):
        for text in ("第一个标签页写的", "第二个标签页写的"):
            assert page.get_by_text(text).count() == 1


def test_a_visitor_who_signs_in_goes_on_with_his_own_conversation(
    demo: Demo, visit: Visit, shot: Shot, work_at: Callable[[str], Page]
) -> None:
    work_at("annie")
    room = visit(demo.room, DESKTOP)
    _switch(room)
    frame = tap_service(room)
    write(frame, "还没登录先问一句")
    shot(room, "room-desktop-open")
    box = room.locator("iframe").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) >= (400, 640)
    _minimised(frame)
    _switch(room)
    frame = tap_service(room)
    expect(frame.get_by_text("还没登录先问一句")).to_be_visible()
    write(frame, "登录后接着问")


def _switch(room: Page) -> None:
    """Signs in with the shop, or out."""
    room.click("#account")
    room.click("#switch")
    expect(room.locator("#account-sheet")).to_be_hidden()


def _minimised(frame: FrameLocator) -> None:
    frame.get_by_role("button", name="收起").click()


def test_a_buyer_is_led_through_a_list_of_pictures_that_the_agent_sees_and_asks_for_again(
    demo: Demo, visit: Visit, shot: Shot, work_at: Callable[[str], Page]
) -> None:
    agent = work_at("mujin")
    phone = {"is_mobile": True, "has_touch": True, "permissions": ["camera"]}
    buyer = visit(f"{demo.desk}/c/{SHOP}?product=dress", PHONE, **phone)
    _write(buyer, "裙子有个线头")
    agent.emulate_media(reduced_motion="reduce")  # a dialog that still comes in has no contrast
    agent.locator("[data-conversation]", has_text="裙子有个线头").click()
    agent.get_by_role("button", name="请买家拍照").click()
    dialog = agent.get_by_role("dialog")
    expect(dialog.get_by_label("名称")).to_have_count(4)
    shot(agent, "shots-dialog-desktop")
    assert serious(agent) == []
    dialog.get_by_role("button", name="发送，共 4 张").click()
    expect(agent.get_by_text("请买家拍 4 张照片")).to_be_visible()
    shot(buyer, "shots-card-phone")
    buyer.get_by_role("button", name="开始拍").click()
    expect(buyer.get_by_role("heading", name="吊牌")).to_be_visible()
    expect(buyer.locator(".capture-frame.tag")).to_be_visible()
    shot(buyer, "capture-phone")
    assert serious(buyer) == []
    _take(buyer, shot)
    # The page is loaded again in the middle: on with the second picture.
    expect(agent.get_by_role("button", name="放大「吊牌」")).to_be_visible()
    buyer.reload()
    expect(buyer.get_by_role("heading", name="瑕疵特写")).to_be_visible()
    _take(buyer)
    expect(buyer.get_by_role("heading", name="整件平铺")).to_be_visible()
    expect(buyer.get_by_text("把「整件平铺」放进框里", exact=True)).to_be_visible()
    _take(buyer)
    buyer.get_by_role("button", name="跳过").click()
    shot(buyer, "capture-skip-phone")
    buyer.get_by_role("button", name="已经丢了").click()
    expect(buyer.get_by_role("heading", name="都拍好了")).to_be_visible()
    shot(buyer, "capture-done-phone")
    buyer.locator("footer").get_by_role("button", name="返回聊天").click()
    expect(buyer.get_by_text("4 张都已处理")).to_be_visible()
    shot(buyer, "shots-card-done-phone")
    expect(agent.locator("figure img")).to_have_count(3)
    shot(agent, "shots-desktop")
    assert serious(agent) == []
    _keep_in_a_case(agent, shot)


def _keep_in_a_case(agent: Page, shot: Shot) -> None:
    """What was shown becomes a case, which is found among the cases with its pictures."""
    agent.get_by_role("button", name="开工单").click()
    agent.get_by_label("标题").fill("裙子有线头")
    agent.get_by_label("标题").press("Enter")
    beside = agent.locator("aside .case")
    expect(beside.locator(".stills img")).to_have_count(3)
    shot(agent, "case-beside-desktop")
    agent.click("nav >> text=工单")
    row = agent.get_by_role("button", name="裙子有线头")
    expect(row).to_contain_text("3")
    row.click()
    case = agent.get_by_role("article")
    expect(case.get_by_role("heading", name="裙子有线头")).to_be_visible()
    for label in ("吊牌", "瑕疵特写", "整件平铺"):
        expect(case.get_by_role("button", name=f"放大「{label}」").locator("img")).to_be_visible()
    case.get_by_label("备注").fill("让仓库看看这一批")
    case.get_by_role("button", name="存为备注").click()
    expect(case.locator(".history")).to_contain_text("让仓库看看这一批")
    shot(agent, "case-desktop")
    assert serious(agent) == []
    case.get_by_role("button", name="打开会话").click()


def _take(page: Page, shot: Shot | None = None) -> None:
    page.get_by_role("button", name="拍照", exact=True).click()
    use = page.get_by_role("button", name="用这张")
    expect(use).to_be_visible()
    if shot is not None:
        shot(page, "capture-judge-phone")
    use.click()
