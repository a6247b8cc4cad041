"""A node takes in so many pictures at a time, for so long, and so many of one buyer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from protocol.errors import ErrorCode
from server import rates
from server.http import door
from server.identifiers import new_client_id
from server.rates import Rate, Rates
from tests.http.site import Site, bearer, refused


def place() -> str:
    return f"/api/v1/conversations/c-1/files/{new_client_id()}"


async def stalling(ends: asyncio.Event) -> AsyncIterator[bytes]:
    """A picture that does not go on until the event."""
    yield b"\xff\xd8\xff"
    await ends.wait()


def taken_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[str]:
    """Gets a word for each upload whose bytes are waited for."""
    admitted: asyncio.Queue[str] = asyncio.Queue()
    admit = site.uploaded.admit

    async def noting(buyer_id: str, conversation_id: str, client_id: str) -> Any:
        found = await admit(buyer_id, conversation_id, client_id)
        admitted.put_nowait(client_id)
        return found

    monkeypatch.setattr(site.uploaded, "admit", noting)
    return admitted


async def test_one_picture_more_than_a_node_takes_in_at_a_time_is_answered_with_retry(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "UPLOADS_AT_ONCE", 2)
    headers = bearer((await site.world.buyer()).token)
    admitted = taken_in(site, monkeypatch)
    ends = asyncio.Event()
    under_way = [
        asyncio.create_task(site.client.put(place(), data=stalling(ends), headers=headers)) for _ in range(2)
    ]
    for _ in under_way:
        await asyncio.wait_for(admitted.get(), 10)
    response = await site.client.put(place(), data=b"\xff\xd8\xff", headers=headers)
    assert await refused(response) is ErrorCode.retry
    # Somebody leaves in the middle: his place is free.
    under_way[0].cancel()
    ends.set()
    assert (await under_way[1]).status == 200
    for _ in range(2):
        assert (await site.client.put(place(), data=b"\xff\xd8\xff", headers=headers)).status == 200


async def test_a_picture_that_does_not_arrive_in_its_time_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "UPLOAD_SECONDS", 0.2)
    monkeypatch.setattr(door, "CALL_SECONDS", 0.0)
    headers = bearer((await site.world.buyer()).token)
    ends = asyncio.Event()
    response = await site.client.put(place(), data=stalling(ends), headers=headers)
    assert await refused(response) is ErrorCode.retry
    assert site.merchants.called == []


async def test_a_buyer_sends_sixty_pictures_a_minute_and_no_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Rates(monotonic=site.world.clock.seconds, overrides={"upload-buyer": Rate("upload-buyer", 2, 60)})
    monkeypatch.setattr(site.door, "counter", few)
    first, second = await site.world.buyer("buyer-1"), await site.world.buyer("buyer-2")
    for _ in range(2):
        response = await site.client.put(place(), data=b"\xff\xd8\xff", headers=bearer(first.token))
        assert response.status == 200
    response = await site.client.put(place(), data=b"\xff\xd8\xff", headers=bearer(first.token))
    assert await refused(response) is ErrorCode.rate_limited
    response = await site.client.put(place(), data=b"\xff\xd8\xff", headers=bearer(second.token))
    assert response.status == 200
    assert (rates.UPLOAD_BUYER.count, rates.UPLOAD_BUYER.seconds) == (60, 60)
