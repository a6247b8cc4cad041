"""Calls booked for a time: told to both, replaced, taken back, and brought back when their time comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from protocol.call import BOOK_AHEAD_MS, BookCall, Booking
from server.desk.calls.bookings import Bookings
from server.identifiers import new_client_id
from signaling.facts import EntryStored
from tests.desk.carrying import Scene, refused, staged
from tests.desk.house import Person
from tests.services.databases import new_sqlite
from tests.signaling import fakes

HOUR = 3_600_000


@pytest.fixture
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("migrated_postgres")
    else:
        url = new_sqlite(tmp_path)
    async with staged(url, tmp_path) as made:
        yield made


def now(scene: Scene) -> int:
    return scene.house.node.legs.world.clock()


async def book(scene: Scene, who: Person, at: int, **more: Any) -> dict[str, Any]:
    asked = {
        "conversation_id": scene.conversation_id,
        "client_id": new_client_id(),
        "media": "video",
        "at": at,
    }
    return await who.ask("call.book", **asked | more)


def ahead(scene: Scene, ms: int) -> Bookings:
    """The bookings of a clock that is so much ahead."""
    world = scene.house.node.bookings.world
    return Bookings(replace(world, clock=lambda: world.clock() + ms))


async def when(scene: Scene, ms: int) -> None:
    """The sweep of a clock that is so much ahead."""
    await ahead(scene, ms).bring_back()


def booking(happened: str, at: int | None = None) -> Any:
    def told(said: dict[str, Any]) -> bool:
        entry = said["entry"]
        return entry["kind"] == "booking" and entry["happened"] == happened and at in (None, entry["at"])

    return told


async def test_a_booking_is_told_to_both_replaced_and_taken_back(scene: Scene) -> None:
    at, client_id = now(scene) + HOUR, new_client_id()
    first = await book(scene, scene.buyer, at, client_id=client_id)
    assert first["booking"] == {"at": at, "media": "video"}
    heard = await scene.agent.hears("chat.posted", booking("booked"))
    assert (heard["entry"]["at"], heard["entry"]["sender"]["kind"]) == (at, "buyer")
    assert heard["entry"]["replaced"] is None
    assert await book(scene, scene.buyer, at, client_id=client_id) == first
    since, client_id = len(scene.buyer.heard), new_client_id()
    move = partial(book, scene, scene.agent, at + HOUR, media="voice", fence=scene.fence, client_id=client_id)
    later = await move()
    assert later["booking"] == {"at": at + HOUR, "media": "voice"}
    heard = await scene.buyer.hears("chat.posted", booking("booked", at + HOUR), since=since)
    assert heard["entry"]["replaced"] == first["booking"], "whoever books may not have seen it"
    since = len(scene.buyer.heard)
    assert await move() == later
    again = await scene.buyer.hears("chat.posted", booking("booked", at + HOUR), since=since)
    assert again == heard, "a repeat replaces nothing more"
    await when(scene, HOUR + 1_000)
    assert not any(said["entry"].get("happened") == "due" for said in posted(scene.buyer)), "it was replaced"
    gone = {"conversation_id": scene.conversation_id, "client_id": new_client_id()}
    taken = await scene.buyer.ask("call.unbook", **gone)
    assert taken["booking"] is None
    await scene.agent.hears("chat.posted", booking("cancelled"))
    assert await scene.buyer.ask("call.unbook", **gone) == taken
    again = gone | {"client_id": new_client_id()}
    assert await refused(scene.buyer, "call.unbook", **again) == "not_found"
    await when(scene, 3 * HOUR)
    assert not any(said["entry"].get("happened") == "due" for said in posted(scene.buyer))


def posted(person: Person) -> list[dict[str, Any]]:
    return [said for name, said in person.heard if name == "chat.posted"]


async def test_when_the_time_comes_the_buyer_is_owed_a_call_once(scene: Scene) -> None:
    await book(scene, scene.agent, now(scene) + HOUR, fence=scene.fence)
    await when(scene, HOUR - 1_000)
    since = len(scene.agent.heard)
    await when(scene, HOUR)
    await scene.agent.hears("chat.posted", booking("due"))
    row = await scene.agent.hears(
        "conversation.changed", lambda said: said["summary"]["owed_since"] is not None, since=since
    )
    assert row["summary"]["conversation_id"] == scene.conversation_id
    await when(scene, HOUR)
    assert [said["entry"].get("happened") for said in posted(scene.agent)].count("due") == 1
    assert await scene.ring("agent")


async def test_a_booking_made_before_the_sweep_leaves_the_due_one_owed(scene: Scene) -> None:
    at = now(scene) + HOUR
    await book(scene, scene.buyer, at)
    async with scene.house.node.db.read() as unit:
        found = await unit.conversations.head(scene.conversation_id)
    assert found is not None
    asked = BookCall(conversation_id=found.id, client_id=new_client_id(), at=at + HOUR, media="voice")
    buyer = fakes.buyer(found.buyer_id, found.shop_id)
    done = await ahead(scene, HOUR).book_by_buyer(buyer, asked)
    assert done.reply.booking == Booking(at=at + HOUR, media="voice")
    assert [fact.entry.body["happened"] for fact in done.facts if isinstance(fact, EntryStored)] == [
        "due",
        "booked",
    ]
    await ahead(scene, HOUR).book_by_buyer(buyer, asked)
    async with scene.house.node.db.read() as unit:
        entries = await unit.conversations.of_kind(found.id, "public", "booking")
        found = await unit.conversations.head(found.id)
    told = [(entry.body["happened"], entry.body["at"], entry.body["replaced"]) for entry in entries]
    assert told == [("booked", at, None), ("due", at, None), ("booked", at + HOUR, None)]
    assert found is not None and found.owed_since is not None


@pytest.mark.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
async def test_a_closed_conversation_goes_on_when_its_call_is_due(scene: Scene) -> None:
    await book(scene, scene.buyer, now(scene) + HOUR)
    await scene.agent.ask(
        "conversation.close",
        conversation_id=scene.conversation_id,
        fence=scene.fence,
        client_id=new_client_id(),
    )
    since = len(scene.agent.heard)
    await when(scene, HOUR)
    taken = await scene.agent.hears("conversation.taken", since=since)
    assert taken["conversation_id"] == scene.conversation_id
    page = await scene.buyer.ask(
        "chat.sync",
        conversation_id=scene.conversation_id,
        epoch=scene.house.node.db.epoch,
        after_seq=0,
    )
    kinds = [entry["kind"] for entry in page["entries"]]
    assert kinds[kinds.index("closed") :][:3] == ["closed", "reopened", "booking"]
    reopened = page["entries"][kinds.index("reopened")]
    assert (reopened["by"], reopened["sender"]["kind"]) == ("system", "system"), "the buyer did nothing"


async def test_a_buyer_takes_a_booking_back_of_a_conversation_that_is_closed_and_nobody_owes_an_answer(
    scene: Scene,
) -> None:
    await book(scene, scene.agent, now(scene) + HOUR, fence=scene.fence)
    closing = {"conversation_id": scene.conversation_id, "client_id": new_client_id()}
    await scene.buyer.ask("conversation.close", **closing)
    gone = {"conversation_id": scene.conversation_id, "client_id": new_client_id()}
    assert await refused(scene.agent, "call.unbook", **gone, fence=scene.fence) == "conversation_closed"
    assert (await scene.buyer.ask("call.unbook", **gone))["booking"] is None
    async with scene.house.node.db.read() as unit:
        found = await unit.conversations.head(scene.conversation_id)
    assert found is not None and (found.state, found.owed_since) == ("closed", None)
    await when(scene, 2 * HOUR)
    assert not any(said["entry"].get("happened") == "due" for said in posted(scene.buyer))


async def test_a_buyer_who_asks_again_meanwhile_hears_of_it_there(scene: Scene) -> None:
    await book(scene, scene.buyer, now(scene) + HOUR)
    await scene.buyer.ask(
        "conversation.close", conversation_id=scene.conversation_id, client_id=new_client_id()
    )
    opened = await scene.buyer.ask("conversation.open", client_id=new_client_id(), topic="物流")
    assert opened["conversation_id"] != scene.conversation_id
    await when(scene, HOUR)
    due = await scene.buyer.hears("chat.posted", booking("due"))
    assert due["conversation_id"] == opened["conversation_id"]


async def test_a_time_that_is_over_or_too_far_ahead_and_who_has_no_part_are_refused(scene: Scene) -> None:
    asked = {"conversation_id": scene.conversation_id, "media": "video"}
    for at in (now(scene) - 1_000, now(scene) + BOOK_AHEAD_MS + 60_000):
        code = await refused(scene.buyer, "call.book", **asked, at=at, client_id=new_client_id())
        assert code == "bad_request"
    assert (await book(scene, scene.buyer, now(scene) + BOOK_AHEAD_MS - 60_000))["booking"] is not None
    good = asked | {"at": now(scene) + HOUR, "client_id": new_client_id()}
    stranger = await scene.house.buyer("stranger")
    assert await refused(stranger, "call.book", **good) == "not_found"
    assert await refused(scene.agent, "call.book", **good, fence=scene.fence + 1) == "stale_fence"
    foreign = await scene.house.agent("b1", shop="river")
    assert await refused(foreign, "call.book", **good, fence=scene.fence) == "not_found"
