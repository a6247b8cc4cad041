"""Who is in a call, who hears whom, and how each comes, goes and comes back.

A room has participants by name. Each has at most one connection that is up; a new one under the same name is
his coming back: until it is up the old one stays, then it takes over every line in both directions, and the
others hear and see on without a new negotiation.

Endings, and what each does to the others:

* `leave` closes one participant's connection and frees his seats at the others.
* A connection that ends by itself is told as `closed` with its code. Its lines fall silent; the participant
  stays in the room, so that he can come back to his seats.
* `close` closes all. Twice is harmless; nothing is told afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Literal, Protocol

from media.errors import MediaError
from media.ice import Ports
from media.leg import Leg
from media.limits import MOST_PARTICIPANTS
from media.quality import Quality
from media.seats import KINDS, SEATS, Kind, mid

Role = Literal["speaker", "listener"]
Event = dict[str, Any]

#: No RTP for so long from one who spoke before: his network is gone, or his page.
SILENT_AFTER_S = 2.0
#: No datagram at all for so long from one who sends no media. Browsers ask for consent to send every 2.5 to
#: 6 s (RFC 7675 section 5.1: five seconds, a fifth more or less) and answer ours as often.
ABSENT_AFTER_S = 7.0


class Tap(Protocol):
    """Who gets a copy: a recording. Nothing here, nor what it returns, may wait or raise."""

    def tap(self, participant: str, kind: Kind) -> Callable[[bytes, float], None]:
        """What gets each decrypted packet under its source's own numbers, repaired ones late and unwrapped,
        with the second of the monotonic clock when it came."""

    def tap_report(self, participant: str, kind: Kind, ntp: int, rtp_timestamp: int) -> None:
        """A source's clocks: a 64-bit NTP time and the RTP timestamp of the same moment."""


class _Participant:
    """One name in a room. `hears` maps the other's name to the seat that he has on this one's media lines."""

    def __init__(self, name: str, role: Role) -> None:
        self.name = name
        self.role: Role = role
        self.leg: Leg | None = None
        self.coming: Leg | None = None
        """A connection that is not up yet."""
        self.hears: dict[str, int] = {}
        self.kinds: dict[str, frozenset[Kind]] = {}
        self.quality = Quality()
        self.silent = False
        self.quiet_since: float | None = None
        """Since when he says that he sends nothing."""
        self.sends_since = 0.0
        """Since when he is to be heard; before that, his silence was none."""

    def falls_silent(self, now: float) -> bool:
        """Whether nothing comes that should; a muted voice goes on as packets, an absent one does not."""
        if self.leg is None:
            return False
        heard_at, quiet_since = self.leg.heard_at, self.quiet_since
        if heard_at is not None and (quiet_since is None or heard_at > quiet_since + SILENT_AFTER_S):
            return now - max(heard_at, self.sends_since) > SILENT_AFTER_S
        return now - max(heard_at or 0.0, self.leg.transport.alive_at) > ABSENT_AFTER_S


