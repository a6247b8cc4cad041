"""What belongs to a buyer. What does not is answered like what does not exist."""

from __future__ import annotations

from protocol.errors import ErrorCode, Refused
from server.storage.buyers import Buyer
from server.storage.catalogue import OrderRecord
from server.storage.database import Reader


async def buyer_of(unit: Reader, buyer_id: str) -> Buyer:
    """The buyer's row."""
    found = await unit.buyers.get(buyer_id)
    if found is None:
        raise Refused(ErrorCode.not_found)
    return found


async def order_of(
    unit: Reader, shop_id: str, buyer_id: str, order_id: str, named: frozenset[str] | None = None
) -> OrderRecord:
    """An order of this buyer, among those `named` if any are. A visitor has none: nobody signed for him."""
    buyer = await buyer_of(unit, buyer_id)
    order = await unit.catalogue.order(shop_id, order_id)
    theirs = order is not None and buyer.subject is not None and order.buyer_subject == buyer.subject
    if order is None or not theirs or (named is not None and order_id not in named):
        raise Refused(ErrorCode.not_found)
    return order
