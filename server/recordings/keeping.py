"""Keeps recordings as long as their shop's policy says, and then ends them: restricts, or erases them."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from aftersales.cases import needs_recordings
from protocol.recordings import KeepingCode, RecordingStage
from recordings.retention import DAY_MS, Policy, Reason, Recorded, Verb, Verdict, decide
from server.bridges import Telling
from server.desk.world import World
from server.recordings.lines import tell
from server.storage.calls.recordings import RecordingRow
from server.storage.database import Unit

log = logging.getLogger(__name__)

LOOKED_AT_ONCE = 50
"""Recordings of one sweep; the others are due at the next one."""
_LOOKED_AT: tuple[RecordingStage, ...] = ("kept", "failed", "restricted", "erased")
_ENDED: dict[Verb, RecordingStage] = {"restrict": "restricted", "erase": "erased"}
_CODES: dict[Reason, KeepingCode | None] = {
    "in_use": None,
    "restriction_asked": "restriction_asked",
    "case_open": "case_open",
    "statutory_period": "statutory_period",
    "period_over": "period_over",
    "erasure_asked": "erasure_asked",
}


class Removing(Protocol):
    """Where the files lie."""

    async def remove(self, name: str) -> bool:
        """Takes a file away, and says whether it is; one that is not there is away already."""


class Keeping:
    """The job. `sweep` is to be called every minute or so."""

    def __init__(self, world: World, shelf: Removing, root: Path) -> None:
        """`root`: where media processes write; a damaged segment may still be there."""
        self._world = world
        self._shelf = shelf
        self._root = root

    async def sweep(self) -> None:
        """Look at everything whose time has come."""
        async with self._world.db.read() as unit:
            found = await unit.recordings.due(_LOOKED_AT, self._world.clock(), LOOKED_AT_ONCE)
        for row in found:
            await self.look_at(row.id)

    async def look_at(self, recording_id: str) -> None:
        """Decide about one recording, and make it true."""
        now = self._world.clock()
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            row = await unit.recordings.get(recording_id, lock=True)
            if row is None or row.state not in _LOOKED_AT:
                return
            if row.state != "erased":
                row = await settled(unit, telling, row, now)
            told = await telling.all()
        self._world.publish(told)
        if row.state == "erased" and row.due is not None:
            await self._erase(row)

    async def _erase(self, row: RecordingRow) -> None:
        """Take every byte away, and only then say so; what could not be is tried at the next sweep."""
        async with self._world.db.read() as unit:
            files = await unit.recordings.files(row.id)
        for file in files:
            if not await self._shelf.remove(file.name):
                log.error("recording.not_erased", extra={"recording_id": row.id})
                return
        await asyncio.to_thread(shutil.rmtree, self._root / row.id, ignore_errors=True)
        now = self._world.clock()
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            known = await unit.recordings.get(row.id, lock=True)
            if known is None or known.due is None:
                return
            await unit.recordings.change(known, due=None)
            await _tell(telling, known)
            told = await telling.all()
        self._world.publish(told)


async def settled(unit: Unit, telling: Telling, row: RecordingRow, now: int) -> RecordingRow:
    """The row, which must be locked, as its shop's policy has it now; a change is told.

    From the commit on nobody watches what is restricted or to be erased. Its bytes go at the next sweep, and
    only then it is told that they are gone.
    """
    after = await _decided(unit, row, await _verdict(unit, row, now), now)
    if after.state != row.state and after.state != "erased":
        await _tell(telling, after)
    return after


async def _verdict(unit: Unit, row: RecordingRow, now: int) -> Verdict:
    shop = await unit.shops.get(row.shop_id)
    if shop is None:
        raise ValueError("a recording has a shop")
    cases = await unit.cases.of_conversation(row.conversation_id)
    recorded = Recorded(
        ended_utc_ms=row.ended_at or row.began_at,
        case_open=any(
            needs_recordings(case.state, by_call=case.call_id is not None, entries=case.last_seq)
            for case in cases
        ),
        erasure_asked=row.erasure_asked_at is not None,
        restriction_asked=row.restriction_asked_at is not None,
    )
    return decide(recorded, Policy(shop.recordings_kept_days, shop.recordings_statutory_days), now)


async def _decided(unit: Unit, row: RecordingRow, verdict: Verdict, now: int) -> RecordingRow:
    """The row after the decision. It is looked at again in a day at the latest: a case that is closed tells
    nobody here."""
    state = _ENDED.get(verdict.verb)
    if state is None:
        # What could not be finished stays so, what was restricted may be watched again.
        state = "failed" if row.about is None else "kept"
    code = _CODES[verdict.reason] if verdict.verb != "keep" else row.code if state == "failed" else None
    tomorrow = now + DAY_MS
    due = now if state == "erased" else min(verdict.until_utc_ms or tomorrow, tomorrow)
    await unit.recordings.change(row, state=state, code=code, due=due)
    return replace(row, state=state, code=code, due=due)


async def _tell(telling: Telling, row: RecordingRow) -> None:
    await tell(
        telling,
        row.conversation_id,
        recording_id=row.id,
        call_id=row.call_id,
        state=row.state,
        code=row.code,
        duration_ms=row.duration_ms if row.state == "kept" else None,
    )
