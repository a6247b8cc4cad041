"""What people look through: the console's lists, the context column, the buyer's own history."""

from typing import Any

from sqlalchemy import insert, update

from server.storage import schema
from server.storage.catalogue import ProductRecord
from server.storage.database import Database
from server.storage.live import LiveSessionRecord
from server.storage.records import Conversation, NewMark, SummaryRow, Tab
from tests.storage.world import (
    AGENT,
    BUYER,
    COLLEAGUE,
    FOREIGN_BUYER,
    NOON,
    OTHER_BUYER,
    OTHER_SHOP,
    SHOP,
    SHOPS,
    Clock,
    answered,
    client_id,
    opened,
    owned,
    said,
    system,
)


async def in_line(database: Database, conversation: Conversation, state: str, joined_at: int = NOON) -> None:
    """Gives the conversation a ticket in its shop's group, as the line does."""
    group_id, ticket_id = f"group-{conversation.shop_id}", f"ticket-{client_id()}"
    row = {
        "id": ticket_id,
        "conversation_id": conversation.id,
        "shop_id": conversation.shop_id,
        "group_id": group_id,
        "requirements": [],
        "state": state,
        "joined_at": joined_at,
        "head_start_s": 0,
        "priority": joined_at,
        "units": 20,
        "fence": 0,
        "refused_by": [],
    }
    async with database.write() as unit:
        existing = await unit.connection.execute(schema.groups.select().where(schema.groups.c.id == group_id))
        if existing.first() is None:
            await unit.connection.execute(
                insert(schema.groups).values(
                    id=group_id, shop_id=conversation.shop_id, name="售后", is_default=True
                )
            )
        await unit.connection.execute(insert(schema.tickets).values(row))


async def served(database: Database, conversation: Conversation, person_id: str, fence: int) -> None:
    """Writes into the assignments who served it, as the line does."""
    await in_line(database, conversation, "done")
    async with database.write() as unit:
        ticket_id = (await unit.connection.execute(schema.tickets.select())).first()
        assert ticket_id is not None
        await unit.connection.execute(
            insert(schema.assignments).values(
                conversation_id=conversation.id,
                ticket_id=ticket_id.id,
                fence=fence,
                person_id=person_id,
                since=NOON,
                until=NOON + fence,
                reason="assigned",
                why={},
            )
        )


async def page(
    database: Database, tab: Tab, shop_ids: Any = SHOPS, **other: Any
) -> tuple[list[SummaryRow], bool]:
    async with database.read() as reader:
        return await reader.lists.page(tab, person_id=AGENT, shop_ids=shop_ids, **other)


def ids(rows: list[SummaryRow]) -> list[str]:
    return [row.conversation_id for row in rows]


async def test_a_row_shows_all_names_of_one_conversation(database: Database) -> None:
    async with database.write() as unit:
        await unit.catalogue.put_product(
            ProductRecord(SHOP, "p-1", "羊绒大衣", 99_900, "CNY", None, None), now=NOON
        )
        await unit.connection.execute(
            update(schema.buyers).where(schema.buyers.c.id == BUYER).values(tier="vip")
        )
    mine = await opened(database, product_id="p-1", order_id="o-1")
    await in_line(database, mine, "active", joined_at=NOON - 5)
    await owned(database, mine.id, AGENT, 3)
    for words in ("在吗", "有货吗"):
        await database.append(said(mine.id, words))
    await database.append(system(mine.id, "assigned", {"agent_name": "小荷"}))
    await database.mark(NewMark(mine.id, "agent", AGENT, None, 1, SHOPS))
    async with database.read() as reader:
        row = await reader.lists.summary(mine.id)
        assert await reader.lists.summary("conversation-nowhere") is None
    assert row == SummaryRow(
        conversation_id=mine.id,
        shop_id=SHOP,
        shop_name="花间",
        buyer_id=BUYER,
        buyer_name=f"买家 {BUYER}",
        buyer_tier="vip",
        verified=True,
        state="open",
        line="active",
        group_id=f"group-{SHOP}",
        group_name="售后",
        owner_id=AGENT,
        owner_name="小荷",
        fence=3,
        last_seq=3,
        desk_last_seq=0,
        opened_at=NOON,
        waiting_since=None,
        owed_since=NOON,
        closed_at=None,
        product_title="羊绒大衣",
        order_id="o-1",
        preview="有货吗",
        unread=1,
    )


async def test_a_row_does_without_what_is_not_known(database: Database) -> None:
    async with database.write() as unit:
        await unit.connection.execute(
            update(schema.buyers).where(schema.buyers.c.id == BUYER).values(subject=None, name=None)
        )
        # Another shop's product of the same id is none of ours.
        await unit.catalogue.put_product(
            ProductRecord(OTHER_SHOP, "p-9", "帐篷", None, "CNY", None, None), now=NOON
        )
    mine = await opened(database, product_id="p-9")
    async with database.read() as reader:
        row = await reader.lists.summary(mine.id)
    assert row is not None
    assert (row.buyer_name, row.verified, row.line, row.group_name) == (None, False, "done", None)
    assert (row.owner_name, row.waiting_since, row.product_title, row.unread) == (None, None, None, 0)


