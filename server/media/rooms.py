"""Calls in media processes: rooms opened, legs joined, and whatever a call's steps decided made true there.

The desk decides and stores; this follows. A call is handed over as it stands after each step, newer ones
replace older ones, and one task a room brings the media process there: who has left is let go, who may hear
whom is routed, what everybody agreed to is written. What happens in the rooms comes back as `Happened`.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from time import monotonic
from typing import Any

from media.call import Call, Participant, routes
from media.control import Object
from media.errors import MediaError
from media.pool import Pool
from media.seats import KINDS, SEATS, mid
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.call_bridges import Agreed
from server.desk.world import Happened, Offer
from server.media import recording
from server.media.admission import Admission
from server.media.happenings import Happenings
from server.media.recording import Ask, Told
from server.media.turn import Turn

log = logging.getLogger(__name__)

BEFORE_IT_WAS_UP = ("never_connected", "handshake_failed")
"""Ends of a connection that never carried anything."""
NO_ROOM = ("worker_lost", "room_unknown")
"""The room is gone with its process, which is told by itself."""
AGAIN_S = 1.0
"""Between the tries to bring a room to where its call is, when a process does not do as it was asked."""


@dataclass(eq=False)
class _Room:
    """A room that a media process has. `coming` and `up` are the legs of its participants."""

    call: Call
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    agreed: dict[str, Agreed] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)
    quiet: set[str] = field(default_factory=set)
    """Who sends nothing: neither picture nor voice."""
    coming: dict[str, str] = field(default_factory=dict)
    up: dict[str, str] = field(default_factory=dict)
    heard: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Listener and source, and whether the one hears the other."""
    seats: dict[str, dict[str, int]] = field(default_factory=dict)
    measured: dict[str, Object] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    settling: asyncio.Task[None] | None = None


