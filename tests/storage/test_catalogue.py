"""Products and orders: stored once, replaced whole, seen by their own shop."""

import asyncio
from dataclasses import replace

from server.storage.catalogue import OrderLineRecord, OrderRecord, ProductRecord
from server.storage.database import Database
from tests.storage.world import NOON, OTHER_SHOP, SHOP

COAT = ProductRecord(SHOP, "p-1", "羊绒大衣", 99_900, "CNY", "女装", "https://shop.example/coat.jpg")


def line(line_id: str, product_id: str = "p-1", live_session_id: str | None = None) -> OrderLineRecord:
    position_ms = None if live_session_id is None else 61_000
    return OrderLineRecord(line_id, product_id, "红 XL", "羊绒大衣", 1, 99_900, live_session_id, position_ms)


def order(order_id: str = "o-1", *lines: OrderLineRecord, placed_at: int = NOON) -> OrderRecord:
    return OrderRecord(
        shop_id=SHOP,
        id=order_id,
        buyer_subject="sub-1",
        status="paid",
        placed_at=placed_at,
        paid_at=placed_at + 1,
        total=99_900,
        currency="CNY",
        receiver_name="张**",
        receiver_phone="138****5678",
        receiver_address="浙江省杭州市西湖区文三路***",
        lines=lines or (line("l-2"), line("l-1")),
    )


async def test_a_product_is_stored_once_and_replaced_whole(database: Database) -> None:
    cheaper = replace(COAT, price=None, category=None)
    async with database.write() as unit:
        assert await unit.catalogue.put_product(COAT, now=NOON)
        assert not await unit.catalogue.put_product(COAT, now=NOON + 1)
        assert await unit.catalogue.product(SHOP, "p-1") == COAT
        assert await unit.catalogue.put_product(cheaper, now=NOON + 2)
        assert await unit.catalogue.product(SHOP, "p-1") == cheaper


async def test_shops_with_the_same_ids_do_not_see_each_other(database: Database) -> None:
    theirs = replace(COAT, shop_id=OTHER_SHOP, title="帐篷")
    async with database.write() as unit:
        await unit.catalogue.put_product(COAT, now=NOON)
        assert await unit.catalogue.product(OTHER_SHOP, "p-1") is None
        await unit.catalogue.put_product(theirs, now=NOON)
        await unit.catalogue.put_order(order(), now=NOON)
        assert await unit.catalogue.order(OTHER_SHOP, "o-1") is None
        assert await unit.catalogue.orders_of(OTHER_SHOP, "sub-1", limit=9) == []
        await unit.catalogue.put_order(replace(order("o-1", line("l-9")), shop_id=OTHER_SHOP), now=NOON)
    async with database.read() as reader:
        assert await reader.catalogue.products(SHOP, ["p-1", "p-2"]) == {"p-1": COAT}
        assert await reader.catalogue.products(OTHER_SHOP, ["p-1"]) == {"p-1": theirs}
        assert await reader.catalogue.order(SHOP, "o-1") == order()


async def test_an_order_keeps_its_lines_in_the_merchants_order(database: Database) -> None:
    shipped = replace(order(), status="shipped")
    shorter = replace(shipped, lines=(line("l-3", "p-2", "live-1"), line("l-2")))
    async with database.write() as unit:
        assert await unit.catalogue.put_order(order(), now=NOON)
        assert not await unit.catalogue.put_order(order(), now=NOON)
        assert await unit.catalogue.put_order(shipped, now=NOON)
        assert await unit.catalogue.order(SHOP, "o-1") == shipped
        assert await unit.catalogue.put_order(shorter, now=NOON)
        assert await unit.catalogue.order(SHOP, "o-1") == shorter
        assert await unit.catalogue.order(SHOP, "o-2") is None


async def test_an_order_put_by_two_at_once_is_one_of_the_two(database: Database) -> None:
    async def put(which: OrderRecord) -> None:
        async with database.write() as unit:
            await unit.catalogue.put_order(which, now=NOON)

    versions = [order("o-1", *(line(f"l-{n}-{k}") for k in range(n))) for n in range(1, 6)]
    for _ in range(3):
        await asyncio.gather(*(put(each) for each in versions))
        async with database.read() as reader:
            assert await reader.catalogue.order(SHOP, "o-1") in versions


async def test_a_buyers_orders_come_newest_first(database: Database) -> None:
    orders = [order(f"o-{n}", placed_at=NOON + n) for n in range(5)]
    async with database.write() as unit:
        for each in orders:
            await unit.catalogue.put_order(each, now=NOON)
        await unit.catalogue.put_order(replace(order("o-9"), buyer_subject="sub-2"), now=NOON)
    async with database.read() as reader:
        assert await reader.catalogue.orders_of(SHOP, "sub-1", limit=3) == orders[:1:-1]


async def test_orders_touched_are_those_of_the_products_and_of_the_session(database: Database) -> None:
    coat = order("o-coat", line("l-1", "p-1"), placed_at=NOON + 3)
    named = order("o-named", line("l-1", "p-7"), line("l-2", "p-8", "live-1"), placed_at=NOON + 2)
    other = order("o-other", line("l-1", "p-9", "live-2"), placed_at=NOON + 1)
    early = order("o-early", line("l-1", "p-1"), placed_at=NOON - 1)
    async with database.write() as unit:
        for each in (coat, named, other, early):
            await unit.catalogue.put_order(each, now=NOON)
        touched = unit.catalogue.orders_touched
        both = await touched(SHOP, product_ids={"p-1", "p-2"}, live_session_id="live-1", since=NOON, limit=9)
        assert both == [coat, named]
        assert await touched(SHOP, product_ids=(), live_session_id="live-1", since=NOON, limit=9) == [named]
        assert await touched(SHOP, product_ids={"p-1"}, live_session_id="-", since=NOON - 1, limit=1) == [
            coat
        ]
        assert (
            await touched(OTHER_SHOP, product_ids={"p-1"}, live_session_id="live-1", since=0, limit=9) == []
        )
