"""Keeps recordings as long as their shop's policy says, and then ends them: restricts, or erases them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from aftersales.cases import needs_recordings
from protocol.recordings import KeepingCode, RecordingStage
from recordings import finishing
from recordings.retention import DAY_MS, Policy, Reason, Recorded, Verb, Verdict, decide
from server.bridges import Telling
from server.desk.world import World
from server.recordings import composing
from server.recordings.lines import tell
from server.storage.calls.recordings import RecordingRow
from server.storage.database import Reader, Unit

log = logging.getLogger(__name__)

LOOKED_AT_ONCE = 50
"""Recordings of one sweep; the others are due at the next one."""
LATER_MS = 15 * 60 * 1_000
"""What could not be decided or removed waits so long: it keeps nothing of the others from its turn."""
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

    def __init__(self, world: World, shelf: Removing, roots: Sequence[Path]) -> None:
        """`roots`: folders in which one named like a recording may hold some of it: where media processes
        write, and where MP4s are made."""
        self._world = world
        self._shelf = shelf
        self._roots = roots

    async def sweep(self) -> None:
        """Look at everything whose time has come."""
        async with self._world.db.read() as unit:
            found = await unit.recordings.due(_LOOKED_AT, self._world.clock(), LOOKED_AT_ONCE)
        for row in found:
            try:
                await self.look_at(row.id)
            except Exception:
                log.exception("recording.not_looked_at", extra={"recording_id": row.id})
                await self._later(row.id)

    async def _later(self, recording_id: str) -> None:
        async with self._world.db.write() as unit:
            row = await unit.recordings.get(recording_id, lock=True)
            if row is not None and row.due is not None:
                await unit.recordings.change(row, due=self._world.clock() + LATER_MS)

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
        """Take every byte away, and only then say so; what could not be is tried again by and by."""
        async with self._world.db.read() as unit:
            names = await _names(unit, row)
        for name in names:
            if not await self._shelf.remove(name):
                log.error("recording.not_erased", extra={"recording_id": row.id})
                await self._later(row.id)
                return
        for root in self._roots:
            await asyncio.to_thread(_removed, root / row.id)
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


async def _names(unit: Reader, row: RecordingRow) -> list[str]:
    """Under which something of a recording may lie on the shelf: what is known there, and all that finishing
    or composing may have put there without coming so far as to say so."""
    call = await unit.calls.get(row.call_id)
    people = [] if call is None else [each.id for each in call.call.participants]
    known = [file.name for file in await unit.recordings.files(row.id)]
    composed = finishing.name_of(row.prefix, row.id, composing.FILE)
    return sorted({*known, *finishing.every_name(row.prefix, row.id, people), composed})


def _removed(folder: Path) -> None:
    """Raises `OSError` when anything of it stays."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


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
