"""Who owns a conversation: each step of a ticket's walk as a decision on the rows it touches.

A function gets the rows as they are and gives the rows as they shall be, or ``Refused`` with a code.
Storage writes the result by compare-and-set on the fence and state it read; if that fails it reads again or
reports the race as lost. A seat given back has the units taken or freed; every other field that is not
mentioned stays.

Boundaries, the same everywhere: a lease or an offer is over at its very millisecond (``deadline <= now``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from queues.model import (
    MISSES_TO_BREAK,
    PREFERRED_HOLD_MS,
    REASON_MISSED,
    TRANSFERS_MAX,
    Assignment,
    AssignmentEnd,
    Group,
    Offer,
    Seat,
    Ticket,
)

RefusedCode = Literal[
    "already_taken",  # the offer was made to someone else, or someone else has the conversation
    "offer_expired",  # its time was over
    "offer_ended",  # it was declined or withdrawn before
    "stale_fence",  # the caller's assignment or offer is no longer the present one
    "not_waiting",  # the ticket does not wait (any more)
    "seat_not_ready",  # the seat is not ready or its lease is over
    "seat_full",  # the seat has no room for the ticket's units
    "seat_absent",  # a person without a live lease cannot become ready
    "conversations_open",  # a person who owns conversations cannot go offline
    "transfer_target",  # nowhere, back to oneself, or out of the shop
    "transfer_limit",  # handed on too often
    "unknown",  # no such offer, conversation or seat in the line
]


@dataclass(frozen=True, slots=True)
class Refused:
    """The step was not taken and nothing was written."""

    code: RefusedCode


@dataclass(frozen=True, slots=True)
class Owned:
    """The ticket is active and the assignment is its open one. ``repeated``: it was so before, write
    nothing."""

    ticket: Ticket
    seat: Seat
    assignment: Assignment
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The ticket is offered; the offer is its open one and the seat keeps room for it."""

    ticket: Ticket
    seat: Seat
    offer: Offer


@dataclass(frozen=True, slots=True)
class OfferOver:
    """The offer ended without a taker; the ticket waits again, in its old place.

    ``to_break``: the seat went to break by this, so its other open offers are to be withdrawn in the same
    transaction.
    """

    ticket: Ticket
    seat: Seat
    offer: Offer
    to_break: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The assignment ended; the ticket waits again, or is done."""

    ticket: Ticket
    seat: Seat
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Where a conversation is handed: to a group, to a person, or to a person with a group to fall back on.

    ``group`` None keeps the ticket's group and its requirements; another group starts without requirements,
    because those were asked for by the rule that chose the old group. ``person_shops`` are the shops that
    the person serves.
    """

    group: Group | None = None
    person_id: str | None = None
    person_shops: frozenset[str] = frozenset()


def assign(ticket: Ticket, seat: Seat, *, fence: int, now: int) -> Owned | Refused:
    """Give a waiting ticket, as the policy saw it at ``fence``, to a seat that is ready and has room."""
    refused = _cannot_take(ticket, seat, fence=fence, now=now)
    if refused is not None:
        return refused
    taken = _taken(ticket, fence=ticket.fence + 1)
    busier = replace(seat, units_used=seat.units_used + ticket.units, idle_since=now)
    return Owned(
        taken,
        busier,
        Assignment(ticket.id, ticket.conversation_id, seat.person_id, taken.fence, now, None, "assigned"),
    )


def offer(
    ticket: Ticket, seat: Seat, *, fence: int, offer_id: str, expires_at: int, now: int
) -> HeldOut | Refused:
    """Hold a waiting ticket out to a seat that is ready and has room; the room is kept until the offer
    ends."""
    refused = _cannot_take(ticket, seat, fence=fence, now=now)
    if refused is not None:
        return refused
    held = replace(ticket, state="offered", fence=ticket.fence + 1)
    busier = replace(seat, units_used=seat.units_used + ticket.units)
    return HeldOut(held, busier, Offer(offer_id, ticket.id, seat.person_id, held.fence, expires_at))


def _cannot_take(ticket: Ticket, seat: Seat, *, fence: int, now: int) -> Refused | None:
    if ticket.state != "waiting":
        return Refused("not_waiting")
    if ticket.fence != fence:
        return Refused("stale_fence")
    if seat.state != "ready" or seat.lease_until <= now:
        return Refused("seat_not_ready")
    if seat.units_used + ticket.units > seat.units_capacity:
        return Refused("seat_full")
    return None


