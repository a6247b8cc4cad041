"""Keeps what people sent from `/selftest`, as long as they were told and no longer."""

from __future__ import annotations

import hashlib

from protocol.errors import ErrorCode, Refused
from protocol.selftest import SELFTEST_KEPT_DAYS, SelftestReport, SelftestStored
from server.storage.database import Database

MAX_SELFTESTS = 2_000
"""Different reports that are kept: more kinds of phones and browsers than anybody reads, and an end to what
strangers can fill."""
KEPT_MS = SELFTEST_KEPT_DAYS * 24 * 3_600_000


class Selftests:
    """The use case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, report: SelftestReport) -> SelftestStored:
        """Store a report. Raises `Refused(too_many)` where `MAX_SELFTESTS` others are kept."""
        digest = hashlib.sha256(report.model_dump_json().encode()).hexdigest()
        body = report.model_dump(mode="json")
        async with self._database.write() as unit:
            now = self._database.clock()
            until = now + KEPT_MS
            if not await unit.selftests.put(digest, body, now=now, until=until, at_most=MAX_SELFTESTS):
                raise Refused(ErrorCode.too_many)
        return SelftestStored(kept_until=until)

    async def sweep(self) -> None:
        """Forget those whose time is over; to be called every minute or so."""
        async with self._database.write() as unit:
            await unit.selftests.forget(self._database.clock())