class Room:
    """One call. `tell(event)` gets everything that happens by itself, as plain data."""

    def __init__(self, name: str, ports: Ports, tell: Callable[[Event], None]) -> None:
        self.name = name
        self._ports = ports
        self._tell = tell
        self._participants: dict[str, _Participant] = {}
        self._tap: Tap | None = None
        self._closed = False
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """Connections that are up or coming up."""
        return sum((one.leg is not None) + (one.coming is not None) for one in self._participants.values())

    @property
    def people(self) -> int:
        """Participants, connected or not."""
        return len(self._participants)

    def knows(self, name: str) -> bool:
        """Whether a participant of this name is in the room, connected or not."""
        return name in self._participants

    async def join(self, name: str, role: Role) -> str:
        """A participant comes, or comes back; what is returned is his SDP offer.

        A speaker hears and is heard by the other speakers. A listener hears them, and nobody hears him until
        a route says so. Who comes back keeps his routes, and may be the other from now on. Raises
        `room_full`, `no_port`, `room_closed`.
        """
        if self._closed:
            raise MediaError("room_closed")
        one = self._participants.get(name)
        if one is None:
            if len(self._participants) >= MOST_PARTICIPANTS:
                raise MediaError("room_full")
            one = _Participant(name, role)
        leg = self._leg(one, role)
        one.role = role
        new = name not in self._participants
        if new:
            self._participants[name] = one
            self._first_routes(one)
        before, one.coming = one.coming, leg
        if before is not None:
            await before.close("rejoined")
        try:
            return await leg.offer()
        except BaseException:
            await leg.close("never_connected")
            if one.coming is leg:
                one.coming = None
                if new:
                    self._forget(name)
            raise

    def _leg(self, one: _Participant, role: Role) -> Leg:
        def report(kind: Kind, ntp: int, rtp_timestamp: int) -> None:
            if self._tap is not None and one.leg is leg:
                self._tap.tap_report(one.name, kind, ntp, rtp_timestamp)

        leg = Leg(
            self._ports,
            listens_only=role == "listener",
            on_connected=lambda: self._connected(one, leg),
            on_closed=lambda code: self._ended(one, leg, code),
            on_report=report,
        )
        return leg

    def _first_routes(self, one: _Participant) -> None:
        for other in self._participants.values():
            if other is not one and other.role == "speaker":
                self._seat(one, other, KINDS)
            if other is not one and one.role == "speaker":
                self._seat(other, one, KINDS)

    def answer(self, name: str, sdp: str) -> None:
        """His browser's answer to the last offer. Raises `MediaError`; what comes of it is told."""
        leg = self._one(name).coming
        if leg is None:
            raise MediaError("already_answered")
        leg.answer(sdp)

    def become(self, name: str, role: Role) -> None:
        """He is the other from now on, on the connection that he has. His routes stay."""
        one = self._one(name)
        one.role = role
        for leg in (one.leg, one.coming):
            if leg is not None:
                leg.listen(role == "listener")

    def sends(self, name: str, anything: bool, now: float | None = None) -> None:
        """Whether he means to send anything at all. Of who does not, silence is not told."""
        one, now = self._one(name), monotonic() if now is None else now
        if anything and one.quiet_since is not None:
            one.quiet_since, one.sends_since = None, now
        elif not anything and one.quiet_since is None:
            one.quiet_since = now

    async def leave(self, name: str) -> None:
        """He goes for good, and his seats become free."""
        one = self._one(name)
        self._forget(name)
        for leg in (one.leg, one.coming):
            if leg is not None:
                await leg.close("left")
        self._told("left", name)

    def _forget(self, name: str) -> None:
        del self._participants[name]
        for other in self._participants.values():
            self._unseat(other, name)

    def route(self, listener: str, source: str, kinds: Iterable[Kind]) -> dict[str, int]:
        """Let one hear and see (`kinds`) another; no kinds, not at all. The listener's seats are returned.

        Whispering, barging in and taking over are routes and nothing else. Raises `route_impossible`.
        """
        one, other = self._one(listener), self._one(source)
        wanted = frozenset(kinds)
        if one is other:
            raise MediaError("route_impossible")
        if wanted:
            self._seat(one, other, wanted)
        else:
            self._unseat(one, source)
        return dict(one.hears)

    def _seat(self, one: _Participant, other: _Participant, kinds: Iterable[Kind]) -> None:
        if other.name not in one.hears:
            free = sorted(set(range(SEATS)) - set(one.hears.values()))
            if not free:
                raise MediaError("route_impossible")
            one.hears[other.name] = free[0]
            self._told("seated", one.name, source=other.name, seat=free[0])
        one.kinds[other.name] = frozenset(kinds)
        self._wire(one, other)

    def _unseat(self, one: _Participant, name: str) -> None:
        seat = one.hears.pop(name, None)
        one.kinds.pop(name, None)
        if seat is not None and one.leg is not None:
            for kind in KINDS:
                line = one.leg.lines[mid(seat, kind)]
                if line.source is not None:
                    line.source.detach(line)

    def _wire(self, one: _Participant, other: _Participant) -> None:
        """Make the lines of a listener carry what the table says of one source."""
        if one.leg is None or other.leg is None:
            return
        for kind in KINDS:
            name = mid(one.hears[other.name], kind)
            line, stream = one.leg.lines[name], other.leg.streams[kind]
            if kind in one.kinds[other.name] and one.leg.wants(name):
                if line.source is not stream:
                    stream.attach(line)
            else:
                stream.detach(line)

    def record(self, tap: Tap | None) -> None:
        """Give every packet from now on to a recording, too, or to none any more."""
        self._tap = tap
        for one in self._participants.values():
            self._listen(one)
            if tap is not None:
                self._keyframe(one)

    def _listen(self, one: _Participant) -> None:
        if one.leg is None:
            return
        tap = self._tap
        for kind, stream in one.leg.streams.items():
            stream.tap = None if tap is None else tap.tap(one.name, kind)

    def request_keyframe(self, name: str) -> None:
        """Ask a participant's camera for a whole picture. Before it is there, nothing happens."""
        self._keyframe(self._one(name))

    def _keyframe(self, one: _Participant) -> None:
        if one.leg is not None:
            one.leg.streams["video"].want_keyframe()

    async def close(self) -> None:
        """End every connection."""
        self._closed = True
        legs = [
            leg for one in self._participants.values() for leg in (one.leg, one.coming) if leg is not None
        ]
        self._participants.clear()
        self._tap = None
        await asyncio.gather(*(leg.close("room_closed") for leg in legs))
        while self._endings:
            await asyncio.gather(*self._endings)

    # What happens by itself.

    def _connected(self, one: _Participant, leg: Leg) -> None:
        if one.coming is not leg or self._closed:
            self._end(leg, "rejoined")
            return
        old, one.leg, one.coming = one.leg, leg, None
        self._listen(one)
        for other in self._participants.values():
            if other.name in one.hears:
                self._wire(one, other)
            if one.name in other.hears:
                self._wire(other, one)
        if old is not None:
            self._end(old, "rejoined")
        self._told("connected", one.name, rejoined=old is not None)

    def _ended(self, one: _Participant, leg: Leg, code: str) -> None:
        if one.leg is leg:
            one.leg = None
        elif one.coming is leg:
            one.coming = None
        self._end(leg, code)
        self._told("closed", one.name, code=code)

    def _end(self, leg: Leg, code: str) -> None:
        task = asyncio.get_running_loop().create_task(leg.close(code))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _told(self, event: str, participant: str, **more: Any) -> None:
        if not self._closed:
            self._tell({"event": event, "room": self.name, "participant": participant, **more})

    # The clock.

    def watch(self, now: float | None = None) -> None:
        """Tell who has fallen silent, and who is heard again. To be called a few times a second."""
        now = monotonic() if now is None else now
        for one in self._participants.values():
            silent = one.falls_silent(now)
            if silent != one.silent and one.leg is not None:
                one.silent = silent
                self._told("silent" if silent else "heard", one.name)

    def tick(self, seconds: float) -> None:
        """Report to everybody, and tell how everybody fares. To be called once a second."""
        now = monotonic()
        up = [(one, one.leg) for one in self._participants.values() if one.leg is not None]
        for _, leg in up:
            leg.observe(seconds)
        for one, leg in up:
            leg.report(now)
            self._told("quality", one.name, **one.quality.taken(leg, seconds))

    def _one(self, name: str) -> _Participant:
        found = self._participants.get(name)
        if found is None:
            raise MediaError("participant_unknown")
        return found
