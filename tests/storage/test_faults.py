"""When the disk is full, the file locked, the server gone or the queue long: `retry`, and later it works."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.errors import ErrorCode, Refused
from server.storage import postgres, sqlite, writer
from server.storage.catalogue import ProductRecord
from server.storage.database import Database, Unit
from server.storage.live import LiveEventRecord, LiveSessionRecord
from tests.services.postgres_server import PostgresServer
from tests.storage.world import (
    NOON,
    OTHER_BUYER,
    SHOP,
    Clock,
    fingerprint,
    furnish,
    head,
    opened,
    public_log,
    refused,
    said,
)

RETRY = ErrorCode.retry
RECOVERED_S = 5.0
"""How soon after its return a database is used again (scenario 7)."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


@pytest.fixture
async def on_sqlite(file: Path, clock: Clock) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{file}", clock=clock)
    await furnish(database)
    yield database
    await database.close()


async def test_a_full_disk_refuses_visibly_and_space_lets_it_go_on(on_sqlite: Database) -> None:
    mine = await opened(on_sqlite)
    first = await on_sqlite.append(said(mine.id))
    async with on_sqlite.write() as unit:
        pages = (await unit.connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await unit.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    large = "满" * 4_000
    outcomes = await asyncio.gather(*(refused(on_sqlite, said(mine.id, large)) for _ in range(40)))
    assert outcomes == [RETRY] * 40
    assert await public_log(on_sqlite, mine.id) == [first.entry]
    with pytest.raises(Refused) as refusal:
        async with on_sqlite.write() as unit:
            for _ in range(40):
                await unit.conversations.append(said(mine.id, large), now=NOON)
    assert refusal.value.code is RETRY
    assert on_sqlite.tally.failed == 40
    async with on_sqlite.write() as unit:
        await unit.connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    assert (await on_sqlite.append(said(mine.id, large))).entry.seq == 2
    assert [entry.seq for entry in await public_log(on_sqlite, mine.id)] == [1, 2]


async def test_a_file_that_somebody_else_keeps_locked_is_retried_until_it_is_free(
    on_sqlite: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await opened(on_sqlite)
    async with on_sqlite.write() as unit:
        await unit.connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    stranger = sqlite3.connect(file, isolation_level=None)
    try:
        stranger.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(*(refused(on_sqlite, said(mine.id)) for _ in range(3)))
        assert outcomes == [RETRY] * 3
        with pytest.raises(Refused) as refusal:
            async with on_sqlite.write():
                pass
        assert refusal.value.code is RETRY
        assert await public_log(on_sqlite, mine.id) == []
        stranger.execute("UPDATE conversations SET topic = 'theirs'")
        stranger.execute("COMMIT")
    finally:
        stranger.close()
    assert (await on_sqlite.append(said(mine.id))).entry.seq == 1
    assert (await head(on_sqlite, mine.id)).topic == "theirs"


async def test_a_write_waits_for_another_process_no_longer_than_said(on_sqlite: Database) -> None:
    async with on_sqlite.write() as unit:
        waits = (await unit.connection.exec_driver_sql("PRAGMA busy_timeout")).scalar_one()
    assert waits == sqlite.BUSY_TIMEOUT_MS


async def test_the_queue_of_writes_is_bounded_and_says_so(
    on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_MAX", 5)
    mine = await opened(on_sqlite)
    async with on_sqlite.write():
        waiting = [asyncio.create_task(on_sqlite.append(said(mine.id))) for _ in range(5)]
        await asyncio.sleep(0)
        assert on_sqlite.waiting == 5
        assert await refused(on_sqlite, said(mine.id)) is RETRY
    stored = await asyncio.gather(*waiting)
    assert [each.entry.seq for each in stored] == [1, 2, 3, 4, 5]
    assert await refused(on_sqlite, said(mine.id)) is None


async def test_a_long_queue_is_written_in_bounded_batches(
    on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_MAX", 4)
    mine = await opened(on_sqlite)
    before = on_sqlite.tally.batches
    async with on_sqlite.write():
        waiting = [asyncio.create_task(on_sqlite.append(said(mine.id))) for _ in range(10)]
        await asyncio.sleep(0)
    stored = await asyncio.gather(*waiting)
    assert [each.entry.seq for each in stored] == list(range(1, 11))
    assert on_sqlite.tally.batches - before == 3


async def test_a_unit_of_work_gets_its_turn_between_batches(on_sqlite: Database) -> None:
    mine = await opened(on_sqlite)
    done = asyncio.Event()

    async def write() -> int:
        count = 0
        while not done.is_set():
            await on_sqlite.append(said(mine.id))
            count += 1
        return count

    writers = [asyncio.create_task(write()) for _ in range(8)]
    for _ in range(20):
        async with asyncio.timeout(10), on_sqlite.write() as unit:
            await unit.conversations.head(mine.id)
    done.set()
    total = sum(await asyncio.gather(*writers))
    assert [entry.seq for entry in await public_log(on_sqlite, mine.id)] == list(range(1, total + 1))


async def test_the_tally_counts_what_became_of_the_writes(database: Database) -> None:
    mine = await opened(database)
    entry = said(mine.id)
    await database.append(entry)
    await database.append(entry)
    await refused(database, said(mine.id, sender_id=OTHER_BUYER))
    tally = database.tally
    assert (tally.stored, tally.repeated, tally.refused, tally.failed) == (1, 1, 1, 0)
    assert database.waiting == 0


@pytest.fixture
async def on_postgres(postgres_database: str, clock: Clock) -> AsyncIterator[Database]:
    database = await Database.open(postgres_database, clock=clock)
    await furnish(database)
    yield database
    await database.close()


async def test_a_postgresql_that_restarts_is_used_again_and_nothing_acknowledged_is_lost(
    on_postgres: Database, postgres_server: PostgresServer
) -> None:
    mine = await opened(on_postgres)
    acknowledged: dict[int, str] = {}
    answers = asyncio.Queue[ErrorCode | None]()
    finished = asyncio.Event()

    async def write(number: int) -> None:
        while not finished.is_set():
            entry = said(mine.id, f"{number}")
            while not finished.is_set():
                try:
                    stored = await on_postgres.append(entry)
                except Refused as refusal:
                    assert refusal.code is RETRY
                    answers.put_nowait(RETRY)
                    await asyncio.sleep(0.01)
                else:
                    acknowledged[stored.entry.seq] = stored.entry.message_id
                    answers.put_nowait(None)
                    break

    async def until(wanted: ErrorCode | None) -> None:
        while await answers.get() is not wanted:
            pass

    async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
        for number in range(20):
            writers.create_task(write(number))
        for _ in range(3):
            await until(None)
            # From this thread: the server lives as long as the thread that starts it.
            postgres_server.kill()
            await until(RETRY)
            postgres_server.start()
            while not answers.empty():
                answers.get_nowait()
            async with asyncio.timeout(RECOVERED_S):
                await until(None)
        finished.set()
    # Every connection of the pool is sound again.
    async with asyncio.TaskGroup() as group:
        for _ in range(2 * postgres.CONNECTIONS):
            group.create_task(head(on_postgres, mine.id))
    log = await public_log(on_postgres, mine.id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert acknowledged.items() <= {entry.seq: entry.message_id for entry in log}.items()
    assert len({entry.client_id for entry in log}) == len(log)


async def test_appends_under_way_on_postgresql_are_bounded(
    on_postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WAITING_MAX", 5)
    mine = await opened(on_postgres)
    async with on_postgres.write() as unit:
        await unit.conversations.head(mine.id, lock=True)
        waiting = [asyncio.create_task(on_postgres.append(said(mine.id))) for _ in range(5)]
        await asyncio.sleep(0)
        assert await refused(on_postgres, said(mine.id)) is RETRY
        before = await fingerprint(on_postgres)
    assert sorted([each.entry.seq for each in await asyncio.gather(*waiting)]) == [1, 2, 3, 4, 5]
    assert await fingerprint(on_postgres) != before


async def test_what_postgresql_cannot_keep_is_a_bad_request(on_postgres: Database) -> None:
    product = ProductRecord(SHOP, "p-1", "大\x00衣", None, "CNY", None, None)
    session = LiveSessionRecord(SHOP, "live-1", "room", "title", NOON, None, 0)
    event = LiveEventRecord(SHOP, "live-1", "e-1", "said", NOON, None, {"text": "\x00"}, NOON)

    async def put_product(unit: Unit) -> None:
        await unit.catalogue.put_product(product, now=NOON)

    async def append_event(unit: Unit) -> None:
        await unit.live.put_session(session)
        await unit.live.append([event])

    for put in (put_product, append_event):
        with pytest.raises(Refused) as refusal:
            async with on_postgres.write() as unit:
                await put(unit)
        assert refusal.value.code is ErrorCode.bad_request


async def test_a_full_pool_is_told_to_retry_after_a_while(
    postgres_database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CONNECTIONS", 1)
    monkeypatch.setattr(postgres, "CONNECTION_WAIT_S", 0.05)
    database = await Database.open(postgres_database, clock=clock)
    async with database.read():
        with pytest.raises(Refused) as refusal:
            async with database.read():
                pass
        assert refusal.value.code is RETRY
    await database.close()
