"""The same contract on both databases, with a clock that tests set."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.storage.database import Database
from tests.storage.line_world import Nodes
from tests.storage.world import Clock, furnish


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def _furnished(url: str) -> None:
    database = await Database.open(url, clock=Clock())
    await furnish(database)
    await database.close()


@pytest.fixture(scope="session")
def furnished_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the world in it, to be copied: migrating anew for each test takes longer."""
    file = tmp_path_factory.mktemp("furnished") / "desk.sqlite3"
    asyncio.run(_furnished(f"sqlite:///{file}"))
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of each kind that has no schema yet."""
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
