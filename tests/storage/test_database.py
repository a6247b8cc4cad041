"""Opening a database: it is durable or refused, migrated, named by its epoch, and closed for good."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.errors import ErrorCode, Refused
from server.storage import sqlite
from server.storage.database import Database
from server.storage.refusal import StorageRefused
from server.storage.schema import metadata
from server.storage.sqlite import READERS
from tests.conftest import needed
from tests.services import postgres_server as postgres_module
from tests.services.postgres_server import PostgresServer
from tests.services.processes import free_port
from tests.storage.world import Clock, opened, public_log, refused, said
from tools import programs

SQLITE_SETTINGS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
POSTGRES_SETTINGS = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


async def settings(connection: AsyncConnection) -> dict[str, object]:
    is_sqlite = connection.dialect.name == "sqlite"
    names = list(SQLITE_SETTINGS if is_sqlite else POSTGRES_SETTINGS)
    ask = "PRAGMA {}" if is_sqlite else "SHOW {}"
    return {name: (await connection.exec_driver_sql(ask.format(name))).scalar_one() for name in names}


async def test_every_connection_has_the_durable_settings(database: Database) -> None:
    wanted = SQLITE_SETTINGS if database.dialect == "sqlite" else POSTGRES_SETTINGS
    everybody_in = asyncio.Barrier(READERS)

    async def reading() -> dict[str, object]:
        async with database.read() as reader:
            await everybody_in.wait()
            return await settings(reader.connection)

    assert await asyncio.gather(*(reading() for _ in range(READERS))) == [wanted] * READERS
    async with database.write() as unit:
        assert await settings(unit.connection) == wanted


async def test_a_database_in_memory_is_refused(clock: Clock) -> None:
    with pytest.raises(StorageRefused, match="journal_mode = memory"):
        await Database.open("sqlite://", clock=clock)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:////nowhere/at/all/desk.sqlite3", "no folder for the database /nowhere/at/all/desk.sqlite3"),
        ("mysql://desk@localhost/desk", "no storage on mysql"),
        ("desk.sqlite3", "cannot be read"),
        (f"postgresql://desk:geheim@127.0.0.1:{free_port()}/desk", "cannot be opened"),
    ],
    ids=["no-folder", "other-database", "no-url", "nobody-listens"],  # the port differs by process
)
async def test_a_url_that_leads_nowhere_is_refused_with_a_sentence(
    clock: Clock, url: str, sentence: str
) -> None:
    with pytest.raises(StorageRefused, match=sentence) as refusal:
        await Database.open(url, clock=clock)
    assert "geheim" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("This is no database. " * 100)
    with pytest.raises(StorageRefused, match="cannot be opened"):
        await Database.open(f"sqlite:///{file}", clock=clock)
    assert file.read_text() == "This is no database. " * 100


@pytest.fixture(params=["fsync", "full_page_writes"])
def careless_postgres(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """A setting that is off, and the address of a PostgreSQL that runs so."""
    monkeypatch.setitem(postgres_module.SETTINGS, request.param, "off")
    server = PostgresServer(needed(programs.postgres_bin(), "PostgreSQL is not installed"))
    try:
        server.start()
        yield request.param, server.url
    finally:
        server.close()


async def test_a_postgresql_that_a_crash_can_take_back_is_refused(
    clock: Clock, careless_postgres: tuple[str, str]
) -> None:
    setting, url = careless_postgres
    with pytest.raises(StorageRefused, match=f"{setting} = off"):
        await Database.open(url, clock=clock)


async def test_a_session_that_would_not_wait_for_the_disk_is_told_to(
    clock: Clock, postgres_database: str
) -> None:
    first = await Database.open(postgres_database, clock=clock)
    async with first.write() as unit:
        name = (await unit.connection.exec_driver_sql("SELECT current_database()")).scalar_one()
        await unit.connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await first.close()
    database = await Database.open(postgres_database, clock=clock)
    async with database.write() as unit:
        assert await settings(unit.connection) == POSTGRES_SETTINGS
    await database.close()


async def test_the_migrated_schema_is_the_schema(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.write() as unit:
        assert await unit.connection.run_sync(differences) == []


async def test_the_migrated_database_makes_the_same_tables_as_the_schema(
    tmp_path: Path, clock: Clock
) -> None:
    """Alembic's comparison overlooks partial indexes and tables without rowid; SQLite's own words do not."""
    migrated, made = tmp_path / "migrated.sqlite3", tmp_path / "made.sqlite3"
    await (await Database.open(f"sqlite:///{migrated}", clock=clock)).close()
    engine = create_engine(f"sqlite:///{made}")
    metadata.create_all(engine)
    engine.dispose()
    assert words(migrated) == words(made)


def words(file: Path) -> dict[str, list[str]]:
    """What SQLite keeps of each table and index, without the order of its parts and the spaces."""
    db = sqlite3.connect(file)
    try:
        rows = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
        ).fetchall()
    finally:
        db.close()
    # A column that was added stands on the line of the one before it.
    parts = {name: [part.strip(" \t,") for part in re.split(r"\n|, ", sql)] for name, sql in rows}
    return {name: sorted(filter(None, words_of)) for name, words_of in parts.items()}


async def test_the_epoch_and_the_secret_name_one_database_for_good(
    database: Database, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    again = await Database.open(database_url, clock=clock)
    assert (again.epoch, again.secret) == (database.epoch, database.secret)
    await again.close()
    other = await Database.open(f"sqlite:///{tmp_path / 'other.sqlite3'}", clock=clock)
    assert other.epoch != database.epoch
    assert other.secret != database.secret
    await other.close()


async def test_what_was_acknowledged_is_there_after_opening_again(
    database: Database, database_url: str, clock: Clock
) -> None:
    mine = await opened(database)
    stored = await database.append(said(mine.id))
    await database.close()
    again = await Database.open(database_url, clock=clock)
    assert await public_log(again, mine.id) == [stored.entry]
    await again.close()


async def test_a_schema_from_the_future_is_refused_and_left_alone(
    database: Database, database_url: str, clock: Clock
) -> None:
    async with database.write() as unit:
        await unit.connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    with pytest.raises(StorageRefused, match="of_tomorrow, which is newer than this program"):
        await Database.open(database_url, clock=clock)
    async with database.read() as reader:
        version = await reader.connection.execute(text("SELECT version_num FROM alembic_version"))
        assert version.scalar_one() == "of_tomorrow"


async def test_several_that_open_at_once_migrate_once(empty_database_url: str, clock: Clock) -> None:
    databases = await asyncio.gather(*(Database.open(empty_database_url, clock=clock) for _ in range(4)))
    assert len({each.epoch for each in databases}) == 1
    async with databases[0].read() as reader:
        tables = await reader.connection.run_sync(lambda connection: inspect(connection).get_table_names())
    assert set(tables) == {*metadata.tables, "alembic_version"}
    await asyncio.gather(*(each.close() for each in databases))


def test_who_changes_the_journal_while_the_database_is_busy_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "desk.sqlite3"
    first, second = (sqlite3.connect(file, timeout=0, isolation_level=None) for _ in range(2))
    first.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("time.sleep", lambda seconds: first.execute("COMMIT"))
    sqlite._begin_wal(second)
    assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    first.close()
    second.close()


async def test_closing_twice_is_harmless_and_afterwards_nothing_is_taken(database: Database) -> None:
    mine = await opened(database)
    await asyncio.gather(database.close(), database.close())
    await database.close()
    assert await refused(database, said(mine.id)) is ErrorCode.retry
    with pytest.raises(Refused) as refusal:
        async with database.write():
            pass
    assert refusal.value.code is ErrorCode.retry


async def test_closing_commits_what_waits(database: Database, database_url: str, clock: Clock) -> None:
    mine = await opened(database)
    writes = [asyncio.create_task(database.append(said(mine.id))) for _ in range(30)]
    await asyncio.sleep(0)
    await database.close()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    stored = [each.entry for each in answers if not isinstance(each, BaseException)]
    assert all(isinstance(each, Refused) for each in answers if isinstance(each, BaseException))
    if database.dialect == "sqlite":
        assert len(stored) == 30
    again = await Database.open(database_url, clock=clock)
    assert {entry.seq for entry in stored} <= {entry.seq for entry in await public_log(again, mine.id)}
    await again.close()


async def test_a_cancelled_unit_of_work_leaves_nothing_and_blocks_nobody(database: Database) -> None:
    mine = await opened(database)
    inside = asyncio.Event()

    async def stuck() -> None:
        async with database.write() as unit:
            await unit.conversations.append(said(mine.id), now=0)
            inside.set()
            await asyncio.Event().wait()

    async def busy() -> None:
        async with database.write() as unit:
            inside.set()
            while True:
                await unit.conversations.append(said(mine.id), now=0)

    for work in (stuck, busy):
        inside.clear()
        task = asyncio.create_task(work())
        await asyncio.wait_for(inside.wait(), 10)
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await public_log(database, mine.id) == []
    stored = await asyncio.wait_for(database.append(said(mine.id)), 10)
    assert stored.entry.seq == 1
    assert len(await public_log(database, mine.id)) == 1


async def test_a_caller_who_goes_away_disturbs_nobody(database: Database) -> None:
    mine = await opened(database)
    leaving = [asyncio.create_task(database.append(said(mine.id))) for _ in range(5)]
    staying = [asyncio.create_task(database.append(said(mine.id))) for _ in range(5)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    stored = [each.entry.seq for each in await asyncio.gather(*staying)]
    log = [entry.seq for entry in await public_log(database, mine.id)]
    assert log == list(range(1, len(log) + 1))
    assert set(stored) <= set(log)


async def test_a_reading_cannot_write(database: Database) -> None:
    mine = await opened(database)
    with pytest.raises((Refused, DBAPIError)):
        async with database.read() as reader:
            await reader.conversations.append(said(mine.id), now=0)
    assert await public_log(database, mine.id) == []
