"""The whole desk on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.desk.house import House, furnished


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A furnished house with its doors open."""
    async with furnished(database_url, tmp_path) as house:
        yield house
