"""What every store of the line does, written once. A backend is tried by a subclass with its own ``line``
fixture::

    class TestMemoryLine(LineStoreContract, PresenceContract):
        @pytest.fixture
        def line(self) -> LineUnderTest: ...

Ids are readable words; the backend's fixture makes whatever else its tables want (shops, people,
conversations).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

from queues.model import (
    CALL_UNITS,
    CHAT_UNITS,
    DECIDING_LEASE_MS,
    MISSES_TO_BREAK,
    PREFERRED_HOLD_MS,
    REASON_MISSED,
    TRANSFERS_MAX,
    Assigned,
    Assignment,
    Candidate,
    Closed,
    Group,
    Match,
    OfferEnded,
    Requeued,
    Seat,
    SeatChanged,
    Ticket,
)
from queues.ownership import Refused, TransferTarget
from queues.ports import DecidingLease, LineDesk, LineStore, SeatLeases
from queues.presence import (
    LEASE_MS,
)
from tests.queues.build import NOW, SHOP, group, match, seat, ticket


class LineUnderTest(LineStore, LineDesk, SeatLeases, Protocol):
    """All ports of one backend on one empty database, and what the tests need beside them."""

    def deciding_lease(self, node_id: str) -> DecidingLease:
        """A node's handle on the one lease row."""

    async def add_group(self, group: Group) -> None:
        """Store the group (and its shop)."""

    async def add_seat(self, seat: Seat, node_id: str = "node-a") -> None:
        """Store the person with shops, groups, skills and seat; his lease is one of ``node_id``'s."""

    async def seat(self, person_id: str) -> Seat:
        """The seat as it is stored."""

    async def ticket(self, conversation_id: str) -> Ticket:
        """The conversation's newest ticket as it is stored."""

    async def explanation(self, ticket_id: str, fence: int) -> Match:
        """The match that was stored with the assignment or offer of this fence."""


async def held(line: LineUnderTest, now: int = NOW, node_id: str = "node-a") -> int:
    """The fence of the node that decides from now on."""
    fence = await line.deciding_lease(node_id).hold(now)
    assert fence is not None
    return fence


async def version(line: LineUnderTest, group_id: str = "sales") -> int:
    loaded = await line.load_group(group_id)
    assert loaded is not None
    return loaded.version


async def assigned(line: LineUnderTest, name: str = "ann", person: str = "mei", now: int = NOW) -> Assigned:
    """A conversation that joined and was given to the person."""
    joined = await line.join(ticket(name))
    taken = await line.assign(match(joined, person), holder=await held(line, now), now=now)
    assert taken is not None
    return taken.fact


async def offered(line: LineUnderTest, name: str = "ann", person: str = "mei", offer_id: str = "o-1") -> int:
    """A conversation that joined and was held out to the person until NOW + 20 s; gives the offer's fence."""
    joined = await line.join(ticket(name))
    taken = await line.offer(
        match(joined, person, accept="offer"),
        offer_id=offer_id,
        expires_at=NOW + 20_000,
        holder=await held(line),
        now=NOW,
    )
    assert taken is not None
    return taken.fact.fence


async def open_shop(line: LineUnderTest) -> None:
    """Two groups; mei serves both and can be lost, bo serves sales and stays for a day."""
    await line.add_group(group("sales"))
    await line.add_group(group("returns", accept="offer"))
    await line.add_seat(seat("mei", groups=("sales", "returns"), skills={"tea": 3}, idle_since=NOW - 5_000))
    await line.add_seat(seat("bo", groups=("sales",), lease_until=NOW + 86_400_000))