def accept(
    ticket: Ticket, seat: Seat, held: Offer, *, person_id: str, fence: int, now: int
) -> Owned | Refused:
    """The person takes what was held out to him. It keeps the offer's fence.

    Asked again by the one who took it (a second tab, a lost ack), it gives the same with ``repeated``; the
    assignment's ``from_`` is then the stored one's business, not ``now``.
    """
    refused = _cannot_answer(held, person_id=person_id, fence=fence)
    if refused is not None:
        return refused
    if held.state == "accepted":
        if ticket.state != "active" or ticket.fence != held.fence:
            return Refused("stale_fence")
        return Owned(ticket, seat, _accepted(ticket, held, now), repeated=True)
    if held.expires_at <= now:
        return Refused("offer_expired")
    taken = _taken(ticket, fence=held.fence)
    rested = replace(seat, idle_since=now, misses=0)
    return Owned(taken, rested, _accepted(ticket, held, now))


def _accepted(ticket: Ticket, held: Offer, now: int) -> Assignment:
    return Assignment(ticket.id, ticket.conversation_id, held.person_id, held.fence, now, None, "accepted")


def _cannot_answer(held: Offer, *, person_id: str, fence: int) -> Refused | None:
    if held.person_id != person_id:
        return Refused("already_taken")
    if held.fence != fence:
        return Refused("stale_fence")
    if held.state == "missed":
        return Refused("offer_expired")
    if held.state in ("declined", "withdrawn"):
        return Refused("offer_ended")
    return None


def decline(
    ticket: Ticket, seat: Seat, held: Offer, *, person_id: str, fence: int, now: int
) -> OfferOver | Refused:
    """The person says no in time. It shows that he is there, so his misses are forgotten."""
    refused = _cannot_answer(held, person_id=person_id, fence=fence)
    if refused is not None:
        return refused
    if held.state == "accepted":
        return Refused("offer_ended")
    if held.expires_at <= now:
        return Refused("offer_expired")
    return OfferOver(
        _back_in_line(ticket, refused_by=ticket.refused_by | {person_id}),
        replace(_freed(seat, ticket), misses=0),
        replace(held, state="declined"),
    )


def miss(ticket: Ticket, seat: Seat, held: Offer, *, now: int) -> OfferOver | Refused:
    """The offer's time is over: the ticket goes back to its place, the second miss in a row sends the seat
    to break."""
    if held.state != "open" or held.expires_at > now:
        return Refused("offer_ended")
    misses = seat.misses + 1
    freed = replace(_freed(seat, ticket), misses=misses)
    to_break = misses >= MISSES_TO_BREAK and seat.state == "ready"
    if to_break:
        freed = replace(freed, state="break", reason=REASON_MISSED)
    return OfferOver(
        _back_in_line(ticket, refused_by=ticket.refused_by | {seat.person_id}),
        freed,
        replace(held, state="missed"),
        to_break=to_break,
    )


def withdraw(ticket: Ticket, seat: Seat, held: Offer) -> OfferOver | Refused:
    """Take an open offer back because the seat is ready no more. It counts neither as a miss nor as a
    refusal."""
    if held.state != "open":
        return Refused("offer_ended")
    return OfferOver(
        _back_in_line(ticket, refused_by=ticket.refused_by),
        _freed(seat, ticket),
        replace(held, state="withdrawn"),
    )


def transfer(
    ticket: Ticket, seat: Seat, owned: Assignment, *, person_id: str, fence: int, to: TransferTarget, now: int
) -> Released | Refused:
    """The owner hands the conversation on; it waits with its first time of joining, and last of all for him.

    Handed to a person, it is kept for that person until PREFERRED_HOLD_MS are over or he is not ready.
    Refused without a target, to the owner himself, out of the shop, and after TRANSFERS_MAX of them.
    """
    if not _owns(ticket, owned, person_id=person_id, fence=fence):
        return Refused("stale_fence")
    if not _may_go(ticket, person_id, to):
        return Refused("transfer_target")
    if ticket.transfers >= TRANSFERS_MAX:
        return Refused("transfer_limit")
    moved = ticket
    if to.group is not None and to.group.id != ticket.group_id:
        moved = replace(ticket, group_id=to.group.id, requirements=())
    waiting = replace(
        _back_in_line(moved, refused_by=frozenset({person_id})),
        preferred=to.person_id,
        preferred_until=now + PREFERRED_HOLD_MS if to.person_id is not None else 0,
        transfers=ticket.transfers + 1,
    )
    return Released(waiting, _freed(seat, ticket), _ended(owned, "transferred", now))


def _may_go(ticket: Ticket, owner: str, to: TransferTarget) -> bool:
    if to.group is None and to.person_id is None:
        return False
    if to.group is not None and to.group.shop_id != ticket.shop_id:
        return False
    return to.person_id is None or (to.person_id != owner and ticket.shop_id in to.person_shops)


