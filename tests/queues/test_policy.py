"""The policy in tables, and its three laws as properties: no idle room, no overtaking, no overfull seat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queues.model import (
    CANDIDATES_KEPT,
    CAPACITY_UNITS,
    CHAT_UNITS,
    PREFERRED_HOLD_MS,
    Match,
    RefusalReason,
    Seat,
    SeatState,
    Ticket,
)
from queues.policy import next_match, plan
from tests.queues.build import NOW, SHOP, group, seat, ticket
from tests.rounds import rounds

GROUPS = {"sales": group("sales"), "returns": group("returns", accept="offer")}


def planned(tickets: Sequence[Ticket], seats: Sequence[Seat], now: int = NOW) -> list[tuple[str, str]]:
    """Who gets whom, in the order of the plan."""
    ordered = sorted(tickets, key=lambda each: each.order)
    return [(match.conversation_id, match.person_id) for match in plan(ordered, seats, GROUPS, now)]


# Among those who may serve


@pytest.mark.parametrize(
    ("seats", "chosen"),
    [
        pytest.param([seat("ann", used=40), seat("bo", used=20)], "bo", id="least load"),
        pytest.param(
            [seat("ann", used=40, capacity=200), seat("bo", used=40, capacity=100)], "ann", id="relative load"
        ),
        pytest.param(
            [seat("ann", idle_since=NOW - 5), seat("bo", idle_since=NOW - 9)], "bo", id="longest idle"
        ),
        pytest.param(
            [seat("ann", used=20, idle_since=NOW - 9_000), seat("bo", idle_since=NOW)],
            "bo",
            id="load comes before idle time",
        ),
        pytest.param(
            [seat("bo", used=40, capacity=200), seat("ann", used=20, capacity=100)],
            "ann",
            id="the id ends a tie, also between equal ratios",
        ),
    ],
)
def test_the_least_loaded_then_the_longest_idle_gets_the_ticket(seats: list[Seat], chosen: str) -> None:
    for order in (seats, seats[::-1]):
        assert planned([ticket("x")], order) == [("x", chosen)]


# Who may serve at all


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "break"}, "not_ready"),
        ({"state": "wrap_up"}, "not_ready"),
        ({"state": "offline"}, "not_ready"),
        ({"lease_until": NOW}, "lease_expired"),
        ({"lease_until": NOW + 1}, None),
        ({"skills": {SHOP: {"english": 5}}}, "skill_missing"),
        ({"skills": {"shop-other": {"tea": 5}}}, "skill_missing"),
        ({"skills": {SHOP: {"tea": 2}}}, "level_low"),
        ({"skills": {SHOP: {"tea": 3}}}, None),
        ({"units_used": CAPACITY_UNITS - CHAT_UNITS}, None),
        ({"units_used": CAPACITY_UNITS - CHAT_UNITS + 1}, "no_room"),
        ({"units_capacity": 0}, "no_room"),
    ],
)
def test_a_seat_is_refused_for_one_named_reason(
    changes: dict[str, object], reason: RefusalReason | None
) -> None:
    able = seat("mei", skills={"tea": 5}, capacity=100)
    ready = seat("zoe", used=80, skills={"tea": 5})
    match = next_match([ticket("x", skills={"tea": 3})], [replace(able, **changes), ready], GROUPS, NOW)  # type: ignore[arg-type]
    assert match is not None
    assert match.person_id == ("zoe" if reason else "mei")
    seen = {each.person_id: each.refused for each in match.candidates}
    assert seen == {"mei": reason, "zoe": None}


def test_only_members_of_the_group_are_considered() -> None:
    seats = [seat("mei", groups=("returns",)), seat("far", groups=("sales",), shop_id="shop-other")]
    assert planned([ticket("x", group_id="returns")], seats) == [("x", "mei")]
    assert planned([ticket("x", group_id="sales")], [seats[0]]) == []


def test_a_ticket_of_a_group_that_is_gone_is_passed_by() -> None:
    assert planned([ticket("lost", group_id="closed-down"), ticket("x", joined=1)], [seat("mei")]) == [
        ("x", "mei")
    ]


def test_the_match_says_how_the_group_accepts_and_what_it_saw() -> None:
    match = next_match(
        [replace(ticket("x", group_id="returns"), fence=7)],
        [seat("mei", groups=("returns",), used=20, idle_since=NOW - 70)],
        GROUPS,
        NOW,
    )
    assert match is not None
    assert (match.accept, match.offer_seconds, match.fence, match.units) == ("offer", 20, 7, CHAT_UNITS)
    (only,) = match.candidates
    assert (only.load, only.idle_ms, only.refused, match.considered) == (0.2, 70, None, 1)


def test_only_the_first_candidates_are_kept_and_the_best_among_them() -> None:
    seats = [seat(f"p{n:02}", state="break") for n in range(CANDIDATES_KEPT)] + [seat("zoe")]
    match = next_match([ticket("x")], seats, GROUPS, NOW)
    assert match is not None
    assert (match.candidates[0].person_id, match.candidates[0].refused) == ("zoe", None)
    assert len(match.candidates) == CANDIDATES_KEPT
    assert match.considered == CANDIDATES_KEPT + 1


# The order of the line


def test_the_oldest_is_served_first_also_across_groups() -> None:
    tickets = [ticket("c", joined=3), ticket("a", group_id="returns", joined=1), ticket("b", joined=2)]
    both = seat("mei", groups=("sales", "returns"), capacity=40)
    assert planned(tickets, [both]) == [("a", "mei"), ("b", "mei")]


def test_a_head_start_counts_as_having_joined_earlier() -> None:
    tickets = [ticket("plain"), ticket("dear", joined=9_999, head_start_s=10), ticket("late", joined=10_001)]
    assert planned(tickets, [seat("mei", capacity=40)]) == [("dear", "mei"), ("plain", "mei")]


def test_a_head_that_nobody_can_serve_blocks_nobody_behind_it() -> None:
    head = [ticket(f"hard-{n}", skills={"thai": 5}) for n in range(3)]
    behind = [ticket("easy", joined=1), ticket("tea", joined=2, skills={"tea": 1})]
    assert planned(head + behind, [seat("mei", skills={"tea": 1})]) == [("easy", "mei"), ("tea", "mei")]


def test_a_big_head_without_room_blocks_no_small_one_behind_it() -> None:
    tickets = [ticket("call", units=100), ticket("chat", joined=1)]
    assert planned(tickets, [seat("mei", used=20)]) == [("chat", "mei")]


def test_work_is_spread_over_equal_seats() -> None:
    tickets = [ticket(f"{n:02}", joined=n) for n in range(10)]
    persons = [person for _, person in planned(tickets, [seat("a"), seat("b"), seat("c")])]
    assert [persons.count(each) for each in "abc"] == [4, 3, 3]


def test_one_who_was_just_given_work_is_no_longer_the_longest_idle() -> None:
    seats = [seat("mei", used=20, idle_since=NOW - 9), seat("bo", used=40, idle_since=NOW - 5)]
    assert planned([ticket("x"), ticket("y", joined=1)], seats) == [("x", "mei"), ("y", "bo")]


# Refusals and names


def test_one_who_refused_is_asked_again_only_when_nobody_else_is_left() -> None:
    refused = ticket("x", refused_by={"mei"})
    assert planned([refused], [seat("mei"), seat("bo", used=80)]) == [("x", "bo")]
    assert planned([refused], [seat("mei"), seat("bo", used=81)]) == [("x", "mei")]
    assert planned([refused], [seat("mei", state="break")]) == []


@pytest.mark.parametrize(
    ("named", "now", "expected"),
    [
        pytest.param(seat("mei", used=60, groups=()), NOW, "mei", id="by name, without group, load or skill"),
        pytest.param(seat("mei", used=100), NOW, None, id="full: it is kept for him"),
        pytest.param(seat("mei", used=100), NOW + PREFERRED_HOLD_MS, "bo", id="full for too long"),
        pytest.param(seat("mei", used=60), NOW + PREFERRED_HOLD_MS, "mei", id="late but free: still his"),
        pytest.param(seat("mei", state="break"), NOW, "bo", id="not ready: nobody waits for him"),
        pytest.param(seat("mei", lease_until=NOW), NOW, "bo", id="gone: nobody waits for him"),
        pytest.param(seat("mei", shop_id="shop-other", groups=()), NOW, "bo", id="no longer of the shop"),
        pytest.param(None, NOW, "bo", id="no seat at all"),
    ],
)
def test_a_ticket_handed_to_a_named_agent_waits_for_him_a_while(
    named: Seat | None, now: int, expected: str | None
) -> None:
    wish = ticket("x", skills={"tea": 1}, preferred="mei", preferred_until=NOW + PREFERRED_HOLD_MS)
    bo = seat("bo", skills={"tea": 1}, lease_until=NOW + 10**6)
    if named is not None and named.lease_until > NOW:
        named = replace(named, lease_until=NOW + 10**6)
    if named is not None and now > NOW:
        named = replace(named, groups=frozenset({"sales"}), skills={SHOP: {"tea": 1}})
    seats = [bo] if named is None else [bo, named]
    assert planned([wish], seats, now) == ([("x", expected)] if expected else [])


def test_a_named_agent_who_refused_is_one_of_all() -> None:
    wish = ticket("x", preferred="mei", preferred_until=NOW + 1, refused_by={"mei"})
    assert planned([wish], [seat("mei"), seat("bo", used=20)]) == [("x", "bo")]


# The laws


SKILLS = ("tea", "english")
NAMES = ("ann", "bo", "cy", "di")
LEVELS = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5), max_size=2)


@st.composite
def seats_of_people(draw: st.DrawFn) -> list[Seat]:
    made = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        capacity = draw(st.sampled_from([0, 20, 50, 100]))
        made.append(
            seat(
                name,
                groups=draw(st.sets(st.sampled_from(["sales", "returns"]))),
                skills=draw(LEVELS),
                state=draw(st.sampled_from(["ready", "ready", "ready", "break", "offline"])),
                capacity=capacity,
                used=draw(st.integers(0, capacity)),
                idle_since=NOW - draw(st.integers(0, 3)),
                lease_until=NOW + draw(st.sampled_from([0, 1, 30_000])),
            )
        )
    return made


@st.composite
def waiting_tickets(draw: st.DrawFn) -> list[Ticket]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        made.append(
            ticket(
                f"c{number:02}",
                group_id=draw(st.sampled_from(["sales", "returns"])),
                joined=draw(st.integers(0, 4)),
                skills=draw(LEVELS),
                head_start_s=draw(st.sampled_from([0, 0, 1])),
                units=draw(st.sampled_from([20, 20, 100])),
                refused_by=draw(st.sets(st.sampled_from(NAMES), max_size=2)),
                preferred=draw(st.sampled_from([None, None, "ann"])),
                preferred_until=NOW + draw(st.sampled_from([0, 1])),
            )
        )
    return sorted(made, key=lambda each: each.order)


def could_serve(each: Seat, wish: Ticket, seats: dict[str, Seat], now: int = NOW) -> bool:
    """The rule in other words than the policy's: may this seat take this ticket, refusals left aside?"""
    if each.state != "ready" or each.lease_until <= now or each.units_used + wish.units > each.units_capacity:
        return False
    named = wish.preferred if wish.preferred not in wish.refused_by else None
    if named == each.person_id:
        return True
    friend = seats.get(named) if named else None
    if friend and friend.state == "ready" and friend.lease_until > now and now < wish.preferred_until:
        return False
    levels = each.skills.get(wish.shop_id, {})
    return wish.group_id in each.groups and all(
        levels.get(need.skill, 0) >= need.level for need in wish.requirements
    )


