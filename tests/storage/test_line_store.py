"""The line in SQL keeps the promises of `queues.ports`, on both databases."""

from collections.abc import AsyncIterator

import pytest

from queues.model import REASON_MISSED, OfferEnded, SeatChanged
from server.storage.database import Database
from tests.queues.build import NOW, seat
from tests.queues.contract_line_store import LineStoreContract, LineUnderTest, held, offered, open_shop
from tests.queues.contract_presence import PresenceContract
from tests.storage.line_world import line_on
from tests.storage.world import Clock


@pytest.fixture
async def line(database_url: str, clock: Clock) -> AsyncIterator[LineUnderTest]:
    opened = await Database.open(database_url, clock=clock)
    yield line_on(opened)
    await opened.close()


class TestSqlLine(LineStoreContract, PresenceContract):
    """The contracts, and what only a store that reads its rows beforehand could get wrong."""

    async def test_of_two_offers_that_end_together_the_second_is_withdrawn_by_the_miss_of_the_first(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await line.add_seat(seat("mei", misses=1))
        await offered(line, "ann", "mei", "o-1")
        await offered(line, "ben", "mei", "o-2")
        now = NOW + 20_000
        assert list(await line.expire_offers(holder=await held(line), now=now)) == [
            OfferEnded("o-1", "t-ann", "ann", "mei", "missed", now),
            SeatChanged("mei", "break", REASON_MISSED, now),
            OfferEnded("o-2", "t-ben", "ben", "mei", "withdrawn", now),
        ]
        assert (await line.ticket("ben")).refused_by == frozenset()
