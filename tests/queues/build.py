"""Groups, seats, tickets and matches with the fields that a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from queues.model import CAPACITY_UNITS, AcceptMode, Group, Match, Requirement, Seat, SeatState, Ticket
from queues.presence import LEASE_MS

NOW = 1_700_000_000_000
SHOP = "shop-tea"


def group(group_id: str = "sales", *, accept: AcceptMode = "auto", shop_id: str = SHOP) -> Group:
    return Group(group_id, shop_id, group_id.title(), accept)


def seat(
    person_id: str,
    *,
    groups: Iterable[str] = ("sales",),
    skills: Mapping[str, int] | None = None,
    state: SeatState = "ready",
    reason: str | None = None,
    capacity: int = CAPACITY_UNITS,
    used: int = 0,
    idle_since: int = NOW,
    lease_until: int = NOW + LEASE_MS,
    shop_id: str = SHOP,
    misses: int = 0,
) -> Seat:
    return Seat(
        person_id=person_id,
        state=state,
        reason=reason,
        shops=frozenset({shop_id}),
        groups=frozenset(groups),
        skills={shop_id: dict(skills or {})},
        units_capacity=capacity,
        units_used=used,
        idle_since=idle_since,
        lease_until=lease_until,
        misses=misses,
    )


def ticket(
    name: str,
    *,
    group_id: str = "sales",
    joined: int = 0,
    skills: Mapping[str, int] | None = None,
    shop_id: str = SHOP,
    head_start_s: int = 0,
    units: int = 20,
    refused_by: Iterable[str] = (),
    preferred: str | None = None,
    preferred_until: int = 0,
) -> Ticket:
    """A waiting ticket ``t-name`` of conversation ``name`` that joined ``joined`` ms after NOW."""
    return Ticket(
        id=f"t-{name}",
        conversation_id=name,
        shop_id=shop_id,
        group_id=group_id,
        requirements=tuple(Requirement(skill, level) for skill, level in (skills or {}).items()),
        joined_at=NOW + joined,
        head_start_s=head_start_s,
        units=units,
        refused_by=frozenset(refused_by),
        preferred=preferred,
        preferred_until=preferred_until,
    )


def match(of: Ticket, person_id: str, *, accept: AcceptMode = "auto") -> Match:
    return Match(
        ticket_id=of.id,
        conversation_id=of.conversation_id,
        shop_id=of.shop_id,
        group_id=of.group_id,
        person_id=person_id,
        fence=of.fence,
        units=of.units,
        accept=accept,
        offer_seconds=20,
        candidates=(),
        considered=1,
    )
