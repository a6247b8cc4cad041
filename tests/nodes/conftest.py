"""Two nodes that serve one shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.conftest import nursery
from tests.faults.harness import Nursery, Town, town
from tests.services.redis_server import RedisServer

__all__ = ["nursery"]


@pytest.fixture
async def desk(
    nursery: Nursery,
    migrated_postgres: str,
    redis_server: RedisServer,
    redis_url: str,
    tmp_path: Path,
) -> AsyncIterator[Town]:
    """A furnished town with two nodes."""
    async with town(nursery, tmp_path, migrated_postgres) as built:
        for _ in range(2):
            await built.node(settings={"redis_url": redis_url})
        yield built
    redis_server.start()
