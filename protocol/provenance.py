"""Where an order comes from: the live session, the host, the minute, what was promised and asked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from protocol.base import Id, Line, Millis, Text, Wire

HOSTS = 20
"""Hosts of one place in a stream: more have no room in a panel."""
PROMISES = 50
"""Promises of one place in a stream, the latest."""
ALTERNATIVES = 5
"""Places that an ambiguous line may come from, the latest: more cannot be told apart by a person either."""


class Said(Wire):
    """Words of the stream with their time: a promise, a host's line or a viewer's question."""

    at: Millis
    offset_ms: int = Field(description="Since the session's start.")
    text: Text
    by: Line | None = None
    kind: str = Field(
        default="said", pattern="^[a-z_]{1,32}$", description="For promises: price, gift, return_window, …"
    )
    own: bool = Field(default=False, description="For questions: asked by this buyer.")


class Reason(Wire):
    """One coded reason for the verdict, with the numbers it rests on."""

    code: str = Field(pattern="^[a-z_]{1,64}$")
    data: dict[str, Any] = Field(default_factory=dict)


class Alternative(Wire):
    """One of the explanations that an ambiguous line may come from, with what was promised there."""

    live_session_id: Id
    live_title: Line
    hosts: list[Line] = Field(default_factory=list, max_length=HOSTS)
    segment_from: Millis
    segment_to: Millis | None = Field(default=None, description="Null while nothing says that it ended.")
    offset_from_ms: int
    offset_to_ms: int | None = None
    promises: list[Said] = Field(default_factory=list, max_length=PROMISES)


class ProvenanceCard(Wire):
    """The birth certificate (出生证明) of an order line, or of the minute in which a buyer tapped.

    An ambiguous one says in `alternatives` between which explanations it wavers, the latest first, and in its
    own fields only what is the same in all of them.
    """

    confidence: Literal["exact", "likely", "ambiguous", "none"]
    version: int = Field(ge=0, description="0 for a reading that is not stored (no order yet).")
    live_session_id: Id | None = None
    live_title: Line | None = None
    hosts: list[Line] = Field(default_factory=list, max_length=HOSTS)
    segment_from: Millis | None = None
    segment_to: Millis | None = None
    offset_from_ms: int | None = None
    offset_to_ms: int | None = None
    promises: list[Said] = Field(default_factory=list, max_length=PROMISES)
    alternatives: list[Alternative] = Field(default_factory=list, max_length=ALTERNATIVES)
    questions: list[Said] = Field(default_factory=list, max_length=50)
    reasons: list[Reason] = Field(default_factory=list, max_length=20)


class ProvenanceBound(Wire):
    """A newer version of an order line's provenance is there; look again."""

    conversation_id: Id
    order_id: Id
    line_id: Id
    provenance: ProvenanceCard
