"""The line in memory: the executable specification of ``queues.ports``, and what the dispatcher's tests
stand on.

No method awaits anything, so each is one transaction. It fulfils ``LineStore``, ``LineDesk`` and
``SeatLeases``, and the few set-up and looking methods of ``LineUnderTest``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from queues import ownership, presence
from queues.model import (
    DECIDING_LEASE_MS,
    Assigned,
    Assignment,
    Closed,
    Fact,
    Group,
    Match,
    Offer,
    Offered,
    OfferEnded,
    OwnerAbsent,
    OwnerReturned,
    Requeued,
    RequeueReason,
    Seat,
    SeatChanged,
    SeatState,
    Ticket,
)
from queues.ownership import OfferOver, Refused, Released, TransferTarget
from queues.ports import GroupLine, Taken


@dataclass(slots=True)
class _Deciding:
    """The one row of the deciding lease."""

    node_id: str | None = None
    fence: int = 0
    until: int = 0


class MemoryDecidingLease:
    """One node's handle on the row."""

    def __init__(self, row: _Deciding, node_id: str) -> None:
        self._row = row
        self._node_id = node_id

    async def hold(self, now: int) -> int | None:
        alive = self._row.until > now
        if alive and self._row.node_id != self._node_id:
            return None
        if not alive or self._row.node_id is None:
            self._row.node_id, self._row.fence = self._node_id, self._row.fence + 1
        self._row.until = now + DECIDING_LEASE_MS
        return self._row.fence

    async def release(self) -> None:
        if self._row.node_id == self._node_id:
            self._row.node_id, self._row.until = None, 0


