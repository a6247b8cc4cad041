"""What the console reads: its start, its lists, the context column and the wall."""

from __future__ import annotations

from protocol import conversation
from protocol import line as wire
from protocol.base import Empty
from protocol.errors import ErrorCode, Refused
from server.bridges import case_summary, history, seat, summary
from server.desk import cards, provenance
from server.desk.messages import marks
from server.desk.pictures import suggested
from server.desk.world import UseCases
from server.storage.catalogue import OrderRecord
from server.storage.database import Reader
from signaling.ports import Actor, Done

ORDERS_SHOWN = 10
"""Orders in the context column: the named one first, then the newest."""
EARLIER_SHOWN = 20
"""Earlier conversations in the context column."""


class Views(UseCases):
    """Reads only; each as of one moment of the database."""

    async def load_desk(self, actor: Actor, request: wire.LoadDesk) -> Done[wire.Desk]:
        """The caller's seat, shops, groups and colleagues."""
        now = self.world.clock()
        async with self.world.db.read() as unit:
            own = await unit.line.seat(actor.id)
            names = await unit.people.shop_names(actor.id)
            shops = []
            for shop_id, role in sorted(actor.shops.items()):
                groups = await unit.line.groups_of([shop_id])
                seats = await unit.line.seats_of_shops([shop_id])
                shops.append(
                    wire.ShopView(
                        shop_id=shop_id,
                        name=names[shop_id],
                        role="agent" if role == "buyer" or role == "guest" else role,
                        groups=[
                            wire.GroupView(
                                group_id=row.group_id, shop_id=shop_id, name=row.name, accept=row.accept
                            )
                            for row in groups
                        ],
                        colleagues=[
                            wire.Colleague(
                                person_id=row.person_id,
                                name=row.name,
                                state=row.state,
                                units_free=max(0, row.units_capacity - row.units_used),
                            )
                            for row in seats
                            if row.person_id != actor.id
                        ],
                    )
                )
        return Done(
            wire.Desk(
                epoch=self.world.db.epoch,
                now=now,
                person_id=actor.id,
                name=actor.name,
                seat=seat(own, now),
                shops=shops,
            )
        )

    async def list_conversations(self, actor: Actor, request: conversation.List) -> Done[conversation.Listed]:
        """Mine, waiting or all, in the caller's shops."""
        shop_ids = _shops(actor, request.shop_id)
        async with self.world.db.read() as unit:
            rows, more = await unit.lists.page(
                request.tab, shop_ids=shop_ids, person_id=actor.id, before=request.before
            )
        return Done(conversation.Listed(conversations=[summary(row) for row in rows], more=more))

    async def look(self, actor: Actor, request: conversation.Look) -> Done[conversation.Context]:
        """Everything the context column shows: who asks, about what, and where it comes from."""
        async with self.world.db.read() as unit:
            look = await unit.lists.look(request.conversation_id, list(actor.shops))
            if look is None:
                raise Refused(ErrorCode.not_found)
            found = look.conversation
            product = (
                await unit.catalogue.product(found.shop_id, found.product_id) if found.product_id else None
            )
            orders = await _orders(unit, found.shop_id, look.buyer_subject, found.order_id)
            views = [await _order_view(unit, order) for order in orders]
            tapped = None
            own = any(order.id == found.order_id for order in orders)
            if not own and found.product_id and found.live_session_id:
                tapped = await provenance.of_tap(unit, look, now=self.world.clock())
            opened = await unit.cases.of_conversation(found.id)
            shots = await suggested(unit, found)
            earlier = await unit.lists.history(
                found.shop_id, found.buyer_id, before=found.opened_at, limit=EARLIER_SHOWN
            )
        return Done(
            conversation.Context(
                summary=summary(look.summary),
                buyer_id=found.buyer_id,
                locale="en" if found.locale == "en" else "zh-CN",
                live_session_id=found.live_session_id,
                live_title=look.live_title,
                position_ms=found.position_ms,
                topic=found.topic,
                product=cards.of_product(product) if product else None,
                orders=views,
                provenance=tapped,
                earlier=[history(row) for row in earlier if row.conversation_id != found.id],
                cases=[case_summary(row) for row in opened],
                shots=shots,
                marks=marks(found),
            )
        )

    async def unlook(self, actor: Actor, request: conversation.Unlook) -> Done[Empty]:
        """Nothing is stored of looking; signaling stops the events."""
        async with self.world.db.read() as unit:
            await unit.conversations.of_shops(request.conversation_id, actor.shops)
        return Done(Empty())

    async def watch(self, actor: Actor, request: conversation.Watch) -> Done[conversation.Watched]:
        """These rows as they are now. Signaling lets him in after this read and before the answer: what is
        stored in between is told by the next event or the next call, so rows are at most one word behind."""
        async with self.world.db.read() as unit:
            rows = await unit.lists.rows(request.conversation_ids, list(actor.shops))
        return Done(conversation.Watched(conversations=[summary(row) for row in rows]))

    async def load_wall(self, actor: Actor, request: wire.LoadWall) -> Done[wire.Wall]:
        """A supervisor's shop: groups with the longest wait first, and every seat."""
        role = actor.shops.get(request.shop_id)
        if role is None:
            raise Refused(ErrorCode.not_found)
        if role not in ("supervisor", "admin"):
            raise Refused(ErrorCode.forbidden)
        now = self.world.clock()
        async with self.world.db.read() as unit:
            rows = await unit.line.wall(request.shop_id, now)
            seats = await unit.line.seats_of_shops([request.shop_id])
        return Done(
            wire.Wall(
                now=now,
                groups=[
                    wire.WallGroup(
                        group_id=row.group_id,
                        name=row.name,
                        waiting=row.waiting,
                        longest_wait_ms=row.longest_wait_ms,
                        in_service=row.in_service,
                        ready=list(row.ready),
                    )
                    for row in sorted(rows, key=lambda row: (-row.longest_wait_ms, row.name))
                ],
                seats=[seat(row, now) for row in seats],
            )
        )


def _shops(actor: Actor, shop_id: str | None) -> list[str]:
    """The shops to read: the named one if it is his, else all of his."""
    if shop_id is None:
        return sorted(actor.shops)
    if shop_id not in actor.shops:
        raise Refused(ErrorCode.not_found)
    return [shop_id]


async def _orders(unit: Reader, shop_id: str, subject: str | None, named: str | None) -> list[OrderRecord]:
    if subject is None:
        return []
    orders = await unit.catalogue.orders_of(shop_id, subject, limit=ORDERS_SHOWN)
    if named is not None and all(order.id != named for order in orders):
        extra = await unit.catalogue.order(shop_id, named)
        orders = ([extra] if extra else []) + list(orders)
    return sorted(orders, key=lambda order: (order.id != named, -order.placed_at))[:ORDERS_SHOWN]


async def _order_view(unit: Reader, order: OrderRecord) -> conversation.OrderView:
    bound = await unit.live.provenances(order.shop_id, order.id)
    return conversation.OrderView(
        order=cards.of_order(order, await cards.picture_of(unit, order)),
        paid_at=order.paid_at,
        contact=conversation.MaskedContact(
            name=order.receiver_name, phone=order.receiver_phone, address=order.receiver_address
        ),
        lines=[
            conversation.OrderLineView(
                line_id=line.line_id,
                product_id=line.product_id,
                title=line.title,
                quantity=line.quantity,
                price=line.price,
                provenance=provenance.card(bound[line.line_id]) if line.line_id in bound else None,
            )
            for line in order.lines
        ],
    )
