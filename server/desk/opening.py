"""Conversations from the buyer's tap to the end: opened into the line, closed, reopened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from media import steps
from media.call import Call
from protocol import chat, conversation
from protocol.errors import ErrorCode, Refused
from queues.model import CHAT_UNITS, RoutingFacts, Ticket, head_start_seconds, route
from server.bridges import Telling, granted, history
from server.desk import cards
from server.desk.messages import wire
from server.desk.scope import buyer_of, order_of
from server.desk.world import UseCases, side
from server.storage.catalogue import OrderRecord, ProductRecord
from server.storage.database import Unit
from server.storage.live import LiveSessionRecord
from server.storage.records import Conversation, NewConversation, NewEntry
from signaling import facts
from signaling.ports import Actor, Done

TIER_HEAD_START_S = {"vip": 120, "svip": 240}
"""How much earlier a buyer of a tier counts as having come. Bounded again by the line's own cap."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Where the buyer asks from, as far as the shop has told us of it."""

    live: LiveSessionRecord | None
    product: ProductRecord | None
    order: OrderRecord | None
    picture: str | None

    def card(self, request: conversation.Open) -> chat.ContextCard | None:
        """The context card, or None where there is nothing to say."""
        card = chat.ContextCard(
            live_session_id=request.live_session_id,
            live_title=self.live.title if self.live else None,
            position_ms=request.position_ms,
            product=cards.of_product(self.product) if self.product else None,
            order=cards.of_order(self.order, self.picture) if self.order else None,
            topic=request.topic,
        )
        return None if card == chat.ContextCard() else card


