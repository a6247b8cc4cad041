"""What the dispatcher and the desk need of storage, in the words of the line. Each method is one
transaction, or runs inside the transaction of its caller; either way all of it happens or nothing.

A lost race is ``None`` for the dispatcher (skip it, the next pass sees the truth) and ``Refused`` for a
person (who must be told). Only a broken store raises. Every write that changes who waits in a group raises
that group's ``line_version`` by one in the same transaction; a write that changes two groups raises both.
Every write that changes who has room or is ready should wake the dispatcher after the commit; if the hint
is lost, the sweep finds it within a second.

The pure functions in ``queues.ownership`` and ``queues.presence`` say what each write does; a store that
applies them in compare-and-set statements gives the same answers as ``tests/queues/memory_line.py``, which
is the specification.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from queues.model import (
    Assigned,
    Assignment,
    Fact,
    Group,
    Match,
    Offered,
    OfferEnded,
    Requeued,
    Seat,
    SeatState,
    Ticket,
)
from queues.ownership import Refused, TransferTarget


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group, its waiting tickets in ``Ticket.order``, and the ``line_version`` at which they were read."""

    group: Group
    tickets: tuple[Ticket, ...]
    version: int


Told = TypeVar("Told", Assigned, Offered)


@dataclass(frozen=True, slots=True)
class Taken(Generic[Told]):
    """A match made true: the fact to tell, and the group's ``line_version`` after this very write."""

    fact: Told
    line_version: int


class DecidingLease(Protocol):
    """One node's handle on the single row that says who decides."""

    async def hold(self, now: int) -> int | None:
        """Take the lease or renew it until ``now + DECIDING_LEASE_MS``; None while another node holds it.

        The number is the holder's fence. It stays while one node renews in time and rises whenever the
        lease is taken anew, also by the same node after it lapsed.
        """

    async def release(self) -> None:
        """Give the lease up, if held, so that another node need not wait for its end. Harmless when not
        held."""


class LineStore(Protocol):
    """The deciding node's view. ``holder`` is the fence of its lease: a write under an older one does
    nothing."""

    async def changed_groups(
        self, known: Mapping[str, int], only: Collection[str] | None = None
    ) -> Collection[str]:
        """Ids of groups whose ``line_version`` is not the known one, or that are not known; among ``only``
        if given.

        A known group that exists no more is among them.
        """

    async def load_group(self, group_id: str) -> GroupLine | None:
        """The group and who waits in it, in one consistent read; None when there is no such group."""

    async def load_seats(self, group_ids: Collection[str], person_ids: Collection[str]) -> Sequence[Seat]:
        """The seats of these groups' members and of these persons, each once. Offline ones may be left
        out."""

    async def assign(self, match: Match, *, holder: int, now: int) -> Taken[Assigned] | None:
        """Make the match true at once: ``queues.ownership.assign`` on the rows as they are now.

        None if the holder's fence is old, the ticket no longer waits at ``match.fence``, or the seat is not
        ready, has no live lease or no room. The match's candidates are stored beside the assignment.
        """

    async def offer(
        self, match: Match, *, offer_id: str, expires_at: int, holder: int, now: int
    ) -> Taken[Offered] | None:
        """Hold the ticket out to the person: ``queues.ownership.offer``. None for the same reasons as
        ``assign``."""

    async def expire_offers(self, *, holder: int, now: int) -> Sequence[Fact]:
        """End every open offer with ``expires_at <= now`` as missed: ``queues.ownership.miss``.

        A seat sent to break by it has its other open offers withdrawn. Gives OfferEnded and SeatChanged.
        """

    async def expire_leases(self, *, holder: int, now: int) -> Sequence[Fact]:
        """What the end of leases means: ``queues.presence.expire`` and ``queues.presence.requeue_due``.

        Gives SeatChanged, OfferEnded (withdrawn), OwnerAbsent, Requeued; each once, however often it is
        called.
        """


class LineDesk(Protocol):
    """What people do to the line. The server's use cases call these inside their own unit of work."""

    async def join(self, ticket: Ticket) -> Ticket:
        """Put a waiting ticket into its group's line and give it as it is stored.

        A conversation with a ticket that is not done keeps that one: it is given and nothing is written. A
        new ticket of a conversation starts at the fence at which the last one ended, so that fences rise
        over all of its service.
        """

    async def position(self, conversation_id: str) -> int | None:
        """1 for the next in its group's line; None when the conversation does not wait."""

    async def owner(self, conversation_id: str) -> Assignment | None:
        """The assignment without end, if there is one."""

    async def assignments(self, conversation_id: str) -> Sequence[Assignment]:
        """All that ever owned it, oldest first."""

    async def accept(self, offer_id: str, *, person_id: str, fence: int, now: int) -> Assigned | Refused:
        """``queues.ownership.accept``. Repeated by the one who has it, it answers as the first time."""

    async def decline(self, offer_id: str, *, person_id: str, fence: int, now: int) -> OfferEnded | Refused:
        """``queues.ownership.decline``."""

    async def transfer(
        self, conversation_id: str, *, person_id: str, fence: int, to: TransferTarget, now: int
    ) -> Requeued | Refused:
        """``queues.ownership.transfer``: the owner hands it to another group or to a named agent."""

    async def give_back(self, conversation_id: str, *, now: int) -> Requeued | Refused:
        """``queues.ownership.requeue`` from whoever owns it, for whom it waits last of all."""

    async def take_over(self, conversation_id: str, *, person_id: str, now: int) -> Assigned | Refused:
        """``queues.ownership.take_over``: the person has it from now on, whoever had it."""

    async def weigh(self, conversation_id: str, units: int, *, now: int) -> bool:
        """``queues.ownership.weigh`` on a ticket that is not done; whether that changed anything."""

    async def close(
        self, conversation_id: str, *, now: int, person_id: str | None = None, fence: int | None = None
    ) -> Sequence[Fact] | Refused:
        """``queues.ownership.close``. An agent gives person and fence; the buyer or the house gives neither.

        Gives Closed, before it OfferEnded (withdrawn) if it was held out; nothing if it was done already.
        """

    async def declare(
        self, person_id: str, *, state: SeatState, reason: str | None, now: int
    ) -> Sequence[Fact] | Refused:
        """``queues.presence.declare``: the person says how he is. Gives SeatChanged and the offers
        withdrawn by it."""


class SeatLeases(Protocol):
    """What a node says about the sockets it holds. A lease is kept per person and node;
    ``Seat.lease_until`` is the latest of a person's leases, so that the end of one node's socket never
    shortens what another node renews."""

    async def arrive(self, node_id: str, person_id: str, *, now: int) -> Sequence[Fact]:
        """A socket of the person opened on the node: lease until ``now + LEASE_MS`` and
        ``queues.presence.come_back``.

        Gives SeatChanged if the state changed, and OwnerReturned for each conversation that was told absent.
        """

    async def renew(self, node_id: str, person_ids: Collection[str], *, now: int) -> Sequence[Fact]:
        """Extend this node's leases of these persons to ``now + LEASE_MS``, in one statement, every
        RENEW_EVERY_MS.

        A person who was swept meanwhile (the node had stalled, or could not write) returns as with
        ``arrive``.
        """

    async def leave(self, node_id: str, person_id: str, *, now: int) -> None:
        """The node's last socket of the person closed: its lease ends GRACE_MS from now, or sooner if it
        did."""