def after(matches: Sequence[Match], seats: Sequence[Seat]) -> dict[str, Seat]:
    filled = {each.person_id: each for each in seats}
    for match in matches:
        busy = filled[match.person_id]
        filled[match.person_id] = replace(busy, units_used=busy.units_used + match.units)
    return filled


@settings(max_examples=rounds(reduced=60, full=2_000), deadline=None, derandomize=True)
@given(waiting_tickets(), seats_of_people())
def test_nobody_waits_whom_a_seat_with_room_may_serve(tickets: list[Ticket], seats: list[Seat]) -> None:
    matches = list(plan(tickets, seats, GROUPS, NOW))
    served = {match.ticket_id for match in matches}
    assert len(served) == len(matches)
    filled = after(matches, seats)
    for wish in tickets:
        if wish.id not in served:
            idle = [each.person_id for each in filled.values() if could_serve(each, wish, filled)]
            assert idle == [], f"{wish.id} waits while {idle} may serve it"


@settings(max_examples=rounds(reduced=60, full=2_000), deadline=None, derandomize=True)
@given(waiting_tickets(), seats_of_people())
def test_every_match_is_one_that_the_seat_may_serve_and_no_seat_is_overfull(
    tickets: list[Ticket], seats: list[Seat]
) -> None:
    by_id = {wish.id: wish for wish in tickets}
    filled = {each.person_id: each for each in seats}
    for match in plan(tickets, seats, GROUPS, NOW):
        wish, taken = by_id[match.ticket_id], filled[match.person_id]
        assert could_serve(taken, wish, filled)
        if taken.person_id in wish.refused_by:
            others = [each for each in filled.values() if could_serve(each, wish, filled)]
            assert all(each.person_id in wish.refused_by for each in others)
        filled[taken.person_id] = replace(taken, units_used=taken.units_used + wish.units)
        assert filled[taken.person_id].units_used <= taken.units_capacity


