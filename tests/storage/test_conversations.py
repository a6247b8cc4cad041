"""Conversations from the first open to the last reopen, their marks, and how they are read back."""

import asyncio
from typing import Any

import pytest

from protocol.errors import ErrorCode, Refused
from server.storage.database import Database
from server.storage.records import Conversation, Marked, NewConversation, NewMark, Opened
from tests.rounds import rounds
from tests.storage.world import (
    AGENT,
    BUYER,
    COLLEAGUE,
    NOON,
    OTHER_BUYER,
    OTHER_SHOP,
    SHOP,
    SHOPS,
    Clock,
    answered,
    client_id,
    fingerprint,
    head,
    logs,
    noted,
    opened,
    owned,
    public_log,
    recalling,
    refused,
    said,
    system,
)


def new(number: int, **where: Any) -> NewConversation:
    return NewConversation(f"opening-{number}", SHOP, BUYER, "zh-CN", NOON + number, **where)


async def test_opening_gives_the_row_with_where_the_buyer_came_from(database: Database) -> None:
    where: dict[str, Any] = {
        "live_session_id": "live-1",
        "position_ms": 61_000,
        "product_id": "p-1",
        "order_id": "o-1",
        "topic": "尺码",
    }
    async with database.write() as unit:
        answer = await unit.conversations.open_or_get(new(1, **where))
    assert answer.created
    found = answer.conversation
    assert {name: getattr(found, name) for name in where} == where
    assert (found.state, found.last_seq, found.desk_last_seq, found.fence) == ("open", 0, 0, 0)
    assert (found.owner_id, found.owed_since, found.preview, found.closed_at) == (None, None, "", None)
    assert await head(database, "opening-1") == found


async def test_opening_again_gives_the_open_one_unchanged(database: Database) -> None:
    async with database.write() as unit:
        first = await unit.conversations.open_or_get(new(1, product_id="p-1"))
        again = await unit.conversations.open_or_get(new(2, product_id="p-2"))
    assert again == Opened(first.conversation, created=False)


async def test_a_hundred_openings_at_once_make_one_conversation(database: Database) -> None:
    async def open_one(number: int) -> Opened:
        async with database.write() as unit:
            return await unit.conversations.open_or_get(new(number))

    for _ in range(rounds(reduced=1, full=10)):
        answers = await asyncio.gather(*(open_one(number) for number in range(100)))
        assert sum(answer.created for answer in answers) == 1
        (conversation_id,) = {answer.conversation.id for answer in answers}
        async with database.read() as reader:
            assert len(await reader.lists.history(SHOP, BUYER)) == 1
        async with database.write() as unit:
            await unit.conversations.close(system(conversation_id, "closed", {"by": "buyer"}), now=NOON)
            await unit.connection.exec_driver_sql("DELETE FROM public_log")
            await unit.connection.exec_driver_sql("DELETE FROM conversations")


async def test_a_conversation_is_shown_to_its_buyer_and_its_shop_only(database: Database) -> None:
    mine = await opened(database)
    async with database.read() as reader:
        repository = reader.conversations
        assert await repository.of_buyer(mine.id, BUYER) == mine
        assert await repository.of_shops(mine.id, SHOPS) == mine
        for strange in (
            repository.of_buyer(mine.id, OTHER_BUYER),
            repository.of_buyer("conversation-nowhere", BUYER),
            repository.of_shops(mine.id, {OTHER_SHOP}),
            repository.of_shops(mine.id, ()),
            repository.of_shops("conversation-nowhere", SHOPS),
            repository.sync("conversation-nowhere", after_seq=0),
        ):
            with pytest.raises(Refused) as refusal:
                await strange
            assert (refusal.value.code, refusal.value.data) == (ErrorCode.not_found, {})


