"""What tests borrow from outside: a browser, a redis-server, a PostgreSQL.

Each is real, and each xdist worker has its own. Where one is missing the test is skipped with a sentence, or
fails under `./run test --require-all`.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from server.demo.stream import stream_in
from tests.rounds import ROOT
from tests.services.databases import emptying, migrate, new_sqlite
from tests.services.postgres_server import PostgresServer
from tests.services.redis_server import RedisServer
from tests.services.s3_server import S3Server
from tests.services.s3_server import running as s3_running
from tools import programs

# The same examples in every run, and no time limit on one of them: the machine may be busy.
settings.register_profile("livedesk", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("livedesk")

Program = TypeVar("Program")
LONG = ("tests/faults/", "tests/nodes/", "tests/storage/", "tests/calls/")
"""Whose files take the longest: they come first, so that none is left to one process alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, all others as they stand."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def needed(found: Program | None, sentence: str) -> Program:
    """What was found; a missing program skips the test, or fails it where everything is required."""
    if found is not None:
        return found
    if os.environ.get("LIVEDESK_TEST_REQUIRE") == "1":
        pytest.fail(f"{sentence} (--require-all asks for it)", pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser for playwright's `executable_path`."""
    path = needed(programs.chromium(), "Chromium is not installed: its Debian package is `chromium`")
    return str(path)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real redis-server, shared by this process's tests. Who stops or kills it uses `redis_url`, too."""
    path: Path = needed(
        programs.redis_server(), "redis-server is not installed: its Debian package is `redis-server`"
    )
    server = RedisServer(path)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of a redis-server that is up and empty at the start of each test."""
    server = redis_server
    server.start()
    server.flush()
    return server.url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that speaks S3, shared by this process's tests."""
    with s3_running() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket; what is needed to use it is set."""
    for name, value in s3_server.settings.items():
        monkeypatch.setenv(name, value)
    s3_server.make_bucket("shelf")
    return "s3://shelf/livedesk"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL, shared by this process's tests."""
    path = needed(programs.postgres_bin(), "PostgreSQL is not installed: its Debian package is `postgresql`")
    server = PostgresServer(path)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of the maintenance database, for what concerns the whole cluster."""
    return postgres_server.url


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The address (`postgresql+asyncpg://…`) of a new, empty database, dropped after the test."""
    postgres_server.start()
    name = postgres_server.create_database()
    yield postgres_server.url_of(name)
    postgres_server.start()
    postgres_server.drop_database(name)


async def _migrate(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


@pytest.fixture(scope="session")
def migrated_name(postgres_server: PostgresServer) -> str:
    """The name of the database that `migrated_postgres` lends."""
    name = postgres_server.create_database()
    with ThreadPoolExecutor(1) as apart:  # a test whose loop runs already may be the first to ask for it
        apart.submit(asyncio.run, _migrate(postgres_server.url_of(name))).result()
    return name


@pytest.fixture
def migrated_postgres(postgres_server: PostgresServer, migrated_name: str) -> str:
    """The address (`postgresql+asyncpg://…`) of a migrated database without rows."""
    postgres_server.start()
    postgres_server.sql(emptying(), migrated_name)
    return postgres_server.url_of(migrated_name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, migrated database of each kind."""
    if request.param == "sqlite":
        return new_sqlite(tmp_path)
    url: str = request.getfixturevalue("migrated_postgres")
    return url


@pytest.fixture(scope="session")
def stream() -> Path:
    """The demo's video, drawn once and kept for all processes: it takes a core a quarter of a minute."""
    folder = ROOT / ".test-state" / "stream"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return stream_in(folder)