class LineStoreContract:
    """The promises of ``queues.ports``."""

    # Who decides

    async def test_one_node_decides_until_its_lease_is_over(self, line: LineUnderTest) -> None:
        here, there = line.deciding_lease("node-a"), line.deciding_lease("node-b")
        first = await here.hold(NOW)
        assert first is not None
        assert await there.hold(NOW + DECIDING_LEASE_MS - 1) is None
        second = await there.hold(NOW + DECIDING_LEASE_MS)
        assert second is not None and second > first
        assert await here.hold(NOW + DECIDING_LEASE_MS) is None

    async def test_a_renewed_deciding_lease_keeps_its_fence_and_a_lapsed_one_does_not(
        self, line: LineUnderTest
    ) -> None:
        lease = line.deciding_lease("node-a")
        first = await lease.hold(NOW)
        assert first is not None
        assert await lease.hold(NOW + DECIDING_LEASE_MS - 1) == first
        again = await lease.hold(NOW + 3 * DECIDING_LEASE_MS)
        assert again is not None and again > first

    async def test_a_released_deciding_lease_is_free_at_once(self, line: LineUnderTest) -> None:
        here, there = line.deciding_lease("node-a"), line.deciding_lease("node-b")
        first = await here.hold(NOW)
        await there.release()
        assert await there.hold(NOW) is None, "releasing what another holds does nothing"
        await here.release()
        await here.release()
        second = await there.hold(NOW)
        assert first is not None and second is not None and second > first

    async def test_the_writes_of_a_former_holder_do_nothing(self, line: LineUnderTest) -> None:
        await open_shop(line)
        former = await held(line)
        present = await held(line, NOW + DECIDING_LEASE_MS, "node-b")
        joined = await line.join(ticket("ann"))
        later = NOW + DECIDING_LEASE_MS
        assert await line.assign(match(joined, "mei"), holder=former, now=later) is None
        wish = match(joined, "mei", accept="offer")
        assert await line.offer(wish, offer_id="o-1", expires_at=later + 1, holder=former, now=later) is None
        assert (await line.ticket("ann")) == joined
        assert (await line.seat("mei")).units_used == 0
        assert await line.assign(match(joined, "mei"), holder=present, now=later) is not None
        gone = NOW + LEASE_MS
        assert list(await line.expire_leases(holder=former, now=gone)) == []
        assert (await line.seat("mei")).state == "ready"

    async def test_a_former_holder_ends_no_offer(self, line: LineUnderTest) -> None:
        await open_shop(line)
        await offered(line)
        former = await held(line)
        await held(line, NOW + DECIDING_LEASE_MS, "node-b")
        assert list(await line.expire_offers(holder=former, now=NOW + 20_000)) == []
        assert (await line.ticket("ann")).state == "offered"

    # The line and its versions

    async def test_joining_puts_a_ticket_in_its_place_by_head_start_then_time_then_id(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        for each in (
            ticket("late", joined=2_000),
            ticket("twin-b", joined=1_000),
            ticket("twin-a", joined=1_000),
            ticket("dear", joined=9_000, head_start_s=10),
            ticket("other", group_id="returns"),
        ):
            assert await line.join(each) == each
        loaded = await line.load_group("sales")
        assert loaded is not None
        assert [each.conversation_id for each in loaded.tickets] == ["dear", "twin-a", "twin-b", "late"]
        assert [await line.position(name) for name in ("dear", "twin-b", "late", "other")] == [1, 3, 4, 1]

    async def test_a_conversation_joins_once_until_it_is_done(self, line: LineUnderTest) -> None:
        await open_shop(line)
        first = await line.join(ticket("ann"))
        before = await version(line)
        assert await line.join(Ticket("t-again", "ann", SHOP, "sales", (), NOW + 5)) == first
        assert await version(line) == before
        await line.close("ann", now=NOW + 6)
        again = await line.join(Ticket("t-again", "ann", SHOP, "sales", (), NOW + 7))
        assert again == Ticket("t-again", "ann", SHOP, "sales", (), NOW + 7, fence=1)
        assert await line.ticket("ann") == again

    async def test_fences_go_on_rising_when_a_conversation_is_opened_again(self, line: LineUnderTest) -> None:
        await open_shop(line)
        first = await assigned(line)
        await line.close("ann", now=NOW + 1, person_id="mei", fence=first.fence)
        again = await line.join(Ticket("t-again", "ann", SHOP, "sales", (), NOW + 2))
        taken = await line.assign(match(again, "mei"), holder=await held(line), now=NOW + 3)
        assert taken is not None and taken.fact.fence > first.fence
        late = await line.close("ann", now=NOW + 4, person_id="mei", fence=first.fence)
        assert late == Refused("stale_fence"), "an old tab of the same agent"
        assert [each.ticket_id for each in await line.assignments("ann")] == ["t-ann", "t-again"]

    async def test_a_loaded_ticket_is_the_one_that_joined(self, line: LineUnderTest) -> None:
        await open_shop(line)
        rich = ticket("ann", skills={"tea": 2, "english": 4}, head_start_s=30, units=40)
        await line.join(rich)
        loaded = await line.load_group("sales")
        assert loaded is not None and loaded.tickets == (rich,)
        assert loaded.group == group("sales")

    async def test_only_groups_whose_line_moved_are_changed(self, line: LineUnderTest) -> None:
        await open_shop(line)
        assert set(await line.changed_groups({})) == {"sales", "returns"}
        known = {"sales": await version(line), "returns": await version(line, "returns")}
        assert list(await line.changed_groups(known)) == []
        await line.join(ticket("ann"))
        assert list(await line.changed_groups(known)) == ["sales"]
        assert list(await line.changed_groups(known, only={"returns"})) == []
        assert list(await line.changed_groups(known, only={"sales"})) == ["sales"]
        known["sales"] = await version(line)
        known["closed-down"] = 7
        assert list(await line.changed_groups(known)) == ["closed-down"]
        assert await line.load_group("closed-down") is None

    async def test_every_step_that_changes_who_waits_raises_the_version(self, line: LineUnderTest) -> None:
        await open_shop(line)
        seen = [await version(line)]

        async def look() -> None:
            seen.append(await version(line))

        joined = await line.join(ticket("ann"))
        await look()
        taken = await line.assign(match(joined, "mei"), holder=await held(line), now=NOW)
        await look()
        assert taken is not None and taken.line_version == seen[-1] == seen[-2] + 1
        await line.transfer(
            "ann", person_id="mei", fence=taken.fact.fence, to=TransferTarget(group("sales")), now=NOW
        )
        await look()
        waiting = await line.ticket("ann")
        wish = match(waiting, "bo", accept="offer")
        out = await line.offer(
            wish, offer_id="o-1", expires_at=NOW + 20_000, holder=await held(line), now=NOW
        )
        await look()
        assert out is not None and out.line_version == seen[-1] == seen[-2] + 1
        await line.decline("o-1", person_id="bo", fence=out.fact.fence, now=NOW + 1)
        await look()
        await line.close("ann", now=NOW + 2)
        await look()
        assert all(later > earlier for earlier, later in pairwise(seen)), seen

    # Seats

    async def test_the_seats_of_groups_and_of_named_persons_are_loaded_once_each(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await line.add_seat(seat("far", groups=("elsewhere",), skills={"tea": 5}))
        both = await line.load_seats({"sales", "returns"}, {"mei"})
        assert sorted(each.person_id for each in both) == ["bo", "mei"]
        assert [each.person_id for each in await line.load_seats({"returns"}, set())] == ["mei"]
        named = await line.load_seats(set(), {"far"})
        assert list(named) == [await line.seat("far")]
        assert named[0].skills == {SHOP: {"tea": 5}} and named[0].shops == {SHOP}

    # Assigning

    async def test_an_assigned_conversation_has_one_owner_and_takes_his_units(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fact = await assigned(line, now=NOW + 3)
        assert fact == Assigned("t-ann", "ann", SHOP, "sales", "mei", 1, "assigned", NOW + 3)
        assert await line.owner("ann") == Assignment("t-ann", "ann", "mei", 1, NOW + 3, None, "assigned")
        mei = await line.seat("mei")
        assert (mei.units_used, mei.idle_since) == (20, NOW + 3)
        stored = await line.ticket("ann")
        assert (stored.state, stored.fence) == ("active", 1)
        assert await line.position("ann") is None
        loaded = await line.load_group("sales")
        assert loaded is not None and loaded.tickets == ()

    async def test_the_decision_is_stored_beside_what_it_decided(self, line: LineUnderTest) -> None:
        await open_shop(line)
        joined = await line.join(ticket("ann"))
        wish = Match(
            ticket_id=joined.id,
            conversation_id="ann",
            shop_id=SHOP,
            group_id="sales",
            person_id="mei",
            fence=0,
            units=20,
            accept="auto",
            offer_seconds=20,
            candidates=(Candidate("mei", 0.2, 40, None), Candidate("bo", 0.0, 7, "no_room")),
            considered=9,
        )
        assert await line.assign(wish, holder=await held(line), now=NOW) is not None
        stored = await line.explanation("t-ann", 1)
        assert (stored.candidates, stored.considered) == (wish.candidates, 9)

    async def test_a_match_is_lost_when_the_ticket_moved_on(self, line: LineUnderTest) -> None:
        await open_shop(line)
        joined = await line.join(ticket("ann"))
        holder = await held(line)
        assert await line.assign(match(joined, "mei"), holder=holder, now=NOW) is not None
        assert await line.assign(match(joined, "bo"), holder=holder, now=NOW) is None
        await line.transfer("ann", person_id="mei", fence=1, to=TransferTarget(group("sales")), now=NOW)
        assert await line.assign(match(joined, "bo"), holder=holder, now=NOW) is None, "an old fence"
        assert (await line.seat("bo")).units_used == 0
        await line.close("ann", now=NOW)
        assert await line.assign(match(await line.ticket("ann"), "bo"), holder=holder, now=NOW) is None

    async def test_a_match_is_lost_when_the_seat_is_not_ready_or_gone_or_full(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await line.add_seat(seat("resting", state="break"))
        await line.add_seat(seat("gone", lease_until=NOW))
        await line.add_seat(seat("full", capacity=39, used=0))
        holder = await held(line)
        first = await line.join(ticket("first"))
        assert await line.assign(match(first, "full"), holder=holder, now=NOW) is not None
        joined = await line.join(ticket("ann"))
        for person in ("resting", "gone", "full"):
            assert await line.assign(match(joined, person), holder=holder, now=NOW) is None, person
            wish = match(joined, person, accept="offer")
            out = await line.offer(wish, offer_id=f"o-{person}", expires_at=NOW + 1, holder=holder, now=NOW)
            assert out is None, person
        assert (await line.ticket("ann")) == joined
        assert (await line.seat("full")).units_used == 20

    # Offers

    async def test_an_offer_keeps_room_and_accepting_it_makes_the_owner(self, line: LineUnderTest) -> None:
        await open_shop(line)
        await line.add_seat(seat("mei", misses=1))
        fence = await offered(line)
        assert (await line.seat("mei")).units_used == 20
        assert await line.owner("ann") is None
        fact = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 19_999)
        assert fact == Assigned("t-ann", "ann", SHOP, "sales", "mei", fence, "accepted", NOW + 19_999)
        mei = await line.seat("mei")
        assert (mei.units_used, mei.misses, mei.idle_since) == (20, 0, NOW + 19_999)
        assert list(await line.expire_offers(holder=await held(line), now=NOW + 20_000)) == []

    async def test_accepting_twice_gives_the_same_answer_and_one_assignment(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fence = await offered(line)
        first = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 1)
        assert await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 2) == first
        assert len(await line.assignments("ann")) == 1
        assert (await line.seat("mei")).units_used == 20
        await line.transfer("ann", person_id="mei", fence=fence, to=TransferTarget(group("sales")), now=NOW)
        late = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 3)
        assert late == Refused("stale_fence")

    async def test_what_is_offered_to_one_is_taken_for_all_others(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fence = await offered(line)
        for now in (NOW + 1, NOW + 30_000):
            late = await line.accept("o-1", person_id="bo", fence=fence, now=now)
            assert late == Refused("already_taken")
        wrong = await line.accept("o-1", person_id="mei", fence=fence + 1, now=NOW + 1)
        assert wrong == Refused("stale_fence")
        unknown = await line.accept("o-none", person_id="mei", fence=fence, now=NOW + 1)
        assert unknown == Refused("unknown")
        assert await line.owner("ann") is None

    async def test_at_its_very_end_an_offer_is_missed_and_never_both(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fence = await offered(line)
        holder = await held(line)
        assert list(await line.expire_offers(holder=holder, now=NOW + 19_999)) == []
        late = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 20_000)
        assert late == Refused("offer_expired")
        facts = await line.expire_offers(holder=holder, now=NOW + 20_000)
        assert list(facts) == [OfferEnded("o-1", "t-ann", "ann", "mei", "missed", NOW + 20_000)]
        assert list(await line.expire_offers(holder=holder, now=NOW + 20_000)) == []
        late = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 19_000)
        assert late == Refused("offer_expired")

    async def test_a_missed_ticket_is_again_in_front_of_those_who_came_later(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await offered(line)
        await line.join(ticket("later", joined=1))
        # Who is held out to an agent still waits, at the head, and counts for nobody behind.
        assert [await line.position(name) for name in ("ann", "later")] == [1, 1]
        await line.expire_offers(holder=await held(line), now=NOW + 20_000)
        assert [await line.position(name) for name in ("ann", "later")] == [1, 2]
        stored = await line.ticket("ann")
        assert (stored.joined_at, stored.refused_by, stored.fence) == (NOW, frozenset({"mei"}), 2)
        mei = await line.seat("mei")
        assert (mei.units_used, mei.misses, mei.state) == (0, 1, "ready")

    async def test_the_second_miss_in_a_row_sends_to_break_and_withdraws_other_offers(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        holder = await held(line)
        ends = {"one": NOW + 10_000, "two": NOW + 11_000, "three": NOW + 12_000}
        for name, expires_at in ends.items():
            wish = match(await line.join(ticket(name)), "mei", accept="offer")
            out = await line.offer(wish, offer_id=f"o-{name}", expires_at=expires_at, holder=holder, now=NOW)
            assert out is not None
        now = NOW + 11_000
        facts = await line.expire_offers(holder=holder, now=now)
        assert list(facts) == [
            OfferEnded("o-one", "t-one", "one", "mei", "missed", now),
            OfferEnded("o-two", "t-two", "two", "mei", "missed", now),
            SeatChanged("mei", "break", REASON_MISSED, now),
            OfferEnded("o-three", "t-three", "three", "mei", "withdrawn", now),
        ]
        mei = await line.seat("mei")
        assert (mei.state, mei.reason, mei.units_used) == ("break", REASON_MISSED, 0)
        assert mei.misses == MISSES_TO_BREAK
        assert (await line.ticket("three")).refused_by == frozenset(), "withdrawn is not refused"
        assert await line.accept("o-three", person_id="mei", fence=1, now=now) == Refused("offer_ended")

    async def test_a_declined_offer_frees_the_room_and_forgets_misses(self, line: LineUnderTest) -> None:
        await open_shop(line)
        await line.add_seat(seat("mei", misses=1))
        fence = await offered(line)
        other = await line.decline("o-1", person_id="bo", fence=fence, now=NOW + 1)
        assert other == Refused("already_taken")
        fact = await line.decline("o-1", person_id="mei", fence=fence, now=NOW + 1)
        assert fact == OfferEnded("o-1", "t-ann", "ann", "mei", "declined", NOW + 1)
        stored, mei = await line.ticket("ann"), await line.seat("mei")
        assert (stored.state, stored.refused_by, stored.fence) == ("waiting", frozenset({"mei"}), fence + 1)
        assert (mei.units_used, mei.misses) == (0, 0)
        for again in (line.decline, line.accept):
            assert await again("o-1", person_id="mei", fence=fence, now=NOW + 2) == Refused("offer_ended")

    # Handing on

    async def test_a_conversation_given_back_waits_last_of_all_for_who_had_it(
        self, line: LineUnderTest
    ) -> None:
        await line.add_group(group())
        await line.add_seat(seat("mei"))
        fact = await assigned(line)
        before = await version(line)
        told = await line.give_back("ann", now=NOW + 5)
        assert isinstance(told, Requeued)
        assert (told.from_person, told.reason, told.fence) == ("mei", "owner_lost", fact.fence + 1)
        waiting = await line.ticket("ann")
        assert waiting.state == "waiting"
        assert waiting.refused_by == frozenset({"mei"})
        assert waiting.joined_at == NOW
        assert (await line.seat("mei")).units_used == 0
        assert await version(line) == before + 1
        assert await line.give_back("ann", now=NOW + 6) == Refused("stale_fence")
        assert await line.give_back("nobody", now=NOW + 6) == Refused("unknown")

    async def test_a_supervisor_takes_over_from_the_owner_and_from_the_line(
        self, line: LineUnderTest
    ) -> None:
        await line.add_group(group())
        await line.add_seat(seat("mei"))
        await line.add_seat(seat("boss", used=0))
        fact = await assigned(line)
        told = await line.take_over("ann", person_id="boss", now=NOW + 5)
        assert isinstance(told, Assigned)
        assert (told.person_id, told.fence, told.reason) == ("boss", fact.fence + 1, "taken_over")
        first, second = await line.assignments("ann")
        assert (first.until, first.ended_by) == (NOW + 5, "taken_over")
        assert (second.person_id, second.until) == ("boss", None)
        assert [(await line.seat(each)).units_used for each in ("mei", "boss")] == [0, CHAT_UNITS]
        assert await line.take_over("ann", person_id="boss", now=NOW + 6) == Refused("transfer_target")
        await line.give_back("ann", now=NOW + 7)
        before = await version(line)
        again = await line.take_over("ann", person_id="mei", now=NOW + 8)
        assert isinstance(again, Assigned) and again.person_id == "mei"
        assert await version(line) == before + 1
        assert (await line.seat("boss")).units_used == 0

    async def test_who_is_not_there_takes_nothing_over(self, line: LineUnderTest) -> None:
        await line.add_group(group())
        await line.add_seat(seat("mei"))
        await line.add_seat(seat("boss"))
        await assigned(line)
        gone = NOW + 10 * LEASE_MS
        assert await line.take_over("ann", person_id="boss", now=gone) == Refused("seat_absent")
        assert await line.take_over("ann", person_id="nobody", now=NOW) == Refused("seat_absent")
        assert await line.take_over("nobody", person_id="boss", now=NOW) == Refused("unknown")

    async def test_a_call_weighs_on_who_has_the_conversation_and_on_its_place_in_line(
        self, line: LineUnderTest
    ) -> None:
        await line.add_group(group())
        await line.add_seat(seat("mei"))
        await assigned(line)
        assert await line.weigh("ann", CALL_UNITS, now=NOW)
        assert (await line.seat("mei")).units_used == CALL_UNITS
        assert not await line.weigh("ann", CALL_UNITS, now=NOW)
        await line.give_back("ann", now=NOW + 5)
        assert (await line.seat("mei")).units_used == 0
        assert (await line.ticket("ann")).units == CALL_UNITS
        before = await version(line)
        assert await line.weigh("ann", CHAT_UNITS, now=NOW + 6)
        assert await version(line) == before + 1
        assert (await line.seat("mei")).units_used == 0
        await line.close("ann", now=NOW + 7)
        assert not await line.weigh("ann", CALL_UNITS, now=NOW + 8)
        assert not await line.weigh("nobody", CALL_UNITS, now=NOW + 8)

    async def test_the_units_of_a_call_go_back_whole_when_it_is_closed(self, line: LineUnderTest) -> None:
        await line.add_group(group())
        await line.add_seat(seat("mei"))
        await assigned(line)
        await line.weigh("ann", CALL_UNITS, now=NOW)
        await line.close("ann", now=NOW + 7)
        assert (await line.seat("mei")).units_used == 0

    async def test_a_transferred_conversation_waits_with_its_first_time_and_the_old_fence_is_stale(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fact = await assigned(line)
        await line.join(ticket("later", group_id="returns", joined=50))
        told = await line.transfer(
            "ann", person_id="mei", fence=fact.fence, to=TransferTarget(group("returns")), now=NOW + 90
        )
        assert told == Requeued("t-ann", "ann", SHOP, "returns", "mei", 2, "transferred", NOW + 90)
        assert [await line.position(name) for name in ("ann", "later")] == [1, 2]
        assert await line.owner("ann") is None
        (ended,) = await line.assignments("ann")
        assert (ended.until, ended.ended_by) == (NOW + 90, "transferred")
        stored = await line.ticket("ann")
        assert (stored.joined_at, stored.refused_by, stored.preferred) == (NOW, frozenset({"mei"}), None)
        assert (await line.seat("mei")).units_used == 0
        for attempt in (
            await line.close("ann", now=NOW + 91, person_id="mei", fence=fact.fence),
            await line.transfer(
                "ann", person_id="mei", fence=fact.fence, to=TransferTarget(group("sales")), now=NOW + 91
            ),
        ):
            assert attempt == Refused("stale_fence")

    async def test_skills_asked_for_by_the_old_group_s_rule_do_not_follow_to_another_group(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await line.join(ticket("ann", skills={"tea": 3}))
        for to, left in ((group("sales"), 1), (group("returns"), 0)):
            wish = match(await line.ticket("ann"), "mei")
            taken = await line.assign(wish, holder=await held(line), now=NOW)
            assert taken is not None
            fence = taken.fact.fence
            await line.transfer("ann", person_id="mei", fence=fence, to=TransferTarget(to), now=NOW)
            assert len((await line.ticket("ann")).requirements) == left

    async def test_a_conversation_handed_to_an_agent_is_kept_for_him_a_while(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fact = await assigned(line)
        to = TransferTarget(person_id="bo", person_shops=frozenset({SHOP}))
        told = await line.transfer("ann", person_id="mei", fence=fact.fence, to=to, now=NOW + 9)
        assert isinstance(told, Requeued)
        stored = await line.ticket("ann")
        assert (stored.group_id, stored.preferred) == ("sales", "bo")
        assert stored.preferred_until == NOW + 9 + PREFERRED_HOLD_MS
        taken = await line.assign(match(stored, "bo"), holder=await held(line), now=NOW + 10)
        assert taken is not None and taken.fact.fence == 3
        stored = await line.ticket("ann")
        assert (stored.preferred, stored.preferred_until) == (None, 0)

    async def test_a_transfer_to_nowhere_to_oneself_or_out_of_the_shop_is_refused(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fact = await assigned(line)
        for to in (
            TransferTarget(),
            TransferTarget(person_id="mei", person_shops=frozenset({SHOP})),
            TransferTarget(person_id="bo", person_shops=frozenset({"shop-other"})),
            TransferTarget(group("theirs", shop_id="shop-other")),
        ):
            told = await line.transfer("ann", person_id="mei", fence=fact.fence, to=to, now=NOW)
            assert told == Refused("transfer_target"), to
        owner = await line.owner("ann")
        assert owner is not None and owner.person_id == "mei"

    async def test_a_conversation_is_handed_on_only_so_often(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fence = (await assigned(line)).fence
        for _ in range(TRANSFERS_MAX):
            to = TransferTarget(group("sales"))
            assert isinstance(
                await line.transfer("ann", person_id="mei", fence=fence, to=to, now=NOW), Requeued
            )
            wish = match(await line.ticket("ann"), "mei")
            taken = await line.assign(wish, holder=await held(line), now=NOW)
            assert taken is not None
            fence = taken.fact.fence
        told = await line.transfer("ann", person_id="mei", fence=fence, to=to, now=NOW)
        assert told == Refused("transfer_limit")
        fences = [each.fence for each in await line.assignments("ann")]
        assert len(fences) == TRANSFERS_MAX + 1
        assert fences == sorted(set(fences)), "fences rise from owner to owner"

    # Closing

    async def test_the_owner_closes_once_and_a_repeat_changes_nothing(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fact = await assigned(line)
        assert await line.close("ann", now=NOW + 5, person_id="bo", fence=fact.fence) == Refused(
            "stale_fence"
        )
        told = await line.close("ann", now=NOW + 5, person_id="mei", fence=fact.fence)
        assert told == [Closed("t-ann", "ann", SHOP, "sales", "mei", 2, NOW + 5)]
        assert (await line.seat("mei")).units_used == 0
        (ended,) = await line.assignments("ann")
        assert (ended.until, ended.ended_by) == (NOW + 5, "closed")
        assert await line.close("ann", now=NOW + 6, person_id="mei", fence=fact.fence) == []
        assert await line.close("ann", now=NOW + 6) == []
        assert await line.close("ann", now=NOW + 6, person_id="bo", fence=1) == Refused("stale_fence")
        assert (await line.seat("mei")).units_used == 0
        assert await line.close("nobody", now=NOW) == Refused("unknown")

    async def test_a_buyer_who_leaves_while_he_is_offered_ends_the_offer(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fence = await offered(line)
        told = await line.close("ann", now=NOW + 5)
        assert told == [
            OfferEnded("o-1", "t-ann", "ann", "mei", "withdrawn", NOW + 5),
            Closed("t-ann", "ann", SHOP, "sales", None, fence + 1, NOW + 5),
        ]
        late = await line.accept("o-1", person_id="mei", fence=fence, now=NOW + 6)
        assert late == Refused("offer_ended")
        mei = await line.seat("mei")
        assert (mei.units_used, mei.misses) == (0, 0)
        assert list(await line.expire_offers(holder=await held(line), now=NOW + 20_000)) == []

    async def test_a_buyer_who_leaves_the_line_lets_the_others_move_up(self, line: LineUnderTest) -> None:
        await open_shop(line)
        await line.join(ticket("ann"))
        await line.join(ticket("ben", joined=1))
        await line.close("ann", now=NOW + 2)
        assert [await line.position(name) for name in ("ann", "ben")] == [None, 1]
