"""What is appended, by whom, and what comes back: the message path of both databases."""

import asyncio

import pytest

from protocol.chat import RECALL_WITHIN_MS
from protocol.errors import ErrorCode
from server.storage.database import Database
from tests.rounds import rounds
from tests.storage.world import (
    AGENT,
    BUYER,
    COLLEAGUE,
    FOREIGN_BUYER,
    NOON,
    OTHER_BUYER,
    OTHER_SHOP,
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


async def test_an_entry_comes_back_as_it_was_stored(database: Database) -> None:
    conversation = await opened(database)
    entry = said(conversation.id, "有 XL 吗？😀\n第二行 'quoted'", body={"text": "a😀", "quote_seq": 1})
    stored = await database.append(entry)
    assert not stored.repeated
    assert stored.entry.seq == 1
    assert stored.entry.body == entry.body
    assert stored.place == conversation.place
    assert await public_log(database, conversation.id) == [stored.entry]


async def test_the_same_client_id_five_times_is_one_row_with_one_answer(database: Database) -> None:
    conversation = await opened(database)
    entry = said(conversation.id)
    answers = [await database.append(entry) for _ in range(5)]
    assert [each.repeated for each in answers] == [False, True, True, True, True]
    assert {(each.entry.seq, each.entry.message_id, each.entry.sent_at) for each in answers} == {
        (1, entry.message_id, NOON)
    }
    assert len(await public_log(database, conversation.id)) == 1


async def test_a_repeated_client_id_with_other_words_gets_the_first_words(database: Database) -> None:
    conversation = await opened(database)
    entry = said(conversation.id, "第一句")
    await database.append(entry)
    again = await database.append(
        entry._replace(body={"text": "改了"}, message_id="message-other", sent_at=NOON + 5)
    )
    assert again.repeated
    assert again.entry.body == {"text": "第一句"}
    assert again.entry.message_id == entry.message_id
    assert (await head(database, conversation.id)).preview == "第一句"


async def test_a_client_id_belongs_to_its_sender_and_conversation(database: Database) -> None:
    one, other = await opened(database), await opened(database, OTHER_BUYER)
    await owned(database, one.id, AGENT, 1)
    number = client_id()
    mine = await database.append(said(one.id, client_id=number))
    elsewhere = await database.append(said(other.id, client_id=number, sender_id=OTHER_BUYER))
    from_agent = await database.append(answered(one.id, fence=1, client_id=number))
    note = await database.append(noted(one.id, client_id=number))
    assert [each.repeated for each in (mine, elsewhere, from_agent, note)] == [False] * 4
    assert [each.entry.seq for each in (mine, elsewhere, from_agent, note)] == [1, 1, 2, 1]


async def test_one_client_id_at_the_same_instant_is_stored_once(database: Database) -> None:
    conversation = await opened(database)
    entry = said(conversation.id)
    answers = await asyncio.gather(
        *(database.append(entry._replace(message_id=f"message-at-once-{n}")) for n in range(20))
    )
    assert sum(not each.repeated for each in answers) == 1
    assert len({(each.entry.seq, each.entry.message_id) for each in answers}) == 1
    assert len(await public_log(database, conversation.id)) == 1


async def test_fifty_writers_leave_no_gap_and_no_double(database: Database) -> None:
    conversations = [await opened(database), await opened(database, OTHER_BUYER)]
    each_writes = rounds(reduced=6, full=40)

    async def write(number: int) -> list[tuple[int, int, str]]:
        chosen = number % 2
        mine = []
        for k in range(each_writes):
            entry = said(conversations[chosen].id, f"{number}/{k}", sender_id=(BUYER, OTHER_BUYER)[chosen])
            stored = await database.append(entry)
            mine.append((chosen, stored.entry.seq, stored.entry.message_id))
        return mine

    acknowledged = [each for mine in await asyncio.gather(*map(write, range(50))) for each in mine]
    for chosen, conversation in enumerate(conversations):
        log = await public_log(database, conversation.id)
        assert [entry.seq for entry in log] == list(range(1, 25 * each_writes + 1))
        assert {(chosen, entry.seq, entry.message_id) for entry in log} == {
            each for each in acknowledged if each[0] == chosen
        }
        assert (await head(database, conversation.id)).last_seq == len(log)


async def test_one_writer_keeps_his_order(database: Database) -> None:
    conversation = await opened(database)
    for words in "一二三四五":
        await database.append(said(conversation.id, words))
    assert [entry.body["text"] for entry in await public_log(database, conversation.id)] == list("一二三四五")


async def test_the_two_logs_have_a_seq_each(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id))
    await database.append(noted(conversation.id))
    await database.append(noted(conversation.id))
    public, desk = await logs(database, conversation.id)
    assert [entry.seq for entry in public] == [1]
    assert [(entry.seq, entry.kind) for entry in desk] == [(1, "note"), (2, "note")]
    found = await head(database, conversation.id)
    assert (found.last_seq, found.desk_last_seq) == (1, 2)