class MemoryLine:
    """Groups, tickets, seats, offers and assignments as dictionaries of the model's own shapes."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.versions: dict[str, int] = {}
        self.tickets: dict[str, Ticket] = {}
        self.seats: dict[str, Seat] = {}
        self.offers: dict[str, Offer] = {}
        self.log: list[Assignment] = []
        self.explained: dict[tuple[str, int], Match] = {}
        self._latest: dict[str, str] = {}
        self._leases: dict[tuple[str, str], int] = {}
        self._deciding = _Deciding()

    # Set-up and looking, as the tests need it.

    def deciding_lease(self, node_id: str) -> MemoryDecidingLease:
        return MemoryDecidingLease(self._deciding, node_id)

    async def add_group(self, group: Group) -> None:
        self.groups[group.id] = group
        self.versions.setdefault(group.id, 0)

    async def add_seat(self, seat: Seat, node_id: str = "node-a") -> None:
        self.seats[seat.person_id] = seat
        self._leases[seat.person_id, node_id] = seat.lease_until

    async def seat(self, person_id: str) -> Seat:
        return self.seats[person_id]

    async def ticket(self, conversation_id: str) -> Ticket:
        return self.tickets[self._latest[conversation_id]]

    async def explanation(self, ticket_id: str, fence: int) -> Match:
        return self.explained[ticket_id, fence]

    # LineStore

    async def changed_groups(
        self, known: Mapping[str, int], only: Collection[str] | None = None
    ) -> Collection[str]:
        asked = known.keys() | self.groups.keys()
        if only is not None:
            asked &= set(only)
        return [each for each in asked if each not in self.groups or self.versions[each] != known.get(each)]

    async def load_group(self, group_id: str) -> GroupLine | None:
        group = self.groups.get(group_id)
        if group is None:
            return None
        return GroupLine(group, tuple(self._waiting(group_id)), self.versions[group_id])

    async def load_seats(self, group_ids: Collection[str], person_ids: Collection[str]) -> Sequence[Seat]:
        return [
            seat
            for seat in self.seats.values()
            if seat.person_id in person_ids or not seat.groups.isdisjoint(group_ids)
        ]

    async def assign(self, match: Match, *, holder: int, now: int) -> Taken[Assigned] | None:
        if holder != self._deciding.fence:
            return None
        ticket, seat = self.tickets[match.ticket_id], self.seats[match.person_id]
        owned = ownership.assign(ticket, seat, fence=match.fence, now=now)
        if isinstance(owned, Refused):
            return None
        self._put(owned.ticket, owned.seat)
        self.log.append(owned.assignment)
        self.explained[ticket.id, owned.ticket.fence] = match
        self.versions[ticket.group_id] += 1
        return Taken(_assigned(owned.ticket, owned.assignment, now), self.versions[ticket.group_id])

    async def offer(
        self, match: Match, *, offer_id: str, expires_at: int, holder: int, now: int
    ) -> Taken[Offered] | None:
        if holder != self._deciding.fence:
            return None
        ticket, seat = self.tickets[match.ticket_id], self.seats[match.person_id]
        held = ownership.offer(
            ticket, seat, fence=match.fence, offer_id=offer_id, expires_at=expires_at, now=now
        )
        if isinstance(held, Refused):
            return None
        self._put(held.ticket, held.seat)
        self.offers[offer_id] = held.offer
        self.explained[ticket.id, held.ticket.fence] = match
        self.versions[ticket.group_id] += 1
        fact = Offered(
            offer_id=offer_id,
            ticket_id=ticket.id,
            conversation_id=ticket.conversation_id,
            shop_id=ticket.shop_id,
            group_id=ticket.group_id,
            person_id=seat.person_id,
            fence=held.offer.fence,
            expires_at=expires_at,
            at=now,
        )
        return Taken(fact, self.versions[ticket.group_id])

    async def expire_offers(self, *, holder: int, now: int) -> Sequence[Fact]:
        facts: list[Fact] = []
        if holder != self._deciding.fence:
            return facts
        due = [each for each in self.offers.values() if each.state == "open" and each.expires_at <= now]
        for due_offer in sorted(due, key=lambda each: (each.expires_at, each.fence, each.id)):
            held = self.offers[due_offer.id]
            ticket, seat = self.tickets[held.ticket_id], self.seats[held.person_id]
            over = ownership.miss(ticket, seat, held, now=now)
            if isinstance(over, Refused):
                continue
            facts.append(self._end_offer(over, now))
            if over.to_break:
                facts += [_seat_changed(over.seat, now), *self._withdraw_offers(seat.person_id, now)]
        return facts

    async def expire_leases(self, *, holder: int, now: int) -> Sequence[Fact]:
        facts: list[Fact] = []
        if holder != self._deciding.fence:
            return facts
        for person_id in sorted(self.seats):
            decision = presence.expire(self.seats[person_id], now)
            if decision is not None:
                facts += self._apply(decision, now)
                facts += [
                    OwnerAbsent(
                        ticket.id,
                        ticket.conversation_id,
                        ticket.shop_id,
                        person_id,
                        presence.requeue_at(decision.seat),
                        now,
                    )
                    for ticket in self._owned_by(person_id)
                ]
            if presence.requeue_due(self.seats[person_id], now):
                facts += self._requeue_all(person_id, now)
        return facts

    # LineDesk

    async def join(self, ticket: Ticket) -> Ticket:
        before = self._latest.get(ticket.conversation_id)
        if before is not None:
            if self.tickets[before].state != "done":
                return self.tickets[before]
            ticket = replace(ticket, fence=self.tickets[before].fence)
        self.tickets[ticket.id] = ticket
        self._latest[ticket.conversation_id] = ticket.id
        self.versions[ticket.group_id] += 1
        return ticket

    async def position(self, conversation_id: str) -> int | None:
        ticket = self.tickets[self._latest[conversation_id]]
        if ticket.state not in ("waiting", "offered"):
            return None
        return sum(each.order < ticket.order for each in self._waiting(ticket.group_id)) + 1

    async def owner(self, conversation_id: str) -> Assignment | None:
        return next((each for each in self.log if self._is_open(each, conversation_id)), None)

    async def assignments(self, conversation_id: str) -> Sequence[Assignment]:
        return [each for each in self.log if each.conversation_id == conversation_id]

    async def accept(self, offer_id: str, *, person_id: str, fence: int, now: int) -> Assigned | Refused:
        held = self.offers.get(offer_id)
        if held is None:
            return Refused("unknown")
        ticket, seat = self.tickets[held.ticket_id], self.seats[held.person_id]
        owned = ownership.accept(ticket, seat, held, person_id=person_id, fence=fence, now=now)
        if isinstance(owned, Refused):
            return owned
        if owned.repeated:
            first = next(each for each in self.log if self._is_open(each, ticket.conversation_id))
            return _assigned(ticket, first, first.from_)
        self._put(owned.ticket, owned.seat)
        self.offers[offer_id] = replace(held, state="accepted")
        self.log.append(owned.assignment)
        return _assigned(owned.ticket, owned.assignment, now)

    async def decline(self, offer_id: str, *, person_id: str, fence: int, now: int) -> OfferEnded | Refused:
        held = self.offers.get(offer_id)
        if held is None:
            return Refused("unknown")
        ticket, seat = self.tickets[held.ticket_id], self.seats[held.person_id]
        over = ownership.decline(ticket, seat, held, person_id=person_id, fence=fence, now=now)
        return over if isinstance(over, Refused) else self._end_offer(over, now)

    async def transfer(
        self, conversation_id: str, *, person_id: str, fence: int, to: TransferTarget, now: int
    ) -> Requeued | Refused:
        ticket, owned = self._ticket_and_owner(conversation_id)
        if ticket is None:
            return Refused("unknown")
        if owned is None:
            return Refused("stale_fence")
        seat = self.seats[owned.person_id]
        released = ownership.transfer(ticket, seat, owned, person_id=person_id, fence=fence, to=to, now=now)
        if isinstance(released, Refused):
            return released
        return self._release(owned, released, "transferred", now)

    async def give_back(self, conversation_id: str, *, now: int) -> Requeued | Refused:
        ticket, owned = self._ticket_and_owner(conversation_id)
        if ticket is None:
            return Refused("unknown")
        if owned is None:
            return Refused("stale_fence")
        last = frozenset({owned.person_id})
        seat = self.seats[owned.person_id]
        released = ownership.requeue(ticket, seat, owned, now=now, refused_by=last)
        if isinstance(released, Refused):
            return released
        return self._release(owned, released, "owner_lost", now)

    async def take_over(self, conversation_id: str, *, person_id: str, now: int) -> Assigned | Refused:
        ticket, owned = self._ticket_and_owner(conversation_id)
        if ticket is None:
            return Refused("unknown")
        if person_id not in self.seats:
            return Refused("seat_absent")
        left = self.seats[owned.person_id] if owned is not None else None
        taken = ownership.take_over(ticket, self.seats[person_id], now=now, owned=owned, left=left)
        if isinstance(taken, Refused):
            return taken
        if owned is not None and taken.released is not None:
            self.log[self.log.index(owned)] = taken.released
        if taken.left is not None:
            self.seats[taken.left.person_id] = taken.left
        self._put(taken.ticket, taken.seat)
        self.log.append(taken.assignment)
        if ticket.state == "waiting":
            self.versions[ticket.group_id] += 1
        return _assigned(taken.ticket, taken.assignment, now)

    async def weigh(self, conversation_id: str, units: int, *, now: int) -> bool:
        ticket, owned = self._ticket_and_owner(conversation_id)
        if ticket is None or ticket.state == "done" or ticket.units == units:
            return False
        held = next((each for each in self.offers.values() if _is_held(each, ticket)), None)
        holder = owned or held
        seat = self.seats[holder.person_id] if holder is not None else None
        self._put(*ownership.weigh(ticket, seat, units))
        if ticket.state == "waiting":
            self.versions[ticket.group_id] += 1
        return True

    async def close(
        self, conversation_id: str, *, now: int, person_id: str | None = None, fence: int | None = None
    ) -> Sequence[Fact] | Refused:
        if conversation_id not in self._latest:
            return Refused("unknown")
        ticket = self.tickets[self._latest[conversation_id]]
        owned = next((each for each in reversed(self.log) if each.ticket_id == ticket.id), None)
        if ticket.state != "done" and owned is not None and owned.until is not None:
            owned = None
        held = next((each for each in self.offers.values() if _is_held(each, ticket)), None)
        holder = owned or held
        done = ownership.close(
            ticket,
            now=now,
            seat=self.seats[holder.person_id] if holder is not None else None,
            held=held,
            owned=owned,
            person_id=person_id,
            fence=fence,
        )
        if isinstance(done, Refused) or done.repeated:
            return done if isinstance(done, Refused) else []
        facts: list[Fact] = []
        self._put(done.ticket, done.seat)
        if done.offer is not None:
            self.offers[done.offer.id] = done.offer
            facts.append(_offer_ended(done.offer, ticket, now))
        if done.assignment is not None and owned is not None:
            self.log[self.log.index(owned)] = done.assignment
        if ticket.state == "waiting":
            self.versions[ticket.group_id] += 1
        by = done.assignment.person_id if done.assignment is not None else None
        facts.append(
            Closed(ticket.id, conversation_id, ticket.shop_id, ticket.group_id, by, done.ticket.fence, now)
        )
        return facts

    async def declare(
        self, person_id: str, *, state: SeatState, reason: str | None, now: int
    ) -> Sequence[Fact] | Refused:
        seat = self.seats.get(person_id)
        if seat is None:
            return Refused("unknown")
        decision = presence.declare(
            seat,
            state=state,
            reason=reason,
            owns_conversations=bool(self._owned_by(person_id)),
            now=now,
        )
        return decision if isinstance(decision, Refused) else self._apply(decision, now)

    # SeatLeases

    async def arrive(self, node_id: str, person_id: str, *, now: int) -> Sequence[Fact]:
        return await self.renew(node_id, [person_id], now=now)

    async def renew(self, node_id: str, person_ids: Collection[str], *, now: int) -> Sequence[Fact]:
        facts: list[Fact] = []
        for person_id in person_ids:
            self._leases[person_id, node_id] = presence.renewed(now)
            decision = presence.come_back(self.seats[person_id], self._lease_end(person_id))
            facts += self._apply(decision, now)
            if decision.owner_returned:
                facts += [
                    OwnerReturned(ticket.id, ticket.conversation_id, ticket.shop_id, person_id, now)
                    for ticket in self._owned_by(person_id)
                ]
        return facts

    async def leave(self, node_id: str, person_id: str, *, now: int) -> None:
        before = self._leases.get((person_id, node_id), 0)
        self._leases[person_id, node_id] = presence.shortened(before, now)
        self.seats[person_id] = replace(self.seats[person_id], lease_until=self._lease_end(person_id))

    # The rows

    def _waiting(self, group_id: str) -> list[Ticket]:
        waiting = (t for t in self.tickets.values() if t.group_id == group_id and t.state == "waiting")
        return sorted(waiting, key=lambda ticket: ticket.order)

    def _lease_end(self, person_id: str) -> int:
        return presence.lease_end(until for (person, _), until in self._leases.items() if person == person_id)

    def _is_open(self, assignment: Assignment, conversation_id: str) -> bool:
        return assignment.conversation_id == conversation_id and assignment.until is None

    def _owned_by(self, person_id: str) -> list[Ticket]:
        return [
            self.tickets[each.ticket_id]
            for each in self.log
            if each.person_id == person_id and each.until is None
        ]

    def _ticket_and_owner(self, conversation_id: str) -> tuple[Ticket | None, Assignment | None]:
        ticket_id = self._latest.get(conversation_id)
        if ticket_id is None:
            return None, None
        owned = next((each for each in self.log if self._is_open(each, conversation_id)), None)
        return self.tickets[ticket_id], owned

    def _put(self, ticket: Ticket, seat: Seat | None) -> None:
        self.tickets[ticket.id] = ticket
        if seat is not None:
            self.seats[seat.person_id] = seat

    def _end_offer(self, over: OfferOver, now: int) -> OfferEnded:
        self._put(over.ticket, over.seat)
        self.offers[over.offer.id] = over.offer
        self.versions[over.ticket.group_id] += 1
        return _offer_ended(over.offer, over.ticket, now)

    def _withdraw_offers(self, person_id: str, now: int) -> list[Fact]:
        facts: list[Fact] = []
        for held in sorted(self.offers.values(), key=lambda each: each.id):
            if held.person_id != person_id or held.state != "open":
                continue
            over = ownership.withdraw(self.tickets[held.ticket_id], self.seats[person_id], held)
            if not isinstance(over, Refused):
                facts.append(self._end_offer(over, now))
        return facts

    def _apply(self, decision: presence.SeatDecision, now: int) -> list[Fact]:
        self.seats[decision.seat.person_id] = decision.seat
        facts: list[Fact] = [_seat_changed(decision.seat, now)] if decision.changed else []
        if decision.withdraw_offers:
            facts += self._withdraw_offers(decision.seat.person_id, now)
        return facts

    def _requeue_all(self, person_id: str, now: int) -> list[Fact]:
        facts: list[Fact] = []
        for owned in [each for each in self.log if each.person_id == person_id and each.until is None]:
            released = ownership.requeue(self.tickets[owned.ticket_id], self.seats[person_id], owned, now=now)
            if not isinstance(released, Refused):
                facts.append(self._release(owned, released, "owner_lost", now))
        return facts

    def _release(self, owned: Assignment, released: Released, reason: RequeueReason, now: int) -> Requeued:
        self._put(released.ticket, released.seat)
        self.log[self.log.index(owned)] = released.assignment
        self.versions[released.ticket.group_id] += 1
        return Requeued(
            ticket_id=released.ticket.id,
            conversation_id=released.ticket.conversation_id,
            shop_id=released.ticket.shop_id,
            group_id=released.ticket.group_id,
            from_person=owned.person_id,
            fence=released.ticket.fence,
            reason=reason,
            at=now,
        )


def _is_held(offer: Offer, ticket: Ticket) -> bool:
    return offer.ticket_id == ticket.id and offer.state == "open"


def _assigned(ticket: Ticket, assignment: Assignment, at: int) -> Assigned:
    return Assigned(
        ticket_id=ticket.id,
        conversation_id=ticket.conversation_id,
        shop_id=ticket.shop_id,
        group_id=ticket.group_id,
        person_id=assignment.person_id,
        fence=assignment.fence,
        reason=assignment.reason,
        at=at,
    )


def _offer_ended(offer: Offer, ticket: Ticket, at: int) -> OfferEnded:
    if offer.state == "open" or offer.state == "accepted":
        raise AssertionError(f"offer {offer.id} has not ended")
    return OfferEnded(offer.id, ticket.id, ticket.conversation_id, offer.person_id, offer.state, at)


def _seat_changed(seat: Seat, at: int) -> SeatChanged:
    return SeatChanged(seat.person_id, seat.state, seat.reason, at)
