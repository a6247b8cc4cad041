"""What is drawn on the pictures of a call: a track of its own, beside a recording that stays clean."""

from __future__ import annotations

from aftersales.shots import closer
from media import steps
from media.call import Call
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from protocol.shots import Shot, ShotsCard
from server.call_bridges import mark_entry, place
from server.desk.calls.stepping import Calling, Mine, refusing
from server.desk.world import World
from server.storage.records import NewEntry
from signaling import facts
from signaling.ports import Actor, Done

MARKS_MOST = 36_000
"""Of one call: half an hour of drawing without a pause. The track is read as a whole by who plays it."""
GUIDES = ("agent", "supervisor")
"""Whose frame the others see in place of the live picture."""
GO_ON = ("pointer", "freehand")
"""Shapes whose mark is sent in several pieces under one id."""


class Marks(Calling):
    """Drawing, and reading what was drawn."""

    async def draw_mark(self, actor: Actor, request: wire.DrawMark) -> Done[wire.Drawn]:
        """Stores a mark and shows it to the others. Sent again, it is stored once."""
        now, mark = self.world.clock(), request.mark
        # A frame is no part of the track: nobody agreed to its being kept.
        body = mark.model_dump(exclude={"picture"})
        async with self.world.db.write() as unit:
            mine = await self._mine(unit, actor, request.call_id)
            call = mine.record.call
            with refusing():
                steps.may_draw(call, mine.me.id)
            _on_a_picture(call, mark)
            before = await unit.calls.mark_of(request.call_id, mark.mark_id)
            if before is not None and before.participant_id != mine.me.id:
                raise Refused(ErrorCode.forbidden)
            if before is not None and (mark.shape not in GO_ON or before.body["shape"] != mark.shape):
                return Done(wire.Drawn(seq=before.seq))
            if mark.shape == "freeze":
                if mark.picture is None:
                    raise Refused(ErrorCode.bad_request, "Send the frame that is to be held.")
                if mine.me.role not in GUIDES:
                    raise Refused(ErrorCode.forbidden)
            if mark.shape == "undo":
                undone = await unit.calls.mark_of(request.call_id, mark.undone)
                if undone is None or undone.participant_id != mine.me.id:
                    raise Refused(ErrorCode.forbidden)
            if mine.record.marks >= MARKS_MOST:
                raise Refused(ErrorCode.too_many)
            seq = await unit.calls.add_mark(request.call_id, mine.me.id, mark.mark_id, body, now)
            if mark.shape == "freeze" and mark.picture is not None:
                await unit.calls.hold(request.call_id, mark.of, seq, mark.picture)
            elif mark.shape == "unfreeze":
                await unit.calls.let_go(request.call_id, mark.of)
        entry = wire.MarkEntry(seq=seq, participant_id=mine.me.id, at=now, mark=mark)
        where = place(mine.conversation.place, call)
        return Done(wire.Drawn(seq=seq), [facts.MarkDrawn(where, request.call_id, entry, actor.sid)])

    async def sync_marks(self, actor: Actor, request: wire.SyncMarks) -> Done[wire.SyncedMarks]:
        """The track after a place, also of a call that is over. What is held now comes with its frame."""
        async with self.world.db.read() as unit:
            await self._mine(unit, actor, request.call_id)
            found = await unit.calls.marks_after(request.call_id, request.after_seq, wire.MARKS_PAGE + 1)
            held = await unit.calls.held(request.call_id)
        page = [mark_entry(mark, held.get(mark.seq)) for mark in found[: wire.MARKS_PAGE]]
        return Done(wire.SyncedMarks(marks=page, more=len(found) > len(page)))

    async def ask_still(self, actor: Actor, request: wire.AskStill) -> Done[wire.StillAsked]:
        """Asks the buyer's own camera for a still; the agent of the call may, once his media is there.

        It is a list of one picture: where his page cannot take it by itself, it leads him as ever.
        """
        async with self.world.db.write() as unit:
            mine = await self._mine(unit, actor, request.call_id)
            with refusing():
                steps.may_draw(mine.record.call, mine.me.id)
            if mine.me.role != "agent":
                raise Refused(ErrorCode.forbidden)
            buyer = mine.record.call.live("buyer")
            if buyer is None or not buyer.here:
                raise Refused(ErrorCode.not_joined)
            asked_for = closer(mine.conversation.locale)
            card = ShotsCard(shots=[Shot(label=asked_for.label, frame=asked_for.frame)])
            stored = await unit.conversations.append(
                _card(self.world, mine, actor, request, card), now=self.world.clock()
            )
        seq = stored.entry.seq
        asked = wire.StillAsked(call_id=request.call_id, list_seq=seq, participant_id=buyer.id)
        if stored.repeated:
            return Done(asked)
        where = place(mine.conversation.place, mine.record.call)
        told = facts.StillAsked(where, request.call_id, seq, buyer.id)
        return Done(asked, [facts.EntryStored(stored.place, "public", stored.entry), told])

    async def adjust_camera(self, actor: Actor, request: wire.AdjustCamera) -> Done[wire.AdjustAsked]:
        """Asks the buyer's page for torch or zoom of its camera; the agent of the call may, once he is there.

        Nothing is kept: how the camera stands is what the buyer's page tells of it afterwards.
        """
        async with self.world.db.read() as unit:
            mine = await self._mine(unit, actor, request.call_id)
        call = mine.record.call
        with refusing():
            buyer = steps.may_adjust(call, mine.me.id, torch=request.torch, zoom=request.zoom)
        told = facts.AdjustAsked(
            place(mine.conversation.place, call), call.id, buyer.id, request.torch, request.zoom
        )
        asked = wire.AdjustAsked(
            call_id=call.id, participant_id=buyer.id, torch=request.torch, zoom=request.zoom
        )
        return Done(asked, [told])


def _on_a_picture(call: Call, mark: wire.CallMark) -> None:
    """A mark lies on the picture of somebody in this call. Raises `Refused(not_found)`."""
    if call.of(mark.of) is None:
        raise Refused(ErrorCode.not_found)


def _card(world: World, mine: Mine, actor: Actor, request: wire.AskStill, card: ShotsCard) -> NewEntry:
    return NewEntry(
        conversation_id=mine.conversation.id,
        log="public",
        message_id=world.new_id(),
        client_id=request.client_id,
        sender_kind="agent",
        sender_id=actor.id,
        sender_name=actor.name or None,
        sent_at=world.clock(),
        kind="card",
        body={"body": card.model_dump(mode="json")},
        shop_ids=frozenset(actor.shops),
        fence=mine.conversation.fence,
    )
