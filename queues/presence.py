"""When a person counts as there: a lease with grace, and what its end means.

Presence is a lease, not a socket event. Each node renews the leases of the persons whose sockets it holds;
the end of a node's last socket of a person only shortens that node's lease. A person's lease is the latest
of them all, so the grace is per person and not per socket. Until the sweep finds a lease over, nothing has
happened: a reconnect inside the grace changes no state and keeps the idle clock.

The spans add up to what is promised of an agent who vanishes without a word. With a socket found dead
within 24 s (the ping interval and time-out of the agent namespace must not exceed that), he is told absent
after at most 24 + 10 + 1 = 35 s and his conversations wait again after 24 + 10 + 55 + 1 = 90 s; when his
node dies with him, after 30 + 1 = 31 s and 30 + 55 + 1 = 86 s (the last 1 s is the sweep).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from queues.model import Seat, SeatState
from queues.ownership import Refused

RENEW_EVERY_MS = 10_000
LEASE_MS = 30_000
GRACE_MS = 10_000

# From the end of the lease until the owner's conversations wait again.
REQUEUE_AFTER_MS = 55_000

# A node that begins to decide (after a crash, or after the database was away) leaves leases alone for this
# long: every living node has then renewed its own once, and every page has had its grace to reconnect.
# Without it an outage of the database would take all conversations from all agents, who never left.
SETTLE_MS = RENEW_EVERY_MS + GRACE_MS

# The reasons that the house gives by itself.
REASON_LEASE_EXPIRED = "lease_expired"
REASON_RETURNED = "returned"


def renewed(now: int) -> int:
    """The end of a lease that is opened or renewed now."""
    return now + LEASE_MS


def shortened(lease_until: int, now: int) -> int:
    """The end of a node's lease after its last socket of the person closed: the grace, never longer than it
    was."""
    return min(lease_until, now + GRACE_MS)


def lease_end(node_leases: Iterable[int]) -> int:
    """A person's lease out of the leases that nodes hold for him; 0 (long over) when there is none."""
    return max(node_leases, default=0)


def is_present(seat: Seat, now: int) -> bool:
    """Whether the person's lease is alive."""
    return seat.lease_until > now


@dataclass(frozen=True, slots=True)
class SeatDecision:
    """The seat as it shall be. ``changed``: its state or reason is another, so tell it.

    ``withdraw_offers``: its open offers end in the same transaction. ``owner_returned``: its conversations,
    told absent before, stay with it, so tell that.
    """

    seat: Seat
    changed: bool
    withdraw_offers: bool = False
    owner_returned: bool = False


def come_back(seat: Seat, lease_until: int) -> SeatDecision:
    """A socket opened, or a lease was renewed, now ending at ``lease_until``.

    One whom the sweep had sent offline comes back on break: he keeps his conversations and gets no new one
    before he says that he is ready, because a machine that wakes up does not prove a person in front of it.
    """
    there = replace(seat, lease_until=max(seat.lease_until, lease_until))
    if (seat.state, seat.reason) != ("offline", REASON_LEASE_EXPIRED):
        return SeatDecision(there, changed=False)
    return SeatDecision(
        replace(there, state="break", reason=REASON_RETURNED), changed=True, owner_returned=True
    )


def expire(seat: Seat, now: int) -> SeatDecision | None:
    """What the sweep does with a seat: None while its lease lives or when it is offline already.

    Otherwise offline; open offers go back to the front; each conversation it owns is told absent, with
    ``requeue_at(seat)``.
    """
    if is_present(seat, now) or seat.state == "offline":
        return None
    return SeatDecision(
        replace(seat, state="offline", reason=REASON_LEASE_EXPIRED, misses=0),
        changed=True,
        withdraw_offers=True,
    )


def requeue_at(seat: Seat) -> int:
    """When the conversations of a seat whose lease is over wait again unless the person is back."""
    return seat.lease_until + REQUEUE_AFTER_MS


def requeue_due(seat: Seat, now: int) -> bool:
    """Whether the conversations that this seat owns are to be taken from it now
    (``queues.ownership.requeue``)."""
    return requeue_at(seat) <= now


def declare(
    seat: Seat, *, state: SeatState, reason: str | None, owns_conversations: bool, now: int
) -> SeatDecision | Refused:
    """The person says how he is.

    Ready needs a live lease (``seat_absent``), forgets misses, and starts the idle clock unless he was
    ready already. Any other state withdraws his open offers and leaves his conversations with him; offline
    is refused while he owns any (``conversations_open``): he must close or hand them on first.
    """
    if state == "ready":
        if not is_present(seat, now):
            return Refused("seat_absent")
        ready = replace(
            seat,
            state="ready",
            reason=None,
            misses=0,
            idle_since=seat.idle_since if seat.state == "ready" else now,
        )
        return SeatDecision(ready, changed=seat.state != "ready")
    if state == "offline" and owns_conversations:
        return Refused("conversations_open")
    away = replace(seat, state=state, reason=reason)
    return SeatDecision(away, changed=(seat.state, seat.reason) != (state, reason), withdraw_offers=True)
