"""Long files at signed addresses: sent in parts, and only as long as one may see them."""

from __future__ import annotations

import hashlib
import random

import pytest
from aiohttp import ClientPayloadError

from server.auth.links import LINK_MS, Viewer
from server.http.shown import ASKED_AGAIN_BYTES, PART_BYTES
from signaling.ports import Client
from tests.http.site import Site

LONG = random.Random(3).randbytes(ASKED_AGAIN_BYTES + PART_BYTES + 7)


async def address(site: Site) -> str:
    """Where a buyer sees a long file."""
    site.uploaded.kept["film"] = LONG
    buyer = await site.world.buyer()
    actor = await site.world.sockets.admit("/buyer", buyer.token, Client("127.0.0.1", None, ""))
    viewer = Viewer("buyer", actor.session_id)
    return site.links.address(viewer, "film", site.world.clock() + LINK_MS)


async def test_a_long_file_comes_whole_and_in_ranges_and_is_asked_for_again_on_its_way(site: Site) -> None:
    url = await address(site)
    async with site.client.get(url) as answer:
        assert (answer.status, answer.content_length) == (200, len(LONG))
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(LONG).digest()
    assert site.uploaded.shown == 2
    async with site.client.get(url, headers={"Range": f"bytes=5-{2 * PART_BYTES + 5}"}) as answer:
        assert answer.status == 206
        assert await answer.read() == LONG[5 : 2 * PART_BYTES + 6]
    async with site.client.head(url) as answer:
        assert (answer.status, answer.content_length) == (200, len(LONG))


async def test_a_right_that_ends_ends_what_is_on_its_way(site: Site) -> None:
    url = await address(site)
    site.uploaded.show_at_most = 1
    async with site.client.get(url) as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()
