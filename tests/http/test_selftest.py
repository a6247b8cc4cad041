"""Reports of the self-test page: bounded, counted by address, one row each, kept as long as was promised."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from protocol.errors import ErrorCode
from server import rates
from server.desk import selftests
from server.rates import Rate, Rates
from tests.http.site import REPORT, Site, refused


def report(**changed: Any) -> dict[str, Any]:
    return deepcopy(REPORT) | changed


async def stored(site: Site) -> list[tuple[int, dict[str, Any]]]:
    async with site.world.database.read() as reader:
        return await reader.selftests.all(site.world.clock())


async def test_the_same_report_again_is_one_row_and_holds_what_was_sent_and_nothing_else(site: Site) -> None:
    for _ in range(2):
        site.world.clock.ms += 1_000
        response = await site.client.post(
            "/api/v1/selftest", json=report(), headers={"User-Agent": "a name of its own"}
        )
        assert await response.json() == {"kept_until": site.world.clock.ms + 180 * 86_400_000}
    await site.client.post("/api/v1/selftest", json=report(model="Pixel 8"))
    assert [body for _, body in await stored(site)] in (
        [report(model="Pixel 8"), report()],
        [report(), report(model="Pixel 8")],
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"kept_days": 181},
        {"browser": "x" * 61},
        {"model": "<b>"},
        {"platform": "a|b"},
        {"picture": "data:"},
        {"findings": REPORT["findings"] | {"address": {"outcome": "works"}}},
        {"findings": REPORT["findings"] | {"camera": {"outcome": "maybe"}}},
        {"findings": {}},
    ],
    ids=lambda wrong: f"{wrong}"[:30],
)
async def test_anything_but_what_the_page_shows_before_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    assert (await site.client.post("/api/v1/selftest", json=report(browser="x" * 60))).status == 200
    response = await site.client.post("/api/v1/selftest", json=report(**wrong))
    assert await refused(response) is ErrorCode.bad_request
    assert len(await stored(site)) == 1


async def test_one_report_more_than_an_address_may_send_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Rates(
        monotonic=site.world.clock.seconds, overrides={"selftest-address": Rate("selftest-address", 2, 600)}
    )
    monkeypatch.setattr(site.door, "counter", few)
    for _ in range(2):
        assert (await site.client.post("/api/v1/selftest", json=report())).status == 200
    assert await refused(await site.client.post("/api/v1/selftest", json=report())) is ErrorCode.rate_limited
    assert Rate("selftest-address", 20, 600) == rates.SELFTEST_ADDRESS


async def test_one_report_more_than_are_kept_is_refused_and_a_known_one_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftests, "MAX_SELFTESTS", 2)
    for model in ("a", "b"):
        assert (await site.client.post("/api/v1/selftest", json=report(model=model))).status == 200
    response = await site.client.post("/api/v1/selftest", json=report(model="c"))
    assert await refused(response) is ErrorCode.too_many
    assert (await site.client.post("/api/v1/selftest", json=report(model="a"))).status == 200


async def test_a_report_is_gone_when_its_time_is_over(site: Site) -> None:
    kept = selftests.Selftests(site.world.database)
    await site.client.post("/api/v1/selftest", json=report())
    site.world.clock.ms += 180 * 86_400_000 - 1
    await kept.sweep()
    assert len(await stored(site)) == 1
    site.world.clock.ms += 1
    assert await stored(site) == [], "not shown, even before it is swept"
    await kept.sweep()
    site.world.clock.ms -= 86_400_000
    assert await stored(site) == []
