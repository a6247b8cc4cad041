"""A backup made under load and restored: whole, and known as another database (scenario 38)."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from server.storage.backup import back_up, renew_epoch
from server.storage.database import Database
from server.storage.refusal import StorageRefused
from tests.storage.world import Clock, furnish, logs, opened, said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path


async def test_a_backup_under_load_holds_a_whole_prefix_under_another_epoch(
    folder: Path, clock: Clock
) -> None:
    shelf = folder / "shelf" / "backup.sqlite3"
    database = await Database.open(f"sqlite:///{folder / 'desk.sqlite3'}", clock=clock)
    await furnish(database)
    mine = await opened(database)
    busy, done = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            stored = await database.append(said(mine.id, "x" * 500))
            if stored.entry.seq == 200:
                busy.set()

    async with asyncio.TaskGroup() as writers:
        for _ in range(8):
            writers.create_task(write())
        await busy.wait()
        told = database.tally.stored
        await back_up(database, shelf)
        done.set()
    assert [each.name for each in shelf.parent.iterdir()] == ["backup.sqlite3"]
    original, _ = await logs(database, mine.id, page=200)
    await database.close()

    restored = await Database.open(f"sqlite:///{shelf}", clock=clock)
    copied, _ = await logs(restored, mine.id, page=200)
    assert told <= len(copied) <= len(original)
    assert copied == original[: len(copied)]
    assert restored.epoch != database.epoch
    assert restored.secret == database.secret
    assert (await restored.append(said(mine.id))).entry.seq == len(copied) + 1
    await restored.close()
    db = sqlite3.connect(shelf)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


async def test_a_backup_overwrites_nothing_and_needs_its_folder(folder: Path, clock: Clock) -> None:
    database = await Database.open(f"sqlite:///{folder / 'desk.sqlite3'}", clock=clock)
    there = folder / "shelf" / "there.sqlite3"
    there.write_text("mine")
    with pytest.raises(StorageRefused, match="already"):
        await back_up(database, there)
    assert there.read_text() == "mine"
    with pytest.raises(StorageRefused, match="no folder"):
        await back_up(database, folder / "nowhere" / "backup.sqlite3")
    await database.close()


async def test_a_backup_that_was_cut_off_is_made_anew(folder: Path, clock: Clock) -> None:
    database = await Database.open(f"sqlite:///{folder / 'desk.sqlite3'}", clock=clock)
    target = folder / "shelf" / "backup.sqlite3"
    target.with_name("backup.sqlite3.unfinished").write_text("half")
    await back_up(database, target)
    assert [each.name for each in target.parent.iterdir()] == ["backup.sqlite3"]
    await database.close()


async def test_postgresql_is_backed_up_by_its_own_tools(
    postgres_database: str, clock: Clock, tmp_path: Path
) -> None:
    database = await Database.open(postgres_database, clock=clock)
    with pytest.raises(StorageRefused, match="pg_basebackup"):
        await back_up(database, tmp_path / "backup")
    await database.close()


async def test_a_restored_database_can_be_given_another_epoch(
    database: Database, database_url: str, clock: Clock
) -> None:
    before = database.epoch
    await renew_epoch(database)
    await database.close()
    again = await Database.open(database_url, clock=clock)
    assert again.epoch != before
    assert again.secret == database.secret
    await again.close()
