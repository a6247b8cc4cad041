"""Products and orders of a shop, as its own server told them. Every row is found by shop and id together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.chat import OrderStatus
from server.storage.inserting import insert_or_leave
from server.storage.schema import order_lines, orders, products


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A product as cards show it. `price` in the currency's smallest unit."""

    shop_id: str
    id: str
    title: str
    price: int | None
    currency: str
    category: str | None
    picture: str | None


@dataclass(frozen=True, slots=True)
class OrderLineRecord:
    """A line of an order. `live_session_id` where the platform says which session it came from, and
    `position_ms` where it says how far into it the buyer's player was."""

    line_id: str
    product_id: str
    sku: str | None
    title: str
    quantity: int
    price: int
    live_session_id: str | None
    position_ms: int | None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with its lines in the merchant's order. The receiver's fields are masked already."""

    shop_id: str
    id: str
    buyer_subject: str
    status: OrderStatus
    placed_at: int
    paid_at: int | None
    total: int
    currency: str
    receiver_name: str | None
    receiver_phone: str | None
    receiver_address: str | None
    lines: tuple[OrderLineRecord, ...]


_PRODUCT = tuple(products.c[name] for name in ProductRecord.__dataclass_fields__)
_ORDER = tuple(orders.c[name] for name in OrderRecord.__dataclass_fields__ if name != "lines")
_LINE = tuple(order_lines.c[name] for name in OrderLineRecord.__dataclass_fields__)


class Catalogue:
    """The products and orders of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put_product(self, product: ProductRecord, *, now: int) -> bool:
        """Store a product; False when it is there as it is."""
        known = await self.product(product.shop_id, product.id)
        if known == product:
            return False
        values = {name: getattr(product, name) for name in ProductRecord.__dataclass_fields__}
        await self._put(products, product.shop_id, product.id, values | {"updated_at": now}, known is None)
        return True

    async def product(self, shop_id: str, product_id: str) -> ProductRecord | None:
        """The shop's product of this id."""
        query = select(*_PRODUCT).where(products.c.shop_id == shop_id, products.c.id == product_id)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else ProductRecord(*row)

    async def products(self, shop_id: str, product_ids: Collection[str]) -> dict[str, ProductRecord]:
        """Those of these products that the shop has, by id."""
        query = select(*_PRODUCT).where(products.c.shop_id == shop_id, products.c.id.in_(sorted(product_ids)))
        return {row.id: ProductRecord(*row) for row in await self._connection.execute(query)}

    async def put_order(self, order: OrderRecord, *, now: int) -> bool:
        """Store an order with exactly these lines; False when it is there as it is."""
        # Of two puts at the same instant the second reads what the first has stored.
        known = await self.order(order.shop_id, order.id, lock=True)
        if known == order:
            return False
        values = {name: getattr(order, name) for name in OrderRecord.__dataclass_fields__ if name != "lines"}
        await self._put(orders, order.shop_id, order.id, values | {"updated_at": now}, known is None)
        if known is None or known.lines != order.lines:
            await self._connection.execute(
                delete(order_lines).where(
                    order_lines.c.shop_id == order.shop_id, order_lines.c.order_id == order.id
                )
            )
            await self._connection.execute(
                insert(order_lines),
                [
                    {name: getattr(line, name) for name in OrderLineRecord.__dataclass_fields__}
                    | {"shop_id": order.shop_id, "order_id": order.id, "place": place}
                    for place, line in enumerate(order.lines)
                ],
            )
        return True

    async def order(self, shop_id: str, order_id: str, *, lock: bool = False) -> OrderRecord | None:
        """The shop's order of this id, whoever bought it: who may see it is decided elsewhere."""
        query = select(*_ORDER).where(orders.c.shop_id == shop_id, orders.c.id == order_id)
        found = await self._orders(shop_id, query.with_for_update() if lock else query)
        return found[0] if found else None

    async def orders_of(self, shop_id: str, buyer_subject: str, *, limit: int) -> list[OrderRecord]:
        """The buyer's orders, newest first."""
        return await self._orders(
            shop_id,
            select(*_ORDER)
            .where(orders.c.shop_id == shop_id, orders.c.buyer_subject == buyer_subject)
            .order_by(orders.c.placed_at.desc(), orders.c.id.desc())
            .limit(limit),
        )

    async def orders_touched(
        self,
        shop_id: str,
        *,
        product_ids: Collection[str],
        live_session_id: str,
        since: int,
        limit: int,
    ) -> list[OrderRecord]:
        """Orders placed since `since` with a line of these products or of this session, newest first."""
        concerned: ColumnElement[bool] = order_lines.c.live_session_id == live_session_id
        if product_ids:
            concerned = or_(concerned, order_lines.c.product_id.in_(sorted(product_ids)))
        return await self._orders(
            shop_id,
            select(*_ORDER)
            .where(
                orders.c.shop_id == shop_id,
                orders.c.placed_at >= since,
                exists().where(
                    order_lines.c.shop_id == orders.c.shop_id,
                    order_lines.c.order_id == orders.c.id,
                    concerned,
                ),
            )
            .order_by(orders.c.placed_at.desc(), orders.c.id.desc())
            .limit(limit),
        )

    async def _orders(self, shop_id: str, query: Select[Any]) -> list[OrderRecord]:
        rows = [tuple(row) for row in await self._connection.execute(query)]
        lines = await self._lines(shop_id, (row[1] for row in rows))
        return [OrderRecord(*(*row, tuple(lines[row[1]]))) for row in rows]

    async def _lines(self, shop_id: str, order_ids: Iterable[str]) -> dict[str, list[OrderLineRecord]]:
        found: dict[str, list[OrderLineRecord]] = {order_id: [] for order_id in order_ids}
        if found:
            query = (
                select(order_lines.c.order_id, *_LINE)
                .where(order_lines.c.shop_id == shop_id, order_lines.c.order_id.in_(list(found)))
                .order_by(order_lines.c.order_id, order_lines.c.place)
            )
            for order_id, *fields in await self._connection.execute(query):
                found[order_id].append(OrderLineRecord(*fields))
        return found

    async def _put(self, table: Any, shop_id: str, row_id: str, values: dict[str, Any], is_new: bool) -> None:
        """Insert or replace one row; of two first puts at the same instant the later one waits and wins."""
        if is_new:
            await self._connection.execute(
                insert_or_leave(self._connection, table).values(values).on_conflict_do_nothing()
            )
        await self._connection.execute(
            update(table).where(and_(table.c.shop_id == shop_id, table.c.id == row_id)).values(values)
        )
