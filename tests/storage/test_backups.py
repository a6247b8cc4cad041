"""A backup made under load and restored: whole, and known as another database (scenario 38)."""

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic import command
from sqlalchemy import create_engine, select

from server.storage import backup, schema
from server.storage.backup import back_up, forget, restore
from server.storage.database import Database
from server.storage.holding import hold
from server.storage.migration import _config, schemas
from server.storage.people import SignIn
from server.storage.refusal import StorageRefused
from tests.storage.world import AGENT, NOON, Clock, furnish, logs, opened, said

SIGN_IN = SignIn("sign-in-1", AGENT, NOON, NOON, NOON + 1_000_000, None, "192.0.2.1", "", None)


class Shelf(NamedTuple):
    """Where a test's databases are."""

    desk: Path
    backup: Path
    new: Path


def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(
        tmp_path / "desk" / "livedesk.db", tmp_path / "shelf" / "b.db", tmp_path / "new" / "livedesk.db"
    )
    for each in made:
        each.parent.mkdir()
    return made


@pytest.fixture
def filled(shelf: Shelf, furnished_file: Path) -> Shelf:
    """A database and its backup."""
    shutil.copyfile(furnished_file, shelf.desk)
    back_up(url(shelf.desk), shelf.backup)
    return shelf


async def restored(shelf: Shelf, clock: Clock, file: Path | None = None) -> backup.Copy:
    return await asyncio.to_thread(restore, url(shelf.new), file or shelf.backup, clock=clock)


def beside(file: Path) -> list[str]:
    """Everything in the file's folder."""
    return sorted(each.name for each in file.parent.iterdir())


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(statement)


async def test_a_backup_under_load_is_restored_as_a_whole_prefix_that_nobody_takes_for_the_original(
    shelf: Shelf, clock: Clock
) -> None:
    database = await Database.open(url(shelf.desk), clock=clock)
    await furnish(database)
    async with database.write() as unit:
        await unit.people.add_sign_in(SIGN_IN, "hash")
        await unit.people.add_socket_token("token", SIGN_IN.id, NOON + 60_000, NOON)
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
        copy = await asyncio.to_thread(back_up, url(shelf.desk), shelf.backup)
        done.set()
    assert beside(shelf.backup) == ["b.db"]
    assert (copy.size, copy.schema) == (shelf.backup.stat().st_size, schemas()[1])
    original, _ = await logs(database, mine.id, page=200)
    await database.close()

    before = shelf.backup.read_bytes()
    there = await restored(shelf, clock)
    assert (beside(shelf.new), beside(shelf.backup)) == (["livedesk.db"], ["b.db"])
    assert shelf.backup.read_bytes() == before
    for file in (shelf.backup, shelf.new):
        assert file.stat().st_mode & 0o777 == 0o600
    again = await Database.open(url(shelf.new), clock=clock)
    copied, _ = await logs(again, mine.id, page=200)
    assert told <= len(copied) <= len(original)
    assert copied == original[: len(copied)]
    assert len({database.epoch, copy.epoch, again.epoch}) == 3
    assert again.epoch == there.epoch
    assert again.secret == database.secret
    assert (await again.append(said(mine.id))).entry.seq == len(copied) + 1
    async with again.write() as unit:
        sign_in = await unit.people.sign_in(session_id=SIGN_IN.id)
        assert sign_in is not None and sign_in.ended_at == NOON
        assert await unit.people.take_socket_token("token") is None
    await again.close()
    with closing(sqlite3.connect(shelf.new)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_the_same_backup_restored_twice_is_two_databases(filled: Shelf, clock: Clock) -> None:
    first = await restored(filled, clock)
    filled.new.unlink()
    assert (await restored(filled, clock)).epoch != first.epoch


def test_a_backup_overwrites_nothing_and_needs_its_folder_and_its_database(filled: Shelf) -> None:
    kept = filled.backup.read_bytes()
    with pytest.raises(StorageRefused, match="already"):
        back_up(url(filled.desk), filled.backup)
    assert filled.backup.read_bytes() == kept
    with pytest.raises(StorageRefused, match="no folder"):
        back_up(url(filled.desk), filled.backup.parent / "nowhere" / "b.db")
    with pytest.raises(StorageRefused, match="no database"):
        back_up(url(filled.new), filled.backup.with_name("c.db"))
    assert (beside(filled.new), beside(filled.backup)) == ([], ["b.db"])


def test_what_is_no_database_of_livedesk_is_not_backed_up(shelf: Shelf) -> None:
    change(shelf.desk, "CREATE TABLE meta (key, value)")
    with pytest.raises(StorageRefused, match="no database of livedesk"):
        back_up(url(shelf.desk), shelf.backup)
    assert beside(shelf.backup) == []


async def test_what_was_cut_off_is_made_anew(filled: Shelf, clock: Clock) -> None:
    for target in (filled.backup.with_name("c.db"), filled.new):
        left = target.with_name(f"{target.name}.unfinished") / "database"
        left.mkdir(parents=True)
        for name in ("", "-journal", "-wal"):
            (left / f"{target.name}{name}").write_text("half")
    back_up(url(filled.desk), filled.backup.with_name("c.db"))
    await restored(filled, clock)
    assert (beside(filled.backup), beside(filled.new)) == (["b.db", "c.db"], ["livedesk.db"])


def test_of_two_backups_to_one_place_one_is_refused(filled: Shelf) -> None:
    target = filled.backup.with_name("c.db")
    unfinished = filled.backup.with_name("c.db.unfinished")
    unfinished.mkdir()
    handle = hold(unfinished, alone=True)
    with pytest.raises(StorageRefused, match="being written already"):
        back_up(url(filled.desk), target)
    os.close(handle)
    back_up(url(filled.desk), target)


async def test_where_a_disk_is_full_nothing_is_left(
    filled: Shelf, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup, "_sync", full)
    with pytest.raises(StorageRefused, match="No space left"):
        back_up(url(filled.desk), filled.backup.with_name("c.db"))
    with pytest.raises(StorageRefused, match="No space left"):
        await restored(filled, clock)
    assert (beside(filled.backup), beside(filled.new)) == (["b.db"], [])


def missing(file: Path) -> None:
    file.unlink()


def no_database(file: Path) -> None:
    file.write_bytes(b"not a database" * 100)


def foreign(file: Path) -> None:
    change(file, "DROP TABLE alembic_version")


def newer(file: Path) -> None:
    change(file, "UPDATE alembic_version SET version_num = 'from-the-future'")


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 8_192)


