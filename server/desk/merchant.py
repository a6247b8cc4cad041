"""What the merchant's server tells: products, orders, the live timeline; provenance is bound as it comes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aftersales.livestream import EXPLANATION_LIMIT_MS
from protocol import shop
from protocol.errors import ErrorCode, Refused
from server.desk import provenance
from server.desk.world import UseCases
from server.storage.catalogue import OrderLineRecord, OrderRecord, ProductRecord
from server.storage.database import Unit
from server.storage.live import LiveEventRecord, LiveSessionRecord
from signaling import facts

REBOUND_A_CALL = 200
"""Orders bound anew by one call of live events: the newest ones of the products and sessions it touches."""

_REACHES_BACK_MS = dict.fromkeys(("explain_start", "explain_end", "session_end"), EXPLANATION_LIMIT_MS)
"""These say when an explanation was over: orders placed while it ran are bound again."""


class Merchant(UseCases):
    """The catalogue, orders and live ingest of one shop, named by its API key."""

    async def put_product(self, shop_id: str, product_id: str, body: shop.PutProduct) -> shop.Stored:
        """Stores a product; the same again changes nothing."""
        async with self.world.db.write() as unit:
            changed = await unit.catalogue.put_product(
                ProductRecord(
                    shop_id=shop_id,
                    id=product_id,
                    title=body.title,
                    price=body.price,
                    currency=body.currency,
                    category=body.category,
                    picture=body.picture,
                ),
                now=self.world.clock(),
            )
        return shop.Stored(id=product_id, changed=changed)

    async def put_order(self, shop_id: str, order_id: str, body: shop.PutOrder) -> shop.Stored:
        """Stores an order with its receiver masked, and binds where its lines come from."""
        now = self.world.clock()
        order = OrderRecord(
            shop_id=shop_id,
            id=order_id,
            buyer_subject=body.buyer,
            status=body.status,
            placed_at=_ms(body.placed_at),
            paid_at=_ms(body.paid_at) if body.paid_at else None,
            total=body.total,
            currency=body.currency,
            receiver_name=masked_name(body.receiver.name),
            receiver_phone=masked_phone(body.receiver.phone),
            receiver_address=masked_address(body.receiver.address),
            lines=tuple(
                OrderLineRecord(
                    line_id=line.line_id,
                    product_id=line.product_id,
                    sku=line.sku,
                    title=line.title,
                    quantity=line.quantity,
                    price=line.price,
                    live_session_id=line.live_session_id,
                    position_ms=line.position_ms,
                )
                for line in body.lines
            ),
        )
        async with self.world.db.write() as unit:
            changed = await unit.catalogue.put_order(order, now=now)
            timelines = provenance.Timelines(unit, shop_id)
            told = await self._bind(unit, timelines, order, now) if changed else []
        self.world.publish(told)
        return shop.Stored(id=order_id, changed=changed)

    async def put_shot_list(self, shop_id: str, product_id: str, body: shop.PutShotList) -> shop.Stored:
        """The pictures that agents ask for with a product of the shop."""
        shots = [shot.model_dump(mode="json") for shot in body.shots]
        async with self.world.db.write() as unit:
            if await unit.catalogue.product(shop_id, product_id) is None:
                raise Refused(ErrorCode.not_found)
            changed = await unit.files.put_shot_list(shop_id, product_id, shots, now=self.world.clock())
        return shop.Stored(id=product_id, changed=changed)

    async def put_live_session(self, shop_id: str, body: shop.PostLiveSession) -> shop.Stored:
        """Announces a live session or its end. Another start for the same id is a conflict."""
        record = LiveSessionRecord(
            shop_id=shop_id,
            id=body.id,
            room=body.room,
            title=body.title,
            started_at=_ms(body.started_at),
            ended_at=_ms(body.ended_at) if body.ended_at else None,
            delay_ms=body.delay_ms,
        )
        async with self.world.db.write() as unit:
            known = await unit.live.session(shop_id, body.id)
            if known is not None and known.started_at != record.started_at:
                raise Refused(ErrorCode.conflict)
            changed = await unit.live.put_session(record)
        return shop.Stored(id=body.id, changed=changed)

    async def append_live_events(
        self, shop_id: str, live_session_id: str, body: shop.PostLiveEvents
    ) -> shop.EventResults:
        """Appends what is well formed and new, tells of each, and binds again the orders it may concern."""
        now = self.world.clock()
        results: list[shop.EventResult | None] = [None] * len(body.events)
        good: list[tuple[int, LiveEventRecord]] = []
        for place, raw in enumerate(body.events):
            try:
                read = shop.read_live_event(raw)
                good.append((place, _record(shop_id, live_session_id, read, now)))
            except ValueError as wrong:
                results[place] = _refusal(raw, wrong)
        async with self.world.db.write() as unit:
            if await unit.live.session(shop_id, live_session_id) is None:
                raise Refused(ErrorCode.not_found)
            stored = await unit.live.append([event for _, event in good])
            for (place, event), outcome in zip(good, stored, strict=True):
                results[place] = shop.EventResult(
                    source_event_id=event.source_event_id,
                    accepted=True,
                    duplicate=outcome.duplicate,
                    seq=outcome.seq,
                )
            fresh = [event for (_, event), outcome in zip(good, stored, strict=True) if not outcome.duplicate]
            told: list[facts.Fact] = []
            if fresh:
                touched = await unit.catalogue.orders_touched(
                    shop_id,
                    product_ids={event.product_id for event in fresh if event.product_id},
                    live_session_id=live_session_id,
                    since=min(event.at - _REACHES_BACK_MS.get(event.kind, 0) for event in fresh),
                    limit=REBOUND_A_CALL,
                )
                timelines = provenance.Timelines(unit, shop_id)
                for order in touched:
                    told += await self._bind(unit, timelines, order, now)
        self.world.publish(told)
        return shop.EventResults(results=[result for result in results if result is not None])

    async def _bind(
        self, unit: Unit, timelines: provenance.Timelines, order: OrderRecord, now: int
    ) -> list[facts.Fact]:
        found = await unit.conversations.open_of_subject(order.shop_id, order.buyer_subject)
        return await provenance.bind_order(unit, timelines, order, now=now, conversation=found)


def masked_name(name: str | None) -> str | None:
    """张三丰 → 张**: the first letter stays."""
    return None if name is None else name.strip()[:1] + "*" * min(len(name.strip()) - 1, 8)


def masked_phone(phone: str | None) -> str | None:
    """13812345678 → 138****5678; a short number keeps its last two digits."""
    if phone is None:
        return None
    digits = "".join(each for each in phone if each.isdigit())
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else f"****{digits[-2:]}"


def masked_address(address: str | None) -> str | None:
    """浙江省杭州市西湖区文三路 138 号 → up to the road; house and door are not kept."""
    if address is None:
        return None
    text = address.strip()
    for end in ("路", "街", "道", "镇", "乡", "区", "县", "市", "省"):
        place = text.rfind(end)
        if place >= 0:
            return text[: place + 1] + "***"
    return text[:2] + "***"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _record(shop_id: str, live_session_id: str, event: Any, now: int) -> LiveEventRecord:
    body = event.model_dump(
        mode="python", exclude={"source_event_id", "at", "kind", "product_id"}, exclude_none=True
    )
    if "until" in body:
        body["until"] = _ms(event.until)
    return LiveEventRecord(
        shop_id=shop_id,
        live_session_id=live_session_id,
        source_event_id=event.source_event_id,
        kind=event.kind,
        at=_ms(event.at),
        product_id=getattr(event, "product_id", None),
        body=body,
        received_at=now,
    )


def _refusal(raw: dict[str, object], wrong: ValueError) -> shop.EventResult:
    name = raw.get("source_event_id")
    return shop.EventResult(
        source_event_id=name if isinstance(name, str) else None,
        accepted=False,
        error=ErrorCode.bad_request,
        message=str(wrong),
    )
