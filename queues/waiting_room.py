"""An index in memory over the waiting tickets of all groups: who is next, who stands where, whose place has
changed.

It holds no truth: the deciding node fills it from the store and may forget it at any time. Each group is
one sorted list, so a position costs a binary search, and joining or leaving one memory move of at most the
line's length.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge

from queues.model import Moved, Ticket

# A place in line is told at most this often: one who stands 5 000th in a busy line need not hear of every
# step, and without the bound each assignment would cost a message to everybody behind it.
MOVED_EVERY_MS = 1_000

_Order = tuple[int, int, str]


@dataclass(slots=True)
class _Line:
    """One group's line. ``told`` is the position last told of each ticket; before ``settled`` all are as
    told."""

    order: list[_Order] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    settled: int = 0
    told_at: int | None = None


class WaitingRoom:
    """The waiting tickets by group, in ``Ticket.order``."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self._tickets

    def groups(self) -> Collection[str]:
        """The groups in which somebody waits."""
        return [group_id for group_id, line in self._lines.items() if line.order]

    def length(self, group_id: str) -> int:
        """How many wait in the group."""
        line = self._lines.get(group_id)
        return len(line.order) if line is not None else 0

    def position(self, ticket_id: str) -> int | None:
        """1 for the next in its group; None for a ticket that does not wait here."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None:
            return None
        return bisect_left(self._lines[ticket.group_id].order, ticket.order) + 1

    def in_order(self) -> Iterator[Ticket]:
        """All who wait, of all groups, oldest first. The room may change while this is read: it reads as of
        its start."""
        lines = [list(line.order) for line in self._lines.values() if line.order]
        tickets = dict(self._tickets)
        return (tickets[ticket_id] for _, _, ticket_id in merge(*lines))

    def add(self, ticket: Ticket) -> None:
        """Put the ticket in its place; one with its id that is here already gives way, wherever it stood."""
        line = self._lines.setdefault(ticket.group_id, _Line())
        told = line.told.get(ticket.id)
        self.remove(ticket.id)
        line.settled = min(line.settled, bisect_left(line.order, ticket.order))
        insort(line.order, ticket.order)
        self._tickets[ticket.id] = ticket
        if told is not None:
            line.told[ticket.id] = told

    def remove(self, ticket_id: str) -> Ticket | None:
        """Take the ticket out; None if it is not here."""
        ticket = self._tickets.pop(ticket_id, None)
        if ticket is None:
            return None
        line = self._lines[ticket.group_id]
        at = bisect_left(line.order, ticket.order)
        del line.order[at]
        line.told.pop(ticket_id, None)
        line.settled = min(line.settled, at)
        return ticket

    def replace(self, group_id: str, tickets: Iterable[Ticket]) -> None:
        """Make the group's line consist of these tickets. What was told of those that stay is remembered."""
        fresh = {ticket.id: ticket for ticket in tickets}
        line = self._lines.setdefault(group_id, _Line())
        order = sorted(ticket.order for ticket in fresh.values())
        line.settled = min(line.settled, _common(line.order, order))
        for _, _, ticket_id in line.order:
            if ticket_id not in fresh:
                del self._tickets[ticket_id]
                line.told.pop(ticket_id, None)
        for ticket_id, ticket in fresh.items():
            elsewhere = self._tickets.get(ticket_id)
            if elsewhere is not None and elsewhere.group_id != group_id:
                self.remove(ticket_id)
            self._tickets[ticket_id] = ticket
        line.order = order

    def drop(self, group_id: str) -> None:
        """Forget the group and all who wait in it."""
        line = self._lines.pop(group_id, None)
        if line is not None:
            for _, _, ticket_id in line.order:
                del self._tickets[ticket_id]

    def clear(self) -> None:
        """Forget all."""
        self._tickets.clear()
        self._lines.clear()

    def take_moved(self, now: int) -> list[Moved]:
        """Who stands elsewhere than was last told, each once, by group and position; they count as told
        from now on.

        A group of which something was told less than MOVED_EVERY_MS ago is left for a later call.
        """
        moved: list[Moved] = []
        for group_id, line in self._lines.items():
            if line.told_at is not None and 0 <= now - line.told_at < MOVED_EVERY_MS:
                continue
            found = self._moved_in(group_id, line)
            if found:
                line.told_at = now
                moved += found
        return moved

    def _moved_in(self, group_id: str, line: _Line) -> list[Moved]:
        moved: list[Moved] = []
        waiting = len(line.order)
        for at in range(line.settled, waiting):
            ticket = self._tickets[line.order[at][2]]
            if line.told.get(ticket.id) != at + 1:
                line.told[ticket.id] = at + 1
                place = Moved(ticket.id, ticket.conversation_id, ticket.shop_id, group_id, at + 1, waiting)
                moved.append(place)
        line.settled = waiting
        return moved


def _common(one: list[_Order], other: list[_Order]) -> int:
    """How long both lines are the same from their heads."""
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same
