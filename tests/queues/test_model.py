"""Routing rules, head starts, and the bounds of the plain data."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from queues import model
from queues.model import (
    CALL_UNITS,
    CAPACITY_UNITS,
    CHAT_UNITS,
    HEAD_START_CAP_S,
    LEVEL_MAX,
    LEVEL_MIN,
    Requirement,
    Route,
    RoutingFacts,
    Rule,
    RuleCondition,
    head_start_seconds,
    route,
)
from tests.queues.build import NOW, ticket

TEA = (Requirement("tea", 2),)
RULES = (
    Rule(30, RuleCondition(), "anyone"),
    Rule(10, RuleCondition(entry_point="order_page", tier="gold"), "gold-orders", TEA),
    Rule(20, RuleCondition(language="en"), "english", (Requirement("english", 3),)),
    Rule(15, RuleCondition(product_category="tea"), "tea", TEA),
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (RoutingFacts(entry_point="order_page", tier="gold"), Route("gold-orders", TEA, 10)),
        (RoutingFacts(entry_point="order_page", tier="plain"), Route("anyone", (), 30)),
        (RoutingFacts(entry_point="order_page"), Route("anyone", (), 30)),
        (RoutingFacts(product_category="tea", language="en"), Route("tea", TEA, 15)),
        (
            RoutingFacts(product_category="cups", language="en"),
            Route("english", (Requirement("english", 3),), 20),
        ),
        (RoutingFacts(), Route("anyone", (), 30)),
    ],
)
def test_the_first_rule_by_position_that_fits_wins(facts: RoutingFacts, expected: Route) -> None:
    assert route(RULES, facts, "default") == expected
    assert route(RULES[::-1], facts, "default") == expected


def test_without_a_fitting_rule_the_default_group_takes_it_without_requirements() -> None:
    assert route(RULES[1:], RoutingFacts(), "default") == ("default", (), None)
    assert route((), RoutingFacts(tier="gold"), "default") == ("default", (), None)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((0, 0, 0), 0),
        ((60, 30, 5), 95),
        ((HEAD_START_CAP_S - 1, 1, 0), HEAD_START_CAP_S),
        ((HEAD_START_CAP_S, 1, 0), HEAD_START_CAP_S),
        ((10**9, 10**9, 10**9), HEAD_START_CAP_S),
    ],
)
def test_head_starts_add_up_to_a_cap(parts: tuple[int, int, int], expected: int) -> None:
    assert head_start_seconds(*parts) == expected


def test_no_part_of_a_head_start_pushes_back() -> None:
    with pytest.raises(ValueError, match="never negative"):
        head_start_seconds(tier=60, value=-1)


@pytest.mark.parametrize("level", [LEVEL_MIN - 1, LEVEL_MAX + 1])
def test_a_level_beyond_its_bounds_is_an_error(level: int) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        Requirement("tea", level)
    assert [Requirement("tea", each).level for each in (LEVEL_MIN, LEVEL_MAX)] == [1, 5]


@pytest.mark.parametrize("seconds", [-1, HEAD_START_CAP_S + 1])
def test_a_head_start_beyond_its_bounds_is_an_error(seconds: int) -> None:
    with pytest.raises(ValueError, match="head start"):
        ticket("x", head_start_s=seconds)


def test_a_ticket_takes_at_least_one_unit() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        ticket("x", units=0)
    assert ticket("x", units=1).units == 1


def test_a_head_start_moves_the_priority_and_not_the_time_of_joining() -> None:
    dear = ticket("x", joined=5, head_start_s=2)
    assert (dear.joined_at, dear.priority) == (NOW + 5, NOW + 5 - 2_000)
    assert dear.order == (NOW - 1_995, NOW + 5, "t-x")


def test_five_chats_or_one_call_fill_a_person() -> None:
    assert 5 * CHAT_UNITS == CALL_UNITS == CAPACITY_UNITS


def test_every_shape_is_frozen_and_slotted() -> None:
    shapes = [
        each
        for _, each in inspect.getmembers(model, inspect.isclass)
        if dataclasses.is_dataclass(each) and each.__module__ == model.__name__
    ]
    assert len(shapes) >= 18
    for shape in shapes:
        assert vars(shape)["__dataclass_params__"].frozen, shape
        assert "__slots__" in vars(shape), shape
