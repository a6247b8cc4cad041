"""The line in SQL keeps the promises of `queues.ports`, on both databases."""

from collections.abc import AsyncIterator

import pytest

from server.storage.database import Database
from tests.queues.contract_line_store import LineStoreContract, LineUnderTest
from tests.queues.contract_presence import PresenceContract
from tests.storage.line_world import line_on
from tests.storage.world import Clock


@pytest.fixture
async def line(database_url: str, clock: Clock) -> AsyncIterator[LineUnderTest]:
    opened = await Database.open(database_url, clock=clock)
    yield line_on(opened)
    await opened.close()


class TestSqlLine(LineStoreContract, PresenceContract):
    """Nothing of its own: the contracts are the test."""
