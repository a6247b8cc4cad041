"""The demo's live session: what the story says now, and that pages and desk both hear all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from protocol import shop
from server.demo.room import (
    EVENTS_A_CALL,
    SHOWN_AT_FIRST,
    DeskAway,
    DeskRefuses,
    Moment,
    News,
    Room,
    event_of,
    moment_at,
    viewers_at,
)
from server.demo.script import ACHE, DRESS, FRYER, SCRIPT, THERMOS, XIAOMAN, due

START = 1_800_000_000_000
SOON_S = 10.0


class Clock:
    """The room's clock, turned by hand."""

    def __init__(self) -> None:
        self.ms = START

    def __call__(self) -> int:
        return self.ms


class Ears:
    """A desk that keeps what it is told, and may be away for some calls."""

    def __init__(self) -> None:
        self.announced: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.away_for = 0
        self.lose_answers = 0
        self.refuses = False
        self.heard = asyncio.Condition()

    async def announce(self, session: Mapping[str, Any]) -> None:
        await self._answer()
        self.announced.append(dict(session))

    async def append(self, session_id: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        await self._answer()
        assert self.announced, "events of a session that was not announced"
        assert len(events) <= EVENTS_A_CALL
        known = {event["source_event_id"] for event in self.events}
        self.events += [event for event in events if event["source_event_id"] not in known]
        async with self.heard:
            self.heard.notify_all()
        if self.lose_answers > 0:
            self.lose_answers -= 1
            raise DeskAway("the answer was lost")
        return [{"source_event_id": event["source_event_id"], "accepted": True} for event in events]

    async def _answer(self) -> None:
        if self.refuses:
            raise DeskRefuses("no such key")
        if self.away_for > 0:
            self.away_for -= 1
            raise DeskAway("not there")

    async def hears(self, source_event_id: str) -> dict[str, Any]:
        """The event of this id, once it was told."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events if event["source_event_id"] == source_event_id), None)

        async with asyncio.timeout(SOON_S), self.heard:
            await self.heard.wait_for(lambda: found() is not None)
        event = found()
        assert event is not None
        return event


@asynccontextmanager
async def running(room: Room) -> AsyncIterator[None]:
    task = asyncio.create_task(room.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await room.close()


async def next_news(news: AsyncIterator[News]) -> News:
    async with asyncio.timeout(SOON_S):
        return await anext(news)


@pytest.mark.parametrize(
    ("at_s", "moment"),
    [
        (0.1, Moment(None, XIAOMAN)),
        (8.0, Moment(THERMOS.id, XIAOMAN)),
        (15.5, Moment(None, XIAOMAN)),
        (20.0, Moment(DRESS.id, XIAOMAN)),
        (40.0, Moment(FRYER.id, ACHE)),
        (47.9, Moment(None, None)),
        (48 * 100 + 20.0, Moment(DRESS.id, XIAOMAN)),
    ],
)
def test_the_story_says_who_explains_what_at_any_second_of_any_loop(at_s: float, moment: Moment) -> None:
    assert moment_at(SCRIPT, at_s) == moment


def test_every_item_of_the_story_is_an_event_that_the_ingest_accepts() -> None:
    for one in due(SCRIPT, 0, 4 * SCRIPT.length_s):
        read = shop.read_live_event(event_of(one, START))
        assert read.at.timestamp() * 1_000 == pytest.approx(START + one.at_s * 1_000, abs=1)


def test_the_audience_is_never_empty_and_does_not_jump() -> None:
    counts = [viewers_at(second) for second in range(7_200)]
    assert min(counts) > 500
    assert max(abs(later - earlier) for earlier, later in pairwise(counts)) < 10


async def test_the_desk_hears_the_announcement_and_then_the_whole_story_in_order() -> None:
    clock, ears = Clock(), Ears()
    room = Room(SCRIPT, ears, clock)
    clock.ms += 48_000
    async with running(room):
        await ears.hears(due(SCRIPT, 0, 48)[-1].id)
    assert ears.announced[0]["id"] == room.session_id
    assert [event["source_event_id"] for event in ears.events] == [one.id for one in due(SCRIPT, 0, 48)] + [
        "end"
    ]


@pytest.mark.parametrize("trouble", ["away", "answer lost"])
async def test_a_desk_that_was_away_hears_everything_once(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.demo.room.AGAIN_AFTER_S", 0.01)
    clock, ears = Clock(), Ears()
    ears.away_for, ears.lose_answers = (3, 0) if trouble == "away" else (0, 2)
    room = Room(SCRIPT, ears, clock)
    clock.ms += 20_000
    async with running(room):
        await ears.hears(due(SCRIPT, 0, 20)[-1].id)
        clock.ms += 20_000
        await ears.hears(due(SCRIPT, 0, 40)[-1].id)
    assert [event["source_event_id"] for event in ears.events[:-1]] == [one.id for one in due(SCRIPT, 0, 40)]


async def test_what_waits_for_a_deaf_desk_is_bounded_and_the_newest_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.demo.room.AGAIN_AFTER_S", 0.01)
    clock, ears = Clock(), Ears()
    ears.refuses = True
    room = Room(SCRIPT, ears, clock)
    async with running(room):
        for number in range(EVENTS_A_CALL + 1):
            await room.comment("xiaoyu", "小雨", f"第 {number} 句")
        ears.refuses = False
        await ears.hears(f"viewer-{EVENTS_A_CALL + 1}")
    told = [
        event["source_event_id"] for event in ears.events if event["source_event_id"].startswith("viewer-")
    ]
    assert "viewer-1" not in told
    assert told == sorted(told, key=lambda name: int(name.removeprefix("viewer-")))


async def test_after_a_long_sleep_only_the_last_minute_is_told() -> None:
    clock, ears = Clock(), Ears()
    room = Room(SCRIPT, ears, clock)
    clock.ms += 3 * 3_600_000
    position = room.position_s
    async with running(room):
        await ears.hears(due(SCRIPT, position - 60, position)[-1].id)
    assert ears.events[0]["source_event_id"] == due(SCRIPT, position - 60, position)[0].id


async def test_a_page_begins_with_a_few_entries_and_then_hears_each_once() -> None:
    clock, ears = Clock(), Ears()
    room = Room(SCRIPT, ears, clock)
    clock.ms += 40_000
    async with running(room):
        await ears.hears(due(SCRIPT, 0, 40)[-1].id)
        first = await next_news(room.news(None))
        assert first.moment == Moment(FRYER.id, ACHE)
        assert len(first.entries) == SHOWN_AT_FIRST
        news = room.news(first.number)
        assert (await next_news(news)).entries == ()
        await room.comment("xiaoyu", "小雨", "有没有白色的？")
        more = await next_news(news)
        assert [(entry.kind, entry.by, entry.text, entry.buyer) for entry in more.entries] == [
            ("comment", "小雨", "有没有白色的？", "xiaoyu")
        ]
        assert [entry.number for entry in more.entries] == [first.number + 1]


async def test_a_page_of_an_earlier_start_begins_anew() -> None:
    clock = Clock()
    room = Room(SCRIPT, Ears(), clock)
    await room.comment(None, "访客", "在吗")
    news = await next_news(room.news(after=99_999))
    assert [entry.text for entry in news.entries] == ["在吗"]


async def test_a_buyers_comment_reaches_the_desk_with_his_name_and_what_was_being_explained() -> None:
    clock, ears = Clock(), Ears()
    room = Room(SCRIPT, ears, clock)
    clock.ms += 20_000
    async with running(room):
        await room.comment("xiaoyu", "小雨", "会起球吗？")
        event = await ears.hears("viewer-1")
    assert event["buyer"] == "xiaoyu"
    assert event["product_id"] == DRESS.id
    assert isinstance(shop.read_live_event(event), shop.Commented)


async def test_the_end_lets_pages_go_and_tells_the_desk_once() -> None:
    clock, ears = Clock(), Ears()
    room = Room(SCRIPT, ears, clock)
    async with running(room):
        news = room.news(None)
        await next_news(news)
        await room.close()
        await room.close()
        async with asyncio.timeout(SOON_S):
            with pytest.raises(StopAsyncIteration):
                await anext(news)
    assert [event["source_event_id"] for event in ears.events].count("end") == 1
    assert ears.announced[-1]["ended_at"] is not None