@settings(max_examples=rounds(reduced=60, full=2_000), deadline=None, derandomize=True)
@given(waiting_tickets(), seats_of_people())
def test_of_two_tickets_with_the_same_wishes_the_later_is_never_served_first(
    tickets: list[Ticket], seats: list[Seat]
) -> None:
    matches = list(plan(tickets, seats, GROUPS, NOW))
    turn = {match.ticket_id: number for number, match in enumerate(matches)}
    never = len(turn)
    inversions = [
        (earlier.id, later.id)
        for earlier, later in combinations(tickets, 2)
        if _wishes(earlier) == _wishes(later) and turn.get(earlier.id, never) > turn.get(later.id, never)
    ]
    assert inversions == []


def _wishes(of: Ticket) -> tuple[object, ...]:
    kept = of.preferred is not None and of.preferred_until > NOW
    return (of.group_id, set(of.requirements), of.units, of.refused_by, of.preferred, kept)


def _twice(seats: list[Seat]) -> st.SearchStrategy[tuple[list[Seat], list[Seat]]]:
    return st.tuples(st.just(seats), st.permutations(seats))


@settings(max_examples=rounds(reduced=40, full=2_000), deadline=None, derandomize=True)
@given(
    waiting_tickets(), seats_of_people().flatmap(lambda made: st.tuples(st.just(made), st.permutations(made)))
)
def test_the_plan_does_not_depend_on_the_order_of_seats(
    tickets: list[Ticket], seats: tuple[list[Seat], list[Seat]]
) -> None:
    one, other = (list(plan(tickets, each, GROUPS, NOW)) for each in seats)
    assert one == other


# Its cost


class CountedLevels(dict[str, int]):
    """Levels of skills that count how often they are asked for."""

    asked = 0

    def get(self, skill: str, default: int | None = None) -> int | None:  # type: ignore[override]
        CountedLevels.asked += 1
        return super().get(skill, default)


def test_an_unmet_wish_is_weighed_once_however_many_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedLevels, "asked", 0)
    seats = [replace(seat(f"p{n}"), skills={SHOP: CountedLevels(tea=1)}) for n in range(10)]
    hard = [ticket(f"{n:05}", joined=n, skills={"thai": 1}) for n in range(10_000)]
    assert planned([*hard, ticket("easy", joined=99_999)], seats) == [("easy", "p0")]
    assert CountedLevels.asked == len(seats)


def test_a_house_without_room_ends_the_walk_at_its_first_step() -> None:
    def line() -> Iterator[Ticket]:
        yield ticket("x")
        raise AssertionError("nobody has room, so nobody further back need be looked at")

    away: list[SeatState] = ["break", "offline", "wrap_up"]
    seats = [seat("full", used=100), seat("gone", lease_until=NOW)]
    seats += [seat(state, state=state) for state in away]
    assert list(plan(line(), seats, GROUPS, NOW)) == []
