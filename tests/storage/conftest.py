"""The same contract on both databases: a fixture of each, empty and migrated, with a clock that tests set."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.storage.database import Database
from tests.services.postgres_server import PostgresServer
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


@pytest.fixture(scope="session")
def furnished_name(postgres_server: PostgresServer) -> str:
    """The same on PostgreSQL."""
    name = postgres_server.create_database()
    asyncio.run(_furnished(postgres_server.url_of(name)))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database of each kind: empty, or with the world for who asks for `database`, too."""
    wants_world = "database" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "desk.sqlite3"
        if wants_world:
            shutil.copyfile(request.getfixturevalue("furnished_file"), file)
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.start()
    name = server.create_database(request.getfixturevalue("furnished_name") if wants_world else "template1")
    yield server.url_of(name)
    server.start()
    server.drop_database(name)


@pytest.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """An open database with two shops, two buyers and two agents; see `tests.storage.world`."""
    opened = await Database.open(database_url, clock=clock)
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
