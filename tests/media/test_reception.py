"""Counting a stream: what is missing and when to ask again, loss, jitter and freezes, all without a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.reception import LARGEST_GAP, MOST_ASKED, MOST_TRIES, REPAIR_WITHIN_S, Reception
from media.rtcp import nack


def video() -> Reception:
    return Reception(90_000, frames=True)


def test_numbers_go_on_around_the_end_and_repetitions_are_refused() -> None:
    reception = video()
    first = reception.received(65_534, 0, 100, 0.0)
    assert [reception.received(number & 0xFFFF, 0, 100, 0.0) for number in range(65_535, 65_538)] == [
        first + 1,
        first + 2,
        first + 3,
    ]
    assert reception.received(0, 0, 100, 0.0) == -1
    assert (reception.packets, reception.lost) == (4, 0)


def test_a_gap_is_asked_for_at_once_and_again_a_round_trip_later_until_it_is_given_up() -> None:
    reception = video()
    reception.received(10, 0, 100, 0.0)
    reception.received(13, 0, 100, 0.0)
    assert reception.due(0.0) == [11, 12]
    assert reception.due(0.01) == []
    assert reception.received(11, 0, 100, 0.05) > 0
    assert reception.repaired == 1
    asked, now = 1, 0.0
    while (due := reception.next_due()) is not None:
        now = max(due, now)
        asked += len(reception.due(now))
    assert asked <= MOST_TRIES
    assert now <= REPAIR_WITHIN_S + 0.2
    assert (reception.given_up, reception.lost) == (1, 1)


def test_a_retry_waits_for_the_measured_round_trip() -> None:
    reception = video()
    reception.received(0, 0, 100, 0.0)
    before = reception.retry_s
    for number in range(2, 60, 2):
        reception.received(number, 0, 100, 1.0)
        reception.due(1.0)
        reception.received(number - 1, 0, 100, 1.01)
    assert reception.retry_s < before / 3


def test_the_largest_gap_is_repaired_and_a_larger_one_is_a_new_start() -> None:
    near, far = video(), video()
    for reception, jump in ((near, LARGEST_GAP), (far, LARGEST_GAP + 1)):
        reception.received(0, 0, 100, 0.0)
        reception.received(jump + 1, 0, 100, 0.0)
    assert len(near.missing) == LARGEST_GAP
    assert len(far.missing) == 0
    assert (far.given_up, far.lost) == (1, 0)


def test_more_missing_than_any_cache_holds_are_given_up_together() -> None:
    reception = video()
    reception.received(0, 0, 100, 0.0)
    reception.received(LARGEST_GAP, 0, 100, 0.0)
    reception.received(LARGEST_GAP + 2, 0, 100, 0.0)
    assert len(reception.missing) == LARGEST_GAP
    reception.received(LARGEST_GAP + 4, 0, 100, 0.0)
    assert len(reception.missing) == 0
    assert reception.given_up == reception.lost == LARGEST_GAP + 1


def test_what_is_asked_for_at_once_fits_into_a_datagram_however_far_apart_it_is() -> None:
    reception = video()
    for number in range(18 * (MOST_ASKED + 1) + 1):
        if number % 18 != 1:
            reception.received(number, 0, 100, 0.0)
    first = reception.due(0.0)
    assert len(first) == MOST_ASKED
    assert len(nack(1, 2, first)) < 1_200
    assert len(reception.due(0.0)) == 1


def test_the_fraction_lost_is_of_the_time_since_the_last_report() -> None:
    reception = video()
    for number in (0, 1, 2, 3, 8, 9):
        reception.received(number, 0, 100, 0.0)
    assert reception.report(7, 0, 0).fraction_lost == 4 * 256 // 10
    for number in (10, 11):
        reception.received(number, 0, 100, 0.0)
    again = reception.report(7, 0, 0)
    assert (again.fraction_lost, again.packets_lost) == (0, 4)


def test_a_pause_of_the_picture_is_a_freeze_in_the_sense_of_w3c() -> None:
    reception, now = video(), 0.0
    for number in range(30):
        now += 1 / 30
        reception.received(number, number * 3_000, 100, now)
    assert reception.freezes == 0
    reception.received(30, 30 * 3_000, 100, now + 0.5)
    assert (reception.freezes, round(reception.frozen_s, 2)) == (1, 0.5)


def test_a_picture_a_second_is_no_freeze_for_ever_and_a_camera_that_was_off_is_none_at_all() -> None:
    reception, now = video(), 0.0
    for number in range(30):
        now += 1 / 15
        reception.received(number, number * 6_000, 100, now)
    for number in range(30, 90):
        now += 1.0
        reception.received(number, number * 6_000, 100, now)
    stepped_down = reception.freezes
    assert 0 < stepped_down < 15, "only until a second is what is usual: a third of it within the last thirty"
    reception.received(90, 90 * 6_000, 100, now + 60.0)
    assert reception.freezes == stepped_down, "a pause in the sense of W3C"
    reception.received(91, 91 * 6_000, 100, now + 64.0)
    assert reception.freezes == stepped_down + 1, "and one of four seconds is a freeze even here"


def test_an_even_pace_has_no_jitter_and_a_wavering_one_has() -> None:
    even, wavering = video(), video()
    for number in range(200):
        even.received(number, number * 3_000, 100, number / 30)
        wavering.received(number, number * 3_000, 100, number / 30 + (number % 2) * 0.01)
    assert even.jitter < 1
    assert 800 < wavering.jitter < 1_000, "ten milliseconds are 900 of 90 000 a second"


@given(st.lists(st.integers(0, 0xFFFF), max_size=80))
def test_any_order_of_numbers_is_counted_without_a_contradiction(numbers: list[int]) -> None:
    reception = video()
    seen = [found for number in numbers if (found := reception.received(number, 0, 1, 0.0)) >= 0]
    assert len(seen) == len(set(seen)) == reception.packets
    assert reception.lost >= 0
    assert len(reception.missing) <= LARGEST_GAP * len(numbers)
    report = reception.report(1, 0, 0)
    assert 0 <= report.fraction_lost <= 255
