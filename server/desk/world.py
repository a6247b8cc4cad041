"""What every use case stands on, handed in by `bootstrap`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from media.call import Call
from media.grading import Level
from protocol import call as wire
from protocol import session
from server.auth.links import Links
from server.bridges import Telling
from server.call_bridges import Agreed
from server.storage.audit import Audited
from server.storage.calls.store import CallRecord
from server.storage.database import Database, Unit
from signaling.facts import Fact
from signaling.ports import Actor

Clock = Callable[[], int]
"""Epoch milliseconds."""

Composed = Literal["making", "failed"]

Publish = Callable[[Sequence[Fact]], None]
"""Tells committed facts; never waits and never raises."""


class Renewal(Protocol):
    """Extends a buyer's session; `server.auth` knows how."""

    async def renew(self, actor: Actor) -> session.Renewed:
        """A fresh token. Raises `Refused(session_revoked)` when the session was ended."""


class Offer(NamedTuple):
    """A new leg: the server's session description, who is on which of its lines, and TURN servers."""

    sdp: str
    tracks: list[wire.Track]
    ice_servers: list[wire.IceServer]


class Happened(NamedTuple):
    """Something of a call's media that happened by itself.

    `leg_up`, `leg_lost`: media of a leg arrives, or no more. `routed`: others are on its lines now.
    `recording_failed`: which, with the `code` why. `room_lost`: the media process ended under the call.
    """

    what: Literal["leg_up", "leg_lost", "routed", "recording_failed", "room_lost"]
    call_id: str
    leg_id: str = ""
    code: str = ""
    recording_id: str = ""
    tracks: Sequence[wire.Track] = ()


class Media(Protocol):
    """What carries calls on this node. `boot` names its run: with it all that it carried is gone."""

    @property
    def boot(self) -> str: ...

    @property
    def happenings(self) -> asyncio.Queue[Happened]:
        """What happened by itself, in order."""

    async def start(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End everything. Twice is harmless."""

    async def admit(self) -> None:
        """Let one more call in, if it can be carried well. Raises `Refused`: busy, media_away."""

    async def join(self, call: Call, participant_id: str, leg_id: str, now: int) -> Offer:
        """Open a leg for a participant; an older one of his stays until media comes on the new one.

        Raises `Refused`: busy, media_away, retry.
        """

    async def answer(self, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        """Give the browser's answer; again, it is the same.

        Raises `Refused`: stale_leg, description_refused, retry.
        """

    def follow(self, call: Call, agreed: Sequence[Agreed]) -> None:
        """The call stands like this now, with what its people agreed to. Never waits and never raises."""

    def measured(self, call_id: str, participant_id: str) -> dict[str, Any]:
        """What was measured of a participant's media in the last second; may be empty."""

    def followed(self) -> Mapping[str, int]:
        """The calls that are followed, each with the revision of its room; -1 while it has none."""

    def give_up(self, call_id: str) -> None:
        """Another run carries the call: its room here is closed. Never waits and never raises."""

    def tell_routed(self) -> None:
        """Tell everybody again who is on his lines: what was told may have been lost on the way."""

    async def stats(self) -> Sequence[Mapping[str, Any]]:
        """What each media process says of itself; empty while there is none, or none that answers."""


class Carriers(Protocol):
    """What carries calls, whichever node it is on. `boot` names the run that has a call."""

    @property
    def boot(self) -> str:
        """This node's run."""

    async def alive(self) -> frozenset[str]:
        """The runs that carry calls now, this one among them."""

    async def admit(self) -> None:
        """Let one more call in on this node. Raises as `Media.admit`."""

    async def join(self, boot: str, call: Call, participant_id: str, leg_id: str, now: int) -> Offer:
        """As `Media.join`; retry also where the other node does not answer."""

    async def answer(self, boot: str, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        """As `Media.answer`; retry also where the other node does not answer."""

    def follow(self, boot: str | None, call: Call, agreed: Sequence[Agreed]) -> None:
        """As `Media.follow`."""

    async def measured(self, boot: str | None, call_id: str, participant_id: str) -> Mapping[str, Any]:
        """As `Media.measured`; empty also where the other node does not answer."""


class CallMeter(Protocol):
    """Counts calls. Never waits and never raises."""

    def measured(self, report: wire.QualityReport, level: Level) -> None:
        """One measurement of a participant, and his connection in a word."""

    def stepped(self, step: str) -> None:
        """Somebody sends on another step of the ladder."""

    def rejoined(self, participants: int) -> None:
        """So many whose media was lost are back."""

    def ended(self, call: Call) -> None:
        """A call is over."""


@dataclass(frozen=True, slots=True)
class World:
    """Storage, time, ids and the ways out. `wake` tells the deciding node that a group's line changed."""

    db: Database
    clock: Clock
    new_id: Callable[[], str]
    wake: Callable[[str | None], None]
    publish: Publish
    renewal: Renewal
    links: Links
    node_id: str
    carriers: Carriers
    compose: Callable[[str], Composed]
    """Begins to make one MP4 of a recording, or says how far that is."""
    meter: CallMeter

    def telling(self, unit: Unit, now: int) -> Telling:
        """What will be told of a unit of work."""
        return Telling(unit, now=now, new_id=self.new_id, follow=self._follow)

    def _follow(self, record: CallRecord, agreed: Sequence[Agreed]) -> None:
        if record.call.state == "ended":
            self.meter.ended(record.call)
        self.carriers.follow(record.boot_id, record.call, agreed)


def side(actor: Actor) -> Literal["buyer", "agent"]:
    """As whom he writes and reads in a conversation. Guests of a call have no command that gets here."""
    return "buyer" if actor.kind == "buyer" else "agent"


class UseCases:
    """A family of use cases on one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def _audit(
        self, unit: Unit, actor: Actor, act: str, shop_id: str, subject_id: str, about: Mapping[str, Any]
    ) -> None:
        """A line of the audit: who did what to which call or recording, and what is to be said about it."""
        line = Audited(self.world.new_id(), shop_id, self.world.clock(), actor.id, act, subject_id, about)
        await unit.audit.add(line)
