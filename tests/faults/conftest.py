"""Nodes, and the whole desk on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Nursery, Town, nursing, town


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks nodes for this process's tests."""
    with nursing() as nursery:
        yield nursery


@pytest.fixture
async def desk(nursery: Nursery, database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A furnished town on each database, without nodes yet."""
    async with town(nursery, tmp_path, database_url) as built:
        yield built
