"""No statement of the message path reads a whole log, however long: SQLite tells how it would run each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Engine, event

from server.storage import batch
from server.storage.database import Database, Unit
from server.storage.records import NewMark, Tab
from tests.storage.world import BUYER, NOON, OTHER_SHOP, SHOP, Clock, furnish, opened, recalling, said, system

LONG = (
    "public_log",
    "desk_log",
    "conversations",
    "tickets",
    "assignments",
    "orders",
    "order_lines",
    "live_events",
)


def whole_readings(db: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a statement that walk through all of a long table. Empty parameters do for a plan."""
    steps = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))]
    return [step for step in steps if step.startswith("SCAN") and step.split()[1] in (*LONG, "e", "r")]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that SQLAlchemy sends meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plans.sqlite3"


async def _use(unit: Unit, conversation_id: str) -> None:
    """Everything that a busy desk asks of storage, once."""
    now, both = NOON, [SHOP, OTHER_SHOP]
    await unit.conversations.append(said(conversation_id), now=now)
    await unit.conversations.append(recalling(1, said(conversation_id)), now=now)
    await unit.conversations.mark(NewMark(conversation_id, "buyer", BUYER, 1, 1))
    await unit.conversations.sync(conversation_id, after_seq=0, desk_after_seq=0)
    await unit.conversations.open_of_subject(SHOP, "sub")
    for tab in get_args(Tab):
        await unit.lists.page(tab, person_id="person-1", shop_ids=both, before=now)
    await unit.lists.summary(conversation_id)
    await unit.lists.rows([conversation_id, "conversation-2"], both)
    await unit.lists.look(conversation_id, both)
    await unit.lists.history(SHOP, BUYER, before=now)
    await unit.catalogue.orders_of(SHOP, "sub", limit=10)
    await unit.catalogue.orders_touched(SHOP, product_ids={"p"}, live_session_id="live", since=0, limit=10)
    await unit.live.events(SHOP, "live")
    await unit.live.sessions_around(SHOP, "p", since=0, until=now, named="live")
    await unit.live.provenances(SHOP, "o")
    await unit.conversations.close(system(conversation_id, "closed", {"by": "buyer"}), now=now)


async def test_no_statement_walks_through_a_long_table(file: Path) -> None:
    database = await Database.open(f"sqlite:///{file}", clock=Clock())
    await furnish(database)
    conversation = await opened(database)
    with statements() as seen:
        async with database.write() as unit:
            await _use(unit, conversation.id)
    await database.close()
    readings = [each for each in seen if each.lstrip().split()[0] in {"SELECT", "UPDATE", "INSERT", "DELETE"}]
    assert len(readings) > 25
    db = sqlite3.connect(file)
    try:
        assert {each: whole for each in readings if (whole := whole_readings(db, each))} == {}
    finally:
        db.close()


async def test_the_batch_walks_through_no_long_table(file: Path) -> None:
    await (await Database.open(f"sqlite:///{file}", clock=Clock())).close()
    db = sqlite3.connect(file)
    try:
        for statement in batch.STATEMENTS:
            assert whole_readings(db, statement) == [], statement
    finally:
        db.close()


async def test_the_judge_sees_a_whole_reading(file: Path) -> None:
    await (await Database.open(f"sqlite:///{file}", clock=Clock())).close()
    db = sqlite3.connect(file)
    try:
        assert whole_readings(db, "SELECT * FROM public_log WHERE kind = ?")
        assert not whole_readings(db, "SELECT * FROM public_log WHERE conversation_id = ?")
    finally:
        db.close()
