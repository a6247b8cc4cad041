"""The guest's page in a real browser: opened by its link, seen and heard, asked, revoked."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

from server.http.pages import GUEST, WIDGET
from server.identifiers import new_client_id
from tests.calls.carried import WITHIN_S, called, connected
from tests.conftest import needed
from tests.media.test_browser import FLAGS
from tests.media_worker.talking import talk

PHONE: ViewportSize = {"width": 375, "height": 812}
SHOTS = Path(__file__).parents[2] / ".test-state" / "screenshots"


async def sees(page: Page) -> None:
    """The large picture is there. (The page's own policy forbids to wait for it in there.)"""
    async with asyncio.timeout(WITHIN_S):
        while not await page.evaluate(  # noqa: ASYNC110
            "document.querySelector('.stage > .picture video')?.videoWidth"
        ):
            await asyncio.sleep(0.05)


async def test_a_guest_comes_by_his_link_sees_the_buyer_is_seen_and_may_be_sent_away(
    tmp_path: Path, chromium_path: str
) -> None:
    needed((WIDGET / GUEST).is_file() or None, "The widget is not built: `./run python -m tools.frontends`.")
    SHOTS.mkdir(parents=True, exist_ok=True)
    async with called(tmp_path) as (house, buyer, agent), async_playwright() as playwright:
        await connected(buyer, agent)
        invited = await agent.person.ask(
            "call.invite_guest", call_id=agent.call_id, client_id=new_client_id(), name="仓库老李"
        )
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        context = await browser.new_context(viewport=PHONE, locale="zh-CN")
        page = await context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
        await page.goto(f"{house.url}/guest#{invited['token']}")
        await expect(page.get_by_role("heading", name="小美 请您加入一次通话")).to_be_visible()
        assert invited["token"] not in page.url, "it stays in no history"
        await page.screenshot(path=SHOTS / "guest-asked.png")

        await page.get_by_role("button", name="打开摄像头加入").click()
        await expect(page.get_by_text("预览，还没有发给任何人")).to_be_visible()
        await page.screenshot(path=SHOTS / "guest-preview.png")
        await page.get_by_role("button", name="加入通话").click()
        talking = asyncio.create_task(talk(buyer.caller, 20.0))
        try:
            video = page.get_by_role("img", name="的画面").locator("video").first
            await expect(page.get_by_text("可以录下这次通话吗？")).to_be_visible()
            await sees(page)
            await expect(video).to_be_visible()
            await agent.hears(buyer)
            mark = {
                "shape": "circle",
                "mark_id": new_client_id(),
                "of": buyer.joined["participant_id"],
                "frame_at": 1_000,
                "centre": {"x": 0.5, "y": 0.5},
                "rx": 0.2,
                "ry": 0.2,
            }
            await agent.person.ask("call.mark", call_id=agent.call_id, mark=mark)
            await expect(page.locator(".stage > .picture ellipse").first).to_be_visible()
            await page.screenshot(path=SHOTS / "guest-in-call.png")
            joined = await buyer.person.hears(
                "call.joined", lambda said: said["participant_id"] == invited["participant_id"]
            )
            assert [each["name"] for each in joined["call"]["participants"]][-1] == "仓库老李"
            await page.get_by_role("button", name="不录制").click()
            await agent.person.hears(
                "call.changed", lambda said: said["call"]["participants"][-1]["consent"] == "refused"
            )

            await page.reload()
            await page.get_by_role("button", name="只看只听").click()
            await expect(page.get_by_text("仓库老李")).to_have_count(0)
            await sees(page)

            await agent.person.ask(
                "call.revoke_guest", call_id=agent.call_id, participant_id=invited["participant_id"]
            )
            await expect(page.get_by_role("heading", name=re.compile("通话"))).to_be_visible()
            await page.screenshot(path=SHOTS / "guest-over.png")
        finally:
            talking.cancel()
        await context.close()
        await browser.close()
    assert failures == []
