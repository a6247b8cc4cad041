"""The live timeline: append-only, each event once, by shop; and the versions of where orders come from."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import ErrorCode, Refused
from server.storage import live as storage
from server.storage.database import Database
from server.storage.live import EventStored, LiveEventRecord, LiveSessionRecord, ProvenanceRecord
from tests.storage.world import NOON, OTHER_SHOP, SHOP

SESSION = LiveSessionRecord(SHOP, "live-1", "花间直播间", "双十一专场", NOON, None, 3_000)


def event(name: str, kind: str = "said", **other: Any) -> LiveEventRecord:
    record = LiveEventRecord(SHOP, "live-1", name, kind, NOON, None, {"text": name}, NOON + 9)
    return replace(record, **other)


async def put(database: Database, *sessions: LiveSessionRecord) -> None:
    async with database.write() as unit:
        for session in sessions:
            await unit.live.put_session(session)


async def append(database: Database, *events: LiveEventRecord) -> list[EventStored]:
    async with database.write() as unit:
        return await unit.live.append(events)


async def test_a_session_is_stored_once_and_can_end(database: Database) -> None:
    ended = replace(SESSION, ended_at=NOON + 5, title="改名")
    async with database.write() as unit:
        assert await unit.live.session(SHOP, "live-1") is None
        assert await unit.live.put_session(SESSION)
        assert not await unit.live.put_session(SESSION)
        assert await unit.live.put_session(ended)
        assert await unit.live.session(SHOP, "live-1") == ended
        assert await unit.live.session(OTHER_SHOP, "live-1") is None


async def test_events_keep_their_order_of_arrival_and_come_back_whole(database: Database) -> None:
    await put(database, SESSION)
    events = [
        event("e-2", "explain_start", at=NOON + 5, product_id="p-1", body={}),
        event("e-1", "host_on", at=NOON, body={"host": "小米"}),
        event("e-3", "comment", at=NOON + 6, body={"text": "有 XL 吗", "buyer": "sub-1"}),
        event("e-4", "promise", at=NOON + 7, product_id="p-1", body={"promise": "price", "value": "x"}),
    ]
    assert await append(database, *events) == [EventStored(seq, duplicate=False) for seq in (1, 2, 3, 4)]
    async with database.read() as reader:
        assert await reader.live.events(SHOP, "live-1") == events
        assert await reader.live.events(OTHER_SHOP, "live-1") == []


async def test_what_the_source_repeats_keeps_its_place_and_its_first_words(database: Database) -> None:
    await put(database, SESSION)
    await append(database, event("e-1"))
    stored = await append(
        database,
        event("e-2"),
        event("e-1", body={"text": "改了"}),
        event("e-2", body={"text": "又改"}),
        event("e-3"),
    )
    assert stored == [
        EventStored(2, duplicate=False),
        EventStored(1, duplicate=True),
        EventStored(2, duplicate=True),
        EventStored(3, duplicate=False),
    ]
    async with database.read() as reader:
        assert await reader.live.events(SHOP, "live-1") == [event("e-1"), event("e-2"), event("e-3")]


async def test_the_same_source_id_in_another_session_or_shop_is_another_event(database: Database) -> None:
    theirs = replace(SESSION, shop_id=OTHER_SHOP)
    await put(database, SESSION, replace(SESSION, id="live-2"), theirs)
    for one in (event("e-1"), event("e-1", live_session_id="live-2"), event("e-1", shop_id=OTHER_SHOP)):
        assert await append(database, one) == [EventStored(1, duplicate=False)]


async def test_events_of_no_session_are_refused(database: Database) -> None:
    await put(database, SESSION)
    for one in (event("e-1", live_session_id="live-9"), event("e-1", shop_id=OTHER_SHOP)):
        with pytest.raises(Refused) as refusal:
            await append(database, one)
        assert refusal.value.code is ErrorCode.not_found
    with pytest.raises(ValueError, match="one session"):
        await append(database, event("e-1"), event("e-2", live_session_id="live-9"))
    assert await append(database) == []
    async with database.read() as reader:
        assert await reader.live.events(SHOP, "live-1") == []


async def test_sources_that_tell_at_once_leave_no_gap(database: Database) -> None:
    await put(database, SESSION)
    calls = [[event(f"e-{n % 12}"), event(f"x-{n}")] for n in range(24)]
    results = await asyncio.gather(*(append(database, *call) for call in calls))
    flat = [result for call in results for result in call]
    fresh = sorted(result.seq for result in flat if not result.duplicate)
    assert fresh == list(range(1, 37))
    assert sum(result.duplicate for result in flat) == 12


async def test_of_very_many_events_the_newest_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "EVENTS_READ", 2)
    monkeypatch.setattr(storage, "COMMENTS_READ", 3)
    await put(database, SESSION)
    kinds = ["said", "comment", "said", "comment", "said", "comment", "comment"]
    events = [event(f"e-{n}", kind) for n, kind in enumerate(kinds)]
    await append(database, *events)
    async with database.read() as reader:
        assert await reader.live.events(SHOP, "live-1") == events[2:]


async def test_sessions_around_an_order_explained_its_product_in_time_or_are_named(
    database: Database,
) -> None:
    sessions = [replace(SESSION, id=f"live-{n}", started_at=NOON + n) for n in range(6)]
    await put(database, *sessions, replace(SESSION, shop_id=OTHER_SHOP, id="live-1"))
    starts = [(1, "p-1", NOON), (2, "p-1", NOON + 10), (3, "p-1", NOON + 11), (4, "p-2", NOON + 5)]
    for number, product_id, at in starts:
        one = event("e-1", "explain_start", live_session_id=f"live-{number}", product_id=product_id, at=at)
        await append(database, one)
    await append(database, event("e-1", "comment", live_session_id="live-0", product_id="p-1", at=NOON + 5))
    async with database.read() as reader:
        around = reader.live.sessions_around
        window = {"since": NOON, "until": NOON + 10}
        assert await around(SHOP, "p-1", **window, named=None) == sessions[1:3]
        assert await around(SHOP, "p-1", **window, named="live-5") == [*sessions[1:3], sessions[5]]
        assert await around(SHOP, "p-9", **window, named="live-9") == []
        assert await around(OTHER_SHOP, "p-1", **window, named=None) == []


async def test_the_newest_version_of_each_line_is_read_and_no_version_is_stored_twice(
    database: Database,
) -> None:
    def version(number: int, line_id: str = "l-1", shop_id: str = SHOP) -> ProvenanceRecord:
        verdict = {"confidence": "likely", "n": number}
        return ProvenanceRecord(shop_id, "o-1", line_id, number, verdict, NOON + number)

    async with database.write() as unit:
        assert await unit.live.provenances(SHOP, "o-1") == {}
        for one in (version(1), version(2), version(1, "l-2"), version(1, shop_id=OTHER_SHOP)):
            await unit.live.add_provenance(one)
        assert await unit.live.provenances(SHOP, "o-1") == {"l-1": version(2), "l-2": version(1, "l-2")}
        with pytest.raises(Refused) as refusal:
            await unit.live.add_provenance(replace(version(2), verdict={}))
        assert refusal.value.code is ErrorCode.retry
        assert await unit.live.provenances(SHOP, "o-1") == {"l-1": version(2), "l-2": version(1, "l-2")}
