"""Guided capture: a list of pictures that an agent asks for, taken one by one on the buyer's page.

The list is a card of the public log; every picture, skip and retake is an entry of its own that names the
list by its seq and the shot by its place in it. How far a list is follows from the log alone.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from protocol.base import SAID, WRITTEN, ClientId, Fence, Id, Seq, Wire

SHOTS_A_LIST = 12
"""Pictures asked for in one list: beyond a dozen nobody takes them all, and a call is the better way."""

ShotLabel = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=SAID)]
"""What a picture is called, short enough to stand under it: 吊牌."""
ShotHint = Annotated[str, StringConstraints(max_length=100, pattern=WRITTEN)]
"""One sentence: what must be seen."""
ShotFrame = Literal["tag", "detail", "whole", "waybill"]
"""The outline laid over the viewfinder: a tag with its hole, a circle, most of the picture, a wide label.
A shape only: any label goes with any of them."""
ShotPlace = Annotated[int, Field(ge=0, lt=SHOTS_A_LIST)]
"""A shot's place in its list, from 0."""
Doubt = Literal["blurred", "dark", "bright"]
"""What the buyer's page measured and he sent all the same."""


class Shot(Wire):
    """One picture that is asked for."""

    label: ShotLabel
    hint: ShotHint = ""
    frame: ShotFrame = "whole"


class ShotsCard(Wire):
    """A list of pictures, to be taken in this order."""

    card: Literal["shots"] = "shots"
    shots: list[Shot] = Field(min_length=1, max_length=SHOTS_A_LIST)


class RequestShots(Wire):
    """The owner asks for pictures."""

    conversation_id: Id
    client_id: ClientId
    fence: Fence
    shots: list[Shot] = Field(min_length=1, max_length=SHOTS_A_LIST)


class _OfShot(Wire):
    conversation_id: Id
    client_id: ClientId
    list_seq: Seq
    shot: ShotPlace


class FillShot(_OfShot):
    """Puts an uploaded picture in a shot's place. Each file fills one place."""

    file_id: Id
    doubts: list[Doubt] = Field(default_factory=list, max_length=3)


class SkipShot(_OfShot):
    """The buyer cannot or does not want to take this one, and says why."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=SAID)]


class RetakeShot(_OfShot):
    """The owner asks for this shot once more."""

    fence: Fence
    note: ShotHint = ""
