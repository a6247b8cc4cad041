"""The line in plain data: who waits, who sits, who was asked, who owns, and what is told about it.

Every shape is frozen. Times are integer epoch milliseconds in UTC; spans are named with their unit. Ids are
opaque strings made elsewhere. Nothing here reads a clock, draws a number or touches a disk.

How a ticket walks::

    waiting ── assign ─────────────────────────▶ active      (groups with accept = "auto")
    waiting ── offer ──▶ offered ── accept ────▶ active      (groups with accept = "offer")
    offered ── miss, decline, withdraw ────────▶ waiting
    active  ── transfer, requeue ──────────────▶ waiting
    waiting, offered, active ── close ─────────▶ done

``Ticket.fence`` rises by one on every one of these arrows but ``accept``, which keeps the fence of its
offer. An agent's write carries the fence of the assignment it was made under; another fence than the
ticket's present one is stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

# Proficiency runs from 1 (knows of it) to 5 (teaches it), as contact centres have it.
LEVEL_MIN = 1
LEVEL_MAX = 5

# A person's whole attention is 100 units; a text chat takes 20, a video call takes all of it. So five chats
# or one call, never both (the unit arithmetic of product row R4).
CAPACITY_UNITS = 100
CHAT_UNITS = 20
CALL_UNITS = 100

# The most that a head start may be worth: no buyer, however dear, overtakes someone who came ten minutes
# earlier. This is what keeps the order static and everybody's wait finite.
HEAD_START_CAP_S = 600

OFFER_SECONDS = 20

# How long one node decides for all without renewing. It bounds how long nobody is served after that node
# has died.
DECIDING_LEASE_MS = 5_000

# A second offer unanswered in a row says that nobody sits there: the seat goes to break with the reason
# below.
MISSES_TO_BREAK = 2
REASON_MISSED = "missed"

# A transfer to a named agent is kept for that agent as long as this, if he is ready; afterwards anyone may
# serve.
PREFERRED_HOLD_MS = 20_000

# A conversation handed on more often than this is going in circles: somebody must keep it or call a
# supervisor.
TRANSFERS_MAX = 5

# Of the seats that were looked at for a match, how many are kept with it to explain it later. It bounds the
# stored row.
CANDIDATES_KEPT = 20

TicketState = Literal["waiting", "offered", "active", "done"]
SeatState = Literal["ready", "break", "offline", "wrap_up"]
AcceptMode = Literal["auto", "offer"]
OfferState = Literal["open", "accepted", "missed", "declined", "withdrawn"]
AssignmentReason = Literal["assigned", "accepted", "taken_over"]
AssignmentEnd = Literal["closed", "transferred", "owner_lost", "taken_over"]
RequeueReason = Literal["transferred", "owner_lost"]

RefusalReason = Literal[
    "not_ready",
    "lease_expired",
    "held_for_another",
    "not_in_group",
    "skill_missing",
    "level_low",
    "no_room",
    "refused_it",
]
"""Why a seat does not get a ticket. ``refused_it`` is the only one that gives way when nobody else is
left."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A skill that the agent must have at this level (1–5) or above."""

    skill: str
    level: int

    def __post_init__(self) -> None:
        if not LEVEL_MIN <= self.level <= LEVEL_MAX:
            raise ValueError(f"a skill level is {LEVEL_MIN} to {LEVEL_MAX}, not {self.level}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One conversation's wish to be served by a group: from the moment it joins until it is closed.

    A transfer or a lost owner brings it back to ``waiting`` with its first ``joined_at``; a reopened
    conversation gets a new ticket. ``preferred`` is the agent to whom it was handed by name; until
    ``preferred_until`` it is kept for him while he is ready. ``refused_by`` are the agents who declined or
    missed it, or handed it on, since it began to wait.
    """

    id: str
    conversation_id: str
    shop_id: str
    group_id: str
    requirements: tuple[Requirement, ...]
    joined_at: int
    head_start_s: int = 0
    units: int = CHAT_UNITS
    state: TicketState = "waiting"
    fence: int = 0
    refused_by: frozenset[str] = frozenset()
    preferred: str | None = None
    preferred_until: int = 0
    transfers: int = 0

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError(f"a ticket takes at least one unit of a seat, not {self.units}")
        if not 0 <= self.head_start_s <= HEAD_START_CAP_S:
            raise ValueError(f"a head start is 0 to {HEAD_START_CAP_S} s, not {self.head_start_s}")

    @property
    def priority(self) -> int:
        """The moment it counts as having joined, in epoch ms: the smaller, the sooner it is served. Never
        changes."""
        return self.joined_at - self.head_start_s * 1000

    @property
    def order(self) -> tuple[int, int, str]:
        """The total order of the line: priority, then the real time of joining, then the id."""
        return (self.priority, self.joined_at, self.id)


@dataclass(frozen=True, slots=True)
class Seat:
    """A person at work: one state and one capacity over all the shops he serves.

    ``units_used`` counts open offers as well as active tickets, so that an offer keeps its place free.
    ``idle_since`` is when he was last given work or last became ready, whichever is later; a reconnect
    keeps it. ``lease_until`` is when he counts as gone unless a node that holds one of his sockets renews
    it. ``misses`` counts offers in a row that he left unanswered. ``skills`` is level by skill by shop.
    """

    person_id: str
    state: SeatState
    reason: str | None
    shops: frozenset[str]
    groups: frozenset[str]
    skills: Mapping[str, Mapping[str, int]]
    units_capacity: int
    units_used: int
    idle_since: int
    lease_until: int
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A skill group (技能组) of one shop. ``auto`` assigns by itself, ``offer`` asks and waits
    ``offer_seconds``."""

    id: str
    shop_id: str
    name: str
    accept: AcceptMode = "auto"
    offer_seconds: int = OFFER_SECONDS


@dataclass(frozen=True, slots=True)
class Offer:
    """A ticket held out to one person until ``expires_at``; at that very moment it is already missed."""

    id: str
    ticket_id: str
    person_id: str
    fence: int
    expires_at: int
    state: OfferState = "open"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who owned a conversation from when until when. At most one per conversation has no ``until``.

    ``reason`` is how it began, ``ended_by`` how it ended. Fences rise strictly from one assignment to the
    next.
    """

    ticket_id: str
    conversation_id: str
    person_id: str
    fence: int
    from_: int
    until: int | None
    reason: AssignmentReason
    ended_by: AssignmentEnd | None = None


@dataclass(frozen=True, slots=True)
class RuleCondition:
    """What a rule asks of an arriving conversation. A field that is None asks nothing; all others must be
    equal."""

    entry_point: str | None = None
    product_category: str | None = None
    language: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class RoutingFacts:
    """What is known of an arriving conversation. None is not known, and meets no condition on it."""

    entry_point: str | None = None
    product_category: str | None = None
    language: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a shop's ordered routing rules: the lowest position that fits wins."""

    position: int
    when: RuleCondition
    group_id: str
    requirements: tuple[Requirement, ...] = ()


class Route(NamedTuple):
    """Where a conversation goes. ``rule_position`` is None when no rule fitted and the default group took
    it."""

    group_id: str
    requirements: tuple[Requirement, ...]
    rule_position: int | None


def route(rules: Sequence[Rule], facts: RoutingFacts, default_group: str) -> Route:
    """The group and skills for an arriving conversation: rules by position, the first that fits."""
    for rule in sorted(rules, key=lambda each: each.position):
        if _fits(rule.when, facts):
            return Route(rule.group_id, rule.requirements, rule.position)
    return Route(default_group, (), None)


def _fits(when: RuleCondition, facts: RoutingFacts) -> bool:
    pairs = (
        (when.entry_point, facts.entry_point),
        (when.product_category, facts.product_category),
        (when.language, facts.language),
        (when.tier, facts.tier),
    )
    return all(wanted is None or wanted == known for wanted, known in pairs)


def head_start_seconds(tier: int = 0, value: int = 0, promise: int = 0) -> int:
    """How many seconds earlier a buyer counts as having joined, for tier, order value and promises at risk.

    Each part is in seconds and not negative (ValueError): a lane may pull forward, never push back.
    """
    if min(tier, value, promise) < 0:
        raise ValueError("a part of a head start is never negative")
    return min(HEAD_START_CAP_S, tier + value + promise)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A seat as the policy saw it for one ticket: its load (0 to 1) and idle time, or why it was passed
    over."""

    person_id: str
    load: float
    idle_ms: int
    refused: RefusalReason | None


@dataclass(frozen=True, slots=True)
class Match:
    """The policy's wish: this ticket, as it was at ``fence``, to this person. A store makes it true or
    refuses it.

    ``candidates`` are the first of the seats looked at, best first and the passed over last, so that the
    decision can explain itself later; ``considered`` is how many there were in all.
    """

    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    person_id: str
    fence: int
    units: int
    accept: AcceptMode
    offer_seconds: int
    candidates: tuple[Candidate, ...]
    considered: int


# Facts: what was committed and is now told. They name ids only; whoever speaks to a client looks up the rest.


@dataclass(frozen=True, slots=True)
class Assigned:
    """The person owns the conversation from now on, under this fence."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    person_id: str
    fence: int
    reason: AssignmentReason
    at: int


@dataclass(frozen=True, slots=True)
class Offered:
    """The person is asked to take the conversation before ``expires_at``."""

    offer_id: str
    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    person_id: str
    fence: int
    expires_at: int
    at: int


@dataclass(frozen=True, slots=True)
class OfferEnded:
    """The offer is over without the person having taken it; the ticket waits again, or is done if the buyer
    left."""

    offer_id: str
    ticket_id: str
    conversation_id: str
    person_id: str
    state: Literal["missed", "declined", "withdrawn"]
    at: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The ticket stands at this position (1 is next) of ``waiting`` in its group's line."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    position: int
    waiting: int


@dataclass(frozen=True, slots=True)
class SeatChanged:
    """The person's state is now this, whoever changed it."""

    person_id: str
    state: SeatState
    reason: str | None
    at: int


@dataclass(frozen=True, slots=True)
class OwnerAbsent:
    """The conversation's owner is gone; unless he is back before ``requeue_at`` it joins the line again."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    person_id: str
    requeue_at: int
    at: int


@dataclass(frozen=True, slots=True)
class OwnerReturned:
    """The conversation's owner, told absent before, is back and keeps it."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    person_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Requeued:
    """The conversation left ``from_person`` and waits in the line of ``group_id``; his fence is stale from
    now on."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    from_person: str
    fence: int
    reason: RequeueReason
    at: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The ticket is done. ``person_id`` owned it, if anyone did."""

    ticket_id: str
    conversation_id: str
    shop_id: str
    group_id: str
    person_id: str | None
    fence: int
    at: int


Fact = Assigned | Offered | OfferEnded | Moved | SeatChanged | OwnerAbsent | OwnerReturned | Requeued | Closed
