"""The loop of the deciding node over the memory line: passes by hand, and the running loop by its wakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from queues import dispatcher as dispatching
from queues.dispatcher import Dispatcher
from queues.model import (
    DECIDING_LEASE_MS,
    Assigned,
    Fact,
    Group,
    Match,
    Moved,
    Offered,
    OfferEnded,
    OwnerAbsent,
    SeatChanged,
)
from queues.ports import GroupLine, Taken
from queues.presence import LEASE_MS, SETTLE_MS
from queues.waiting_room import MOVED_EVERY_MS
from tests.queues.build import NOW, group, match, seat, ticket
from tests.queues.memory_line import MemoryLine

PATIENCE_S = 10.0


class WatchedLine(MemoryLine):
    """A memory line that remembers what was read, can fail once, and can let a race be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.asked: list[frozenset[str] | None] = []
        self.fail_next: str | None = None
        self.meanwhile: Callable[[Match], None] | None = None

    def _may_fail(self, where: str) -> None:
        if self.fail_next == where:
            self.fail_next = None
            raise ConnectionError(f"the database went away in {where}")

    async def changed_groups(
        self, known: Mapping[str, int], only: Collection[str] | None = None
    ) -> Collection[str]:
        self._may_fail("changed_groups")
        self.asked.append(None if only is None else frozenset(only))
        return await super().changed_groups(known, only)

    async def load_group(self, group_id: str) -> GroupLine | None:
        self.loaded.append(group_id)
        return await super().load_group(group_id)

    async def assign(self, match: Match, *, holder: int, now: int) -> Taken[Assigned] | None:
        if self.meanwhile is not None:
            self.meanwhile(match)
        taken = await super().assign(match, holder=holder, now=now)
        self._may_fail("assign")
        return taken


class Desk:
    """A line with two groups, and a dispatcher whose facts and errors are kept."""

    def __init__(self, line: WatchedLine | None = None, node: str = "node-a", settle_ms: int = 0) -> None:
        self.line = line or WatchedLine()
        self.facts: list[Fact] = []
        self.errors: list[Exception] = []
        self.heard = asyncio.Condition()
        self.offers = 0
        self.now = NOW
        self.dispatcher = Dispatcher(
            store=self.line,
            lease=self.line.deciding_lease(node),
            announce=self.hear,
            new_id=self.offer_id,
            clock=lambda: self.now,
            on_error=self.fail,
            settle_ms=settle_ms,
        )

    async def hear(self, facts: Sequence[Fact]) -> None:
        async with self.heard:
            self.facts += facts
            self.heard.notify_all()

    def offer_id(self) -> str:
        self.offers += 1
        return f"o-{self.offers}"

    def fail(self, error: Exception) -> None:
        self.errors.append(error)

    async def open(self, *groups: Group) -> Desk:
        for each in groups or (group("sales"), group("returns", accept="offer")):
            await self.line.add_group(each)
        return self

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.heard:
            await self.heard.wait_for(true)

    def owners(self) -> dict[str, str]:
        return {each.conversation_id: each.person_id for each in self.facts if isinstance(each, Assigned)}

    def moves(self) -> list[tuple[str, int]]:
        return [(each.conversation_id, each.position) for each in self.facts if isinstance(each, Moved)]


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Desk]:
    desk.dispatcher.start()
    try:
        yield desk
    finally:
        await desk.dispatcher.stop()


# One pass


async def test_a_pass_assigns_in_auto_groups_and_offers_in_the_others() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", groups=("sales", "returns")))
    await desk.line.join(ticket("ann"))
    await desk.line.join(ticket("ben", group_id="returns", joined=1))
    done = await desk.dispatcher.run_once(NOW + 5)
    assert done.held and done.lost == 0
    assigned, offered = done.facts
    assert isinstance(assigned, Assigned) and assigned.conversation_id == "ann"
    assert isinstance(offered, Offered) and offered.conversation_id == "ben"
    assert (offered.offer_id, offered.expires_at) == ("o-1", NOW + 5 + 20_000)
    assert desk.facts == list(done.facts)
    counts = desk.dispatcher.counts
    assert (counts.passes, counts.assigned, counts.offered, counts.lost, counts.failed) == (1, 1, 1, 0, 0)
    assert (await desk.dispatcher.run_once(NOW + 6)).facts == ()


async def test_the_decision_that_was_made_can_explain_itself_afterwards() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", used=40))
    await desk.line.add_seat(seat("bo", used=20))
    await desk.line.add_seat(seat("cy", state="break"))
    await desk.line.join(ticket("ann"))
    await desk.dispatcher.run_once(NOW)
    why = await desk.line.explanation("t-ann", 1)
    assert [(each.person_id, each.load, each.refused) for each in why.candidates] == [
        ("bo", 0.2, None),
        ("mei", 0.4, None),
        ("cy", 0.0, "not_ready"),
    ]