async def test_closing_and_reopening_leave_their_entries_in_the_log(database: Database, clock: Clock) -> None:
    mine = await opened(database)
    await database.append(said(mine.id))
    async with database.write() as unit:
        closed = await unit.conversations.close(system(mine.id, "closed", {"by": "agent"}), now=NOON + 1)
        again = await unit.conversations.close(system(mine.id, "closed", {"by": "buyer"}), now=NOON + 2)
    assert (closed.changed, closed.appended.entry.seq, again.changed) == (True, 2, False)
    assert again.appended.entry == closed.appended.entry
    found = await head(database, mine.id)
    assert (found.state, found.closed_at, found.last_seq) == ("closed", NOON + 1, 2)
    async with database.write() as unit:
        reopened = await unit.conversations.reopen(system(mine.id, "reopened", {"by": "buyer"}), now=NOON + 3)
        twice = await unit.conversations.reopen(system(mine.id, "reopened", {"by": "buyer"}), now=NOON + 4)
    assert (reopened.changed, reopened.appended.entry.seq, twice.changed) == (True, 3, False)
    assert twice.appended.entry == reopened.appended.entry
    found = await head(database, mine.id)
    assert (found.state, found.closed_at) == ("open", None)
    assert [entry.kind for entry in await public_log(database, mine.id)] == ["text", "closed", "reopened"]


async def test_a_late_repeat_of_a_closing_does_not_close_what_goes_on(database: Database) -> None:
    mine = await opened(database)
    ending = said(mine.id, kind="closed", body={"by": "buyer"}, client_id=client_id())
    async with database.write() as unit:
        first = await unit.conversations.close(ending, now=NOON)
        await unit.conversations.reopen(system(mine.id, "reopened", {"by": "agent"}), now=NOON)
        again = await unit.conversations.close(ending, now=NOON)
    assert (again.changed, again.appended.entry) == (False, first.appended.entry)
    assert (await head(database, mine.id)).state == "open"


async def test_reopening_beside_another_open_one_is_a_conflict(database: Database) -> None:
    old = await opened(database)
    async with database.write() as unit:
        await unit.conversations.close(system(old.id, "closed", {"by": "buyer"}), now=NOON)
    await opened(database)
    before = await fingerprint(database)
    with pytest.raises(Refused) as refusal:
        async with database.write() as unit:
            await unit.conversations.reopen(system(old.id, "reopened", {"by": "buyer"}), now=NOON)
    assert refusal.value.code is ErrorCode.conflict
    assert await fingerprint(database) == before


async def test_reopening_what_was_never_closed_is_a_conflict(database: Database) -> None:
    mine = await opened(database)
    with pytest.raises(Refused) as refusal:
        async with database.write() as unit:
            await unit.conversations.reopen(system(mine.id, "reopened", {"by": "buyer"}), now=NOON)
    assert refusal.value.code is ErrorCode.conflict


async def test_a_stranger_can_neither_close_nor_reopen(database: Database) -> None:
    mine = await opened(database)
    for change in ("close", "reopen"):
        entry = said(mine.id, kind=change, body={"by": "buyer"}, sender_id=OTHER_BUYER)
        with pytest.raises(Refused) as refusal:
            async with database.write() as unit:
                await getattr(unit.conversations, change)(entry, now=NOON)
        assert refusal.value.code is ErrorCode.not_found


async def test_appending_in_a_unit_of_work_follows_the_same_rules(database: Database) -> None:
    mine = await opened(database)
    await owned(database, mine.id, AGENT, 4)
    entry = answered(mine.id, fence=4)
    async with database.write() as unit:
        first = await unit.conversations.append(entry, now=NOON)
        again = await unit.conversations.append(entry._replace(body={"text": "别的"}), now=NOON)
        routed = await unit.conversations.append(
            system(mine.id, "routed", {"text": "→ 售后"}, log="desk"), now=NOON
        )
        recall = await unit.conversations.append(recalling(1, entry), now=NOON)
    assert (first.entry.seq, again.repeated, again.entry) == (1, True, first.entry)
    assert (routed.entry.seq, recall.entry.seq) == (1, 2)
    assert (await head(database, mine.id)).preview == ""
    for bad, code in (
        (answered(mine.id, fence=3), ErrorCode.stale_fence),
        (said(mine.id, sender_id=OTHER_BUYER), ErrorCode.not_found),
        (recalling(1, entry), ErrorCode.recall_refused),
    ):
        with pytest.raises(Refused) as refusal:
            async with database.write() as unit:
                await unit.conversations.append(bad, now=NOON)
        assert refusal.value.code is code
    public, desk = await logs(database, mine.id)
    assert [entry.seq for entry in public] == [1, 2]
    assert [entry.kind for entry in desk] == ["routed"]


