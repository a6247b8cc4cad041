"""Allowances: a burst at once, then so many a second, and nothing saved up beyond the burst."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.limits import (
    AGENT_PERSON,
    AGENT_SOCKET,
    BUYER_PERSON,
    BUYER_SOCKET,
    Allowance,
    Limits,
    Spending,
)


def test_a_burst_is_allowed_at_once_and_the_next_one_waits_for_its_turn() -> None:
    spending, allowance = Spending(), Allowance(2, 3)
    assert [spending.take("write", allowance, 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert spending.take("write", allowance, 100.4) > 0
    assert spending.take("write", allowance, 100.5) == 0
    assert spending.take("write", allowance, 100.5) == 0.5


def test_a_refusal_uses_nothing_up() -> None:
    spending, allowance = Spending(), Allowance(1, 1)
    assert spending.take("write", allowance, 0.0) == 0
    for _ in range(100):
        assert spending.take("write", allowance, 0.5) == 0.5
    assert spending.take("write", allowance, 1.0) == 0


def test_a_long_rest_saves_up_no_more_than_the_burst() -> None:
    spending, allowance = Spending(), Allowance(10, 2)
    spending.take("write", allowance, 0.0)
    assert [spending.take("write", allowance, 1e6) > 0 for _ in range(3)] == [False, False, True]


def test_kinds_do_not_share() -> None:
    spending, allowance = Spending(), Allowance(1, 1)
    assert spending.take("write", allowance, 0.0) == 0
    assert spending.take("read", allowance, 0.0) == 0
    assert not spending.rested(0.5)
    assert spending.rested(1.0)


@given(
    st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200),
    st.integers(1, 20),
    st.sampled_from([0.5, 1.0, 10.0, 100 / 60]),
)
def test_never_more_than_the_burst_and_the_rate_allow_in_any_stretch(
    pauses: list[float], burst: int, per_second: float
) -> None:
    spending, allowance = Spending(), Allowance(per_second, burst)
    now, taken = 0.0, []
    for pause in pauses:
        now += pause
        if spending.take("write", allowance, now) == 0:
            taken.append(now)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - begin) * per_second + 1e-6


@given(st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=50))
def test_the_time_to_wait_is_enough_and_not_too_much(pauses: list[float]) -> None:
    allowance, now = Allowance(2, 2), 0.0
    spending = Spending()
    for pause in pauses:
        now += pause
        wait = spending.take("write", allowance, now)
        if wait:
            assert spending.take("write", allowance, now + wait / 2) > 0
            now += wait
            assert spending.take("write", allowance, now) == 0


def test_an_agent_may_do_more_than_a_buyer_and_a_person_more_than_one_of_his_sockets() -> None:
    for rate, of_socket in BUYER_SOCKET.items():
        assert of_socket.burst < BUYER_PERSON[rate].burst
        assert of_socket.burst < AGENT_SOCKET[rate].burst < AGENT_PERSON[rate].burst
    assert Limits().buyer_socket is BUYER_SOCKET
