"""Recordings in one unit of work: where each one stands, which of them wait, and their files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.recordings import RecordingCode, RecordingStage, WritingCode
from server.storage.inserting import insert_or_leave
from server.storage.schema import UNFINISHED, recording_files, recordings

Holds = Literal["media", "poster", "waveform", "index", "composed"]
"""What a file of a recording is: a side's pictures and sound, its picture for lists, its peaks; the index of
the whole, or one MP4 of it."""


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording as it stands. `about` is what finishing it found out, once it is kept."""

    id: str
    shop_id: str
    call_id: str
    conversation_id: str
    state: RecordingStage
    code: RecordingCode | None
    ended_code: WritingCode | None
    began_at: int
    ended_at: int | None
    duration_ms: int | None
    tries: int
    due: int | None
    erasure_asked_at: int | None
    restriction_asked_at: int | None
    about: dict[str, Any] | None

    @property
    def prefix(self) -> str:
        """Below this name lie the recordings of its shop, each below its id."""
        return f"{self.shop_id}/recordings"


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A file on the shelf, under its `name`, of one side (None: of the whole)."""

    id: str
    recording_id: str
    participant_id: str | None
    holds: Holds
    name: str
    media_type: str
    size: int
    sha256: str


_ROW = tuple(recordings.c[name] for name in RecordingRow.__dataclass_fields__)
_FILE = tuple(recording_files.c[name] for name in RecordingFile.__dataclass_fields__)


class Recordings:
    """The recordings of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, recording_id: str, *, lock: bool = False) -> RecordingRow | None:
        """The recording as it stands."""
        query = select(*_ROW).where(recordings.c.id == recording_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).one_or_none()
        return None if row is None else RecordingRow(*row)

    async def among(self, recording_ids: Collection[str]) -> list[RecordingRow]:
        """Those of these that are known."""
        query = select(*_ROW).where(recordings.c.id.in_(sorted(recording_ids)))
        return [RecordingRow(*row) for row in await self._connection.execute(query)]

    async def of_conversation(self, conversation_id: str, limit: int) -> list[RecordingRow]:
        """A conversation's newest recordings, in the order in which they were begun."""
        query = select(*_ROW).where(recordings.c.conversation_id == conversation_id)
        newest = query.order_by(recordings.c.began_at.desc(), recordings.c.id.desc()).limit(limit)
        return [RecordingRow(*row) for row in await self._connection.execute(newest)][::-1]

    async def add(self, row: RecordingRow) -> bool:
        """Store one; False where it is known already."""
        added = await self._connection.execute(
            insert_or_leave(self._connection, recordings)
            .values({name: getattr(row, name) for name in RecordingRow.__dataclass_fields__})
            .on_conflict_do_nothing()
            .returning(recordings.c.id)
        )
        return added.one_or_none() is not None

    async def change(self, row: RecordingRow, **values: Any) -> bool:
        """Set what is new; False, and nothing changed, where it is not in the state of `row` any more."""
        done = await self._connection.execute(
            update(recordings)
            .where(recordings.c.id == row.id, recordings.c.state == row.state)
            .values(values)
        )
        return done.rowcount == 1

    async def due(self, states: Collection[RecordingStage], now: int, limit: int) -> Sequence[RecordingRow]:
        """Those in one of these states whose time has come, the longest due first."""
        query = select(*_ROW).where(recordings.c.state.in_(sorted(states)), recordings.c.due <= now)
        rows = await self._connection.execute(query.order_by(recordings.c.due).limit(limit))
        return [RecordingRow(*row) for row in rows]

    async def unfinished(self) -> dict[str, int]:
        """How many are being finished, and how many could not be, by their state."""
        query = select(recordings.c.state, func.count()).where(text(UNFINISHED))
        rows = await self._connection.execute(query.group_by(recordings.c.state))
        return {"finishing": 0, "failed": 0} | {state: count for state, count in rows}

    async def add_files(self, files: Sequence[RecordingFile]) -> None:
        """Store what lies on the shelf."""
        names = RecordingFile.__dataclass_fields__
        if files:
            await self._connection.execute(
                insert(recording_files), [{name: getattr(file, name) for name in names} for file in files]
            )

    async def files(self, recording_id: str) -> list[RecordingFile]:
        """The files of a recording, whether or not their bytes are still there."""
        query = select(*_FILE).where(recording_files.c.recording_id == recording_id)
        rows = await self._connection.execute(query.order_by(recording_files.c.name))
        return [RecordingFile(*row) for row in rows]

    async def file(self, file_id: str) -> tuple[RecordingFile, RecordingRow] | None:
        """A file and the recording that it is of."""
        query = select(*_FILE).where(recording_files.c.id == file_id)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        file = RecordingFile(*row)
        of = await self.get(file.recording_id)
        return None if of is None else (file, of)