async def test_every_refusal_has_its_code_and_leaves_no_trace(database: Database, clock: Clock) -> None:
    mine, others = await opened(database), await opened(database, OTHER_BUYER)
    foreign = await opened(database, FOREIGN_BUYER, OTHER_SHOP)
    ended = await opened(database, "buyer-a1", channel="other")
    async with database.write() as unit:
        await unit.conversations.close(system(ended.id, "closed", {"by": "buyer"}), now=NOON)
    await owned(database, mine.id, AGENT, 7)
    await database.append(said(mine.id))
    await database.append(answered(mine.id, fence=7))
    before = await fingerprint(database)
    clock.now = NOON + RECALL_WITHIN_MS
    expected = [
        (said("conversation-nowhere"), ErrorCode.not_found),
        (said(others.id), ErrorCode.not_found),
        (said(foreign.id), ErrorCode.not_found),
        (said(mine.id, log="desk"), ErrorCode.not_found),
        (said(ended.id), ErrorCode.conversation_closed),
        (answered(foreign.id, fence=0), ErrorCode.not_found),
        (noted(foreign.id), ErrorCode.not_found),
        (noted("conversation-nowhere"), ErrorCode.not_found),
        (answered(mine.id, fence=6), ErrorCode.stale_fence),
        (answered(mine.id, fence=8), ErrorCode.stale_fence),
        (answered(mine.id, fence=7, sender_id=COLLEAGUE), ErrorCode.stale_fence),
        (answered(others.id, fence=0), ErrorCode.stale_fence),
        (answered(mine.id, fence=7)._replace(fence=None), ErrorCode.stale_fence),
        (recalling(2, said(mine.id)), ErrorCode.recall_refused),
        (recalling(9, said(mine.id)), ErrorCode.recall_refused),
        (recalling(0, said(mine.id)), ErrorCode.recall_refused),
        (recalling(1, answered(mine.id, fence=7)), ErrorCode.recall_refused),
        (recalling(2, answered(mine.id, fence=6)), ErrorCode.stale_fence),
    ]
    for entry, code in expected:
        assert await refused(database, entry) is code, entry
    assert await asyncio.gather(*(refused(database, entry) for entry, _ in expected)) == [
        code for _, code in expected
    ]
    assert await fingerprint(database) == before


async def test_a_batch_of_good_and_bad_answers_each_by_itself(database: Database) -> None:
    conversation = await opened(database)
    known = said(conversation.id, "早")
    await database.append(known)
    twin = said(conversation.id, "双")
    entries = [
        said(conversation.id, "一"),
        said("conversation-nowhere"),
        known,
        twin,
        answered(conversation.id, fence=3),
        twin,
        said(conversation.id, "二"),
    ]
    outcomes = await asyncio.gather(*(refused(database, entry) for entry in entries))
    nothing, missing, stale = None, ErrorCode.not_found, ErrorCode.stale_fence
    assert outcomes == [nothing, missing, nothing, nothing, stale, nothing, nothing]
    log = await public_log(database, conversation.id)
    assert [entry.seq for entry in log] == [1, 2, 3, 4]
    assert sorted(entry.body["text"] for entry in log) == sorted(["早", "一", "双", "二"])


async def test_a_repeat_is_answered_although_the_author_may_write_no_more(database: Database) -> None:
    conversation = await opened(database)
    await owned(database, conversation.id, AGENT, 1)
    from_buyer, from_agent = said(conversation.id), answered(conversation.id, fence=1)
    first = [await database.append(from_buyer), await database.append(from_agent)]
    await owned(database, conversation.id, COLLEAGUE, 2)
    async with database.write() as unit:
        await unit.conversations.close(system(conversation.id, "closed", {"by": "agent"}), now=NOON)
    again = [await database.append(from_buyer), await database.append(from_agent)]
    assert [each.repeated for each in again] == [True, True]
    assert [each.entry for each in again] == [each.entry for each in first]


async def test_a_repeat_tells_nothing_to_who_has_no_right_to_look(database: Database) -> None:
    conversation = await opened(database)
    await owned(database, conversation.id, AGENT, 1)
    entry = answered(conversation.id, fence=1)
    await database.append(entry)
    assert await refused(database, entry._replace(shop_ids=frozenset({OTHER_SHOP}))) is ErrorCode.not_found


