"""The audit as it is stored, on both databases: a shop's own lines, the newest first, page by page."""

from __future__ import annotations

from server.storage.audit import Audited
from server.storage.database import Database
from tests.storage.world import COLLEAGUE, NOON, SHOP, opened


def line(number: int, *, subject_id: str = "k1", at: int = NOON) -> Audited:
    return Audited(f"act-{number}", SHOP, at, COLLEAGUE, "call.listener", subject_id, {"number": number})


async def test_the_lines_of_a_shop_are_read_back_page_by_page(database: Database) -> None:
    await opened(database)
    async with database.write() as unit:
        for each in (line(1), line(2), line(3, subject_id="k2", at=NOON + 1), line(4, at=NOON + 2)):
            await unit.audit.add(each)
    async with database.read() as unit:
        first = [each for each, _ in await unit.audit.lines(SHOP, 2)]
        assert first == [line(4, at=NOON + 2), line(3, subject_id="k2", at=NOON + 1)]
        # Two lines of one moment: neither is skipped and neither comes twice.
        second = [each for each, _ in await unit.audit.lines(SHOP, 1, before=first[-1])]
        third = [each for each, _ in await unit.audit.lines(SHOP, 2, before=second[-1])]
        assert (second, third) == ([line(2)], [line(1)])
        assert await unit.audit.lines("another", 5) == []
        assert await unit.audit.get("another", "act-1") is None
        assert await unit.audit.get(SHOP, "act-1") == line(1)


async def test_lines_are_of_one_subject_and_from_a_time_on(database: Database) -> None:
    await opened(database)
    async with database.write() as unit:
        for each in (line(1), line(2, subject_id="k2"), line(3, at=NOON + 5)):
            await unit.audit.add(each)
    async with database.read() as unit:
        of_k1 = await unit.audit.lines(SHOP, 5, subject_id="k1")
        assert [each.id for each, _ in of_k1] == ["act-3", "act-1"]
        late = await unit.audit.lines(SHOP, 5, since=NOON + 5)
        assert [(each.id, name) for each, name in late] == [("act-3", of_k1[0][1])]
