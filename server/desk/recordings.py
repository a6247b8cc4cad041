"""Recordings on the desk: who may watch one, its addresses, what was drawn, and the wishes that end it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol import call as wire_call
from protocol import recordings as wire
from protocol.catalogue import adapter
from protocol.errors import ErrorCode, Refused
from server.auth.links import LINK_MS, Viewer
from server.desk.calls.stepping import LEADS
from server.desk.world import UseCases
from server.recordings.keeping import settled
from server.recordings.lines import recording_summary
from server.storage.calls.recordings import RecordingFile, RecordingRow
from server.storage.calls.store import CallRecord
from server.storage.database import Reader
from signaling.ports import Actor, Done

NAMELESS = "?"
"""Nobody whom a recording names is missing in its call; a recording restored from elsewhere may say so."""


class RecordingDesk(UseCases):
    """Another shop's recording gets the same answer as one that does not exist."""

    async def open_recording(self, actor: Actor, request: wire.OpenRecording) -> Done[wire.RecordingView]:
        """The recording, with addresses where it may be watched; that they were given is in the audit."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            row, call = await _allowed(unit, actor, request.recording_id)
            files = await unit.recordings.files(row.id) if row.state == "kept" else []
            if files:
                await self._audit(unit, actor, "recording.view", row.shop_id, row.id, {})
        viewer = Viewer("agent", actor.session_id)
        expires_at = min(now + LINK_MS, actor.expires_at)
        addresses = {
            (file.participant_id, file.holds): self.world.links.address(viewer, file.id, expires_at)
            for file in files
        }
        hashes = {file.participant_id: file.sha256 for file in files if file.holds == "media"}
        about: dict[str, Any] = row.about or {"sides": [], "consents": [], "pauses": [], "damaged": 0}
        view = wire.RecordingView(
            recording=recording_summary(row),
            expires_at=expires_at if files else None,
            sides=[_side(side, call, addresses, hashes) for side in about["sides"]],
            consents=[_consent(one) for one in about["consents"]],
            pauses=[_pause(one) for one in about["pauses"]],
            damaged=about["damaged"],
        )
        return Done(view)

    async def read_recording_marks(
        self, actor: Actor, request: wire.ReadRecordingMarks
    ) -> Done[wire.RecordingMarks]:
        """A page of the track of marks. What was drawn tells what was seen: where nobody may watch, none."""
        async with self.world.db.read() as unit:
            row, _ = await _allowed(unit, actor, request.recording_id)
            if row.state != "kept":
                raise Refused(ErrorCode.forbidden)
            found = await unit.calls.marks_after(row.call_id, request.after_seq, wire.MARKS_SHOWN + 1)
        page = [
            wire_call.MarkEntry(
                seq=mark.seq,
                participant_id=mark.participant_id,
                at=mark.placed,
                mark=adapter(wire_call.CallMark).validate_python(mark.body),
            )
            for mark in found[: wire.MARKS_SHOWN]
        ]
        return Done(wire.RecordingMarks(marks=page, more=len(found) > len(page)))

    async def compose_recording(
        self, actor: Actor, request: wire.ComposeRecording
    ) -> Done[wire.RecordingComposed]:
        """The MP4's address where there is one; else it is begun, and asked for again by and by."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            row, _ = await _allowed(unit, actor, request.recording_id)
            if row.state != "kept":
                raise Refused(ErrorCode.forbidden)
            made = next(
                (file for file in await unit.recordings.files(row.id) if file.holds == "composed"), None
            )
            if made is not None:
                await self._audit(unit, actor, "recording.compose", row.shop_id, row.id, {})
        if made is None:
            return Done(wire.RecordingComposed(state=self.world.compose(row.id)))
        expires_at = min(now + LINK_MS, actor.expires_at)
        url = self.world.links.address(Viewer("agent", actor.session_id), made.id, expires_at)
        return Done(wire.RecordingComposed(state="ready", url=url, expires_at=expires_at))

    async def erase_recording(
        self, actor: Actor, request: wire.EraseRecording
    ) -> Done[wire.RecordingChanged]:
        """A wish for deletion; asked again, it is the same wish."""
        return await self._asked(actor, request, "recording.erase", "erasure_asked_at", wanted=True)

    async def restrict_recording(
        self, actor: Actor, request: wire.RestrictRecording
    ) -> Done[wire.RecordingChanged]:
        """A wish that nobody watches it, or that this is over; what is erased stays so."""
        act = "recording.restrict" if request.restricted else "recording.release"
        return await self._asked(actor, request, act, "restriction_asked_at", wanted=request.restricted)

    async def _asked(
        self, actor: Actor, request: wire.EraseRecording, act: str, wish: str, *, wanted: bool
    ) -> Done[wire.RecordingChanged]:
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            row, _ = await _found(unit, actor, request.recording_id, lock=True)
            if actor.shops[row.shop_id] not in LEADS:
                raise Refused(ErrorCode.forbidden)
            if row.state == "erased" and act != "recording.erase":
                raise Refused(ErrorCode.conflict)
            if row.state != "erased" and (getattr(row, wish) is not None) != wanted:
                values: dict[str, Any] = {wish: now if wanted else None}
                await self._audit(unit, actor, act, row.shop_id, row.id, {"why": request.why})
                await unit.recordings.change(row, **values)
                row = replace(row, **values)
                if row.state != "finishing":  # it is looked at as soon as it is kept
                    row = await settled(unit, telling, row, now)
            told = await telling.all()
        return Done(wire.RecordingChanged(recording=recording_summary(row)), told)


