"""A process that comes after a crash decides at once where it is the only one."""

from __future__ import annotations

from pathlib import Path

from server.storage.database import Database
from server.storage.line.leases import SqlDecidingLease


async def test_a_new_run_of_the_only_process_need_not_wait_for_the_lease_of_the_dead_one(
    tmp_path: Path,
) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'desk.db'}", clock=lambda: 0)
    dead, anew = SqlDecidingLease(database, "dead"), SqlDecidingLease(database, "anew")
    first = await dead.hold(1_000)
    assert first is not None
    assert await anew.hold(1_001) is None
    await anew.outlive()
    taken = await anew.hold(1_002)
    assert taken is not None
    assert taken > first
    assert await dead.hold(1_003) is None
    await database.close()
