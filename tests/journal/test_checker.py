"""The checker must itself fail when one row is dropped, doubled or swapped."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.journal.checker import Journal, Ownership, Row, Sent, check

SEEDS = range(20)


def a_run(seed: int) -> tuple[list[Journal], list[Row]]:
    chance = random.Random(seed)
    rows: list[Row] = []
    buyer, agent = Journal("buyer"), Journal("agent")
    for conversation in ("c1", "c2"):
        for seq in range(1, chance.randint(5, 12)):
            author = chance.choice((buyer, agent))
            row = Row(conversation, seq, f"m-{conversation}-{seq}", f"{conversation}-{seq}", f"text {seq}")
            rows.append(row)
            author.sent.append(
                Sent(conversation, row.client_id or "", row.text or "", [(row.message_id, seq)])
            )
            for journal in (buyer, agent):
                journal.show(conversation, seq, row.message_id)
                journal.marks.setdefault(conversation, []).append({"buyer_read": seq})
    return [buyer, agent], rows


@pytest.mark.parametrize("seed", SEEDS)
def test_a_true_run_holds(seed: int) -> None:
    journals, rows = a_run(seed)
    assert check(journals, rows) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_one_dropped_row_is_found(seed: int) -> None:
    journals, rows = a_run(seed)
    del rows[random.Random(seed).randrange(len(rows))]
    assert {v.invariant for v in check(journals, rows)} >= {"I1", "I3"}


@pytest.mark.parametrize("seed", SEEDS)
def test_one_doubled_row_is_found(seed: int) -> None:
    journals, rows = a_run(seed)
    place = random.Random(seed).randrange(len(rows))
    rows.insert(place, rows[place])
    assert {v.invariant for v in check(journals, rows)} >= {"I1", "I2"}


@pytest.mark.parametrize("seed", SEEDS)
def test_two_swapped_rows_are_found(seed: int) -> None:
    journals, rows = a_run(seed)
    place = random.Random(seed).randrange(len(rows) - 2)
    if rows[place].conversation_id != rows[place + 1].conversation_id:
        place += 1
    one, other = rows[place], rows[place + 1]
    rows[place], rows[place + 1] = replace(other, seq=one.seq), replace(one, seq=other.seq)
    assert {v.invariant for v in check(journals, rows)} >= {"I1", "I3"}


def test_a_row_shown_twice_is_found() -> None:
    journals, rows = a_run(0)
    journals[0].shown["c1"].append(journals[0].shown["c1"][-1])
    assert [v.invariant for v in check(journals, rows)] == ["I3"]


def test_a_message_without_an_end_is_found() -> None:
    journals, rows = a_run(0)
    journals[0].sent.append(Sent("c1", "lost", "where am I"))
    assert [v.invariant for v in check(journals, rows)] == ["I4"]


def test_a_message_shown_as_failed_has_an_end() -> None:
    journals, rows = a_run(0)
    journals[0].sent.append(Sent("c1", "failed", "not sent", failed=True))
    assert check(journals, rows) == []


def test_an_acknowledgement_with_another_place_is_found() -> None:
    journals, rows = a_run(0)
    journals[0].sent[0].acks.append(("other", 99))
    assert "I1" in {v.invariant for v in check(journals, rows)}


def test_two_owners_at_once_are_found() -> None:
    journals, rows = a_run(0)
    owners = [Ownership("c1", "a", 1, 0, 50), Ownership("c1", "b", 2, 49, None)]
    assert [v.invariant for v in check(journals, rows, owners)] == ["I5"]
    owners = [Ownership("c1", "a", 1, 0, 50), Ownership("c1", "b", 2, 50, None)]
    assert check(journals, rows, owners) == []


def test_a_mark_that_goes_back_or_too_far_is_found() -> None:
    journals, rows = a_run(0)
    journals[0].marks["c1"].append({"buyer_read": 1})
    assert {v.invariant for v in check(journals, rows)} == {"I6"}
    journals, rows = a_run(0)
    journals[0].marks["c1"].append({"buyer_read": 99})
    assert {v.invariant for v in check(journals, rows)} == {"I6"}
