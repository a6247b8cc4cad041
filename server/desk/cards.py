"""Cards: what a product, an order or the buyer's context looked like when it was shown."""

from __future__ import annotations

from protocol import chat
from protocol.base import Wire
from protocol.errors import ErrorCode, Refused
from server.desk.scope import order_of
from server.storage.catalogue import OrderRecord, ProductRecord
from server.storage.database import Reader
from server.storage.records import Conversation


def of_product(product: ProductRecord) -> chat.ProductCard:
    """The product's card as of now."""
    return chat.ProductCard(
        product_id=product.id,
        title=product.title,
        price=product.price,
        currency=product.currency if product.price is not None else None,
        picture=product.picture,
    )


def of_order(order: OrderRecord, picture: str | None = None) -> chat.OrderCard:
    """The order's card as of now; receiver data has no place in it."""
    return chat.OrderCard(
        order_id=order.id,
        status=order.status,
        total=order.total,
        currency=order.currency,
        placed_at=order.placed_at,
        titles=[line.title for line in order.lines[:20]],
        picture=picture,
    )


async def of_reference(
    unit: Reader,
    found: Conversation,
    reference: chat.ProductRef | chat.OrderRef,
    named: frozenset[str] | None,
) -> Wire:
    """The card that a message refers to. An order must be the buyer's; otherwise it does not exist."""
    if isinstance(reference, chat.ProductRef):
        product = await unit.catalogue.product(found.shop_id, reference.product_id)
        if product is None:
            raise Refused(ErrorCode.not_found)
        return of_product(product)
    order = await order_of(unit, found.shop_id, found.buyer_id, reference.order_id, named)
    return of_order(order, await picture_of(unit, order))


async def picture_of(unit: Reader, order: OrderRecord) -> str | None:
    """The picture of the order's first line."""
    product = await unit.catalogue.product(order.shop_id, order.lines[0].product_id) if order.lines else None
    return None if product is None else product.picture
