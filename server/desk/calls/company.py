"""Others in a call: supervisors who listen, whisper, barge in, take over; guests; a buyer's other browser."""

from __future__ import annotations

import hashlib

from media import steps
from media.call import Mode
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.auth.buyers import LINK_MS, visitor_claims
from server.auth.identity import Identity
from server.auth.secrets import TokenKind, new_token, token_hash
from server.bridges import granted
from server.desk.calls.stepping import LEADS, Calling, called, refusing
from server.desk.scope import buyer_of
from server.storage.calls.store import CallRecord
from server.storage.database import Unit
from server.storage.records import Conversation
from signaling.ports import Actor, Done, Revision

GUEST_MS = 3_600_000
"""A guest's link is for this call: an hour is longer than most, and a new one is a tap away."""


class Company(Calling):
    """Who comes to a call beside its two sides, each step in the audit; and the buyer by another way."""

    async def listen_in(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """The supervisor hears and is not heard."""
        return await self._supervise(actor, request.call_id, "listener")

    async def whisper(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """Only the agent hears the supervisor."""
        return await self._supervise(actor, request.call_id, "whisper")

    async def barge_in(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """All hear the supervisor."""
        return await self._supervise(actor, request.call_id, "barge")

    async def _supervise(self, actor: Actor, call_id: str, mode: Mode) -> Done[wire.Called]:
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record, _ = await self._led(unit, actor, call_id)
            with refusing():
                step = steps.supervise(record.call, self.world.new_id(), actor.id, actor.name, mode, now=now)
            if step.call != record.call:
                await self._audit(unit, actor, f"call.{mode}", record.shop_id, record.call.id, {})
            record = await telling.step(record, step)
            told = await telling.all()
        return Done(called(record, actor, now), told)

    async def take_over_call(self, actor: Actor, request: wire.OfCall) -> Done[wire.Called]:
        """The supervisor has conversation and call from now on; repeated, he has them already."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record, found = await self._led(unit, actor, request.call_id)
            if record.call.state == "ended":
                raise Refused(ErrorCode.call_ended)
            if found.owner_id == actor.id:
                return Done(called(record, actor, now))
            if record.call.state == "ringing":
                raise Refused(ErrorCode.conflict)
            if await unit.calls.agent_busy(actor.id):
                raise Refused(ErrorCode.busy)
            taken = await unit.line.take_over(found.id, person_id=actor.id, now=now)
            await self._audit(
                unit, actor, "call.take_over", record.shop_id, record.call.id, {"from": found.owner_id}
            )
            await telling.line([granted(taken)])
            told = await telling.all()
            after = await unit.calls.get(request.call_id)
        self.world.wake(None)
        return Done(called(after or record, actor, now), told)

    async def invite_guest(self, actor: Actor, request: wire.InviteGuest) -> Done[wire.GuestInvited]:
        """A link for somebody from outside. Whoever holds it is the guest.

        Asked again under its client id it is a new link for the same guest: the first is kept nowhere.
        """
        now, token = self.world.clock(), new_token(TokenKind.guest)
        until = now + GUEST_MS
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            mine = await self._at_work(unit, actor, request.call_id)
            guest_id = hashlib.sha256(f"{request.call_id} {request.client_id}".encode()).hexdigest()[:32]
            known = mine.call.of(guest_id)
            if known is not None and known.state == "left":
                raise Refused(ErrorCode.conflict)
            record = mine
            if known is None:
                with refusing():
                    step = steps.invite_guest(mine.call, guest_id, request.name)
                record = await telling.step(mine, step)
            await unit.calls.set_link(guest_id, token_hash(token, TokenKind.guest), until)
            about = {"guest": guest_id, "name": request.name}
            await self._audit(unit, actor, "call.invite_guest", record.shop_id, record.call.id, about)
            told = await telling.all()
        invited = wire.GuestInvited(
            participant_id=guest_id, token=token, expires_at=until, call=called(record, actor, now).call
        )
        return Done(invited, told)

    async def revoke_guest(self, actor: Actor, request: wire.RevokeGuest) -> Done[wire.Called]:
        """The guest's link opens nothing any more, and his sockets close."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record = await self._at_work(unit, actor, request.call_id)
            guest = record.call.of(request.participant_id)
            if guest is None or guest.role != "guest":
                raise Refused(ErrorCode.not_found)
            step = steps.hang_up(record.call, guest.id, now=now)
            if step.call != record.call:
                await self._audit(
                    unit, actor, "call.revoke_guest", record.shop_id, record.call.id, {"guest": guest.id}
                )
            record = await telling.step(record, step)
            told = await telling.all()
            await unit.revisions.add([Revision("guest", guest.id)], now)
        return Done(called(record, actor, now), told)

    async def link_call(self, actor: Actor, request: wire.LinkCall) -> Done[wire.CallLink]:
        """A one-time code with which another browser goes on as the same buyer, signed in or a visitor.

        A call rings only from there. One that rings here is taken, and waits for that browser. It gets a
        session alone: the secret by which a visitor is known stays in his own.
        """
        now, code = self.world.clock(), new_token(TokenKind.code)
        until, waits_until = now + LINK_MS, None
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id, lock=True)
            record = await unit.calls.live_of(found.id)
            if record is not None:
                record = await telling.step(record, steps.other_browser(record.call, now=now))
                waits_until = record.call.due if record.call.state == "answered" else None
            buyer = await buyer_of(unit, actor.id)
            claims = visitor_claims(buyer.id)
            if buyer.subject is not None:
                orders = None if actor.orders is None else tuple(sorted(actor.orders))
                claims = Identity(
                    found.shop_id,
                    buyer.subject,
                    buyer.name,
                    buyer.tier,
                    orders,
                    token_id=self.world.new_id(),
                    issued_at=now // 1000,
                    expires_at=until // 1000,
                ).as_claims()
            await unit.buyers.add_code(
                token_hash(code, TokenKind.code), found.shop_id, claims, expires_at=until, now=now
            )
            told = await telling.all()
        return Done(wire.CallLink(now=now, code=code, expires_at=until, waits_until=waits_until), told)

    async def _led(self, unit: Unit, actor: Actor, call_id: str) -> tuple[CallRecord, Conversation]:
        """A call of a shop that the asker leads. Raises `Refused`: not_found, forbidden."""
        record, found = await self._found(unit, actor, call_id)
        if actor.shops[record.shop_id] not in LEADS:
            raise Refused(ErrorCode.forbidden)
        return record, found

    async def _at_work(self, unit: Unit, actor: Actor, call_id: str) -> CallRecord:
        """A living call whose agent the asker is, or that he is heard in by all. Raises `Refused`."""
        mine = await self._mine(unit, actor, call_id)
        with refusing():
            steps.present(mine.record.call, mine.me.id)
        if mine.me.hidden:
            raise Refused(ErrorCode.forbidden)
        return mine.record