class MediaRooms:
    """Fulfils `server.desk.world.Media` with the processes of a `Pool`, started with the first call.

    `command` starts one when a path is added; `recordings` is where they write. `boot` names this run: the
    rooms of another one are gone.
    """

    def __init__(
        self,
        command: Sequence[str],
        recordings: Path,
        *,
        boot: str,
        new_id: Callable[[], str],
        turn: Turn | None,
        count: int = 1,
    ) -> None:
        self.boot = boot
        self.happenings = Happenings()
        self._command, self._count = command, count
        self._recordings = recordings
        self._new_id = new_id
        self._turn = turn
        self._pool: Pool | None = None
        self._folder: Path | None = None
        self._starting = asyncio.Lock()
        self._rooms: dict[str, _Room] = {}
        self._admission = Admission()

    async def start(self) -> None:
        """Begin. Where recordings were begun before, a process starts now: it ends what a killed one left."""
        if await asyncio.to_thread(_any_in, self._recordings):
            try:
                await self._running()
            except Refused:
                log.error("media.not_started: what a killed process recorded is not ended yet")

    async def close(self) -> None:
        """End every room and process. Twice is harmless."""
        for room in self._rooms.values():
            if room.settling is not None:
                room.settling.cancel()
        self._rooms.clear()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _running(self) -> Pool:
        async with self._starting:
            if self._pool is None:
                # A socket's path is short by law of the kernel; the data folder's may be long.
                if self._folder is None:
                    self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="livedesk-"))
                pool = Pool(self._command, self._folder, self._on_event, self._count)
                try:
                    await pool.start()
                except MediaError as error:
                    log.error("media.not_started: %s", error)
                    raise Refused(ErrorCode.media_away) from None
                self._pool = pool
            return self._pool

    @property
    def pids(self) -> list[int]:
        """The processes that run."""
        return self._pool.pids if self._pool is not None else []

    # What the desk asks.

    async def admit(self) -> None:
        """Let one more call in, if it can be carried well. Raises `Refused`: busy, media_away."""
        await self._running()
        places = [one["places"] for one in await self.stats()]
        if not self._admission.admits(places, monotonic()):
            raise Refused(ErrorCode.busy)

    async def join(self, call: Call, participant_id: str, leg_id: str, now: int) -> Offer:
        """Open a leg, and the room where there is none. Raises `Refused`: busy, media_away, retry."""
        pool = await self._running()
        room = self._rooms.get(call.id)
        if room is None:
            room = self._rooms[call.id] = _Room(call)
        who = call.of(participant_id)
        async with room.lock:
            try:
                if not room.there:
                    await self._open(pool, call.id)
                role = room.roles[participant_id] = _role(who)
                reply = await pool.call("join", call.id, participant=participant_id, role=role)
                room.coming[participant_id] = leg_id
                if participant_id not in room.there:
                    room.there.add(participant_id)
                    self._admission.follow(room.call, room.there)
                    await self._route(pool, room, but=participant_id)
            except MediaError as error:
                # The two sides were let in with their call, and who was carried before: after a crash all
                # come back at once, and find room.
                admitted = who is not None and (who.here or who.role in ("buyer", "agent"))
                raise _refused(error, admitted=admitted) from None
            tracks = self._tracks(room, participant_id)
        return Offer(reply["sdp"], tracks, self._turn.servers(participant_id, now) if self._turn else [])

    async def _open(self, pool: Pool, call_id: str) -> None:
        try:
            await pool.open(call_id)
        except MediaError as error:
            if error.code != "room_exists":
                raise

    async def answer(self, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        """Give the browser's answer to a leg; again, it is the same. Raises `Refused`."""
        room = self._rooms.get(call_id)
        if room is None or self._pool is None:
            raise Refused(ErrorCode.stale_leg)
        if room.up.get(participant_id) == leg_id:
            return
        if room.coming.get(participant_id) != leg_id:
            raise Refused(ErrorCode.stale_leg)
        try:
            await self._pool.call("answer", call_id, participant=participant_id, sdp=sdp)
        except MediaError as error:
            if error.code == "already_answered":
                return
            if error.code.startswith("answer_"):
                raise Refused(ErrorCode.description_refused, why=error.code) from None
            raise _refused(error) from None

    def follow(self, call: Call, agreed: Sequence[Agreed]) -> None:
        """Bring the call's room to where the call is. Returns at once; without a room it is counted only."""
        room = self._rooms.get(call.id)
        self._admission.follow(call, room.there if room is not None else ())
        if room is None or call.revision < room.call.revision:
            return
        room.agreed |= {each.participant_id: each for each in agreed}
        self._bring(room, call)

    def _bring(self, room: _Room, call: Call) -> None:
        room.call = call
        if room.settling is None or room.settling.done():
            room.settling = asyncio.create_task(self._settle(room))

    def followed(self) -> dict[str, int]:
        """The calls that are followed here, each with how far: the revision of its room, -1 without one."""
        waited_for = dict.fromkeys(self._admission.coming, -1)
        return waited_for | {call_id: room.call.revision for call_id, room in self._rooms.items()}

    def give_up(self, call_id: str) -> None:
        """Another run carries the call: its room here is closed. Returns at once."""
        self._admission.forget(call_id)
        room = self._rooms.get(call_id)
        if room is not None:
            self._bring(room, replace(room.call, state="ended"))

    def tell_routed(self) -> None:
        """Tell everybody again who is on his lines, after what was told may have been lost."""
        for room in self._rooms.values():
            for listener in room.seats:
                self._tell_routed(room, listener)

    def measured(self, call_id: str, participant_id: str) -> dict[str, Any]:
        """What the media process measured of somebody in the last second."""
        room = self._rooms.get(call_id)
        return room.measured.get(participant_id, {}) if room is not None else {}

    async def stats(self) -> list[Object]:
        """What each process says of itself; empty while none was started, or none answers."""
        return await self._pool.stats() if self._pool is not None else []

    # Bringing a room to where its call is.

    async def _settle(self, room: _Room) -> None:
        """Until the room is where its call is; what was not done is tried again while there is a room."""
        settled = None
        while settled is not room.call and self._pool is not None:
            async with room.lock:
                settled = room.call
                try:
                    await self._made_true(self._pool, room, settled)
                except MediaError as error:
                    if error.code in NO_ROOM:
                        return
                    log.error("media.unsettled: %s", error, extra={"call_id": settled.id})
                    settled = None
            if settled is None:
                await asyncio.sleep(AGAIN_S)

    async def _made_true(self, pool: Pool, room: _Room, call: Call) -> None:
        """Each part by itself: what fails of one does not keep the others. Raises the first failure."""
        if call.state == "ended":
            # Its process may have been lost meanwhile, and the room of this name be another.
            if self._rooms.get(call.id) is room:
                del self._rooms[call.id]
                await pool.close_room(call.id)
            return
        failure: MediaError | None = None
        # The recorder first: of nothing else does a moment too long stay for ever.
        for part in (self._record, self._let_go, self._become, self._expect, self._route):
            try:
                await part(pool, room)
            except MediaError as error:
                if error.code in NO_ROOM:
                    raise
                failure = failure or error
        if failure is not None:
            raise failure

    async def _let_go(self, pool: Pool, room: _Room) -> None:
        """Whoever left the call leaves the room."""
        gone = room.there - {each.id for each in room.call.participants if each.state != "left"}
        for participant_id in sorted(gone):
            try:
                await pool.call("leave", room.call.id, participant=participant_id)
            except MediaError as error:
                if error.code != "participant_unknown":
                    raise
            room.there.discard(participant_id)
            room.quiet.discard(participant_id)
            for known in (room.coming, room.up, room.seats, room.measured, room.roles):
                known.pop(participant_id, None)
            room.heard = {pair: heard for pair, heard in room.heard.items() if participant_id not in pair}
            for listener, seats in room.seats.items():
                if seats.pop(participant_id, None) is not None:
                    self._tell_routed(room, listener)

    async def _become(self, pool: Pool, room: _Room) -> None:
        """Listeners are listeners, and speakers speakers."""
        for participant_id in sorted(room.there):
            role = _role(room.call.of(participant_id))
            if room.roles.get(participant_id) != role:
                await pool.call("role", room.call.id, participant=participant_id, role=role)
                room.roles[participant_id] = role

    async def _expect(self, pool: Pool, room: _Room) -> None:
        """Who sends nothing is not taken for lost when nothing comes of him."""
        for participant_id in sorted(room.there):
            who = room.call.of(participant_id)
            anything = who is None or who.camera or who.microphone or who.screen
            if anything is (participant_id in room.quiet):
                await pool.call("sends", room.call.id, participant=participant_id, anything=anything)
                room.quiet ^= {participant_id}

    async def _route(self, pool: Pool, room: _Room, but: str | None = None) -> None:
        """Make every seat carry whom its listener may hear, and tell them; `but` is told otherwise."""
        wanted = {(route.listener, route.source) for route in routes(room.call) if route.source is not None}
        changed = dict[str, None]()
        # What falls silent first: its seat may be another's.
        pairs = sorted(permutations(sorted(room.there), 2), key=lambda pair: pair in wanted)
        for listener, source in pairs:
            heard = (listener, source) in wanted
            if room.heard.get((listener, source)) is heard:
                continue
            kinds = list(KINDS) if heard else []
            reply = await pool.call("route", room.call.id, listener=listener, source=source, kinds=kinds)
            room.heard[listener, source] = heard
            if reply["seats"] != room.seats.get(listener, {}):
                # Of who only listens nobody is told, not even that something changed.
                room.seats[listener] = reply["seats"]
                changed[listener] = None
        for listener in changed:
            if listener != but:
                self._tell_routed(room, listener)

    def _tell_routed(self, room: _Room, listener: str) -> None:
        leg_id = room.coming.get(listener) or room.up.get(listener)
        if leg_id is not None:
            tracks = self._tracks(room, listener)
            self.happenings.put_nowait(Happened("routed", room.call.id, leg_id, tracks=tracks))

    def _tracks(self, room: _Room, listener: str) -> list[wire.Track]:
        on = {seat: name for name, seat in room.seats.get(listener, {}).items()}
        return [
            wire.Track(mid=mid(seat, kind), kind=kind, participant_id=on.get(seat))
            for seat in range(SEATS)
            for kind in KINDS
        ]

    async def _record(self, pool: Pool, room: _Room) -> None:
        """Write exactly whom the call says."""
        while ask := recording.due(room.told, room.call, room.there, room.agreed, self._new_id()):
            room.told = recording.asked(room.told, ask)
            of = room.told.recording
            refused = await self._asked(pool, room, ask)
            if room.told.recording != of:
                continue  # it ended by itself meanwhile
            room.told = recording.answered(room.told, ask)
            if refused is not None:
                room.told = replace(room.told, failed=True)
                self._recording_failed(room.call.id, ask.arguments["recording"], refused)

    async def _asked(self, pool: Pool, room: _Room, ask: Ask) -> str | None:
        """Why the recorder does not take somebody in; it does, or was asked for something else: None."""
        try:
            reply = await pool.call(ask.verb, room.call.id, **ask.arguments)
        except MediaError as error:
            if ask.verb != "record" or error.code in NO_ROOM:
                raise
            log.error("media.not_recorded: %s", error, extra={"call_id": room.call.id})
            return "recorder_away"
        refused: str | None = reply.get("refused")
        return refused

    # What happens in the rooms.

    def _on_event(self, event: Object) -> None:
        room = self._rooms.get(event["room"])
        if room is None:
            return
        call_id, participant_id = room.call.id, event.get("participant", "")
        match event["event"]:
            case "connected":
                leg_id = room.coming.pop(participant_id, None)
                if leg_id is not None:
                    room.up[participant_id] = leg_id
                    self.happenings.put_nowait(Happened("leg_up", call_id, leg_id))
            case "closed":
                early = event["code"] in BEFORE_IT_WAS_UP or participant_id not in room.up
                legs = room.coming if early else room.up
                self._leg_lost(call_id, legs.pop(participant_id, None))
            case "silent":
                self._leg_lost(call_id, room.up.get(participant_id))
            case "heard" if participant_id in room.up:
                self.happenings.put_nowait(Happened("leg_up", call_id, room.up[participant_id]))
            case "quality":
                room.measured[participant_id] = {
                    name: event[name] for name in ("audio", "video", "link") if name in event
                }
            case "recording_ended" if event["recording"] == room.told.recording:
                room.told = recording.ended(room.told, event["code"])
                if event["code"] not in recording.OUR_OWN_ENDS:
                    self._recording_failed(call_id, event["recording"], event["code"])
            case "lost":
                del self._rooms[call_id]
                self.happenings.put_nowait(Happened("room_lost", call_id))

    def _recording_failed(self, call_id: str, recording_id: str, code: str) -> None:
        failed = Happened("recording_failed", call_id, code=code, recording_id=recording_id)
        self.happenings.put_nowait(failed)

    def _leg_lost(self, call_id: str, leg_id: str | None) -> None:
        if leg_id is not None:
            self.happenings.put_nowait(Happened("leg_lost", call_id, leg_id))


def _refused(error: MediaError, *, admitted: bool = False) -> Refused:
    if error.code in ("busy", "no_port") and not admitted:
        return Refused(ErrorCode.busy)
    # The process ended, or has not started again yet: in a moment there is one. Or whose place he takes, as
    # after a transfer, has not gone yet.
    return Refused(ErrorCode.retry, retry_after_ms=500)


def _role(who: Participant | None) -> str:
    """A supervisor's network slows nobody down; who took the call over is one of its two sides."""
    return "listener" if who is not None and who.role == "supervisor" else "speaker"


def _any_in(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None
