"""A power cut takes back nothing that was acknowledged (scenario 2). A kill cannot show that."""

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from server.storage import sqlite
from server.storage.database import Database
from tests.rounds import rounds
from tests.storage.power_cut import Step, after_cut, recording
from tests.storage.world import Clock, furnish, noted, opened, said

FILE = "desk.sqlite3"
Acknowledged = list[tuple[int, str, int]]
"""At which moment of the disk which message was acknowledged at which seq."""


async def busy_evening(folder: Path, clock: Clock) -> tuple[list[Step], str, Acknowledged]:
    """Appends by several writers, units of work between, with the moment of each acknowledgement."""
    acknowledged: Acknowledged = []
    with recording(folder) as disk:
        database = await Database.open(f"sqlite:///{folder / FILE}", clock=clock)
        await furnish(database)
        mine = await opened(database)

        async def write(count: int) -> None:
            for number in range(count):
                stored = await database.append(said(mine.id, "话" * (number % 7 * 300 + 1)))
                acknowledged.append((disk.moment, stored.entry.message_id, stored.entry.seq))

        async def work(count: int) -> None:
            for _ in range(count):
                async with database.write() as unit:
                    stored = await unit.conversations.append(said(mine.id), now=0)
                    await unit.conversations.append(noted(mine.id), now=0)
                acknowledged.append((disk.moment, stored.entry.message_id, stored.entry.seq))

        await asyncio.gather(*(write(30) for _ in range(6)), work(20))
        await database.close()
    return disk.steps, mine.id, acknowledged


def kept(folder: Path, conversation_id: str) -> dict[str, int] | None:
    """What a database holds after a cut; None while it had no such table yet."""
    db = sqlite3.connect(folder / FILE)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'public_log'").fetchall():
            return None
        rows = db.execute(
            "SELECT message_id, seq FROM public_log WHERE conversation_id = ? ORDER BY seq", [conversation_id]
        ).fetchall()
        assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
        return dict(rows)
    finally:
        db.close()


def lost_by_cuts(steps: list[Step], conversation_id: str, acknowledged: Acknowledged, folder: Path) -> int:
    """Cuts the power at many moments; gives how many acknowledged messages were gone afterwards, in all."""
    chance = random.Random(2)
    moments = [moment for moment, _, _ in acknowledged] + list(range(1, len(steps)))
    lost = 0
    for number, moment in enumerate(chance.sample(moments, rounds(reduced=60, full=1_000))):
        left = folder / str(number)
        left.mkdir()
        after_cut(steps[:moment], chance, left)
        found = kept(left, conversation_id) or {}
        told = {message_id: seq for at, message_id, seq in acknowledged if at <= moment}
        lost += len(told.items() - found.items())
    return lost


@pytest.fixture
def evening(tmp_path: Path) -> Path:
    """Where the database is; checkpoints come early, so that cuts meet them, too."""
    folder = tmp_path / "evening"
    folder.mkdir()
    return folder


async def test_a_power_cut_takes_back_nothing_acknowledged(
    evening: Path, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 50)
    steps, conversation_id, acknowledged = await busy_evening(evening, clock)
    assert len(acknowledged) == 200
    assert {step.name for step in steps if step.what == "sync"} >= {FILE, f"{FILE}-wal"}
    assert lost_by_cuts(steps, conversation_id, acknowledged, tmp_path) == 0


async def test_the_cuts_would_show_a_commit_that_does_not_wait_for_the_disk(
    evening: Path, tmp_path: Path, clock: Clock
) -> None:
    steps, conversation_id, acknowledged = await busy_evening(evening, clock)
    careless, moments = without_syncs_at_commits(steps)
    told = [(moments[moment], message_id, seq) for moment, message_id, seq in acknowledged]
    assert lost_by_cuts(careless, conversation_id, told, tmp_path) > 0


def without_syncs_at_commits(steps: list[Step]) -> tuple[list[Step], list[int]]:
    """The same with `synchronous = NORMAL`, which syncs the log only before a checkpoint; and where each
    moment is now."""
    log = Step("sync", f"{FILE}-wal")
    left: list[Step] = []
    moments = [0]
    for step, following in zip(steps, [*steps[1:], log], strict=True):
        if step != log or following.name == FILE:
            left.append(step)
        moments.append(len(left))
    return left, moments
