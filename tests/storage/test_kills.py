"""SIGKILL in the middle: a migration leaves the old schema or the new one, a writer keeps what it told."""

import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import Engine, event, inspect

from server.storage.database import Database
from server.storage.schema import metadata
from tests.rounds import ROOT, rounds, within
from tests.storage.victim import changes
from tests.storage.world import Clock, furnish, logs, opened, refused, said

TABLES = {*metadata.tables, "alembic_version"}
INDEXES = sum(len(table.indexes) for table in metadata.tables.values())
COLUMNS_ADDED = 5
TAKEN_AWAY = 3
"""An index, made and dropped, and a column."""
LATER_STEPS = len([*(ROOT / "server/storage/migrations/versions").glob("*.py")]) - 1
"""Of the migration, after the first: each moves the version."""
STATEMENTS = len(TABLES) + INDEXES + 2 + COLUMNS_ADDED + TAKEN_AWAY + LATER_STEPS
"""Of the whole migration: each table and index, the version, epoch with secret. Then comes the commit."""
READY_S = within(5.0)
"""How soon a database answers after a crash (scenario 1)."""


def killed(*arguments: str, after_s: float | None = None) -> list[str]:
    """Runs a victim until it has killed itself, or kills it a while after its first line; gives its lines."""
    command = [sys.executable, "-m", "tests.storage.victim", *arguments]
    pipe = subprocess.PIPE
    # Without a buffer: what `readline` had read ahead, `communicate` would not find.
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, bufsize=0) as process:
        first = b""
        if after_s is not None:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(after_s)
            process.kill()
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    return (first + rest).decode().splitlines()


def fatal_statements() -> list[int]:
    """Which statements of the migration to die before, with the commit; each of them in the full run."""
    count = rounds(reduced=2, full=STATEMENTS + 1)
    chance = random.Random(39)
    return sorted({STATEMENTS + 1, *chance.sample(range(1, STATEMENTS + 1), count - 1)})


@pytest.mark.parametrize("fatal", fatal_statements())
async def test_a_migration_killed_in_the_middle_starts_again_by_itself(
    empty_database_url: str, clock: Clock, fatal: int
) -> None:
    killed("migrate", empty_database_url, str(fatal))
    database = await Database.open(empty_database_url, clock=clock)
    async with database.read() as reader:
        tables = await reader.connection.run_sync(lambda connection: inspect(connection).get_table_names())
    assert set(tables) == TABLES
    await furnish(database)
    mine = await opened(database)
    assert await refused(database, said(mine.id)) is None
    await database.close()


async def test_the_fatal_statements_are_all_of_the_migration(empty_database_url: str, clock: Clock) -> None:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if changes(statement):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await (await Database.open(empty_database_url, clock=clock)).close()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(seen) == STATEMENTS


@pytest.mark.parametrize("moment", ["never", "commit", "ack", "told"])
async def test_a_writer_killed_at_any_moment_keeps_what_it_told(
    database_url: str, clock: Clock, moment: str
) -> None:
    chance = random.Random(moment)
    # The full run kills each database 200 times: 50 at each moment.
    database = await Database.open(database_url, clock=clock)
    await furnish(database)
    seen = 0
    for number in range(rounds(reduced=1, full=50)):
        mine = await opened(database, channel=f"round-{number}")
        await database.close()
        if moment == "never":
            lines = killed("append", database_url, mine.id, moment, "0", after_s=chance.uniform(0, 0.3))
        else:
            lines = killed("append", database_url, mine.id, moment, str(chance.randint(2, 30)))
        acknowledged = {message_id: int(seq) for message_id, seq in map(str.split, lines)}
        assert len(acknowledged) == len(lines)
        before = time.monotonic()
        database = await Database.open(database_url, clock=clock)
        assert time.monotonic() - before < READY_S
        log, _ = await logs(database, mine.id, page=200)
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        assert acknowledged.items() <= {entry.message_id: entry.seq for entry in log}.items()
        seen += len(acknowledged)
    assert seen
    await database.close()
