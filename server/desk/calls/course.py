"""A call from the invitation to the end, as its people command it: ring, answer, consent, hang up."""

from __future__ import annotations

from media import steps
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.auth.sessions import VISITOR_NAME
from server.call_bridges import controls_told, view
from server.desk.calls.stepping import Calling, called, refusing, side_of
from server.desk.scope import buyer_of
from server.storage.calls.store import CallRecord
from server.storage.database import Reader, Unit
from server.storage.records import Conversation
from signaling.ports import Actor, Done


class Calls(Calling):
    """The walk of a call."""

    async def load_calls(self, actor: Actor, request: wire.LoadCalls) -> Done[wire.Calls]:
        """The living calls in which the asker has a part."""
        async with self.world.db.read() as unit:
            if actor.kind == "guest":
                one = await unit.calls.get(actor.call_id or "")
                found = [one] if one is not None and one.call.state != "ended" else []
            else:
                found = [
                    record
                    for record in await unit.calls.live_of_person(actor.id, wire.CALLS_PAGE)
                    if record.shop_id in actor.shops
                ]
        shown = [view(record, actor.kind) for record in found]
        return Done(wire.Calls(now=self.world.clock(), calls=shown))

    async def list_calls(self, actor: Actor, request: wire.ListCalls) -> Done[wire.ListedCalls]:
        """A shop's living calls; who may ask was looked at before."""
        async with self.world.db.read() as unit:
            found = await unit.calls.live_of_shop(request.shop_id, wire.CALLS_PAGE + 1)
        shown = [view(record) for record in found[: wire.CALLS_PAGE]]
        more = len(found) > wire.CALLS_PAGE
        return Done(wire.ListedCalls(now=self.world.clock(), calls=shown, more=more))

    async def invite_by_buyer(self, actor: Actor, request: wire.BuyerInvite) -> Done[wire.Called]:
        """The buyer asks whoever has his conversation."""
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id)
            begins = await _begins(unit, found, request.client_id)
        if begins:
            await self.world.carriers.admit()
        now = self.world.clock()
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id, lock=True)
            return await self._invite(unit, actor, found, request, now, admitted=begins)

    async def invite_by_agent(self, actor: Actor, request: wire.AgentInvite) -> Done[wire.Called]:
        """Whoever has the conversation, under its fence, asks the buyer."""
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops)
            his = found.owner_id == actor.id and found.fence == request.fence
            begins = his and await _begins(unit, found, request.client_id)
        if begins:
            await self.world.carriers.admit()
        now = self.world.clock()
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
            if found.state == "open" and (found.owner_id != actor.id or found.fence != request.fence):
                raise Refused(ErrorCode.stale_fence)
            return await self._invite(unit, actor, found, request, now, admitted=begins)

    async def _invite(
        self,
        unit: Unit,
        actor: Actor,
        found: Conversation,
        request: wire.BuyerInvite,
        now: int,
        *,
        admitted: bool,
    ) -> Done[wire.Called]:
        """A call rings. Repeated, it is the same call; where the other side rings already, it is answered."""
        telling = self.world.telling(unit, now)
        before = await unit.calls.by_client(found.id, request.client_id)
        if before is None and found.state == "open":
            before = await unit.calls.live_of(found.id)
        if before is not None:
            step = steps.Step(before.call)
            if before.call.state == "ringing" and before.call.invited_by != side_of(actor):
                with refusing(ring_over=ErrorCode.busy):
                    step = steps.answer(before.call, side_of(actor), now=now)
            record = await telling.step(before, step)
            return Done(called(record, actor, now), await telling.all())
        if found.state != "open":
            raise Refused(ErrorCode.conversation_closed)
        if found.owner_id is None:
            raise Refused(ErrorCode.unassigned)
        if not admitted:
            # What stood in its way a moment ago is over, and nobody was asked for a place.
            raise Refused(ErrorCode.retry, retry_after_ms=200)
        buyer = await buyer_of(unit, found.buyer_id)
        nameless = VISITOR_NAME["en" if found.locale == "en" else "zh-CN"]
        step = steps.invite(
            self.world.new_id(),
            media=request.media,
            by=side_of(actor),
            buyer=(self.world.new_id(), found.buyer_id, buyer.name or nameless),
            agent=(self.world.new_id(), found.owner_id, (await unit.line.seat(found.owner_id)).name),
            now=now,
        )
        record = CallRecord(
            step.call,
            found.shop_id,
            found.id,
            found.buyer_id,
            request.client_id,
            boot_id=self.world.carriers.boot,
        )
        if not await unit.calls.add(record):
            raise Refused(ErrorCode.busy)
        await telling.call(None, record, step)
        return Done(called(record, actor, now), await telling.all())

    async def answer_call(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """The called side takes the call; both join then."""
        return await self._walk(
            actor, request.call_id, lambda call, me, now: steps.answer(call, side_of(actor), now=now)
        )

    async def decline_call(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """The called side does not take the call; the conversation stays."""
        return await self._walk(
            actor, request.call_id, lambda call, me, now: steps.decline(call, side_of(actor), now=now)
        )

    async def hang_up(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """The asker leaves; with buyer or agent the call is over."""
        return await self._walk(
            actor, request.call_id, lambda call, me, now: steps.hang_up(call, me.id, now=now)
        )

    async def set_media(self, actor: Actor, request: wire.SetMedia) -> Done[wire.Called]:
        """What the asker sends, for the others to know."""
        return await self._walk(
            actor,
            request.call_id,
            lambda call, me, now: steps.set_media(
                call,
                me.id,
                camera=request.camera,
                microphone=request.microphone,
                screen=request.screen,
                controls=controls_told(request.controls),
            ),
        )

    async def give_consent(self, actor: Actor, request: wire.GiveConsent) -> Done[wire.Called]:
        """What the asker says to being recorded, kept with the text that he was shown. The call goes on."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            mine = await self._mine(unit, actor, request.call_id)
            with refusing():
                step = steps.consent(mine.record.call, mine.me.id, request.granted)
            if step.call != mine.record.call:
                await unit.calls.add_consent(
                    request.call_id,
                    mine.me.id,
                    granted=request.granted,
                    text_version=request.text_version,
                    locale=request.locale,
                    now=now,
                )
            record = await telling.step(mine.record, step)
            told = await telling.all()
        return Done(called(record, actor, now), told)


async def _begins(unit: Reader, found: Conversation, client_id: str) -> bool:
    """Whether an invitation would begin a call, for which there must be a place.

    A repeated or a crossing one is of a call that has its own.
    """
    if found.state != "open" or found.owner_id is None:
        return False
    before = await unit.calls.by_client(found.id, client_id) or await unit.calls.live_of(found.id)
    return before is None