async def test_everyone_who_moves_up_hears_it_once() -> None:
    desk = await Desk().open()
    for number, name in enumerate(("ann", "ben", "cy")):
        await desk.line.join(ticket(name, joined=number))
    await desk.dispatcher.run_once(NOW)
    assert desk.moves() == [("ann", 1), ("ben", 2), ("cy", 3)]
    desk.facts.clear()
    await desk.line.add_seat(seat("mei", capacity=20))
    await desk.dispatcher.run_once(NOW + MOVED_EVERY_MS)
    assert desk.owners() == {"ann": "mei"}
    assert desk.moves() == [("ben", 1), ("cy", 2)]


async def test_an_unanswered_offer_goes_back_to_the_front_and_to_somebody_else() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", groups=("returns",), idle_since=NOW - 9))
    await desk.line.add_seat(seat("bo", groups=("returns",)))
    await desk.line.join(ticket("ann", group_id="returns"))
    await desk.dispatcher.run_once(NOW)
    assert (await desk.dispatcher.run_once(NOW + 19_999)).facts == ()
    missed, again = (await desk.dispatcher.run_once(NOW + 20_000)).facts
    assert isinstance(missed, OfferEnded) and (missed.person_id, missed.state) == ("mei", "missed")
    assert isinstance(again, Offered) and again.person_id == "bo"


async def test_two_misses_send_to_break_and_nobody_is_offered_to_an_empty_chair() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", groups=("returns",), lease_until=NOW + 10**6))
    await desk.line.join(ticket("ann", group_id="returns"))
    kinds = []
    for turn in range(4):
        done = await desk.dispatcher.run_once(NOW + turn * 20_000)
        kinds.append([type(each).__name__ for each in done.facts if not isinstance(each, Moved)])
    assert kinds == [["Offered"], ["OfferEnded", "Offered"], ["OfferEnded", "SeatChanged"], []]
    assert await desk.line.position("ann") == 1


async def test_a_lost_race_is_skipped_and_the_others_are_served() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    for name in ("ann", "ben"):
        await desk.line.join(ticket(name))

    def buyer_leaves(match: Match) -> None:
        desk.line.meanwhile = None
        gone = desk.line.close(match.conversation_id, now=NOW)
        with pytest.raises(StopIteration):
            gone.send(None)

    desk.line.meanwhile = buyer_leaves
    done = await desk.dispatcher.run_once(NOW)
    assert (done.lost, desk.owners(), desk.errors) == (1, {"ben": "mei"}, [])
    assert desk.dispatcher.counts.lost == 1


async def test_only_lines_that_moved_are_read_again_and_own_writes_are_not() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    await desk.dispatcher.run_once(NOW)
    assert sorted(desk.line.loaded) == ["returns", "sales"]
    desk.line.loaded.clear()
    await desk.dispatcher.run_once(NOW + 1)
    assert desk.line.loaded == [], "the assignment was this node's own"
    await desk.line.join(ticket("ben"))
    await desk.dispatcher.run_once(NOW + 2)
    assert desk.line.loaded == ["sales"]


async def test_a_write_of_somebody_else_between_reading_and_assigning_is_seen_by_the_next_pass() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))

    def another_joins(match: Match) -> None:
        desk.line.meanwhile = None
        joins = desk.line.join(ticket("ben"))
        with pytest.raises(StopIteration):
            joins.send(None)

    desk.line.meanwhile = another_joins
    await desk.dispatcher.run_once(NOW)
    await desk.dispatcher.run_once(NOW + 1)
    assert desk.owners() == {"ann": "mei", "ben": "mei"}


async def test_a_group_that_is_gone_is_forgotten() -> None:
    desk = await Desk().open()
    await desk.line.join(ticket("ann"))
    await desk.dispatcher.run_once(NOW)
    del desk.line.groups["sales"]
    await desk.line.add_seat(seat("mei"))
    assert (await desk.dispatcher.run_once(NOW + 1)).facts == ()


# Who decides


async def test_only_the_holder_acts_and_its_successor_begins_from_the_store() -> None:
    here = await Desk().open()
    there = Desk(here.line, "node-b")
    await here.line.add_seat(seat("mei", capacity=20, lease_until=NOW + 10**6))
    for name in ("ann", "ben"):
        await here.line.join(ticket(name))
    await here.dispatcher.run_once(NOW)
    assert (await there.dispatcher.run_once(NOW)).held is False
    assert here.dispatcher.deciding and not there.dispatcher.deciding
    assert here.owners() == {"ann": "mei"} and there.facts == []
    await here.line.close("ann", now=NOW + 1)
    assert (await there.dispatcher.run_once(NOW + DECIDING_LEASE_MS)).held is True
    assert there.owners() == {"ben": "mei"}
    assert (await here.dispatcher.run_once(NOW + DECIDING_LEASE_MS)).held is False
    assert not here.dispatcher.deciding


