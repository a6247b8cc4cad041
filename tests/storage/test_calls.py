"""Calls as they are stored, on both databases: one per conversation, one per agent, and all that belongs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from media import steps
from media.call import RING_MS, Call, CameraControls, Zoom
from media.grading import Stretch
from protocol.errors import ErrorCode, Refused
from server.storage.calls.store import SLOT_MS, CallRecord
from server.storage.database import Database
from tests.storage.world import AGENT, BUYER, COLLEAGUE, NOON, OTHER_BUYER, SHOP, client_id, opened


def ringing(call_id: str, agent: str = AGENT, buyer: str = BUYER) -> Call:
    return steps.invite(
        call_id,
        media="video",
        by="buyer",
        buyer=(f"{call_id}-b", buyer, "买家"),
        agent=(f"{call_id}-a", agent, "小荷"),
        now=NOON,
    ).call


def record(call: Call, conversation_id: str, number: int = 1, buyer: str = BUYER) -> CallRecord:
    return CallRecord(call, SHOP, conversation_id, buyer, client_id(number))


async def added(database: Database, call_id: str = "k1", **people: str) -> CallRecord:
    found = await opened(database, people.get("buyer", BUYER))
    made = record(ringing(call_id, **people), found.id, buyer=people.get("buyer", BUYER))
    async with database.write() as unit:
        assert await unit.calls.add(made)
    return made


async def read(database: Database, call_id: str = "k1") -> CallRecord:
    async with database.read() as unit:
        found = await unit.calls.get(call_id)
    assert found is not None
    return found


async def put(database: Database, before: CallRecord, after: Call) -> CallRecord:
    async with database.write() as unit:
        return await unit.calls.put(before, after)


async def test_a_call_is_read_as_it_was_stored_after_every_step(database: Database) -> None:
    before = await added(database)
    assert await read(database) == before
    acts: tuple[Callable[[Call], steps.Step], ...] = (
        lambda call: steps.answer(call, "agent", now=NOON + 1_000),
        lambda call: steps.open_leg(
            call, "k1-b", leg_id="l1", rejoin_hash="h1", known=None, move=False, now=NOON
        ),
        lambda call: steps.leg_up(call, "l1", now=NOON + 2_000),
        lambda call: steps.leg_lost(call, "l1", now=NOON + 3_000),
        lambda call: steps.supervise(call, "k1-s", COLLEAGUE, "小满", "listener", now=NOON),
        lambda call: steps.invite_guest(call, "k1-g", "老李"),
        lambda call: steps.set_media(call, "k1-b", controls=CameraControls(False, Zoom(1, 8.5, 1.1))),
        lambda call: steps.set_media(call, "k1-b", camera=False, screen=True),
        lambda call: steps.consent(call, "k1-b", True),
        lambda call: steps.agent_gone(call, now=NOON),
        lambda call: steps.agent_comes(call, "k1-a2", COLLEAGUE, "小满", now=NOON),
        lambda call: steps.hang_up(call, "k1-b", now=NOON + 9_000),
    )
    for act in acts:
        step = act(before.call)
        assert step.call != before.call
        before = await put(database, before, step.call)
        assert await read(database) == before


async def test_a_conversation_has_one_living_call_however_many_invite_at_once(database: Database) -> None:
    found = await opened(database)

    async def invite(number: int) -> bool:
        async with database.write() as unit:
            made = record(ringing(f"k{number}", agent=f"person-{number % 2 + 1}"), found.id, number)
            return await unit.calls.add(made)

    made = await asyncio.gather(*(invite(number) for number in range(1, 9)), return_exceptions=True)
    assert sum(each is True for each in made) == 1
    async with database.read() as unit:
        living = await unit.calls.live_of(found.id)
    assert living is not None
    await put(database, living, steps.end(living.call, "cancelled", "buyer", now=NOON).call)
    async with database.write() as unit:
        assert await unit.calls.live_of(found.id) is None
        assert await unit.calls.add(record(ringing("k20"), found.id, 20))
        assert not await unit.calls.add(record(ringing("k21"), found.id, 20))
        first = await unit.calls.by_client(found.id, client_id(20))
    assert first is not None and first.call.id == "k20"


async def test_an_agent_is_in_one_call_at_a_time(database: Database) -> None:
    first = await added(database)
    other = await opened(database, OTHER_BUYER)
    with pytest.raises(Refused) as refused:
        async with database.write() as unit:
            await unit.calls.add(record(ringing("k2", buyer=OTHER_BUYER), other.id, buyer=OTHER_BUYER))
    assert refused.value.code is ErrorCode.busy
    async with database.read() as unit:
        assert await unit.calls.get("k2") is None
        assert await unit.calls.agent_busy(AGENT)
        assert not await unit.calls.agent_busy(COLLEAGUE)
    await put(database, first, steps.end(first.call, "hung_up", "agent", now=NOON).call)
    async with database.write() as unit:
        assert await unit.calls.add(record(ringing("k2", buyer=OTHER_BUYER), other.id, buyer=OTHER_BUYER))


async def test_a_step_from_an_old_state_is_refused_and_changes_nothing(database: Database) -> None:
    before = await added(database)
    after = await put(database, before, steps.answer(before.call, "agent", now=NOON).call)
    with pytest.raises(Refused) as refused:
        await put(database, before, steps.end(before.call, "no_answer", "system", now=NOON).call)
    assert refused.value.code is ErrorCode.retry
    assert await read(database) == after


async def test_what_is_due_is_found_at_its_millisecond_and_no_more_when_it_is_over(
    database: Database,
) -> None:
    before = await added(database)
    async with database.read() as unit:
        assert await unit.calls.due(NOON + RING_MS - 1, 10) == []
        assert await unit.calls.due(NOON + RING_MS, 10) == [("k1", before.conversation_id)]
    await put(database, before, steps.expire(before.call, now=NOON + RING_MS).call)
    async with database.read() as unit:
        assert await unit.calls.due(NOON + 10 * RING_MS, 10) == []


async def test_living_calls_are_found_by_person_shop_and_run(database: Database) -> None:
    before = await added(database)
    async with database.write() as unit:
        await unit.calls.house("k1", "boot-1")
    async with database.read() as unit:
        for person in (BUYER, AGENT):
            assert [each.call.id for each in await unit.calls.live_of_person(person, 5)] == ["k1"]
        assert await unit.calls.live_of_person(COLLEAGUE, 5) == []
        assert [each.call.id for each in await unit.calls.live_of_shop(SHOP, 5)] == ["k1"]
        assert await unit.calls.live_of_shop("shop-b", 5) == []
        assert await unit.calls.live_on_others(["boot-1", "boot-2"]) == []
        assert [each.call.id for each in await unit.calls.live_on_others(["boot-2"])] == ["k1"]
        assert await unit.calls.living() == {"k1": (before.call.revision, 0)}
    await put(database, before, steps.end(before.call, "cancelled", "buyer", now=NOON).call)
    async with database.read() as unit:
        assert await unit.calls.live_of_person(BUYER, 5) == []
        assert await unit.calls.live_on_others(["boot-2"]) == []
        assert await unit.calls.living() == {}


async def test_the_track_of_marks_is_gapless_and_read_page_by_page(database: Database) -> None:
    await added(database)
    for number in range(1, 8):
        async with database.write() as unit:
            body = {"shape": "arrow", "number": number}
            assert await unit.calls.add_mark("k1", "k1-a", client_id(number), body, NOON + number) == number
    async with database.read() as unit:
        page = await unit.calls.marks_after("k1", 2, 3)
        again = await unit.calls.mark_of("k1", client_id(3))
    assert [(mark.seq, mark.body["number"], mark.at) for mark in page] == [
        (number, number, NOON + number) for number in (3, 4, 5)
    ]
    assert again == page[0]
    assert (await read(database)).marks == 7


async def test_consents_keep_who_said_what_to_which_text_and_when(database: Database) -> None:
    await added(database)
    for number, granted in enumerate((True, False)):
        async with database.write() as unit:
            await unit.calls.add_consent(
                "k1", "k1-b", granted=granted, text_version="2026-11", locale="zh-CN", now=NOON + number
            )
    async with database.read() as unit:
        assert await unit.calls.consents("k1") == [
            ("k1-b", True, "2026-11", "zh-CN", NOON),
            ("k1-b", False, "2026-11", "zh-CN", NOON + 1),
        ]


async def test_measurements_are_kept_up_to_the_limit_and_the_last_level_beyond(database: Database) -> None:
    await added(database)

    async def measured(level: str, **body: Any) -> bool:
        async with database.write() as unit:
            return await unit.calls.add_quality(
                "k1", "k1-b", level=level, step="full", body=body, most=2, now=NOON
            )

    assert [await measured(level, n=n) for n, level in enumerate(("good", "fair", "poor"))] == [
        True,
        True,
        False,
    ]
    async with database.read() as unit:
        assert [row[2:] for row in await unit.calls.quality("k1")] == [("good", {"n": 0}), ("fair", {"n": 1})]
    assert (await read(database)).quality == {"k1-b": ("poor", "full")}


async def test_measurements_of_a_call_are_taken_together_for_each_participant(database: Database) -> None:
    await added(database)

    async def measured(
        who: str, level: str, leg: str, step: str, loss: float, ms: int | None, at: int = NOON
    ) -> None:
        received = {"kbps": 800, "loss": loss, "jitter_ms": 20, "freezes": 1, "frozen_ms": 300}
        body = {"leg_id": leg, "step": step, "round_trip_ms": ms, "received": received, "sent": {"kbps": 500}}
        async with database.write() as unit:
            await unit.calls.add_quality("k1", who, level=level, step=step, body=body, most=9, now=at)

    await measured("k1-b", "good", "l1", "full", 0.0, 100)
    await measured("k1-b", "fair", "l1", "low_rate", 0.05, None)
    await measured("k1-b", "poor", "l2", "full", 0.25, 200, NOON + SLOT_MS)
    await measured("k1-a", "good", "l3", "full", 0.0, None)
    async with database.read() as unit:
        found = await unit.calls.connections(["k1", "k2"])
        assert await unit.calls.connections([]) == {}
    buyer = found["k1-b"]
    assert (buyer.measured, buyer.fair, buyer.poor, buyer.legs) == (3, 1, 1, 2)
    place = NOON // SLOT_MS
    assert buyer.slots == (Stretch(place, place, 1, 2), Stretch(place + 1, place + 1, 2, 0))
    assert (buyer.sent_kbps, buyer.received_kbps, buyer.jitter_ms, buyer.round_trip_ms) == (500, 800, 20, 150)
    assert buyer.loss == pytest.approx(0.1)
    assert (buyer.freezes, buyer.frozen_ms) == (3, 900)
    assert (found["k1-a"].measured, found["k1-a"].round_trip_ms) == (1, None)


async def test_the_newest_calls_of_a_conversation_come_first(database: Database) -> None:
    before = await added(database)
    ended = steps.hang_up(before.call, "k1-b", now=NOON + 9_000).call
    await put(database, before, ended)
    later = replace(ringing("k2"), rang_at=NOON + 10_000)
    async with database.write() as unit:
        assert await unit.calls.add(record(later, before.conversation_id, 2))
    async with database.read() as unit:
        newest = await unit.calls.of_conversation(before.conversation_id, 2)
        assert [each.call.id for each in newest] == ["k2", "k1"]
        assert [each.call.id for each in await unit.calls.of_conversation(before.conversation_id, 1)] == [
            "k2"
        ]
        assert await unit.calls.of_conversation("another", 2) == []


async def test_a_guests_link_opens_his_part_and_is_over_when_he_has_left(database: Database) -> None:
    before = await added(database)
    answered = steps.answer(before.call, "agent", now=NOON).call
    after = await put(database, before, steps.invite_guest(answered, "k1-g", "老李").call)
    async with database.write() as unit:
        await unit.calls.set_link("k1-g", "hash-1", NOON + 60_000)
    async with database.read() as unit:
        link = await unit.calls.link(link_hash="hash-1")
        assert link == await unit.calls.link(participant_id="k1-g")
        assert await unit.calls.link(link_hash="hash-2") is None
        assert await unit.calls.link(participant_id="k1-b") is None
    assert link is not None
    assert (link.participant_id, link.call_id, link.shop_id, link.until, link.over) == (
        "k1-g",
        "k1",
        SHOP,
        NOON + 60_000,
        False,
    )
    await put(database, after, steps.hang_up(after.call, "k1-g", now=NOON).call)
    async with database.read() as unit:
        gone = await unit.calls.link(link_hash="hash-1")
    assert gone is not None and gone.over
