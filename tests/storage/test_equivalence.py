"""The batch decides and stores exactly as the same writes would one after the other in units of work."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import ErrorCode, Refused
from server.storage.database import Database
from server.storage.records import Appended, Marked, NewConversation, NewEntry, NewMark
from tests.rounds import rounds
from tests.storage.world import (
    AGENT,
    BUYER,
    COLLEAGUE,
    NOON,
    OTHER_BUYER,
    SHOP,
    SHOPS,
    Clock,
    answered,
    client_id,
    furnish,
    head,
    logs,
    noted,
    owned,
    recalling,
    said,
    system,
)

PLACES = ("first", "second", "closed", "nowhere")
ids = st.integers(1, 6).map(client_id)
"""Few, so that they come again."""
seqs = st.integers(0, 8)

Write = NewEntry | NewMark


@st.composite
def writes(draw: st.DrawFn) -> Write:
    """Any write that a client may send, right or wrong."""
    place = draw(st.sampled_from(PLACES))
    buyer = draw(st.sampled_from([BUYER, OTHER_BUYER]))
    agent, fence = draw(st.sampled_from([AGENT, COLLEAGUE])), draw(st.integers(0, 2))
    shops = draw(st.sampled_from([SHOPS, frozenset()]))
    by_buyer = said(place, draw(st.sampled_from("一二三")), sender_id=buyer, client_id=draw(ids))
    by_agent = answered(place, sender_id=agent, fence=fence, shop_ids=shops, client_id=draw(ids))
    match draw(st.integers(0, 7)):
        case 0 | 1:
            return by_buyer
        case 2:
            return by_agent
        case 3:
            return recalling(draw(seqs), by_buyer)._replace(client_id=draw(ids))
        case 4:
            return recalling(draw(seqs), by_agent)._replace(client_id=draw(ids))
        case 5:
            return noted(place, sender_id=agent, shop_ids=shops, client_id=draw(ids))
        case 6:
            return system(place, "assigned", {"agent_name": "小荷"})
        case _:
            delivered, read = draw(st.none() | seqs), draw(st.none() | seqs)
            if draw(st.booleans()):
                return NewMark(place, "buyer", buyer, delivered, read)
            return NewMark(place, "agent", agent, delivered, read, shops)


Outcome = Appended | Marked | ErrorCode


async def outcome(database: Database, write: Write) -> Outcome:
    try:
        return await (database.mark(write) if isinstance(write, NewMark) else database.append(write))
    except Refused as refusal:
        return refusal.code


async def alone(database: Database, write: Write) -> Outcome:
    try:
        async with database.write() as unit:
            if isinstance(write, NewMark):
                return await unit.conversations.mark(write)
            return await unit.conversations.append(write, now=database.clock())
    except Refused as refusal:
        return refusal.code


async def begin(database: Database, number: int) -> None:
    """An owned, an unowned and a closed conversation that no example before has seen."""
    async with database.write() as unit:
        for place, buyer in (("first", BUYER), ("second", OTHER_BUYER), ("closed", BUYER)):
            await unit.conversations.open_or_get(
                NewConversation(
                    f"{place}-{number}", SHOP, buyer, "zh-CN", NOON, channel=f"{place == 'closed':d}-{number}"
                )
            )
        words = said(f"closed-{number}", "早", client_id=client_id(1), message_id="message-of-old")
        await unit.conversations.append(words, now=NOON)
        end = system(f"closed-{number}", "closed", {"by": "buyer"}, message_id="message-of-end")
        await unit.conversations.close(end, now=NOON)
    await owned(database, f"first-{number}", AGENT, 1)


def test_a_batch_is_as_good_as_one_after_the_other(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        together, apart = (
            runner.run(Database.open(f"sqlite:///{tmp_path / name}", clock=Clock()))
            for name in ("together", "apart")
        )
        for database in (together, apart):
            runner.run(furnish(database))
        numbers = itertools.count()
        seen: Counter[str] = Counter()

        async def compare(batches: Sequence[Sequence[Write]]) -> None:
            number = next(numbers)
            before = together.tally.batches
            await asyncio.gather(begin(together, number), begin(apart, number))
            for batch in batches:
                here = [
                    write._replace(conversation_id=f"{write.conversation_id}-{number}") for write in batch
                ]
                at_once = await asyncio.gather(*(outcome(together, write) for write in here))
                in_turn = [await alone(apart, write) for write in here]
                assert at_once == in_turn
                seen.update(_kind(each) for each in at_once)
            assert together.tally.batches - before == len(batches)
            for place in ("first", "second", "closed"):
                both = [await whole(database, f"{place}-{number}") for database in (together, apart)]
                assert both[0] == both[1]

        @settings(max_examples=rounds(reduced=40, full=1_000))
        @given(st.lists(st.lists(writes(), min_size=1, max_size=12), min_size=1, max_size=4))
        def examples(batches: list[list[Write]]) -> None:
            runner.run(compare(batches))

        try:
            examples()
        finally:
            for database in (together, apart):
                runner.run(database.close())
    assert set(seen) == {"stored", "repeated", "marked", *_REFUSALS}


_REFUSALS = ("not_found", "conversation_closed", "stale_fence", "recall_refused", "forbidden")


def _kind(result: Outcome) -> str:
    match result:
        case ErrorCode():
            return result.value
        case Appended(repeated=True):
            return "repeated"
        case Appended():
            return "stored"
        case Marked():
            return "marked"


async def whole(database: Database, conversation_id: str) -> object:
    return await head(database, conversation_id), await logs(database, conversation_id, page=100)
