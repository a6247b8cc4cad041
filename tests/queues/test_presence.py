"""The arithmetic of leases, and the bounds that it promises."""

from __future__ import annotations

import pytest

from queues import presence
from queues.dispatcher import SWEEP_EVERY_S
from queues.model import Seat, SeatState
from queues.ownership import Refused
from queues.presence import (
    GRACE_MS,
    LEASE_MS,
    REASON_LEASE_EXPIRED,
    REASON_RETURNED,
    RENEW_EVERY_MS,
    REQUEUE_AFTER_MS,
    SETTLE_MS,
    SeatDecision,
)
from tests.queues.build import NOW, seat

SWEEP_MS = int(SWEEP_EVERY_S * 1000)
SOCKET_FOUND_DEAD_MS = 24_000


def test_an_agent_who_vanishes_is_told_absent_within_35_s_and_his_chats_wait_again_within_90_s() -> None:
    silent = SOCKET_FOUND_DEAD_MS + GRACE_MS + SWEEP_MS
    with_his_node = LEASE_MS + SWEEP_MS
    assert silent <= 35_000 and with_his_node <= 35_000
    assert silent + REQUEUE_AFTER_MS <= 90_000 and with_his_node + REQUEUE_AFTER_MS <= 90_000


def test_two_renewals_may_fail_before_a_lease_is_over() -> None:
    assert 2 * RENEW_EVERY_MS < LEASE_MS


def test_a_new_holder_waits_for_a_renewal_of_everyone_before_it_ends_leases() -> None:
    assert RENEW_EVERY_MS + GRACE_MS <= SETTLE_MS < LEASE_MS


def test_leaving_shortens_a_lease_to_the_grace_and_never_lengthens_it() -> None:
    assert presence.renewed(NOW) == NOW + LEASE_MS
    assert presence.shortened(NOW + LEASE_MS, NOW) == NOW + GRACE_MS
    assert presence.shortened(NOW + GRACE_MS - 1, NOW) == NOW + GRACE_MS - 1
    assert presence.shortened(0, NOW) == 0


def test_the_latest_lease_of_all_nodes_counts() -> None:
    assert presence.lease_end([NOW + 1, NOW + 9, NOW]) == NOW + 9
    assert presence.lease_end([]) == 0


@pytest.mark.parametrize("state", ["ready", "break", "wrap_up"])
def test_at_its_very_end_a_lease_is_over_whatever_the_state(state: SeatState) -> None:
    here = seat("mei", state=state, lease_until=NOW, misses=1)
    assert presence.expire(here, NOW - 1) is None
    assert not presence.is_present(here, NOW)
    decision = presence.expire(here, NOW)
    assert decision is not None and decision.withdraw_offers and decision.changed
    assert (decision.seat.state, decision.seat.reason) == ("offline", REASON_LEASE_EXPIRED)
    assert decision.seat.misses == 0
    assert presence.expire(decision.seat, NOW + 1) is None, "it ends once"


def test_conversations_are_taken_from_one_who_stays_away_at_a_fixed_time() -> None:
    gone = seat("mei", state="offline", lease_until=NOW)
    assert presence.requeue_at(gone) == NOW + REQUEUE_AFTER_MS
    assert not presence.requeue_due(gone, NOW + REQUEUE_AFTER_MS - 1)
    assert presence.requeue_due(gone, NOW + REQUEUE_AFTER_MS)


@pytest.mark.parametrize(
    "there",
    [
        seat("mei", lease_until=NOW - 60_000),
        seat("mei", state="break", reason="lunch"),
        seat("mei", state="offline", reason=None),
    ],
)
def test_coming_back_changes_nothing_for_one_whom_no_sweep_found_gone(there: Seat) -> None:
    decision = presence.come_back(there, NOW + LEASE_MS)
    assert not (decision.changed or decision.owner_returned or decision.withdraw_offers)
    assert (decision.seat.state, decision.seat.reason) == (there.state, there.reason)
    assert decision.seat.idle_since == there.idle_since
    assert decision.seat.lease_until == NOW + LEASE_MS


def test_coming_back_never_shortens_the_lease_that_another_node_gave() -> None:
    there = seat("mei", lease_until=NOW + LEASE_MS + 5)
    assert presence.come_back(there, NOW + LEASE_MS).seat.lease_until == NOW + LEASE_MS + 5


def test_one_who_was_swept_comes_back_on_break() -> None:
    gone = seat("mei", state="offline", reason=REASON_LEASE_EXPIRED, lease_until=NOW)
    decision = presence.come_back(gone, NOW + LEASE_MS)
    assert (decision.seat.state, decision.seat.reason) == ("break", REASON_RETURNED)
    assert decision.changed and decision.owner_returned


@pytest.mark.parametrize(
    ("before", "state", "owns", "expected"),
    [
        (seat("mei", state="break", reason="lunch", misses=2), "ready", True, ("ready", None, 0, NOW)),
        (seat("mei", idle_since=NOW - 7, misses=1), "ready", False, ("ready", None, 0, NOW - 7)),
        (seat("mei", idle_since=NOW - 7), "break", True, ("break", "why", 0, NOW - 7)),
        (seat("mei", idle_since=NOW - 7), "wrap_up", True, ("wrap_up", "why", 0, NOW - 7)),
        (seat("mei", idle_since=NOW - 7), "offline", False, ("offline", "why", 0, NOW - 7)),
        (seat("mei", state="break", lease_until=NOW), "ready", False, Refused("seat_absent")),
        (seat("mei"), "offline", True, Refused("conversations_open")),
    ],
)
def test_a_person_says_how_he_is(before: Seat, state: SeatState, owns: bool, expected: object) -> None:
    decision = presence.declare(before, state=state, reason="why", owns_conversations=owns, now=NOW)
    if isinstance(decision, SeatDecision):
        after = decision.seat
        assert (after.state, after.reason, after.misses, after.idle_since) == expected
        assert decision.changed == (before.state != state)
        assert decision.withdraw_offers == (state != "ready")
    else:
        assert decision == expected
