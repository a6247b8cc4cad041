"""Who is served next and by whom: pure, static in its order, and able to explain itself.

The line is walked once, oldest first. The first ticket that somebody may serve gets the best of those who
may; a ticket that nobody may serve now is passed by and blocks nobody behind it. So after a plan nobody
waits whom a seat with room may serve, and of two tickets with the same wishes the later is never served
before the earlier.

To deepen it (timed steps, overflow, sticky agents), change what ``_refusal`` allows at a given ``now`` or how
``_preference`` orders seats; the walk stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from queues.model import (
    CANDIDATES_KEPT,
    Candidate,
    Group,
    Match,
    RefusalReason,
    Requirement,
    Seat,
    Ticket,
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """All that the policy looks at in a ticket beside its place: tickets with one wish stand and fall
    together."""

    shop_id: str
    group_id: str
    requirements: tuple[Requirement, ...]
    units: int
    refused_by: frozenset[str]
    preferred: str | None
    held: bool


def next_match(
    tickets: Iterable[Ticket], seats: Iterable[Seat], groups: Mapping[str, Group], now: int
) -> Match | None:
    """The first match of ``plan``, or None when nobody who waits can be served."""
    return next(plan(tickets, seats, groups, now), None)


def plan(
    tickets: Iterable[Ticket], seats: Iterable[Seat], groups: Mapping[str, Group], now: int
) -> Iterator[Match]:
    """Matches for all who can be served now, in the order of the line.

    ``tickets`` wait and come in ``Ticket.order``; ``seats`` are of distinct persons; a ticket whose group
    is not in ``groups`` is passed by. Each match counts the ones before it as done: their units are used,
    their seat's idle clock starts at ``now``. If a store refuses one, the rest still hold, because a
    refusal only leaves more room.
    """
    room = _Room(seats, now)
    hopeless: set[_Wish] = set()
    for ticket in tickets:
        if room.widest < 1:
            return
        group = groups.get(ticket.group_id)
        if group is None or ticket.units > room.widest:
            continue
        wish = _wish(ticket, room.by_person, now)
        if wish in hopeless:
            continue
        candidates = _candidates(wish, room.of_group(ticket.group_id), room.by_person, now)
        if not candidates or candidates[0].refused is not None:
            # Seats only fill while a plan is made, so this wish stays unmet to its end.
            hopeless.add(wish)
            continue
        room.take(candidates[0].person_id, ticket.units, now)
        yield Match(
            ticket_id=ticket.id,
            conversation_id=ticket.conversation_id,
            shop_id=ticket.shop_id,
            group_id=ticket.group_id,
            person_id=candidates[0].person_id,
            fence=ticket.fence,
            units=ticket.units,
            accept=group.accept,
            offer_seconds=group.offer_seconds,
            candidates=tuple(candidates[:CANDIDATES_KEPT]),
            considered=len(candidates),
        )


class _Room:
    """The seats as they fill while a plan is made."""

    def __init__(self, seats: Iterable[Seat], now: int) -> None:
        self.by_person = {seat.person_id: seat for seat in seats}
        self._now = now
        self._members: dict[str, list[str]] = {}
        for seat in self.by_person.values():
            for group_id in seat.groups:
                self._members.setdefault(group_id, []).append(seat.person_id)
        self.widest = self._measure()

    def of_group(self, group_id: str) -> list[str]:
        return self._members.get(group_id, [])

    def take(self, person_id: str, units: int, now: int) -> None:
        seat = self.by_person[person_id]
        self.by_person[person_id] = replace(seat, units_used=seat.units_used + units, idle_since=now)
        self.widest = self._measure()

    def _measure(self) -> int:
        free = (
            seat.units_capacity - seat.units_used
            for seat in self.by_person.values()
            if seat.state == "ready" and seat.lease_until > self._now
        )
        return max(free, default=0)


def _wish(ticket: Ticket, by_person: Mapping[str, Seat], now: int) -> _Wish:
    preferred = ticket.preferred if ticket.preferred not in ticket.refused_by else None
    seat = by_person.get(preferred) if preferred is not None else None
    held = (
        seat is not None
        and now < ticket.preferred_until
        and _refusal_of_presence(seat, now) is None
        and ticket.shop_id in seat.shops
    )
    return _Wish(
        ticket.shop_id,
        ticket.group_id,
        ticket.requirements,
        ticket.units,
        ticket.refused_by,
        preferred if seat is not None else None,
        held,
    )


def _candidates(
    wish: _Wish, members: Iterable[str], by_person: Mapping[str, Seat], now: int
) -> list[Candidate]:
    """All seats that this wish is about, the best first and those that may not serve it last."""
    persons = set(members)
    if wish.preferred is not None:
        persons.add(wish.preferred)
    found = [_candidate(by_person[person], wish, now) for person in persons]
    if all(each.refused is not None for each in found):
        # Whoever refused it is asked again rather than that the buyer waits with an agent free.
        found = [replace(each, refused=None) if each.refused == "refused_it" else each for each in found]
    found.sort(key=lambda each: _preference(each, wish))
    return found


def _candidate(seat: Seat, wish: _Wish, now: int) -> Candidate:
    load = seat.units_used / seat.units_capacity if seat.units_capacity > 0 else 1.0
    return Candidate(seat.person_id, load, now - seat.idle_since, _refusal(seat, wish, now))


def _preference(candidate: Candidate, wish: _Wish) -> tuple[bool, bool, float, int, str]:
    """The order of seats: may serve, was asked for by name, least load, longest idle, and the id to end all
    ties."""
    return (
        candidate.refused is not None,
        candidate.person_id != wish.preferred,
        candidate.load,
        -candidate.idle_ms,
        candidate.person_id,
    )


def _refusal(seat: Seat, wish: _Wish, now: int) -> RefusalReason | None:
    """Why this seat may not serve this wish now; None if it may.

    Who was asked for by name needs neither the group nor the skills: a person has chosen him.
    """
    absent = _refusal_of_presence(seat, now)
    if absent is not None:
        return absent
    named = seat.person_id == wish.preferred and wish.shop_id in seat.shops
    if wish.held and not named:
        return "held_for_another"
    if not named:
        unskilled = _refusal_of_skill(seat, wish)
        if unskilled is not None:
            return unskilled
    if seat.units_used + wish.units > seat.units_capacity:
        return "no_room"
    return "refused_it" if seat.person_id in wish.refused_by else None


def _refusal_of_presence(seat: Seat, now: int) -> RefusalReason | None:
    if seat.state != "ready":
        return "not_ready"
    return "lease_expired" if seat.lease_until <= now else None


def _refusal_of_skill(seat: Seat, wish: _Wish) -> RefusalReason | None:
    if wish.group_id not in seat.groups:
        return "not_in_group"
    levels = seat.skills.get(wish.shop_id, {})
    for requirement in wish.requirements:
        level = levels.get(requirement.skill)
        if level is None:
            return "skill_missing"
        if level < requirement.level:
            return "level_low"
    return None
