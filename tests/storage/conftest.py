"""The same contract on both databases: a fixture of each, empty and migrated, with a clock that tests set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.storage.database import Database
from tests.storage.line_world import Nodes
from tests.storage.world import Clock, furnish


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.sqlite3'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """An open database with two shops, two buyers and two agents; see `tests.storage.world`."""
    opened = await Database.open(database_url, clock=clock)
    await furnish(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def nodes(database_url: str, clock: Clock) -> AsyncIterator[Nodes]:
    """Two nodes on one empty database. On SQLite they are one: it serves one process."""
    near = await Database.open(database_url, clock=clock)
    far = await Database.open(database_url, clock=clock) if near.dialect == "postgresql" else near
    yield Nodes(near, far)
    await near.close()
    await far.close()