async def test_units_of_work_and_appends_share_one_seq(database: Database) -> None:
    mine = await opened(database)

    async def in_a_unit() -> None:
        async with database.write() as unit:
            await unit.conversations.append(system(mine.id, "assigned", {"agent_name": "小荷"}), now=NOON)

    writes = [database.append(said(mine.id)) if n % 3 else in_a_unit() for n in range(45)]
    await asyncio.gather(*writes)
    assert [entry.seq for entry in await public_log(database, mine.id)] == list(range(1, 46))


async def test_the_context_can_be_replaced(database: Database) -> None:
    mine = await opened(database, product_id="p-1", topic="尺码")
    async with database.write() as unit:
        await unit.conversations.set_context(
            mine.id, live_session_id="live-2", position_ms=5, product_id="p-2", order_id="o-2", topic=None
        )
    found = await head(database, mine.id)
    assert (found.live_session_id, found.position_ms, found.product_id) == ("live-2", 5, "p-2")
    assert (found.order_id, found.topic) == ("o-2", None)


async def test_the_open_conversation_is_found_by_the_merchants_name_for_the_buyer(database: Database) -> None:
    mine = await opened(database)
    async with database.read() as reader:
        assert await reader.conversations.open_of_subject(SHOP, f"sub-{BUYER}") == mine
        assert await reader.conversations.open_of_subject(OTHER_SHOP, f"sub-{BUYER}") is None
        assert await reader.conversations.open_of_subject(SHOP, f"sub-{OTHER_BUYER}") is None


def marks(marked: Marked | Conversation) -> tuple[int, int, int, int]:
    return marked.buyer_delivered, marked.buyer_read, marked.agent_delivered, marked.agent_read


async def test_marks_never_go_back_and_never_beyond_the_end(database: Database) -> None:
    mine = await opened(database)
    await owned(database, mine.id, AGENT, 1)
    for _ in range(5):
        await database.append(said(mine.id))

    def by_buyer(delivered: int | None, read: int | None) -> NewMark:
        return NewMark(mine.id, "buyer", BUYER, delivered, read)

    def by_agent(delivered: int | None, read: int | None) -> NewMark:
        return NewMark(mine.id, "agent", AGENT, delivered, read, SHOPS)

    for mark, expected, moved in (
        (by_buyer(2, None), (2, 0, 0, 0), True),
        (by_buyer(1, None), (2, 0, 0, 0), False),
        (by_buyer(None, 3), (3, 3, 0, 0), True),
        (by_buyer(99, 99), (5, 5, 0, 0), True),
        (by_buyer(0, 0), (5, 5, 0, 0), False),
        (by_agent(4, 1), (5, 5, 4, 1), True),
        (by_agent(None, None), (5, 5, 4, 1), False),
        (by_agent(6, 2), (5, 5, 5, 2), True),
    ):
        marked = await database.mark(mark)
        assert (marks(marked), marked.moved, marked.place) == (
            expected,
            moved,
            mine.place._replace(owner_id=AGENT),
        )
        assert marks(await head(database, mine.id)) == expected


async def test_marks_at_the_same_instant_end_at_the_highest(database: Database) -> None:
    mine = await opened(database)
    for _ in range(9):
        await database.append(said(mine.id))
    seen = await asyncio.gather(
        *(database.mark(NewMark(mine.id, "buyer", BUYER, None, n)) for n in (3, 9, 1, 7, 9, 2))
    )
    assert (await head(database, mine.id)).buyer_read == 9
    assert sum(each.moved for each in seen) >= 1


async def test_only_the_buyer_and_the_owner_leave_marks(database: Database) -> None:
    mine = await opened(database)
    await database.append(said(mine.id))
    await owned(database, mine.id, AGENT, 1)
    before = await fingerprint(database)
    for mark, code in (
        (NewMark(mine.id, "buyer", OTHER_BUYER, 1, 1), ErrorCode.not_found),
        (NewMark("conversation-nowhere", "buyer", BUYER, 1, 1), ErrorCode.not_found),
        (NewMark(mine.id, "agent", COLLEAGUE, 1, 1, SHOPS), ErrorCode.forbidden),
        (NewMark(mine.id, "agent", AGENT, 1, 1, frozenset({OTHER_SHOP})), ErrorCode.not_found),
        (NewMark("conversation-nowhere", "agent", AGENT, 1, 1, SHOPS), ErrorCode.not_found),
    ):
        with pytest.raises(Refused) as refusal:
            await database.mark(mark)
        assert refusal.value.code is code
    assert await fingerprint(database) == before