class Opening(UseCases):
    """Opening, closing and reopening; each leaves log and line in step in one transaction."""

    async def open_conversation(self, actor: Actor, request: conversation.Open) -> Done[conversation.Opened]:
        """The buyer's open conversation: a new one joins the line; an open one hears of the new context."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            asking = await _asking(unit, actor, request)
            opened = await unit.conversations.open_or_get(
                NewConversation(
                    id=self.world.new_id(),
                    shop_id=actor.shop_id,
                    buyer_id=actor.id,
                    locale=actor.locale,
                    opened_at=now,
                    live_session_id=request.live_session_id,
                    position_ms=request.position_ms,
                    product_id=request.product_id,
                    order_id=request.order_id,
                    topic=request.topic,
                )
            )
            found = opened.conversation
            telling = self.world.telling(unit, now)
            if opened.created or _elsewhere(found, request):
                await self._say_context(unit, telling, actor, found, request, asking.card(request), now)
            else:
                await _tell_again(unit, telling, actor, found, request)
            group_id: str | None = None
            if opened.created:
                group_id = await self._join(unit, telling, actor, found, asking, now)
            position = await unit.line.position(found.id) if found.owner_id is None else None
            page = await unit.conversations.sync(found.id, after_seq=0, limit=1)
            told = await telling.all()
        if group_id is not None:
            self.world.wake(group_id)
        return Done(
            conversation.Opened(
                conversation_id=found.id,
                epoch=self.world.db.epoch,
                last_seq=page.conversation.last_seq,
                position=position,
                agent_name=page.owner_name,
            ),
            told,
        )

    async def _say_context(
        self,
        unit: Unit,
        telling: Telling,
        actor: Actor,
        found: Conversation,
        request: conversation.Open,
        card: chat.ContextCard | None,
        now: int,
    ) -> None:
        if card is None:
            return
        stored = await unit.conversations.append(
            self._entry(actor, found.id, request.client_id, "card", {"body": wire(card)}, now), now=now
        )
        # Told also when it was stored before: nobody may have heard it then (see `messages`).
        telling.facts.append(facts.EntryStored(stored.place, "public", stored.entry))
        telling.row(found.id)
        if stored.repeated:
            return
        await unit.conversations.set_context(
            found.id,
            live_session_id=request.live_session_id or found.live_session_id,
            position_ms=request.position_ms if request.live_session_id else found.position_ms,
            product_id=request.product_id or found.product_id,
            order_id=request.order_id or found.order_id,
            topic=request.topic or found.topic,
        )

    async def _join(
        self,
        unit: Unit,
        telling: Telling,
        actor: Actor,
        found: Conversation,
        asking: Asking,
        now: int,
        preferred: str | None = None,
    ) -> str:
        """Routes the conversation and puts it in line; the reason goes into the desk log."""
        buyer = await buyer_of(unit, found.buyer_id)
        known = RoutingFacts(
            entry_point=_entry_point(found),
            product_category=asking.product.category if asking.product else None,
            language=found.locale,
            tier=buyer.tier,
        )
        routing = await unit.line.routing(found.shop_id)
        chosen = route(routing.rules, known, routing.default_group)
        await unit.line.join(
            Ticket(
                id=self.world.new_id(),
                conversation_id=found.id,
                shop_id=found.shop_id,
                group_id=chosen.group_id,
                requirements=chosen.requirements,
                joined_at=now,
                head_start_s=head_start_seconds(tier=TIER_HEAD_START_S.get((buyer.tier or "").lower(), 0)),
                units=CHAT_UNITS,
                fence=found.fence,
                preferred=preferred,
                preferred_until=now + 20_000 if preferred else 0,
            )
        )
        # In no language: the console says around it what it is.
        rule = f"{chosen.rule_position} " if chosen.rule_position is not None else ""
        needs = [f"{each.skill} ≥ {each.level}" for each in chosen.requirements]
        words = " · ".join([f"{rule}→ {routing.names[chosen.group_id]}", *needs])
        await telling.system(found.id, "routed", {"text": words}, log="desk")
        telling.row(found.id)
        return chosen.group_id

    def _entry(
        self,
        actor: Actor,
        conversation_id: str,
        client_id: str,
        kind: str,
        body: dict[str, Any],
        now: int,
        fence: int | None = None,
    ) -> NewEntry:
        return NewEntry(
            conversation_id=conversation_id,
            log="public",
            message_id=self.world.new_id(),
            client_id=client_id,
            sender_kind=side(actor),
            sender_id=actor.id,
            sender_name=actor.name or None,
            sent_at=now,
            kind=kind,
            body=body,
            shop_ids=frozenset(actor.shops),
            fence=fence,
        )

    async def list_own(self, actor: Actor, request: conversation.ListOwn) -> Done[conversation.BuyerHistory]:
        """The buyer's conversations with this shop, newest first."""
        async with self.world.db.read() as unit:
            rows = await unit.lists.history(actor.shop_id, actor.id, before=request.before)
        return Done(conversation.BuyerHistory(conversations=[history(row) for row in rows]))

    async def close_by_buyer(
        self, actor: Actor, request: conversation.CloseByBuyer
    ) -> Done[conversation.Closed]:
        """Ends the buyer's conversation, wherever it stands in the line."""
        async with self.world.db.read() as unit:
            await unit.conversations.of_buyer(request.conversation_id, actor.id)
        return await self._close(actor, request)

    async def close_by_agent(
        self, actor: Actor, request: conversation.CloseByAgent
    ) -> Done[conversation.Closed]:
        """Ends a conversation as its owner, or as a supervisor of its shop."""
        return await self._close(actor, request, fence=request.fence)

    async def _close(
        self, actor: Actor, request: conversation.CloseByBuyer, *, fence: int | None = None
    ) -> Done[conversation.Closed]:
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            entry = self._entry(
                actor, request.conversation_id, request.client_id, "closed", {"by": side(actor)}, now
            )
            if actor.kind == "agent":
                found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
                if found.state == "open":
                    may_close(actor, found, fence)
                entry = by_system(entry)
            else:
                await unit.conversations.head(request.conversation_id, lock=True)
            await telling.live_call(request.conversation_id, _with_its_conversation)
            closed = await unit.conversations.close(entry, now=now)
            seq = closed.appended.entry.seq
            # Told again where it was closed before: nobody may have heard it then (see `messages`).
            telling.facts.append(facts.EntryStored(closed.appended.place, "public", closed.appended.entry))
            telling.row(request.conversation_id)
            if closed.changed:
                telling.facts.append(facts.ConversationClosed(closed.appended.place, seq, side(actor)))
                telling.facts.append(facts.PlaceInLineMoved(closed.appended.place, None, 0))
                await telling.line(granted(await unit.line.close(request.conversation_id, now=now)))
            told = await telling.all()
        self.world.wake(None)
        return Done(conversation.Closed(seq=seq), told)

    async def reopen_by_buyer(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]:
        """Goes on with the buyer's closed conversation; it joins the line again."""
        async with self.world.db.read() as unit:
            await unit.conversations.of_buyer(request.conversation_id, actor.id)
        return await self._reopen(actor, request)

    async def reopen_by_agent(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]:
        """Goes on with a closed conversation; it is kept for this agent for a while."""
        async with self.world.db.read() as unit:
            await unit.conversations.of_shops(request.conversation_id, actor.shops)
        return await self._reopen(actor, request, preferred=actor.id)

    async def _reopen(
        self, actor: Actor, request: conversation.Reopen, *, preferred: str | None = None
    ) -> Done[conversation.Reopened]:
        now = self.world.clock()
        group_id: str | None = None
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            found = await unit.conversations.head(request.conversation_id, lock=True)
            if found is None:
                raise Refused(ErrorCode.not_found)
            entry = self._entry(actor, found.id, request.client_id, "reopened", {"by": side(actor)}, now)
            if actor.kind == "agent":
                entry = by_system(entry)
            seq, group_id = await self._go_on(unit, telling, entry, actor, found, now, preferred)
            told = await telling.all()
        if group_id is not None:
            self.world.wake(group_id)
        return Done(conversation.Reopened(seq=seq), told)

    async def _go_on(
        self,
        unit: Unit,
        telling: Telling,
        entry: NewEntry,
        actor: Actor,
        found: Conversation,
        now: int,
        preferred: str | None = None,
    ) -> tuple[int, str | None]:
        """A closed conversation is open and in line again; the entry's seq, and the group that it joined."""
        reopened = await unit.conversations.reopen(entry, now=now)
        stored = reopened.appended
        telling.facts.append(facts.EntryStored(stored.place, "public", stored.entry))
        telling.row(found.id)
        if not reopened.changed:
            return stored.entry.seq, None
        telling.facts.append(facts.ConversationReopened(stored.place, stored.entry.seq))
        asking = await _asking_again(unit, found)
        return stored.entry.seq, await self._join(unit, telling, actor, found, asking, now, preferred)


