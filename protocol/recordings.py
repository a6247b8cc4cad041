"""Recordings of calls: where each one stands, who looks at it, and what ends it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from protocol.base import SAID, Id, Line, Locale, Millis, Seq, Url, Wire
from protocol.call import CallRole, MarkEntry

GAPS_SHOWN = 100
"""Of one side, the longest; their number and their length together are told of all."""
PAUSES_SHOWN = 200
SIDES_SHOWN = 8
"""All sides that one recording can have."""
MARKS_SHOWN = 200
"""Marks in one answer. `more` says that there are others."""

RecordingStage = Literal["stopped", "finishing", "kept", "failed", "restricted", "erased"]
"""`stopped`: its writing ended before the call did; what was written is finished after the call. `finishing`:
it is being checked and put together. `kept`: it can be watched. `failed`: that was tried as often as it may
be; what was written is still where it was written. `restricted`: its bytes are kept because somebody asked
for that, or a law or an open case needs them, and nobody may watch it. `erased`: its bytes are gone."""

WritingCode = Literal[
    "call_ended",
    "stopped",
    "consent_withdrawn",
    "disk_full",
    "disk_low",
    "disk_error",
    "disk_slow",
    "files_exhausted",
    "too_long",
    "too_many",
    "recorder_away",
    "killed",
]
"""Why the writing ended, or was refused from the first (disk_low, too_many). `recorder_away`: it could not be
asked to write."""

FinishingCode = Literal[
    "not_decoded", "not_kept", "shelf_away", "disk_full", "disk_error", "journal_damaged", "internal"
]
"""Why a recording could not be finished. `not_decoded`: the process that decodes died or took too long.
`not_kept`: what arrived where files are kept is not what was sent. `shelf_away`: that place cannot be
reached. `journal_damaged`: what was noted while it was written cannot be read. `internal`: see the log."""

KeepingCode = Literal["restriction_asked", "case_open", "statutory_period", "period_over", "erasure_asked"]
"""Why a recording is restricted or erased."""

RecordingCode = Literal[WritingCode, FinishingCode, KeepingCode]


class RecordingSummary(Wire):
    """A recording as a case lists it. `ended_code`: why the writing ended; `code`: why it stands so."""

    recording_id: Id
    shop_id: Id
    call_id: Id
    conversation_id: Id
    state: RecordingStage
    code: RecordingCode | None = None
    ended_code: WritingCode | None = None
    began_at: Millis
    duration_ms: Millis | None = None


class RecordingGap(Wire):
    """Where something is missing: packets that never came, or the sender came back with another stream."""

    kind: Literal["video", "audio"]
    from_ms: Millis
    to_ms: Millis
    reason: Literal["lost", "restarted"]


class RecordingPause(Wire):
    """A span in which nothing was written; null lasts to the end. `consent_withdrawn` names who took it back.

    `unasked`, `refused`: somebody was heard who had not answered, or had not agreed. `not_all_here`: all had
    agreed, and buyer or agent was away.
    """

    participant_id: Id | None = None
    from_ms: Millis
    to_ms: Millis | None = None
    reason: Literal["consent_withdrawn", "unasked", "refused", "not_all_here"]


class RecordingConsent(Wire):
    """Somebody agreed, to which text; he was written from `at_ms` on."""

    participant_id: Id
    at_ms: Millis
    said_at: Millis
    text_version: Id
    locale: Locale


class RecordingSide(Wire):
    """One participant's file. All begin at the recording's zero, so two are in step at the same time.

    `errors`: how often the decoder complained. The addresses are null where nobody may watch it; `media` and
    `poster` also where he sent none. `waveform` is JSON: `{"every_ms", "peaks"}`, peaks from 0 to 100.
    """

    participant_id: Id
    role: CallRole
    name: Line
    frames: int
    sounds: int
    duration_ms: Millis
    errors: int
    gaps: list[RecordingGap] = Field(max_length=GAPS_SHOWN)
    gap_count: int
    gap_ms: Millis
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    media: Url | None = None
    poster: Url | None = None
    waveform: Url | None = None


class RecordingView(Wire):
    """A recording with the addresses of its files: for this session, until `expires_at`.

    That they were given is in the audit. `damaged`: segments that were left out because their hash was wrong.
    """

    recording: RecordingSummary
    expires_at: Millis | None = None
    sides: list[RecordingSide] = Field(max_length=SIDES_SHOWN)
    consents: list[RecordingConsent] = Field(max_length=PAUSES_SHOWN)
    pauses: list[RecordingPause] = Field(max_length=PAUSES_SHOWN)
    damaged: int


class OpenRecording(Wire):
    """Asks to watch a recording; again, for fresh addresses."""

    recording_id: Id


class ReadRecordingMarks(Wire):
    """Asks for what was drawn in the call of a recording, after a place in the track of marks."""

    recording_id: Id
    after_seq: Seq


class RecordingMarks(Wire):
    """A page of the track; a mark's `at` is when its frame came; less `began_at` of the recording
    it is its place on the time line."""

    marks: list[MarkEntry] = Field(max_length=MARKS_SHOWN)
    more: bool


Why = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=SAID)]


class ComposeRecording(Wire):
    """Asks for one MP4 of a recording: sides beside each other, with marks; again, for how far it is."""

    recording_id: Id


class RecordingComposed(Wire):
    """`making`: ask again in some seconds. `ready`: it is at `url` until `expires_at`. `failed`: asked again,
    it is tried again."""

    state: Literal["making", "ready", "failed"]
    url: Url | None = None
    expires_at: Millis | None = None


class EraseRecording(Wire):
    """Says that a recorded person asks for the deletion, and why. It is erased, or, where an open case or a
    law needs the bytes, restricted and erased after that."""

    recording_id: Id
    why: Why


class RestrictRecording(EraseRecording):
    """Ends every use of a recording but keeping it, or allows it again, and says why."""

    restricted: bool


class RecordingChanged(Wire):
    """The recording as it stands after the command."""

    recording: RecordingSummary