async def test_pages_put_together_are_the_whole_log_while_others_write(database: Database) -> None:
    mine = await opened(database)
    total = rounds(reduced=60, full=600)
    finished = asyncio.Event()

    async def write() -> None:
        for number in range(total):
            await database.append(said(mine.id, str(number)))
            if number % 5 == 0:
                await database.append(noted(mine.id, str(number)))
        finished.set()

    async def follow() -> list[int]:
        seen: list[int] = []
        while not (finished.is_set() and seen and seen[-1] == total):
            async with database.read() as reader:
                page = await reader.conversations.sync(mine.id, after_seq=seen[-1] if seen else 0, limit=7)
            assert page.more == (page.conversation.last_seq > (len(seen) + len(page.entries)))
            seen += [entry.seq for entry in page.entries]
        return seen

    _, *followers = await asyncio.gather(write(), follow(), follow())
    assert followers == [list(range(1, total + 1))] * 2
    public, desk = await logs(database, mine.id, page=50)
    assert [entry.body["text"] for entry in public] == [str(n) for n in range(total)]
    assert [entry.body["text"] for entry in desk] == [str(n) for n in range(0, total, 5)]


async def test_the_desk_log_stays_shut_unless_asked_for(database: Database) -> None:
    mine = await opened(database)
    await database.append(noted(mine.id))
    async with database.read() as reader:
        for_buyer = await reader.conversations.sync(mine.id, after_seq=0)
        for_agent = await reader.conversations.sync(mine.id, after_seq=0, desk_after_seq=0)
    assert (for_buyer.desk_entries, for_buyer.desk_more) == ((), False)
    assert [entry.kind for entry in for_agent.desk_entries] == ["note"]


async def test_a_cursor_beyond_the_end_is_told_to_resync(database: Database) -> None:
    mine = await opened(database)
    await database.append(said(mine.id))
    await database.append(noted(mine.id))
    async with database.read() as reader:
        at_the_end = await reader.conversations.sync(mine.id, after_seq=1, desk_after_seq=1)
        assert (at_the_end.entries, at_the_end.desk_entries) == ((), ())
        for cursors in ({"after_seq": 2}, {"after_seq": 0, "desk_after_seq": 2}):
            with pytest.raises(Refused) as refusal:
                await reader.conversations.sync(mine.id, **cursors)
            assert refusal.value.code is ErrorCode.resync


async def test_sync_tells_the_owners_name_as_of_the_same_read(database: Database) -> None:
    mine = await opened(database)
    await owned(database, mine.id, AGENT, 1)
    async with database.read() as reader:
        page = await reader.conversations.sync(mine.id, after_seq=0)
        await owned(database, mine.id, COLLEAGUE, 2)
        same_read = await reader.conversations.sync(mine.id, after_seq=0)
    assert (page.owner_name, page.conversation.fence) == ("小荷", 1)
    assert same_read == page


async def test_an_entry_is_found_by_its_seq_and_a_recalled_one_without_its_words(database: Database) -> None:
    mine = await opened(database)
    await database.append(said(mine.id, "原话"))
    async with database.read() as reader:
        found = await reader.conversations.entry(mine.id, 1)
        assert found is not None
        assert found.body == {"text": "原话"}
        assert await reader.conversations.entry(mine.id, 2) is None
    await database.append(recalling(1, said(mine.id)))
    async with database.read() as reader:
        found = await reader.conversations.entry(mine.id, 1)
    assert found is not None
    assert (found.recalled, found.body) == (True, {})


async def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    mine = await opened(database)
    before = await fingerprint(database)
    with pytest.raises(ZeroDivisionError):
        async with database.write() as unit:
            await unit.conversations.append(said(mine.id), now=NOON)
            _ = 1 / 0
    assert await fingerprint(database) == before
    assert await refused(database, said(mine.id)) is None