async def watchable(unit: Reader, viewer: Actor, file: RecordingFile, row: RecordingRow) -> RecordingFile:
    """A file of a recording, if he may see it now. Raises `Refused(not_found)`."""
    if viewer.kind != "agent" or row.state != "kept":
        raise Refused(ErrorCode.not_found)
    await _allowed(unit, viewer, row.id)
    return file


async def _found(
    unit: Reader, actor: Actor, recording_id: str, *, lock: bool = False
) -> tuple[RecordingRow, CallRecord]:
    row = await unit.recordings.get(recording_id, lock=lock)
    call = await unit.calls.get(row.call_id) if row is not None else None
    if row is None or call is None or row.shop_id not in actor.shops:
        raise Refused(ErrorCode.not_found)
    return row, call


async def _allowed(unit: Reader, actor: Actor, recording_id: str) -> tuple[RecordingRow, CallRecord]:
    """A recording that he may watch: supervisors any of their shops; an agent, who has to do with it."""
    row, call = await _found(unit, actor, recording_id)
    if actor.shops[row.shop_id] in LEADS:
        return row, call
    took_part = any(
        each.person_id == actor.id and each.role in ("agent", "supervisor") for each in call.call.participants
    )
    conversation = await unit.conversations.head(row.conversation_id)
    has_it = conversation is not None and conversation.owner_id == actor.id
    cases = await unit.cases.of_conversation(row.conversation_id)
    if not (took_part or has_it or any(case.holder_id == actor.id for case in cases)):
        raise Refused(ErrorCode.forbidden)
    return row, call


def _side(
    side: dict[str, Any],
    call: CallRecord,
    addresses: dict[tuple[str | None, Any], str],
    hashes: dict[str | None, str],
) -> wire.RecordingSide:
    participant_id: str = side["participant"]
    who = call.call.of(participant_id)
    return wire.RecordingSide(
        participant_id=participant_id,
        role=who.role if who is not None else "guest",
        name=who.name if who is not None else NAMELESS,
        frames=side["frames"],
        sounds=side["sounds"],
        duration_ms=side["duration_ms"],
        errors=side["errors"],
        gaps=[
            wire.RecordingGap(
                kind=gap["kind"], from_ms=gap["from_ms"], to_ms=gap["to_ms"], reason=gap["reason"]
            )
            for gap in side["gaps"]
        ],
        gap_count=side["gap_count"],
        gap_ms=side["gap_ms"],
        sha256=hashes.get(participant_id),
        media=addresses.get((participant_id, "media")),
        poster=addresses.get((participant_id, "poster")),
        waveform=addresses.get((participant_id, "waveform")),
    )


def _consent(one: dict[str, Any]) -> wire.RecordingConsent:
    consent = one["consent"]
    return wire.RecordingConsent(
        participant_id=consent["participant"],
        at_ms=one["at_ms"],
        said_at=consent["utc_ms"],
        text_version=consent["text_version"],
        locale=consent["locale"],
    )


def _pause(one: dict[str, Any]) -> wire.RecordingPause:
    return wire.RecordingPause(
        participant_id=one["participant"],
        from_ms=one["from_ms"],
        to_ms=one["to_ms"],
        reason=one["reason"],
    )