def may_close(actor: Actor, found: Conversation, fence: int | None) -> None:
    """The owner under his fence may; a supervisor may end or hand on what others own. Raises `Refused`."""
    if found.owner_id == actor.id:
        if fence != found.fence:
            raise Refused(ErrorCode.stale_fence)
    elif actor.shops.get(found.shop_id) not in ("supervisor", "admin"):
        raise Refused(ErrorCode.stale_fence if found.owner_id else ErrorCode.forbidden)


def _with_its_conversation(call: Call, *, now: int) -> steps.Step:
    return steps.end(call, "conversation_closed", "system", now=now)


def by_system(entry: NewEntry) -> NewEntry:
    """The entry as the system's: who may write it was decided before, by another rule than owning."""
    return NewEntry(
        conversation_id=entry.conversation_id,
        log="public",
        message_id=entry.message_id,
        client_id=None,
        sender_kind="system",
        sender_id=None,
        sender_name=entry.sender_name,
        sent_at=entry.sent_at,
        kind=entry.kind,
        body=entry.body,
    )


async def _asking(unit: Unit, actor: Actor, request: conversation.Open) -> Asking:
    """Reads what the request names. An order must be the buyer's; the rest may be unknown to us yet."""
    shop_id = actor.shop_id
    live = await unit.live.session(shop_id, request.live_session_id) if request.live_session_id else None
    product = await unit.catalogue.product(shop_id, request.product_id) if request.product_id else None
    order = None
    if request.order_id is not None:
        order = await order_of(unit, shop_id, actor.id, request.order_id, actor.orders)
    if product is None and order is not None:
        product = await unit.catalogue.product(shop_id, order.lines[0].product_id)
    return Asking(live, product, order, await cards.picture_of(unit, order) if order else None)


async def _asking_again(unit: Unit, found: Conversation) -> Asking:
    product = await unit.catalogue.product(found.shop_id, found.product_id) if found.product_id else None
    return Asking(None, product, None, None)


async def _tell_again(
    unit: Unit, telling: Telling, actor: Actor, found: Conversation, request: conversation.Open
) -> None:
    """What this opening stored before: nobody may have heard it then (see `messages`)."""
    entry = await unit.conversations.stored(found.id, "public", actor.id, request.client_id)
    if entry is not None:
        telling.facts.append(facts.EntryStored(found.place, "public", entry))
    if entry is not None or found.owner_id is None:
        telling.row(found.id)


def _elsewhere(found: Conversation, request: conversation.Open) -> bool:
    """Whether an open conversation is asked about another order, product or session than before."""
    pairs = (
        (request.order_id, found.order_id),
        (request.product_id, found.product_id),
        (request.live_session_id, found.live_session_id),
    )
    return any(asked is not None and asked != known for asked, known in pairs)


def _entry_point(found: Conversation) -> str:
    if found.order_id is not None:
        return "order"
    return "live" if found.live_session_id is not None else "page"
