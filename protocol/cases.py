"""Cases (工单): what stays to be done after a conversation, with its pictures, notes and history."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypeAliasType

from protocol.base import SAID, WRITTEN, ClientId, Id, Line, Millis, Seq, Wire
from protocol.call import (
    MAX_PARTICIPANTS,
    CallReason,
    CallRole,
    CallState,
    Delay,
    Kbps,
    Media,
    Share,
    Step,
)
from protocol.chat import OrderCard, ReusedEntry, StillEntry
from protocol.recordings import RecordingSummary

CASES_PAGE = 50
"""Cases of one list."""
CASES_A_CONVERSATION = 20
"""Cases opened from one conversation; more than an order has lines is a mistake."""
CALLS_A_CASE = 20
"""Calls that a case shows, the newest of its conversation; more than one a day for weeks is a mistake."""
RECORDINGS_A_CASE = 20
"""Recordings that a case shows, the newest of its conversation: one of each call, seldom two."""
STRETCHES = 30
"""Stretches of one connection: what a line as wide as a case's column can show apart."""
CASE_ENTRIES = 500
"""Entries of one case's history: a note a day for more than a year, and one answer stays below a megabyte.
The last is kept for its closing."""

CaseNumber = Annotated[int, Field(ge=1, le=10**9)]
"""Counts within a shop, from 1001: short enough to be said on the telephone."""
CaseState = Literal["open", "closed"]
CaseText = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=SAID)]


class CaseSummary(Wire):
    """A row of the list of cases."""

    case_id: Id
    shop_id: Id
    number: CaseNumber
    title: Line
    state: CaseState
    conversation_id: Id
    buyer_name: Line
    order_id: Id | None = None
    holder_id: Id | None = None
    holder_name: Line | None = None
    stills: int
    opened_at: Millis
    updated_at: Millis
    closed_at: Millis | None = None


class _CaseEntry(Wire):
    seq: Seq
    by_name: Line
    at: Millis


class CaseOpened(_CaseEntry):
    """The case was opened from a conversation, or by its recorded call, of which `by_name` was the agent."""

    kind: Literal["opened"] = "opened"
    call_id: Id | None = None


class CaseNoted(_CaseEntry):
    """Somebody wrote down what matters."""

    kind: Literal["note"] = "note"
    text: CaseText


class CaseHeld(_CaseEntry):
    """The case went to another holder."""

    kind: Literal["held"] = "held"
    holder_name: Line


class CaseClosed(_CaseEntry):
    """The case was closed, with what came of it."""

    kind: Literal["closed"] = "closed"
    text: CaseText


class CaseReopened(_CaseEntry):
    """The case goes on, for this reason."""

    kind: Literal["reopened"] = "reopened"
    text: CaseText


CaseEntry = TypeAliasType(
    "CaseEntry",
    Annotated[
        CaseOpened | CaseNoted | CaseHeld | CaseClosed | CaseReopened,
        Field(discriminator="kind"),
    ],
)


class CallStretch(Wire):
    """A time in which somebody's connection was the same. Where none of them is, nothing was measured.

    Its worst word and the lowest step of the ladder that he sent on; in steps of ten seconds or more.
    """

    from_at: Millis
    to_at: Millis
    level: Literal["good", "fair", "poor"]
    step: Step


class CallConnection(Wire):
    """How somebody's connection was in a call: means of measurements, of which one each five seconds is kept.

    `fair` and `poor` of `measured` had that word. `lowest_step`: how far its sender came down on the ladder.
    `stretches`: the same in time. Freezes and frozen time are whole sums; `rejoins` counts media that came
    again on another leg.
    """

    role: CallRole
    name: Line
    measured: int = Field(ge=1)
    fair: int = Field(ge=0)
    poor: int = Field(ge=0)
    lowest_step: Step
    stretches: list[CallStretch] = Field(max_length=STRETCHES)
    sent_kbps: Kbps
    received_kbps: Kbps
    loss: Share
    jitter_ms: Delay
    round_trip_ms: Delay | None = None
    freezes: int = Field(ge=0)
    frozen_ms: Millis
    rejoins: int = Field(ge=0)


class CaseCall(Wire):
    """A call of the case's conversation: what became of it, and how the connections were."""

    call_id: Id
    media: Media
    state: CallState
    invited_by: Literal["buyer", "agent"]
    rang_at: Millis
    connected_at: Millis | None = None
    ended_at: Millis | None = None
    reason: CallReason | None = None
    connections: list[CallConnection] = Field(max_length=MAX_PARTICIPANTS)


class CaseView(Wire):
    """A whole case. Stills, calls and recordings are of its conversation.

    `history` is append-only, oldest first; `calls` has the newest first.
    """

    case: CaseSummary
    order: OrderCard | None = None
    stills: list[StillEntry]
    reused: list[ReusedEntry]
    calls: list[CaseCall] = Field(max_length=CALLS_A_CASE)
    recordings: list[RecordingSummary] = Field(max_length=RECORDINGS_A_CASE)
    history: list[CaseEntry] = Field(max_length=CASE_ENTRIES)


class OpenCase(Wire):
    """Opens a case from a conversation; its opener holds it."""

    conversation_id: Id
    client_id: ClientId
    title: Line
    order_id: Id | None = None


class ListCases(Wire):
    """Asks for cases of the caller's shops, last changed first.

    `search` finds a number (with or without #), or the beginning of an order's id or a buyer's name; it needs
    the shop, because there is no search across shops.
    """

    shop_id: Id | None = None
    state: CaseState | None = None
    mine: bool = False
    search: Annotated[str, StringConstraints(max_length=64, pattern=WRITTEN)] = ""
    before: Millis | None = None


class CasesListed(Wire):
    """One page; `more` says that there are others."""

    cases: list[CaseSummary] = Field(max_length=CASES_PAGE)
    more: bool


class ReadCase(Wire):
    """Asks for a whole case."""

    case_id: Id


class NoteCase(Wire):
    """Writes a note into a case's history."""

    case_id: Id
    client_id: ClientId
    text: CaseText


class HoldCase(Wire):
    """Gives the case to a person of its shop."""

    case_id: Id
    client_id: ClientId
    person_id: Id


class CloseCase(NoteCase):
    """Closes a case and says what came of it."""


class ReopenCase(NoteCase):
    """Goes on with a closed case and says why."""


class CaseChanged(Wire):
    """To a shop's agents: a case is new or different."""

    case: CaseSummary
