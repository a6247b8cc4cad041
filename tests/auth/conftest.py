"""The same world on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.auth.desk import World, world


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[World]:
    async with world(database_url) as made:
        yield made
