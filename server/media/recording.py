"""What the recorder of a call must be told next: pure, over the call as it stands and what was told before.

Asking may fail on the way, and nobody knows then whether it arrived. So what lets the recorder write counts
from the asking, and what stops it only from the answer: in doubt it is stopped once more, which is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from media.call import Call, recorded
from recordings.manifest import SIDES_MAX
from server.call_bridges import Agreed

OUR_OWN_ENDS: Final = ("call_ended", "stopped", "consent_withdrawn")
"""Ends of a recording that the desk asked for."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a room's recorder was told of its present `recording`; None while there is none.

    `written`: whose consent it has. `withdrawn`: whose it had; it writes of nobody until he agrees again.
    `pace`: `unsure` while a resumption was asked for and not answered. `failed`: there is no other recording
    in this call.
    """

    recording: str | None = None
    written: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    pace: Literal["on", "held", "unsure"] = "on"
    failed: bool = False


class Ask(NamedTuple):
    """A verb of `server.media.worker`, and its arguments but the room."""

    verb: Literal["record", "withdraw", "pause", "resume", "stop_recording"]
    arguments: Mapping[str, Any]


def due(told: Told, call: Call, there: Set[str], agreed: Mapping[str, Agreed], spare_id: str) -> Ask | None:
    """What is to be asked next, so that exactly those are written whom the call says; None when it is so.

    `there`: who has a place in the room. A recording that begins gets `spare_id`. A gap is a pause; with who
    withdrew and is not written any more the recording ends, and the others begin another; so do all when one
    more than it can hold is to be written, and the others when a supervisor who was written is hidden again.
    """
    if told.recording is not None:
        for each in call.participants:
            if each.consent == "withdrawn" and each.id in told.written:
                return Ask("withdraw", {"participant": each.id})
        if told.failed or call.recording == "stopped":
            return Ask("stop_recording", {"code": "stopped"})
    if told.failed:
        return None
    if any(each.hidden and each.id in told.written for each in call.participants):
        # He spoke to all and agreed, and now listens or whispers: no byte of that is the recording's.
        return Ask("stop_recording", {"code": "stopped"})
    everybody = recorded(call)
    wanted = [each for each in everybody if each in there]
    if not wanted:
        writes = told.written and not told.withdrawn and told.pace != "held"
        return Ask("pause", {"reason": _why(call)}) if writes else None
    if told.withdrawn - set(everybody):
        return Ask("stop_recording", {"code": "consent_withdrawn"})
    for participant_id in wanted:
        if participant_id in agreed and participant_id not in told.written:
            sides = told.written | told.withdrawn
            if len(sides) >= SIDES_MAX and participant_id not in sides:
                return Ask("stop_recording", {"code": "stopped"})
            return Ask("record", _consent(call, agreed[participant_id], told.recording or spare_id))
    if told.written and told.pace != "on":
        return Ask("resume", {})
    return None


def asked(told: Told, ask: Ask) -> Told:
    """Before the question is on its way."""
    match ask.verb:
        case "record":
            who = {ask.arguments["participant"]}
            recording = ask.arguments["recording"]
            return replace(
                told, recording=recording, written=told.written | who, withdrawn=told.withdrawn - who
            )
        case "resume":
            return replace(told, pace="unsure")
        case _:
            return told


def answered(told: Told, ask: Ask) -> Told:
    """After it was done."""
    match ask.verb:
        case "withdraw":
            who = {ask.arguments["participant"]}
            return replace(told, written=told.written - who, withdrawn=told.withdrawn | who)
        case "pause":
            return replace(told, pace="held")
        case "resume":
            return replace(told, pace="on")
        case "stop_recording":
            return Told(failed=told.failed)
        case "record":
            return told


def ended(told: Told, code: str) -> Told:
    """The recorder says that its recording is over."""
    return Told(failed=told.failed or code not in OUR_OWN_ENDS)


def _consent(call: Call, agreed: Agreed, recording_id: str) -> dict[str, Any]:
    return {
        "recording": recording_id,
        "call": call.id,
        "participant": agreed.participant_id,
        "actor": agreed.person_id,
        "text_version": agreed.text_version,
        "locale": agreed.locale,
        "utc_ms": agreed.at,
    }


def _why(call: Call) -> str:
    """The reason of a pause: what somebody said of being recorded or, where all agreed, that one is away."""
    match call.recording_code:
        case "withdrawn":
            return "consent_withdrawn"
        case "unasked" | "refused":
            return call.recording_code
        case _:
            return "not_all_here"