@pytest.mark.parametrize("later", [0, RECALL_WITHIN_MS - 1, RECALL_WITHIN_MS])
async def test_a_message_can_be_recalled_until_the_two_minutes_are_over(
    database: Database, clock: Clock, later: int
) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id, "打错了"))
    clock.now = NOON + later
    recall = await database.append(recalling(1, said(conversation.id)))
    assert (recall.entry.seq, recall.entry.kind) == (2, "recall")
    taken_back, entry = await public_log(database, conversation.id)
    assert (taken_back.seq, taken_back.recalled, taken_back.body) == (1, True, {})
    assert (entry.body, entry.recalled) == ({"recalled_seq": 1}, False)


async def test_a_millisecond_after_the_two_minutes_it_cannot(database: Database, clock: Clock) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id, "打错了"))
    clock.now = NOON + RECALL_WITHIN_MS + 1
    assert await refused(database, recalling(1, said(conversation.id))) is ErrorCode.recall_refused
    (entry,) = await public_log(database, conversation.id)
    assert (entry.recalled, entry.body) == (False, {"text": "打错了"})


async def test_a_message_is_recalled_once(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id))
    await database.append(recalling(1, said(conversation.id)))
    assert await refused(database, recalling(1, said(conversation.id))) is ErrorCode.recall_refused


async def test_of_two_recalls_at_the_same_instant_one_is_stored(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id))
    outcomes = await asyncio.gather(
        *(refused(database, recalling(1, said(conversation.id))) for _ in range(5))
    )
    assert sorted(map(str, outcomes)) == ["None", *["recall_refused"] * 4]


async def test_a_repeated_recall_gets_the_first_answer(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id))
    recall = recalling(1, said(conversation.id))
    first, again = await database.append(recall), await database.append(recall)
    assert again.repeated
    assert again.entry == first.entry


async def test_a_recall_and_a_system_entry_cannot_be_recalled(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id))
    await database.append(recalling(1, said(conversation.id)))
    await database.append(system(conversation.id, "assigned", {"agent_name": "小荷"}))
    for seq in (2, 3):
        assert await refused(database, recalling(seq, said(conversation.id))) is ErrorCode.recall_refused


async def test_the_repeat_of_a_recalled_message_does_not_give_its_words_back(database: Database) -> None:
    conversation = await opened(database)
    entry = said(conversation.id, "身份证号")
    await database.append(entry)
    await database.append(recalling(1, said(conversation.id)))
    again = await database.append(entry)
    assert (again.repeated, again.entry.recalled, again.entry.body) == (True, True, {})


async def test_the_preview_is_the_newest_text_and_never_a_recalled_one(database: Database) -> None:
    conversation = await opened(database)
    await database.append(said(conversation.id, "一" * 300))
    assert (await head(database, conversation.id)).preview == "一" * 200
    await database.append(said(conversation.id, "秘密"))
    await database.append(noted(conversation.id, "内部"))
    assert (await head(database, conversation.id)).preview == "秘密"
    await asyncio.gather(
        database.append(recalling(2, said(conversation.id))),
        database.append(recalling(1, said(conversation.id))),
    )
    assert (await head(database, conversation.id)).preview == ""


async def test_an_answer_is_owed_from_the_oldest_unanswered_words(database: Database, clock: Clock) -> None:
    conversation = await opened(database)
    await owned(database, conversation.id, AGENT, 1)

    async def owed() -> int | None:
        return (await head(database, conversation.id)).owed_since

    await database.append(system(conversation.id, "assigned", {"agent_name": "小荷"}))
    assert await owed() is None
    await database.append(said(conversation.id, sent_at=NOON + 10))
    await database.append(said(conversation.id, kind="card", body={"body": {}}, sent_at=NOON + 20))
    await database.append(noted(conversation.id, sent_at=NOON + 30))
    assert await owed() == NOON + 10
    await database.append(answered(conversation.id, fence=1))
    assert await owed() is None
    await database.append(said(conversation.id, kind="card", body={"body": {}}, sent_at=NOON + 40))
    assert await owed() == NOON + 40


async def test_what_cannot_be_written_is_refused_alone(database: Database) -> None:
    conversation = await opened(database)
    entries = [
        said(conversation.id),
        said(conversation.id, sender_name="\ud800"),
        said(conversation.id, body={"text": "\udfff"}),
        said(conversation.id),
    ]
    bad = ErrorCode.bad_request
    assert await asyncio.gather(*(refused(database, entry) for entry in entries)) == [None, bad, bad, None]
    assert len(await public_log(database, conversation.id)) == 2