async def test_each_list_holds_what_belongs_there(database: Database, clock: Clock) -> None:
    mine = await opened(database)
    clock.now += 1
    waiting = await opened(database, OTHER_BUYER)
    clock.now += 1
    foreign = await opened(database, FOREIGN_BUYER, OTHER_SHOP)
    await in_line(database, mine, "active")
    await in_line(database, waiting, "waiting", joined_at=NOON + 1)
    await in_line(database, foreign, "offered", joined_at=NOON + 2)
    await owned(database, mine.id, AGENT, 1)
    both = (SHOP, OTHER_SHOP)
    assert ids((await page(database, "mine"))[0]) == [mine.id]
    assert ids((await page(database, "mine", (OTHER_SHOP,)))[0]) == []
    assert ids((await page(database, "waiting"))[0]) == [waiting.id]
    assert ids((await page(database, "waiting", both))[0]) == [foreign.id, waiting.id]
    assert ids((await page(database, "all"))[0]) == [waiting.id, mine.id]
    assert ids((await page(database, "all", both))[0]) == [foreign.id, waiting.id, mine.id]
    for tab in ("mine", "waiting", "all"):
        assert await page(database, tab, ()) == ([], False)
    ((row,), _) = await page(database, "waiting")
    assert (row.line, row.waiting_since) == ("waiting", NOON + 1)
    await owned(database, mine.id, COLLEAGUE, 2)
    assert ids((await page(database, "mine"))[0]) == []
    async with database.write() as unit:
        await unit.conversations.close(system(mine.id, "closed", {"by": "buyer"}), now=clock.now)
    await owned(database, mine.id, AGENT, 3)
    assert ids((await page(database, "mine"))[0]) == []
    closed = (await page(database, "all"))[0][-1]
    assert (closed.conversation_id, closed.state, closed.closed_at) == (mine.id, "closed", clock.now)


async def test_rows_are_read_by_name_and_only_of_ones_own_shops(database: Database) -> None:
    mine = await opened(database)
    async with database.read() as reader:
        rows = await reader.lists.rows([mine.id, "conversation-nowhere"], SHOPS)
        assert rows == [await reader.lists.summary(mine.id)]
        assert await reader.lists.rows([mine.id], {OTHER_SHOP}) == []
        assert await reader.lists.rows([], SHOPS) == []


async def test_pages_of_a_list_lose_and_repeat_nothing(database: Database, clock: Clock) -> None:
    made: list[str] = []
    for number in range(20):
        clock.now = NOON + number // 3
        shop = (SHOP, OTHER_SHOP)[number % 2]
        made.append(
            (await opened(database, (BUYER, FOREIGN_BUYER)[number % 2], shop, channel=f"c{number}")).id
        )
    both = (SHOP, OTHER_SHOP)
    whole, more = await page(database, "all", both, limit=20)
    assert (sorted(ids(whole)), more) == (sorted(made), False)
    for limit in (4, 5, 7, 19):
        seen: list[SummaryRow] = []
        more = True
        while more:
            rows, more = await page(
                database, "all", both, limit=limit, before=seen[-1].opened_at if seen else None
            )
            assert 0 < len(rows) <= limit
            seen += rows
        assert ids(seen) == ids(whole)


async def test_the_buyers_history_is_his_own_with_who_served_last(database: Database, clock: Clock) -> None:
    old = await opened(database)
    await served(database, old, COLLEAGUE, 1)
    await served(database, old, AGENT, 2)
    await owned(database, old.id, AGENT, 2)
    for words in ("在的", "请讲"):
        await database.append(answered(old.id, words, fence=2))
    await database.mark(NewMark(old.id, "buyer", BUYER, None, 1))
    async with database.write() as unit:
        await unit.conversations.close(system(old.id, "closed", {"by": "agent"}), now=NOON + 3)
    clock.now = NOON + 10
    newer = await opened(database)
    await opened(database, OTHER_BUYER)
    async with database.read() as reader:
        history = await reader.lists.history(SHOP, BUYER)
        earlier = await reader.lists.history(SHOP, BUYER, before=NOON + 10)
        assert await reader.lists.history(OTHER_SHOP, BUYER) == []
    assert [row.conversation_id for row in history] == [newer.id, old.id]
    assert [row.conversation_id for row in earlier] == [old.id]
    assert (history[0].agent_name, history[0].state, history[0].unread) == (None, "open", 0)
    row = history[1]
    assert (row.agent_name, row.state, row.closed_at, row.preview) == ("小荷", "closed", NOON + 3, "请讲")
    assert (row.unread, row.last_seq, row.opened_at) == (1, 3, NOON)


async def test_a_look_shows_the_conversation_with_its_live_session(database: Database) -> None:
    async with database.write() as unit:
        for shop_id, title in ((SHOP, "双十一专场"), (OTHER_SHOP, "别家专场")):
            await unit.live.put_session(
                LiveSessionRecord(shop_id, "live-1", "room", title, NOON - 60_000, None, 0)
            )
    mine = await opened(database, live_session_id="live-1", position_ms=60_000)
    async with database.read() as reader:
        look = await reader.lists.look(mine.id, SHOPS)
        summary = await reader.lists.summary(mine.id)
        assert await reader.lists.look(mine.id, {OTHER_SHOP}) is None
        assert await reader.lists.look(mine.id, ()) is None
        assert await reader.lists.look("conversation-nowhere", SHOPS) is None
    assert look is not None
    assert (look.summary, look.conversation) == (summary, mine)
    assert (look.buyer_subject, look.live_title, look.live_started_at) == (
        f"sub-{BUYER}",
        "双十一专场",
        NOON - 60_000,
    )