async def test_a_holder_that_stalled_can_write_nothing_with_its_old_lease() -> None:
    here = await Desk().open()
    there = Desk(here.line, "node-b")
    await here.line.add_seat(seat("mei", lease_until=NOW + 10**6))
    await here.line.join(ticket("ann"))
    stale = here.line.deciding_lease("node-a")
    fence = await stale.hold(NOW)
    assert fence is not None
    await there.dispatcher.run_once(NOW + DECIDING_LEASE_MS)
    late = await here.line.assign(match(ticket("ann"), "mei"), holder=fence, now=NOW + DECIDING_LEASE_MS)
    assert late is None
    assert there.owners() == {"ann": "mei"}


async def test_a_new_holder_leaves_leases_alone_until_every_node_has_renewed() -> None:
    desk = await Desk(settle_ms=SETTLE_MS).open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    await desk.dispatcher.run_once(NOW)
    outage = NOW + 10 * LEASE_MS
    await desk.line.join(ticket("ben", joined=1))
    for now in (outage, outage + DECIDING_LEASE_MS - 1):
        done = await desk.dispatcher.run_once(now)
        assert not any(isinstance(each, (SeatChanged, OwnerAbsent, Assigned)) for each in done.facts)
    await desk.line.renew("node-a", ["mei"], now=outage + DECIDING_LEASE_MS)
    for now in range(outage + DECIDING_LEASE_MS, outage + SETTLE_MS + 1, 4_000):
        await desk.dispatcher.run_once(now)
    assert desk.owners() == {"ann": "mei", "ben": "mei"}
    assert not any(isinstance(each, (SeatChanged, OwnerAbsent)) for each in desk.facts)


async def test_after_settling_the_ends_of_leases_count_again() -> None:
    desk = await Desk(settle_ms=SETTLE_MS).open()
    await desk.line.add_seat(seat("mei", lease_until=NOW))
    for now in range(NOW, NOW + SETTLE_MS, 4_000):
        assert (await desk.dispatcher.run_once(now)).facts == ()
    (gone,) = (await desk.dispatcher.run_once(NOW + SETTLE_MS)).facts
    assert isinstance(gone, SeatChanged) and gone.state == "offline"


async def test_a_new_holder_looks_everywhere_whatever_it_was_asked() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", groups=("returns",)))
    await desk.line.join(ticket("ann", group_id="returns"))
    (offered, *_) = (await desk.dispatcher.run_once(NOW, only={"sales"})).facts
    assert isinstance(offered, Offered)


async def test_places_that_another_holder_told_meanwhile_are_told_anew() -> None:
    here = await Desk().open()
    there = Desk(here.line, "node-b")
    await here.line.join(ticket("ann"))
    await here.line.join(ticket("ben", joined=1))
    await here.dispatcher.run_once(NOW)
    await here.line.close("ann", now=NOW + 1)
    await there.dispatcher.run_once(NOW + DECIDING_LEASE_MS)
    assert there.moves() == [("ben", 1)]
    await here.line.join(ticket("cy", joined=2, head_start_s=9))
    here.facts.clear()
    await here.dispatcher.run_once(NOW + 2 * DECIDING_LEASE_MS)
    assert here.moves() == [("cy", 1), ("ben", 2)]


# What goes wrong


async def test_what_was_committed_before_an_error_is_told_and_the_next_pass_goes_on() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei", groups=("sales",)))
    await desk.line.add_seat(seat("ghost", groups=("sales",), lease_until=NOW))
    for name in ("ann", "ben"):
        await desk.line.join(ticket(name))
    desk.line.fail_next = "assign"
    with pytest.raises(ConnectionError):
        await desk.dispatcher.run_once(NOW)
    (told,) = desk.facts
    assert isinstance(told, SeatChanged) and told.person_id == "ghost"
    assert not desk.dispatcher.deciding
    await desk.dispatcher.run_once(NOW + 1)
    assert desk.owners() == {"ben": "mei"}, "ann's assignment was stored; only its answer was lost"
    owner = await desk.line.owner("ann")
    assert owner is not None and owner.person_id == "mei"


# The running loop


