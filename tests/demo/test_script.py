"""The demo's story: it loops with the stream, matches what is seen, and is what the ingest takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from aftersales.livestream import ExplainEnd, ExplainStart, LiveEvent, LiveSession, Timeline
from aftersales.provenance import OrderLine, bind
from protocol import shop
from server.demo.script import DELAY_MS, DRESS, FRYER, LENGTH_S, SCRIPT, THERMOS, XIAOMAN, due
from server.demo.studio import stage
from server.demo.studio.portraits import ASSETS

seconds = st.floats(0, 500, allow_nan=False)


def test_the_story_is_as_long_as_the_stream() -> None:
    assert SCRIPT.length_s == LENGTH_S == stage.LENGTH_S


def test_each_product_is_explained_while_it_is_seen_and_costs_what_its_tag_says() -> None:
    acts = stage.Stage().acts
    for which, (product, act) in enumerate(zip(SCRIPT.products, acts, strict=True)):
        (start,) = [
            one
            for one in due(SCRIPT, 0, LENGTH_S)
            if one.kind == "explain_start" and product.id in one.fields.values()
        ]
        (end,) = [
            one
            for one in due(SCRIPT, 0, LENGTH_S)
            if one.kind == "explain_end" and product.id in one.fields.values()
        ]
        assert which * stage.TURN_S <= start.at_s < end.at_s <= (which + 1) * stage.TURN_S - stage.CHANGE_S
        assert (act.price, act.before) == (f"¥{product.price // 100}", f"¥{product.before // 100}")
        assert (ASSETS / product.picture).is_file()


def test_every_product_can_be_put_into_the_catalogue() -> None:
    for product in SCRIPT.products:
        shop.PutProduct(
            title=product.title,
            price=product.price,
            category=product.category,
            picture=f"/demo/{product.picture}",
        )
    assert len({product.id for product in SCRIPT.products}) == 3


def test_every_item_is_an_event_of_the_ingest() -> None:
    took = TypeAdapter[object](shop.LiveEvent)
    start = datetime(2026, 11, 22, tzinfo=UTC)
    for one in due(SCRIPT, 0, 3 * LENGTH_S):
        until = {} if one.until_s is None else {"until": start + timedelta(seconds=one.until_s)}
        at = start + timedelta(seconds=one.at_s)
        took.validate_python({"source_event_id": one.id, "at": at, "kind": one.kind, **one.fields, **until})
    shop.PostLiveSession(id="demo", room=SCRIPT.room, title=SCRIPT.title, started_at=start, delay_ms=DELAY_MS)


def test_items_come_in_their_order_and_once_a_loop() -> None:
    loop = due(SCRIPT, 0, LENGTH_S)
    assert len(loop) == len(SCRIPT.items)
    assert [item.at_s for item in SCRIPT.items] == sorted(item.at_s for item in SCRIPT.items)
    assert all(0 <= item.at_s < LENGTH_S for item in SCRIPT.items)
    again = due(SCRIPT, LENGTH_S, 2 * LENGTH_S)
    assert [one.kind for one in again] == [one.kind for one in loop]
    assert [one.at_s - LENGTH_S for one in again] == pytest.approx([one.at_s for one in loop])
    assert not {one.id for one in loop} & {one.id for one in again}


def test_viewers_do_not_write_the_same_in_the_next_loop() -> None:
    written = [
        [one.fields["text"] for one in due(SCRIPT, n * LENGTH_S, (n + 1) * LENGTH_S) if one.kind == "comment"]
        for n in range(3)
    ]
    for one, following in pairwise(written):
        assert len(one) >= 12
        assert not set(one) & set(following)


def test_the_start_counts_and_the_end_does_not() -> None:
    assert [one.kind for one in due(SCRIPT, 0.2, 0.6)] == ["explain_start"]
    assert due(SCRIPT, 5, 5) == ()
    assert due(SCRIPT, 9, 5) == ()
    assert due(SCRIPT, -9, 0) == ()
    assert due(SCRIPT, -9, 0.1) == due(SCRIPT, 0, 0.1)


@given(seconds, seconds, seconds)
def test_asking_in_pieces_gives_the_whole(one: float, other: float, third: float) -> None:
    start, middle, end = sorted((one, other, third))
    assert due(SCRIPT, start, middle) + due(SCRIPT, middle, end) == due(SCRIPT, start, end)


def test_a_promise_with_an_end_says_when() -> None:
    (ends,) = [one for one in due(SCRIPT, LENGTH_S, 2 * LENGTH_S) if one.until_s is not None]
    assert [ends.at_s, ends.until_s] == pytest.approx([LENGTH_S + 25.8, LENGTH_S + 31.2])


def test_an_order_in_the_room_finds_its_origin() -> None:
    """The story makes the panel worth seeing: an order during each explanation is exact."""
    started = 1_790_000_000_000
    events: list[LiveEvent] = []
    for one in due(SCRIPT, 0, 2 * LENGTH_S):
        named = {"source": "demo", "source_event_id": one.id, "at": started + round(one.at_s * 1_000)}
        if one.kind == "explain_start":
            events.append(ExplainStart(product_id=one.fields["product_id"], **named))  # type: ignore[arg-type]
        elif one.kind == "explain_end":
            events.append(ExplainEnd(product_id=one.fields["product_id"], **named))  # type: ignore[arg-type]
    room = Timeline(LiveSession(id="demo", started_at=started, delay_ms=DELAY_MS), events)
    for product, second in ((THERMOS, 56), (DRESS, 72), (FRYER, 88)):
        order = OrderLine(product_id=product.id, ordered_at=started + second * 1_000, live_session_id="demo")
        assert bind(order, [room]).confidence == "exact"
        late = OrderLine(
            product_id=product.id, ordered_at=started + (second + 20) * 1_000, live_session_id="demo"
        )
        assert bind(late, [room]).confidence == "likely"


def test_hosts_take_turns() -> None:
    turns = [
        (one.kind, one.fields["host"]) for one in due(SCRIPT, 0, LENGTH_S) if one.kind.startswith("host")
    ]
    assert turns == [("host_on", XIAOMAN), ("host_off", XIAOMAN), ("host_on", "阿澈"), ("host_off", "阿澈")]
