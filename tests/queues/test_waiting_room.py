"""The index against a plain list, and what it tells of places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queues.model import Moved, Ticket
from queues.waiting_room import MOVED_EVERY_MS, WaitingRoom
from tests.queues.build import NOW, SHOP, ticket
from tests.rounds import rounds


def places(moved: list[Moved]) -> list[tuple[str, int]]:
    return [(each.conversation_id, each.position) for each in moved]


def room_of(*names: str) -> WaitingRoom:
    room = WaitingRoom()
    for number, name in enumerate(names):
        room.add(ticket(name, joined=number))
    return room


def test_positions_count_from_one_within_each_group() -> None:
    room = room_of("ann", "ben")
    room.add(ticket("cy", group_id="returns", joined=-9))
    assert [room.position(f"t-{name}") for name in ("ann", "ben", "cy", "nobody")] == [1, 2, 1, None]
    assert (room.length("sales"), room.length("returns"), room.length("none"), len(room)) == (2, 1, 0, 3)
    assert [each.conversation_id for each in room.in_order()] == ["cy", "ann", "ben"]
    assert sorted(room.groups()) == ["returns", "sales"]
    assert "t-ann" in room and "t-nobody" not in room


def test_a_removal_moves_exactly_those_behind_it_once_each() -> None:
    room = room_of("ann", "ben", "cy", "di")
    assert places(room.take_moved(NOW)) == [("ann", 1), ("ben", 2), ("cy", 3), ("di", 4)]
    assert room.take_moved(NOW + MOVED_EVERY_MS) == []
    assert room.remove("t-ben") == ticket("ben", joined=1)
    assert room.remove("t-ben") is None
    moved = room.take_moved(NOW + MOVED_EVERY_MS)
    assert moved == [
        Moved("t-cy", "cy", SHOP, "sales", 2, 3),
        Moved("t-di", "di", SHOP, "sales", 3, 3),
    ]


def test_one_who_leaves_and_one_who_comes_may_leave_all_places_as_they_were() -> None:
    room = room_of("ann", "ben", "cy")
    room.take_moved(NOW)
    room.remove("t-ann")
    room.add(ticket("new", joined=-1))
    assert places(room.take_moved(NOW + MOVED_EVERY_MS)) == [("new", 1)]


def test_a_new_priority_moves_the_ticket_and_those_it_passes() -> None:
    room = room_of("ann", "ben", "cy")
    room.take_moved(NOW)
    room.add(ticket("cy", joined=2, head_start_s=1))
    assert places(room.take_moved(NOW + MOVED_EVERY_MS)) == [("cy", 1), ("ann", 2), ("ben", 3)]
    assert len(room) == 3


def test_a_ticket_put_where_it_stands_is_no_news() -> None:
    room = room_of("ann", "ben")
    room.take_moved(NOW)
    room.add(ticket("ann"))
    room.replace("sales", [ticket("ben", joined=1), ticket("ann")])
    assert room.take_moved(NOW + MOVED_EVERY_MS) == []


def test_a_ticket_that_changes_its_group_leaves_the_old_line() -> None:
    for by_replacing in (True, False):
        room = room_of("ann", "ben")
        room.take_moved(NOW)
        away = ticket("ann", group_id="returns")
        if by_replacing:
            room.replace("returns", [away])
        else:
            room.add(away)
        assert places(room.take_moved(NOW + MOVED_EVERY_MS)) == [("ben", 1), ("ann", 1)]
        room.replace("sales", [ticket("ben", joined=1)])
        assert len(room) == 2
        assert room.take_moved(NOW + 2 * MOVED_EVERY_MS) == []


def test_places_in_one_line_are_told_at_most_once_a_second_and_the_last_is_never_lost() -> None:
    room = room_of("ann", "ben", "cy")
    room.add(ticket("zoe", group_id="returns"))
    room.take_moved(NOW)
    room.remove("t-ann")
    assert room.take_moved(NOW + MOVED_EVERY_MS - 1) == []
    room.remove("t-ben")
    room.add(ticket("yan", group_id="other"))
    assert places(room.take_moved(NOW + MOVED_EVERY_MS - 1)) == [("yan", 1)], "another line is not held up"
    assert places(room.take_moved(NOW + MOVED_EVERY_MS)) == [("cy", 1)]


def test_a_clock_that_jumps_back_silences_nobody() -> None:
    room = room_of("ann", "ben")
    room.take_moved(NOW)
    room.remove("t-ann")
    assert places(room.take_moved(NOW - 3_600_000)) == [("ben", 1)]


def test_reading_in_order_stands_still_while_the_room_changes() -> None:
    room = room_of("ann", "ben", "cy")
    seen = []
    for each in room.in_order():
        seen.append(each.conversation_id)
        room.remove(each.id)
    assert seen == ["ann", "ben", "cy"]
    assert len(room) == 0


def test_dropping_a_group_or_clearing_forgets_all_of_it() -> None:
    room = room_of("ann", "ben")
    room.add(ticket("zoe", group_id="returns"))
    room.drop("sales")
    room.drop("sales")
    assert [each.conversation_id for each in room.in_order()] == ["zoe"]
    room.clear()
    assert (len(room), room.take_moved(NOW)) == (0, [])


TICKETS = st.builds(
    ticket,
    st.sampled_from([f"c{n}" for n in range(12)]),
    group_id=st.sampled_from(["sales", "returns"]),
    joined=st.integers(0, 5),
    head_start_s=st.sampled_from([0, 1]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), TICKETS),
        st.tuples(st.just("remove"), TICKETS),
        st.tuples(
            st.sampled_from(["sales", "returns"]),
            st.lists(TICKETS, max_size=8, unique_by=lambda each: each.id),
        ),
        st.tuples(st.just("tell"), st.none()),
    ),
    max_size=30,
)


@settings(max_examples=rounds(reduced=80, full=5_000), deadline=None, derandomize=True)
@given(STEPS)
def test_the_index_agrees_with_a_plain_list_and_what_was_told_adds_up_to_it(
    steps: list[tuple[str, Ticket | list[Ticket] | None]],
) -> None:
    room, plain, told, now = WaitingRoom(), dict[str, Ticket](), dict[str, tuple[str, int]](), NOW
    for what, given_ in [*steps, ("tell", None)]:
        if isinstance(given_, Ticket):
            if what == "add":
                room.add(given_)
                plain[given_.id] = given_
            else:
                room.remove(given_.id)
                plain.pop(given_.id, None)
        elif given_ is not None:
            line = [each for each in given_ if each.group_id == what]
            room.replace(what, line)
            plain = {key: each for key, each in plain.items() if each.group_id != what}
            plain |= {each.id: each for each in line}
        else:
            now += MOVED_EVERY_MS
            moved = room.take_moved(now)
            assert len({each.ticket_id for each in moved}) == len(moved)
            for each in moved:
                assert told.get(each.ticket_id) != (each.group_id, each.position), "told twice"
                told[each.ticket_id] = (each.group_id, each.position)
        told = {key: place for key, place in told.items() if _stays(plain, key, place)}
        order = sorted(plain.values(), key=lambda each: each.order)
        assert list(room.in_order()) == order
        for group_id in ("sales", "returns"):
            ids = [each.id for each in order if each.group_id == group_id]
            assert [room.position(each) for each in ids] == list(range(1, len(ids) + 1))
    assert told == {key: (each.group_id, room.position(key)) for key, each in plain.items()}


def _stays(plain: dict[str, Ticket], ticket_id: str, place: tuple[str, int]) -> bool:
    return ticket_id in plain and plain[ticket_id].group_id == place[0]


class CountedTime(int):
    """A time that counts how often it is compared with a later or an earlier one."""

    compared = 0

    def __sub__(self, other: int) -> CountedTime:
        return CountedTime(int(self) - other)

    def __lt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) > int(other)


def test_a_position_among_ten_thousand_is_found_without_walking_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = WaitingRoom()
    room.replace("sales", [ticket(f"{n:05}", joined=n) for n in range(10_000)])
    room.add(Ticket("t-new", "new", SHOP, "sales", (), CountedTime(NOW + 7_000)))
    monkeypatch.setattr(CountedTime, "compared", 0)
    assert room.position("t-new") == 7_002
    assert 0 < CountedTime.compared <= 20