async def test_the_loop_serves_when_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 3_600.0)
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    async with running(desk):
        await desk.until(lambda: "ann" in desk.owners())
        await desk.line.join(ticket("ben"))
        desk.dispatcher.wake("sales")
        await desk.until(lambda: "ben" in desk.owners())
        assert desk.line.asked == [None, frozenset({"sales"})], "a named hint asks for its group alone"
        await desk.line.join(ticket("cy"))
        desk.dispatcher.wake("returns")
        desk.dispatcher.wake()
        await desk.until(lambda: "cy" in desk.owners())
        assert desk.line.asked[-1] is None, "a hint without a name asks for all"
        await desk.line.join(ticket("di"))
        desk.dispatcher.wake("sales")
        await desk.until(lambda: "di" in desk.owners())
        assert desk.line.asked[-1] == {"sales"}, "a hint is spent by the pass that it caused"


async def test_many_wakes_are_gathered_into_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 3_600.0)
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    async with running(desk):
        await desk.until(lambda: "ann" in desk.owners())
        before = desk.dispatcher.counts.passes
        await desk.line.join(ticket("ben"))
        for _ in range(1_000):
            desk.dispatcher.wake("sales")
        await desk.until(lambda: "ben" in desk.owners())
        assert desk.dispatcher.counts.passes == before + 1


async def test_without_any_hint_the_sweep_finds_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 0.01)
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    async with running(desk):
        await desk.until(lambda: "ann" in desk.owners())
        await desk.line.join(ticket("ben"))
        await desk.until(lambda: "ben" in desk.owners())


async def test_hints_that_never_cease_do_not_put_off_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 0.02)
    desk = await Desk().open(replace(group("returns", accept="offer"), offer_seconds=1))
    await desk.line.add_seat(seat("mei", groups=("returns",)))
    await desk.line.join(ticket("ann", group_id="returns"))
    async with running(desk):
        await desk.until(lambda: any(isinstance(each, Offered) for each in desk.facts))
        desk.now = NOW + 1_000

        async def hint() -> None:
            while True:
                desk.dispatcher.wake("sales")
                await asyncio.sleep(0)

        noise = asyncio.create_task(hint())
        await desk.until(lambda: any(isinstance(each, OfferEnded) for each in desk.facts))
        noise.cancel()


async def test_an_error_is_counted_and_told_and_never_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 0.01)
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    desk.line.fail_next = "changed_groups"
    async with running(desk):
        await desk.until(lambda: "ann" in desk.owners())
    assert [str(each) for each in desk.errors] == ["the database went away in changed_groups"]
    assert desk.dispatcher.counts.failed == 1


async def test_a_failing_error_callback_does_not_end_the_loop_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 0.01)
    desk = await Desk().open()

    def fail(error: Exception) -> None:
        raise RuntimeError("the log is full") from error

    monkeypatch.setattr(desk.dispatcher, "_on_error", fail)
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    desk.line.fail_next = "changed_groups"
    async with running(desk):
        await desk.until(lambda: "ann" in desk.owners())


async def test_hints_do_not_hurry_a_pass_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_EVERY_S", 3_600.0)
    desk = await Desk().open()
    failed = asyncio.Event()

    def fail(error: Exception) -> None:
        failed.set()

    monkeypatch.setattr(desk.dispatcher, "_on_error", fail)
    desk.line.fail_next = "changed_groups"
    async with running(desk):
        async with asyncio.timeout(PATIENCE_S):
            await failed.wait()
        for _ in range(100):
            desk.dispatcher.wake("sales")
            await asyncio.sleep(0)
        assert desk.dispatcher.counts.passes == 1


async def test_starting_and_stopping_twice_is_harmless_and_the_lease_is_given_up() -> None:
    desk = await Desk().open()
    await desk.line.add_seat(seat("mei"))
    await desk.line.join(ticket("ann"))
    desk.dispatcher.start()
    desk.dispatcher.start()
    await desk.until(lambda: "ann" in desk.owners())
    await desk.dispatcher.stop()
    await desk.dispatcher.stop()
    desk.dispatcher.start()
    assert not desk.dispatcher.deciding
    assert await desk.line.deciding_lease("node-b").hold(NOW) is not None, "no need to wait for its end"
    assert [task for task in asyncio.all_tasks() if task.get_name() == "dispatcher"] == []


async def test_stopping_before_starting_is_harmless() -> None:
    desk = await Desk().open()
    await desk.dispatcher.stop()
    desk.dispatcher.start()
    assert desk.dispatcher.counts.passes == 0


async def test_a_pass_that_hangs_is_cut_short_when_the_dispatcher_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatching, "STOP_WITHIN_S", 0.01)
    desk = await Desk().open()
    entered = asyncio.Event()

    async def hang(facts: Sequence[Fact]) -> None:
        entered.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk.dispatcher, "_announce", hang)
    await desk.line.join(ticket("ann"))
    desk.dispatcher.start()
    async with asyncio.timeout(PATIENCE_S):
        await entered.wait()
        await desk.dispatcher.stop()
    assert not desk.dispatcher.deciding
