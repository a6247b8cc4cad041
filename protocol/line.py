"""The waiting line and who serves it: places, states of agents, and the supervisor's wall."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from protocol.base import Id, Line, Millis, Wire


class Moved(Wire):
    """The place in line changed. `position` 1 is next; `null` means that the wait is over."""

    conversation_id: Id
    position: int | None = None
    waiting: int = Field(ge=0, description="How many wait in this line.")


SeatState = Literal["ready", "break", "offline", "wrap_up"]


class SetPresence(Wire):
    """Says that one is ready, on a break (小休, with a reason), wrapping up, or gone."""

    state: SeatState
    reason: Line | None = None


class Seat(Wire):
    """An agent as the server sees him; one capacity over all his shops."""

    person_id: Id
    name: Line
    state: SeatState
    reason: Line | None = None
    since: Millis
    connected: bool
    units_used: int = Field(ge=0)
    units_capacity: int = Field(ge=0)
    active: int = Field(ge=0, description="Conversations he owns.")


class GroupView(Wire):
    """A skill group of a shop: a target of transfers."""

    group_id: Id
    shop_id: Id
    name: Line
    accept: Literal["auto", "offer"]


class Colleague(Wire):
    """A target of transfers."""

    person_id: Id
    name: Line
    state: SeatState
    units_free: int


class ShopView(Wire):
    """A shop of the caller with his role, its groups and colleagues."""

    shop_id: Id
    name: Line
    role: Literal["agent", "supervisor", "admin"]
    groups: list[GroupView] = Field(max_length=200)
    colleagues: list[Colleague] = Field(max_length=1_000)


class Desk(Wire):
    """Everything the console starts with, as of one read; later events build on it."""

    epoch: Id
    now: Millis
    person_id: Id
    name: Line
    seat: Seat
    shops: list[ShopView] = Field(max_length=100)


class LoadDesk(Wire):
    """Asks for the console's start state."""


class LoadWall(Wire):
    """Asks for the wall of a shop; supervisors only."""

    shop_id: Id


class WallGroup(Wire):
    """A group's row: what waits, how long, what is served and who is there for it."""

    group_id: Id
    name: Line
    waiting: int
    longest_wait_ms: Millis
    in_service: int
    ready: list[Line] = Field(max_length=1_000)


class Wall(Wire):
    """The shop now: rows by group (longest wait first) and every seat."""

    now: Millis
    groups: list[WallGroup] = Field(max_length=200)
    seats: list[Seat] = Field(max_length=1_000)
