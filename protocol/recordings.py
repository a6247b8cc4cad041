"""Recordings of calls: where each one stands, who looks at it, and what ends it."""

from __future__ import annotations

from typing import Literal

from protocol.base import Id, Millis, Wire

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
    "killed",
]
"""Why the writing ended, or was refused from the first (disk_low, too_many)."""

FinishingCode = Literal["not_decoded", "not_kept", "shelf_away", "disk_full", "disk_error", "journal_damaged"]
"""Why a recording could not be finished. `not_decoded`: the process that decodes died or took too long.
`not_kept`: what arrived where files are kept is not what was sent. `shelf_away`: that place cannot be
reached. `journal_damaged`: what was noted while it was written cannot be read."""

KeepingCode = Literal["restriction_asked", "case_open", "statutory_period", "period_over", "erasure_asked"]
"""Why a recording is restricted or erased."""

RecordingCode = Literal[WritingCode, FinishingCode, KeepingCode]


class RecordingSummary(Wire):
    """A recording as a case lists it. `ended_code`: why the writing ended; `code`: why it stands so."""

    recording_id: Id
    call_id: Id
    conversation_id: Id
    state: RecordingStage
    code: RecordingCode | None = None
    ended_code: WritingCode | None = None
    began_at: Millis
    duration_ms: Millis | None = None