def damaged(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(-4_096, os.SEEK_END)  # a page that is not needed to say whose database it is
        opened.write(b"\xff" * 4_096)


def in_use(file: Path) -> None:
    file.with_name(f"{file.name}-wal").write_bytes(b"entries")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (missing, "no file"),
        (no_database, "cannot be read as a database"),
        (foreign, "no database of livedesk"),
        (newer, "newer than this program"),
        (cut_off, "damaged|cannot be read"),
        (damaged, "damaged"),
        (in_use, "no backup but a database that was in use"),
    ],
)
async def test_what_is_no_whole_backup_is_refused_and_left_as_it_is(
    filled: Shelf, clock: Clock, spoil: Callable[[Path], None], why: str
) -> None:
    spoil(filled.backup)
    before = {each.name: each.read_bytes() for each in filled.backup.parent.iterdir()}
    with pytest.raises(StorageRefused, match=why):
        await restored(filled, clock)
    assert {each.name: each.read_bytes() for each in filled.backup.parent.iterdir()} == before
    assert beside(filled.new) == []


@pytest.mark.parametrize("name", ["livedesk.db", "livedesk.db-wal", "livedesk.db-shm"])
async def test_a_restore_overwrites_no_database_and_mixes_no_log(
    filled: Shelf, clock: Clock, name: str
) -> None:
    filled.new.with_name(name).write_text("mine")
    with pytest.raises(StorageRefused, match=r"move it away|not overwritten"):
        await restored(filled, clock)
    assert filled.new.with_name(name).read_text() == "mine"
    assert beside(filled.new) == [name]


async def test_nothing_is_restored_under_a_living_server_also_where_its_files_were_moved_away(
    filled: Shelf, clock: Clock
) -> None:
    living = await Database.open(url(filled.new), clock=clock)
    for each in list(filled.new.parent.iterdir()):
        each.rename(filled.backup.with_name(f"moved-{each.name}"))
    with pytest.raises(StorageRefused, match="stop it first"):
        await restored(filled, clock)
    assert beside(filled.new) == []
    await living.close()
    await restored(filled, clock)


async def test_no_server_starts_while_its_database_is_being_restored(filled: Shelf, clock: Clock) -> None:
    handle = hold(filled.desk.parent, alone=True)
    with pytest.raises(StorageRefused, match="is being restored"):
        await Database.open(url(filled.desk), clock=clock)
    os.close(handle)
    await (await Database.open(url(filled.desk), clock=clock)).close()


async def test_a_backup_of_an_older_program_is_migrated(shelf: Shelf, clock: Clock) -> None:
    engine = create_engine(url(shelf.desk))
    with engine.begin() as connection:
        command.upgrade(_config(connection), "spine")
    engine.dispose()
    change(shelf.desk, "INSERT INTO meta VALUES ('epoch', 'old'), ('secret', 'kept')")
    assert back_up(url(shelf.desk), shelf.backup).schema == "spine"
    assert (await restored(shelf, clock)).schema == schemas()[1]
    again = await Database.open(url(shelf.new), clock=clock)
    assert (again.epoch != "old", again.secret) == (True, "kept")
    await again.close()


@pytest.mark.parametrize(
    ("act", "names"),
    [(back_up, "pg_dump"), (partial(restore, clock=Clock()), "pg_restore.*livedesk restored")],
)
def test_postgresql_has_tools_of_its_own(
    shelf: Shelf, act: Callable[[str, Path], object], names: str
) -> None:
    with pytest.raises(StorageRefused, match=names):
        act("postgresql://desk@127.0.0.1/desk", shelf.backup)


async def test_what_was_restored_by_other_means_forgets_cursors_and_sign_ins(
    database: Database, database_url: str, clock: Clock
) -> None:
    async with database.write() as unit:
        await unit.people.add_sign_in(SIGN_IN, "hash")
    before = database.epoch
    await forget(database)
    await database.close()
    again = await Database.open(database_url, clock=clock)
    assert again.epoch != before
    assert again.secret == database.secret
    async with again.read() as reader:
        ended = select(schema.agent_sessions.c.ended_at)
        assert list(await reader.connection.scalars(ended)) == [NOON]
    await again.close()
