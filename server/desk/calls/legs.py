"""The media of a call: legs opened and described, what is measured, and what happens by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from media import grading, steps
from media.call import Call, Participant
from media.steps import Step
from protocol import call as wire
from protocol.base import Empty
from protocol.errors import ErrorCode, Refused
from server.auth.secrets import TokenKind, new_token, token_hash
from server.call_bridges import place, view
from server.desk.calls.stepping import Calling, refusing
from server.desk.world import Happened, World
from server.recordings.lines import tell
from server.storage.calls.store import CallRecord
from signaling import facts
from signaling.facts import ActorKind
from signaling.ports import Actor, Done

log = logging.getLogger(__name__)

REPORT_EVERY_MS = 5_000
"""So often a measurement is kept of each participant; one of another leg or with another word at once."""
REPORTS_MOST = 3_000
"""Kept of a participant: those of four hours, one each five seconds, and some that changed the word."""
DUE_AT_ONCE = 100
"""Calls that one sweep looks at; the next is a second later."""


@dataclass(slots=True)
class _Kept:
    """A measurement that was kept, of which leg, with which words; what froze after it, in those not kept."""

    at: int
    said: tuple[str, str, str]
    freezes: int = 0
    frozen_ms: int = 0


class Legs(Calling):
    """What the people of a call say of its media."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._joining: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._reported: dict[str, _Kept] = {}
        """By participant: the measurement of his that was kept last, of the last seconds."""

    async def join_call(self, actor: Actor, request: wire.Join) -> Done[wire.Joined]:
        """Opens a leg for the asker's media. It counts for him from now on; an older one goes on until then.

        One at a time in a call, so that the leg in the row is the newest one of the media process.
        """
        async with self._joining.setdefault(request.call_id, asyncio.Lock()):
            return await self._open_leg(actor, request)

    async def _open_leg(self, actor: Actor, request: wire.Join) -> Done[wire.Joined]:
        leg_id, token = self.world.new_id(), new_token(TokenKind.rejoin)
        known = _hash(request.rejoin_token)

        def act(call: Call, me: Participant, now: int) -> Step:
            return steps.open_leg(
                call,
                me.id,
                leg_id=leg_id,
                rejoin_hash=token_hash(token, TokenKind.rejoin),
                known=known,
                move=request.move,
                now=now,
            )

        now = self.world.clock()
        async with self.world.db.read() as reader:
            mine = await self._mine(reader, actor, request.call_id)
        with refusing(not_joined=ErrorCode.conflict):
            act(mine.record.call, mine.me, now)
        boot = await self._carrier(mine.record)
        offer = await self.world.carriers.join(boot, mine.record.call, mine.me.id, leg_id, now)
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            mine = await self._mine(unit, actor, request.call_id)
            try:
                with refusing(not_joined=ErrorCode.conflict):
                    step = act(mine.record.call, mine.me, now)
            except Refused:
                # It ended meanwhile, and the room was opened after that.
                self.world.carriers.follow(boot, mine.record.call, ())
                raise
            if mine.record.boot_id != boot:
                # Taken for dead meanwhile, and followed by another.
                raise Refused(ErrorCode.retry)
            record = await telling.step(mine.record, step)
            if actor.kind == "guest" and mine.me.state == "invited":
                await self._audit(
                    unit, actor, "call.guest_came", record.shop_id, record.call.id, {"name": mine.me.name}
                )
            if mine.me.leg_id is not None:
                kind, person_id = _hears(mine.me)
                moved = facts.LegMoved(kind, person_id, request.call_id, mine.me.id, leg_id)
                telling.facts.append(moved)
            told = await telling.all()
        joined = wire.Joined(
            call=view(record, actor.kind),
            participant_id=mine.me.id,
            leg_id=leg_id,
            offer=offer.sdp,
            ice_servers=offer.ice_servers,
            tracks=offer.tracks,
            rejoin_token=token,
        )
        return Done(joined, told)

    async def describe_leg(self, actor: Actor, request: wire.Describe) -> Done[Empty]:
        """The browser's answer for the leg that counts; again, it is the same."""
        async with self.world.db.read() as unit:
            mine = await self._mine(unit, actor, request.call_id)
        with refusing(not_joined=ErrorCode.stale_leg):
            steps.on_leg(mine.record.call, mine.me.id, request.leg_id)
        # A leg was opened on a run that carries the call.
        boot = mine.record.boot_id or self.world.carriers.boot
        await self.world.carriers.answer(boot, request.call_id, mine.me.id, request.leg_id, request.answer)
        return Done(Empty())

    async def report_quality(self, actor: Actor, request: wire.QualityReport) -> Done[Empty]:
        """What the browser measured. It is kept beside what the media process did, and told in words."""
        async with self.world.db.read() as reader:
            mine = await self._mine(reader, actor, request.call_id)
        with refusing():
            steps.on_leg(mine.record.call, mine.me.id, request.leg_id)
        level = grading.level(
            loss=max(request.sent.loss, request.received.loss),
            round_trip_ms=request.round_trip_ms,
            frozen_ms=request.received.frozen_ms,
        )
        now, me = self.world.clock(), mine.me
        last = self._reported.get(me.id)
        said = (request.leg_id, level, request.step)
        self.world.meter.measured(request, level)
        before = mine.record.quality.get(me.id)
        if (before[1] if before is not None else "full") != request.step:
            self.world.meter.stepped(request.step)
        if last is not None and last.said == said and now - last.at < REPORT_EVERY_MS:
            last.freezes += request.received.freezes
            last.frozen_ms += request.received.frozen_ms
            return Done(Empty())
        self._reported[me.id] = _Kept(now, said)
        body = request.model_dump(exclude={"call_id"})
        if last is not None:
            body["received"]["freezes"] += last.freezes
            body["received"]["frozen_ms"] += last.frozen_ms
        body["server"] = await self.world.carriers.measured(mine.record.boot_id, request.call_id, me.id)
        async with self.world.db.write() as unit:
            mine = await self._mine(unit, actor, request.call_id)
            await unit.calls.add_quality(
                request.call_id, me.id, level=level, step=request.step, body=body, most=REPORTS_MOST, now=now
            )
        if mine.record.quality.get(me.id) == (level, request.step):
            return Done(Empty())
        where = place(mine.conversation.place, mine.record.call)
        changed = facts.QualityChanged(where, request.call_id, me.id, level, request.step, hidden=me.hidden)
        return Done(Empty(), [changed])

    # What happens by itself.

    async def recover(self) -> None:
        """What a run carried that is no more is gone; whoever was in it has his time to come back.

        To be called at the start, and every second where there are other nodes.
        """
        alive = await self.world.carriers.alive()
        async with self.world.db.read() as unit:
            lost = await unit.calls.live_on_others(alive)
        for record in lost:
            await self._lost(record)

    async def _lost(self, record: CallRecord) -> None:
        await self._by_itself(
            record.call.id, lambda call, now: steps.media_lost(call, now=now), of=record.boot_id
        )

    async def _carrier(self, record: CallRecord) -> str:
        """The run that carries a call; this one, from now on, where the one that did is no more."""
        own = self.world.carriers.boot
        if record.boot_id == own or record.boot_id in await self.world.carriers.alive():
            return record.boot_id
        await self._lost(record)
        async with self.world.db.write() as unit:
            found = await self._held(unit, record.call.id)
            if found is None or found.boot_id != record.boot_id:
                # Somebody else's, whom the next try finds.
                raise Refused(ErrorCode.retry)
            await unit.calls.house(record.call.id, own)
        return own

    async def sweep(self) -> None:
        """Ends what is over: rings, waits, and those who did not come back. To be called every second."""
        now = self.world.clock()
        kept = self._reported.items()
        self._reported = {who: last for who, last in kept if now - last.at < 2 * REPORT_EVERY_MS}
        async with self.world.db.read() as unit:
            due = await unit.calls.due(now, DUE_AT_ONCE)
        for call_id, _ in due:
            try:
                await self._by_itself(call_id, lambda call, now: steps.expire(call, now=now))
            except Exception:
                # The longest due come first: one that fails must not keep the others from their end.
                log.exception("a call could not be brought to its end", extra={"call_id": call_id})

    async def happened(self, event: Happened) -> None:
        """What this node's media tells; of a call that another node carries by now it is past."""
        own = self.world.carriers.boot
        match event.what:
            case "leg_up":
                await self._by_itself(
                    event.call_id, lambda call, now: steps.leg_up(call, event.leg_id, now=now), of=own
                )
            case "leg_lost":
                await self._by_itself(
                    event.call_id, lambda call, now: steps.leg_lost(call, event.leg_id, now=now), of=own
                )
            case "room_lost":
                await self._by_itself(
                    event.call_id, lambda call, now: steps.media_lost(call, now=now), of=own
                )
            case "recording_failed":
                await self._recording_failed(event)
            case "routed":
                await self._routed(event)

    async def _by_itself(self, call_id: str, act: Callable[[Call, int], Step], of: str | None = None) -> None:
        """A step that nobody commanded; with `of` only while that run carries the call."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record = await self._held(unit, call_id)
            if record is None or (of is not None and record.boot_id != of):
                return
            step = act(record.call, now)
            after = await self._step_on(unit, telling, record, step, now)
            told = await telling.all()
        self.world.meter.rejoined(_back(record.call, after.call))
        self.world.publish(told)
        if after.call.state in ("ended", "waiting"):
            self.world.wake(None)

    async def _recording_failed(self, event: Happened) -> None:
        """The call goes on, and its conversation and cases say why there is no more of it."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record = await self._held(unit, event.call_id)
            if record is None or record.boot_id != self.world.carriers.boot:
                return
            step = steps.recording_failed(record.call, event.code)
            if step.call != record.call:
                await telling.step(record, step)
                code: Any = event.code
                await tell(
                    telling,
                    record.conversation_id,
                    recording_id=event.recording_id,
                    call_id=event.call_id,
                    state="stopped",
                    code=code,
                )
            told = await telling.all()
        self.world.publish(told)

    async def _routed(self, event: Happened) -> None:
        async with self.world.db.read() as unit:
            record = await unit.calls.get(event.call_id)
        people = record.call.participants if record is not None else ()
        who = next((each for each in people if each.leg_id == event.leg_id), None)
        if who is not None:
            kind, person_id = _hears(who)
            routed = facts.LegRouted(kind, person_id, event.call_id, event.leg_id, tuple(event.tracks))
            self.world.publish([routed])


def _hears(who: Participant) -> tuple[ActorKind, str]:
    """At whose sockets a participant is told something."""
    if who.role == "buyer":
        return "buyer", who.person_id
    return ("guest", who.id) if who.role == "guest" else ("agent", who.person_id)


def _back(before: Call, after: Call) -> int:
    """How many were lost before a step and are there after it."""
    lost = {each.id for each in before.participants if each.state == "reconnecting"}
    return sum(each.id in lost and each.state == "joined" for each in after.participants)


def _hash(token: str | None) -> str | None:
    """Of a token to rejoin with; what is none is as good as nothing."""
    if token is None:
        return None
    try:
        return token_hash(token, TokenKind.rejoin)
    except Refused:
        return None