def requeue(
    ticket: Ticket,
    seat: Seat,
    owned: Assignment,
    *,
    now: int,
    refused_by: frozenset[str] = frozenset(),
) -> Released | Refused:
    """Take the conversation from an owner who stayed away; it waits with its first time of joining.

    ``refused_by``: for whom it waits last of all, as if he had declined it.
    """
    if ticket.state != "active" or owned.until is not None or owned.fence != ticket.fence:
        return Refused("stale_fence")
    return Released(
        _back_in_line(ticket, refused_by=refused_by), _freed(seat, ticket), _ended(owned, "owner_lost", now)
    )


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The ticket is active with its new owner. ``released`` and ``left`` are the former owner's assignment
    and seat, where there was one."""

    ticket: Ticket
    seat: Seat
    assignment: Assignment
    released: Assignment | None = None
    left: Seat | None = None


def take_over(
    ticket: Ticket,
    seat: Seat,
    *,
    now: int,
    owned: Assignment | None = None,
    left: Seat | None = None,
) -> TakenOver | Refused:
    """A supervisor takes the conversation as it waits or from its owner, whatever room he has: he has chosen.

    ``owned`` and ``left`` are the open assignment and its seat. Refused while it is held out to somebody, to
    its owner himself, and to a person without a live lease.
    """
    if ticket.state not in ("waiting", "active"):
        return Refused("not_waiting")
    if owned is not None and owned.person_id == seat.person_id:
        return Refused("transfer_target")
    if seat.lease_until <= now:
        return Refused("seat_absent")
    taken = _taken(ticket, fence=ticket.fence + 1)
    return TakenOver(
        taken,
        replace(seat, units_used=seat.units_used + ticket.units, idle_since=now),
        Assignment(ticket.id, ticket.conversation_id, seat.person_id, taken.fence, now, None, "taken_over"),
        _ended(owned, "taken_over", now) if owned is not None else None,
        _freed(left, ticket) if left is not None else None,
    )


def weigh(ticket: Ticket, seat: Seat | None, units: int) -> tuple[Ticket, Seat | None]:
    """The ticket takes so many units from now on, of the seat that has it, too.

    The seat may be fuller by it than its capacity: an owner may take the call of a conversation that he has
    beside his other chats; nothing new comes until there is room again.
    """
    heavier = replace(ticket, units=units)
    if seat is None:
        return heavier, None
    return heavier, replace(seat, units_used=seat.units_used + units - ticket.units)


@dataclass(frozen=True, slots=True)
class Done:
    """The ticket is done; whatever was open on it has ended. ``seat`` is the one that held it, if any did."""

    ticket: Ticket
    seat: Seat | None = None
    offer: Offer | None = None
    assignment: Assignment | None = None
    repeated: bool = False


def close(
    ticket: Ticket,
    *,
    now: int,
    seat: Seat | None = None,
    held: Offer | None = None,
    owned: Assignment | None = None,
    person_id: str | None = None,
    fence: int | None = None,
) -> Done | Refused:
    """End the conversation's service, from any state. ``seat`` goes with the open offer or assignment, if
    there is one.

    An agent gives his id and fence and must be the owner; the buyer and the house give neither. ``owned``
    is the open assignment or, of a ticket that is done, its last. A ticket already done stays as it is
    (``repeated``), except that an agent who was not the one to close it is told that his fence is old.
    """
    if ticket.state == "done":
        if person_id is None or (owned is not None and _closed_by(owned, person_id=person_id, fence=fence)):
            return Done(ticket, repeated=True)
        return Refused("stale_fence")
    if person_id is not None and not (owned and _owns(ticket, owned, person_id=person_id, fence=fence)):
        return Refused("stale_fence")
    done = replace(ticket, state="done", fence=ticket.fence + 1)
    return Done(
        done,
        _freed(seat, ticket) if seat is not None else None,
        replace(held, state="withdrawn") if held is not None else None,
        _ended(owned, "closed", now) if owned is not None else None,
    )


def _owns(ticket: Ticket, owned: Assignment, *, person_id: str, fence: int | None) -> bool:
    return (
        ticket.state == "active"
        and owned.until is None
        and owned.person_id == person_id
        and owned.fence == ticket.fence == fence
    )


def _closed_by(owned: Assignment, *, person_id: str, fence: int | None) -> bool:
    return owned.ended_by == "closed" and owned.person_id == person_id and owned.fence == fence


def _taken(ticket: Ticket, *, fence: int) -> Ticket:
    return replace(
        ticket, state="active", fence=fence, refused_by=frozenset(), preferred=None, preferred_until=0
    )


def _back_in_line(ticket: Ticket, *, refused_by: frozenset[str]) -> Ticket:
    return replace(ticket, state="waiting", fence=ticket.fence + 1, refused_by=refused_by)


def _freed(seat: Seat, ticket: Ticket) -> Seat:
    return replace(seat, units_used=seat.units_used - ticket.units)


def _ended(owned: Assignment, by: AssignmentEnd, now: int) -> Assignment:
    return replace(owned, until=now, ended_by=by)
