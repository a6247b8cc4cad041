"""The line's rows as the shapes of `queues.model`, both ways; and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queues.model import (
    Assigned,
    Assignment,
    Candidate,
    Match,
    Offer,
    OfferEnded,
    Requirement,
    Seat,
    SeatChanged,
    Ticket,
)
from server.storage.schema import assignments, offers, seats, tickets

TICKET = (
    tickets.c.id,
    tickets.c.conversation_id,
    tickets.c.shop_id,
    tickets.c.group_id,
    tickets.c.requirements,
    tickets.c.joined_at,
    tickets.c.head_start_s,
    tickets.c.units,
    tickets.c.state,
    tickets.c.fence,
    tickets.c.refused_by,
    tickets.c.preferred_id,
    tickets.c.preferred_until,
    tickets.c.transfers,
)
OFFER = (
    offers.c.id,
    offers.c.ticket_id,
    offers.c.person_id,
    offers.c.fence,
    offers.c.expires_at,
    offers.c.state,
)
ASSIGNMENT = (
    assignments.c.ticket_id,
    assignments.c.conversation_id,
    assignments.c.person_id,
    assignments.c.fence,
    assignments.c.since,
    assignments.c.until,
    assignments.c.reason,
    assignments.c.ended_by,
)
SEAT = (
    seats.c.person_id,
    seats.c.state,
    seats.c.reason,
    seats.c.units_capacity,
    seats.c.units_used,
    seats.c.idle_since,
    seats.c.lease_until,
    seats.c.misses,
)


def ticket_of(row: Sequence[Any]) -> Ticket:
    """The ticket of a row of its columns."""
    (
        ticket_id,
        conversation_id,
        shop_id,
        group_id,
        requirements,
        joined_at,
        head_start_s,
        units,
        state,
        fence,
        refused_by,
        preferred_id,
        preferred_until,
        transfers,
    ) = row
    return Ticket(
        id=ticket_id,
        conversation_id=conversation_id,
        shop_id=shop_id,
        group_id=group_id,
        requirements=tuple(Requirement(skill, level) for skill, level in requirements),
        joined_at=joined_at,
        head_start_s=head_start_s,
        units=units,
        state=state,
        fence=fence,
        refused_by=frozenset(refused_by),
        preferred=preferred_id,
        preferred_until=preferred_until,
        transfers=transfers,
    )


def ticket_values(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "conversation_id": ticket.conversation_id,
        "shop_id": ticket.shop_id,
        "group_id": ticket.group_id,
        "requirements": [[need.skill, need.level] for need in ticket.requirements],
        "state": ticket.state,
        "joined_at": ticket.joined_at,
        "head_start_s": ticket.head_start_s,
        "priority": ticket.priority,
        "units": ticket.units,
        "fence": ticket.fence,
        "refused_by": sorted(ticket.refused_by),
        "preferred_id": ticket.preferred,
        "preferred_until": ticket.preferred_until,
        "transfers": ticket.transfers,
    }


def seat_of(row: Any) -> Seat:
    """The seat of a row of `SEAT`, without shops, groups and skills: deciding who owns what needs none."""
    return Seat(
        person_id=row.person_id,
        state=row.state,
        reason=row.reason,
        shops=frozenset(),
        groups=frozenset(),
        skills={},
        units_capacity=row.units_capacity,
        units_used=row.units_used,
        idle_since=row.idle_since,
        lease_until=row.lease_until,
        misses=row.misses,
    )


def explanation(match: Match) -> dict[str, Any]:
    """What is stored of a match to explain it later."""
    return {
        "considered": match.considered,
        "candidates": [
            {"person_id": each.person_id, "load": each.load, "idle_ms": each.idle_ms, "refused": each.refused}
            for each in match.candidates
        ],
    }


def candidates(why: dict[str, Any]) -> tuple[Candidate, ...]:
    """The candidates of a stored explanation, in their order."""
    return tuple(Candidate(**each) for each in why["candidates"])


def assigned_fact(ticket: Ticket, assignment: Assignment) -> Assigned:
    """An assignment as it is told: as of its beginning, however often it is asked for."""
    return Assigned(
        ticket_id=ticket.id,
        conversation_id=ticket.conversation_id,
        shop_id=ticket.shop_id,
        group_id=ticket.group_id,
        person_id=assignment.person_id,
        fence=assignment.fence,
        reason=assignment.reason,
        at=assignment.from_,
    )


def offer_ended_fact(offer: Offer, ticket: Ticket, at: int) -> OfferEnded:
    """The end of an offer that nobody took."""
    if offer.state == "open" or offer.state == "accepted":
        raise ValueError(f"offer {offer.id} is {offer.state}: nobody is told that it ended untaken")
    return OfferEnded(offer.id, ticket.id, ticket.conversation_id, offer.person_id, offer.state, at)


def seat_changed_fact(seat: Seat, at: int) -> SeatChanged:
    """A person's state as it is told."""
    return SeatChanged(seat.person_id, seat.state, seat.reason, at)
