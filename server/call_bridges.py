"""Translates calls: the stored record into what the wire says of it, and a step's news into facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

from media.call import NOTHING_TO_SET, Call, CameraControls, Participant, Zoom
from media.grading import Level, stretches
from media.steps import Step, Told
from protocol import call as wire
from protocol import cases as wire_cases
from protocol.catalogue import adapter
from server.storage.calls.store import SLOT_MS, CallRecord, Connection, StoredMark
from server.storage.database import Reader
from signaling import facts
from signaling.facts import ActorKind

LEFT_SHOWN = wire.MAX_PARTICIPANTS - 4
"""Of those who left, so many are still shown: buyer, agent, supervisor and guest have their places."""


class Agreed(NamedTuple):
    """A participant's yes to being recorded: to which text, in which language, when (epoch ms)."""

    participant_id: str
    person_id: str
    text_version: str
    locale: str
    at: int


def mark_entry(mark: StoredMark, picture: str | None) -> wire.MarkEntry:
    """A mark as it is shown; one that holds a picture with its frame, as long as that is held."""
    body = adapter(wire.CallMark).validate_python(mark.body)
    if body.shape == "freeze":
        body = body.model_copy(update={"picture": picture})
    return wire.MarkEntry(seq=mark.seq, participant_id=mark.participant_id, at=mark.at, mark=body)


async def agreed(unit: Reader, record: CallRecord) -> list[Agreed]:
    """What the people of a call said yes to; nothing unless it is recorded."""
    if record.call.recording != "on":
        return []
    people = {each.id: each.person_id for each in record.call.participants}
    return [
        Agreed(participant_id, people[participant_id], text_version, locale, at)
        for participant_id, granted, text_version, locale, at in await unit.calls.consents(record.call.id)
        if granted
    ]


def view(record: CallRecord, to: ActorKind = "agent", about: str | None = None) -> wire.Call:
    """A call as it is shown. Who only listens or whispers does not exist for buyer and guests.

    Of many who came and left the last are shown, and `about` in any case.
    """
    call = record.call
    return wire.Call(
        call_id=call.id,
        conversation_id=record.conversation_id,
        revision=call.revision,
        media=call.media,
        state=call.state,
        invited_by=call.invited_by,
        rang_at=call.rang_at,
        ring_until=call.ring_until,
        answered_at=call.answered_at,
        connected_at=call.connected_at,
        ended_at=call.ended_at,
        reason=call.reason,
        ended_by=call.ended_by,
        recording=wire.CallRecording(state=call.recording, code=call.recording_code),
        participants=[
            _participant(record, each) for each in _shown(call, about) if to == "agent" or not each.hidden
        ],
    )


def _shown(call: Call, about: str | None) -> list[Participant]:
    left = [each.id for each in call.participants if each.state == "left" and each.id != about]
    beyond = set(left[: max(0, len(left) - LEFT_SHOWN + (about is not None))])
    return [each for each in call.participants if each.id not in beyond]


def _participant(record: CallRecord, each: Participant) -> wire.Participant:
    level, step = record.quality.get(each.id, (None, None))
    return wire.Participant.model_validate(
        {
            "participant_id": each.id,
            "role": each.role,
            "mode": each.mode,
            "name": each.name,
            "state": each.state,
            "reconnect_until": each.reconnect_until,
            "camera": each.camera,
            "microphone": each.microphone,
            "screen": each.screen,
            "controls": _controls(each.controls),
            "consent": each.consent,
            "level": "lost" if each.state == "reconnecting" else level,
            "step": step,
        }
    )


def _controls(controls: CameraControls) -> wire.CameraControls | None:
    if controls == NOTHING_TO_SET:
        return None
    zoom = None if controls.zoom is None else wire.Zoom(**asdict(controls.zoom))
    return wire.CameraControls(torch=controls.torch, zoom=zoom)


