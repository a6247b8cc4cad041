"""Random walks of conversations through the line: joined, offered, accepted, missed, handed on, lost,
closed, reopened.

Two nodes decide in turn over one store while agents come, go and answer with right, wrong and stale words.
After every step the stored rows agree with each other and with the facts that were told.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from queues.dispatcher import Dispatcher
from queues.model import (
    CHAT_UNITS,
    Assigned,
    Closed,
    Fact,
    Moved,
    Offered,
    OfferEnded,
    Requeued,
    SeatChanged,
    SeatState,
)
from queues.ownership import Refused, TransferTarget
from queues.policy import next_match
from queues.presence import RENEW_EVERY_MS
from queues.waiting_room import MOVED_EVERY_MS
from tests.queues.build import NOW, SHOP, group, seat, ticket
from tests.queues.memory_line import MemoryLine
from tests.rounds import rounds

AGENTS = ("ann", "bo", "cy")
BUYERS = ("u1", "u2", "u3", "u4", "u5", "u6")
GROUPS = (group("sales"), group("returns", accept="offer"))
NODES = ("node-a", "node-b")
WOKEN = st.sampled_from([True, True, False])

T = TypeVar("T")


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait, as all are that stand on the memory line alone."""
    try:
        step.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the step waits for something")


class Walks(RuleBasedStateMachine):
    """The state: the stored line, and what a listener to all facts believes."""

    def __init__(self) -> None:
        super().__init__()
        self.line = MemoryLine()
        self.now = NOW
        self.opened = 0
        self.offered = 0
        self.sockets: set[tuple[str, str]] = set()
        self.told_owner: dict[str, str] = {}
        self.told_place: dict[str, int] = {}
        self.told_state: dict[str, SeatState] = {}
        self.told_offers: dict[str, str] = {}
        self.errors: list[Exception] = []
        self.dispatchers = {node: self.dispatcher(node) for node in NODES}

    def dispatcher(self, node: str) -> Dispatcher:
        return Dispatcher(
            store=self.line,
            lease=self.line.deciding_lease(node),
            announce=self.hear,
            new_id=self.offer_id,
            clock=lambda: self.now,
            on_error=self.errors.append,
            settle_ms=0,
        )

    def offer_id(self) -> str:
        self.offered += 1
        return f"o-{self.offered}"

    @initialize()
    def open_shop(self) -> None:
        for each in GROUPS:
            at_once(self.line.add_group(each))
        for number, person in enumerate(AGENTS):
            made = seat(
                person,
                groups=("sales", "returns") if number else ("sales",),
                skills={"tea": number + 1},
                capacity=CHAT_UNITS * (number + 1),
            )
            at_once(self.line.add_seat(made))
            self.sockets.add((person, "node-a"))
            self.told_state[person] = "ready"
        for number, buyer in enumerate(BUYERS):
            self.open(buyer, GROUPS[number % 2].id, 0, 0, woken=number == len(BUYERS) - 1)

    # What is told

    async def hear(self, facts: Sequence[Fact]) -> None:
        self.believe(facts)

    def believe(self, facts: Sequence[Fact] | Fact | Refused) -> None:
        if isinstance(facts, Refused):
            return
        for fact in facts if isinstance(facts, Sequence) else [facts]:
            match fact:
                case Assigned():
                    self.told_owner[fact.conversation_id] = fact.person_id
                    self.told_offers = {
                        offer: person
                        for offer, person in self.told_offers.items()
                        if self.line.offers[offer].ticket_id != fact.ticket_id
                    }
                case Offered():
                    self.told_offers[fact.offer_id] = fact.person_id
                case OfferEnded():
                    assert self.told_offers.pop(fact.offer_id) == fact.person_id
                case Requeued():
                    assert self.told_owner.pop(fact.conversation_id) == fact.from_person
                case Closed():
                    assert self.told_owner.pop(fact.conversation_id, None) == fact.person_id
                case Moved():
                    self.told_place[fact.conversation_id] = fact.position
                case SeatChanged():
                    self.told_state[fact.person_id] = fact.state

    # Steps

    @rule(
        buyer=st.sampled_from(BUYERS),
        group_id=st.sampled_from([each.id for each in GROUPS]),
        level=st.sampled_from([0, 0, 2, 3, 5]),
        head_start_s=st.sampled_from([0, 0, 30]),
        woken=WOKEN,
    )
    def open(self, buyer: str, group_id: str, level: int, head_start_s: int, woken: bool) -> None:
        self.opened += 1
        wanted = ticket(
            buyer,
            group_id=group_id,
            joined=self.now - NOW,
            skills={"tea": level} if level else None,
            head_start_s=head_start_s,
        )
        at_once(self.line.join(replace(wanted, id=f"t-{self.opened}")))
        self.hint(woken)

    def hint(self, woken: bool) -> None:
        """A step's own wake-up, which comes at once or is lost."""
        if woken:
            self.decide("node-a")

    @rule(node=st.sampled_from(NODES))
    def decide(self, node: str) -> None:
        done = at_once(self.dispatchers[node].run_once(self.now))
        if done.held:
            assert done.lost == 0, "nobody else writes during a pass"
            self.nothing_is_left_to_do()

    @rule(span=st.sampled_from([1, 1_000, 5_000, 20_000, 60_000]))
    def wait(self, span: int) -> None:
        end = self.now + span
        while self.now < end:
            self.now = min(end, self.now + RENEW_EVERY_MS)
            for person, node in sorted(self.sockets):
                self.believe(at_once(self.line.renew(node, [person], now=self.now)))

    @rule(person=st.sampled_from(AGENTS), node=st.sampled_from(NODES))
    def connect(self, person: str, node: str) -> None:
        self.sockets.add((person, node))
        self.believe(at_once(self.line.arrive(node, person, now=self.now)))

    @rule(person=st.sampled_from(AGENTS), node=st.sampled_from(NODES))
    def disconnect(self, person: str, node: str) -> None:
        self.sockets.discard((person, node))
        at_once(self.line.leave(node, person, now=self.now))

    @rule(
        person=st.sampled_from(AGENTS),
        state=st.sampled_from(["ready", "ready", "ready", "break", "wrap_up", "offline"]),
        woken=WOKEN,
    )
    def declare(self, person: str, state: SeatState, woken: bool) -> None:
        self.believe(at_once(self.line.declare(person, state=state, reason=None, now=self.now)))
        self.hint(woken)

    @precondition(lambda self: self.line.offers)
    @rule(
        back=st.sampled_from([0, 0, 1, 5]),
        person=st.sampled_from(["its own", "its own", *AGENTS]),
        off=st.sampled_from([0, 0, 0, -1]),
        accept=st.sampled_from([True, True, False]),
        woken=WOKEN,
    )
    def answer(self, back: int, person: str, off: int, accept: bool, woken: bool) -> None:
        made = list(self.line.offers.values())
        held = made[max(0, len(made) - 1 - back)]
        owner = held.person_id if person == "its own" else person
        answer = self.line.accept if accept else self.line.decline
        before = len(self.line.log)
        told = at_once(answer(held.id, person_id=owner, fence=held.fence + off, now=self.now))
        open_in_time = held.state == "open" and self.now < held.expires_at
        rightful = owner == held.person_id and off == 0
        if not rightful:
            assert isinstance(told, Refused)
        elif open_in_time:
            assert not isinstance(told, Refused)
        if isinstance(told, Refused) or not open_in_time:
            assert len(self.line.log) == before
        self.believe(told)
        self.hint(woken)

    @rule(
        buyer=st.sampled_from(BUYERS),
        to=st.sampled_from(["sales", "returns", *AGENTS]),
        off=st.sampled_from([0, 0, 0, -1]),
        woken=WOKEN,
    )
    def transfer(self, buyer: str, to: str, off: int, woken: bool) -> None:
        owned = at_once(self.line.owner(buyer))
        if owned is None:
            return
        target = (
            TransferTarget(person_id=to, person_shops=frozenset({SHOP}))
            if to in AGENTS
            else TransferTarget(self.line.groups[to])
        )
        before = at_once(self.line.ticket(buyer))
        told = at_once(
            self.line.transfer(
                buyer, person_id=owned.person_id, fence=owned.fence + off, to=target, now=self.now
            )
        )
        after = at_once(self.line.ticket(buyer))
        if off:
            assert told == Refused("stale_fence")
        if isinstance(told, Refused):
            assert after == before
        else:
            assert after.joined_at == before.joined_at and after.fence > before.fence
        self.believe(told)
        self.hint(woken)

    @rule(buyer=st.sampled_from(BUYERS), by=st.sampled_from(["buyer", "owner", "old owner"]), woken=WOKEN)
    def close(self, buyer: str, by: str, woken: bool) -> None:
        log = at_once(self.line.assignments(buyer))
        if by == "buyer":
            self.believe(at_once(self.line.close(buyer, now=self.now)))
        elif log:
            agent = log[-1] if by == "owner" else log[0]
            told = at_once(self.line.close(buyer, now=self.now, person_id=agent.person_id, fence=agent.fence))
            if agent.until is not None and not isinstance(told, Refused):
                assert agent is log[-1] and agent.ended_by == "closed" and list(told) == []
            self.believe(told)
        self.hint(woken)

    # What holds after every step

    @invariant()
    def the_rows_agree(self) -> None:
        owners = [each for each in self.line.log if each.until is None]
        held = [each for each in self.line.offers.values() if each.state == "open"]
        active = {each.id: each for each in self.line.tickets.values() if each.state == "active"}
        offered = {each.id: each for each in self.line.tickets.values() if each.state == "offered"}
        assert len({each.conversation_id for each in owners}) == len(owners)
        assert {each.ticket_id: each.fence for each in owners} == {k: t.fence for k, t in active.items()}
        assert {each.ticket_id: each.fence for each in held} == {k: t.fence for k, t in offered.items()}
        assert len(held) == len(offered)
        for person in AGENTS:
            taken = [each.person_id for each in owners] + [each.person_id for each in held]
            units = CHAT_UNITS * taken.count(person)
            here = self.line.seats[person]
            assert here.units_used == units <= here.units_capacity

    @invariant()
    def fences_rise_and_no_two_ever_own_at_one_time(self) -> None:
        for buyer in BUYERS:
            log = [each for each in self.line.log if each.conversation_id == buyer]
            for earlier, later in pairwise(log):
                assert earlier.fence < later.fence
                assert earlier.until is not None and earlier.until <= later.from_

    @invariant()
    def one_who_listens_knows_the_owners_the_offers_and_the_states(self) -> None:
        assert self.told_owner == {
            each.conversation_id: each.person_id for each in self.line.log if each.until is None
        }
        assert self.told_offers == {
            each.id: each.person_id for each in self.line.offers.values() if each.state == "open"
        }
        assert self.told_state == {person: each.state for person, each in self.line.seats.items()}
        assert self.errors == []

    def nothing_is_left_to_do(self) -> None:
        waiting = sorted(
            (each for each in self.line.tickets.values() if each.state == "waiting"),
            key=lambda each: each.order,
        )
        assert next_match(waiting, self.line.seats.values(), self.line.groups, self.now) is None
        assert all(each.expires_at > self.now for each in self.line.offers.values() if each.state == "open")
        for here in self.line.seats.values():
            assert here.state == "offline" or here.lease_until > self.now

    def teardown(self) -> None:
        """At the end of each walk the deciding node gets a quiet moment; then everybody knows his place."""
        self.now += 2 * max(MOVED_EVERY_MS, 5_000)
        assert at_once(self.dispatchers["node-a"].run_once(self.now)).held
        for each in self.line.tickets.values():
            if each.state == "waiting":
                assert self.told_place[each.conversation_id] == at_once(
                    self.line.position(each.conversation_id)
                )
        self.the_rows_agree()


TestWalks = Walks.TestCase
TestWalks.settings = settings(
    max_examples=rounds(reduced=60, full=10_000),
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
)