def controls_told(told: wire.CameraControls | None) -> CameraControls | None:
    """What a page tells of its camera; None where it tells nothing."""
    if told is None:
        return None
    return CameraControls(told.torch, None if told.zoom is None else Zoom(**told.zoom.model_dump()))


def case_call(record: CallRecord, connections: Mapping[str, Connection]) -> wire_cases.CaseCall:
    """A call as a case shows it: of whom nothing was measured, nothing is said."""
    call = record.call
    measured = [each for each in call.participants if each.id in connections]
    return wire_cases.CaseCall(
        call_id=call.id,
        media=call.media,
        state=call.state,
        invited_by=call.invited_by,
        rang_at=call.rang_at,
        connected_at=call.connected_at,
        ended_at=call.ended_at,
        reason=call.reason,
        connections=[
            _connection(call, each, connections[each.id]) for each in measured[-wire.MAX_PARTICIPANTS :]
        ],
    )


def _connection(call: Call, each: Participant, found: Connection) -> wire_cases.CallConnection:
    levels, ladder = get_args(Level), get_args(wire.Step)
    width, went = stretches(found.slots, wire_cases.STRETCHES)
    slot_ms = width * SLOT_MS
    end = call.ended_at or (went[-1].last + 1) * slot_ms
    return wire_cases.CallConnection.model_validate(
        {
            "role": each.role,
            "name": each.name,
            "measured": found.measured,
            "fair": found.fair,
            "poor": found.poor,
            "lowest_step": ladder[max(one.step for one in went)],
            "stretches": [
                {
                    "from_at": max(call.rang_at, one.first * slot_ms),
                    "to_at": min(end, (one.last + 1) * slot_ms),
                    "level": levels[one.level],
                    "step": ladder[one.step],
                }
                for one in went
            ],
            "sent_kbps": round(found.sent_kbps),
            "received_kbps": round(found.received_kbps),
            "loss": round(found.loss, 4),
            "jitter_ms": round(found.jitter_ms),
            "round_trip_ms": None if found.round_trip_ms is None else round(found.round_trip_ms),
            "freezes": found.freezes,
            "frozen_ms": found.frozen_ms,
            "rejoins": found.legs - 1,
        }
    )


def place(conversation: facts.Place, *calls: Call) -> facts.CallPlace:
    """Whom a call concerns as it was and as it is: who just left is told so."""
    staff: dict[str, None] = {}
    guests: dict[str, None] = {}
    for call in calls:
        for each in call.participants:
            if each.state != "left" and each.role in ("agent", "supervisor"):
                staff[each.person_id] = None
            elif each.state != "left" and each.role == "guest":
                guests[each.id] = None
    return facts.CallPlace(conversation, tuple(staff), tuple(guests))


def news(
    where: facts.CallPlace, before: Call | None, record: CallRecord, told: tuple[Told, ...]
) -> Iterator[facts.Fact]:
    """What a step tells, as facts; all of it carries the call as it stands after the step."""
    seen = {each.id for each in before.participants if not each.hidden} if before is not None else set()
    hidden = {each.id for each in record.call.participants if each.hidden}
    for each in told:
        shown = view(record, about=each.participant_id)
        vanished = each.participant_id in seen & hidden
        yield facts.CallChanged(where, each.event, shown, each.participant_id, each.code, vanished)


def line_of(before: Call | None, step: Step) -> dict[str, Any] | None:
    """The line in the conversation's log that this step is worth, if any: begun, ended, missed."""
    call = step.call
    base = {"call_id": call.id, "media": call.media, "invited_by": call.invited_by}
    if before is not None and before.connected_at is None and call.connected_at is not None:
        return {**base, "happened": "started"}
    if before is None or before.state == "ended" or call.state != "ended":
        return None
    if call.connected_at is None:
        return {**base, "happened": "missed", "reason": call.reason}
    duration = (call.ended_at or call.connected_at) - call.connected_at
    return {**base, "happened": "ended", "reason": call.reason, "duration_ms": duration}
