"""The loop of the one deciding node: it sees what changed, asks the policy, has the store make it true and
tells of it.

Every node runs a dispatcher; only the holder of the lease acts. A pass may be cut short anywhere, by an
error or a kill: what was committed is told as far as this process lives, what was not is found again by the
next pass, here or elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from queues import policy
from queues.model import Assigned, Fact, Group, Match, Offered
from queues.ports import DecidingLease, LineStore, Taken
from queues.presence import SETTLE_MS
from queues.waiting_room import WaitingRoom

# Nothing depends on a hint: at the latest after this long the holder looks by itself, and another node asks
# for the lease.
SWEEP_EVERY_S = 1.0

# How long a stopping dispatcher lets its last pass finish before it cancels it; less than the server's own
# 10 s.
STOP_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did. ``held``: this node decides. ``lost`` counts matches that the store refused (lost
    races)."""

    held: bool
    facts: tuple[Fact, ...] = ()
    lost: int = 0


@dataclass(slots=True)
class Counts:
    """Totals since the start, for metrics."""

    passes: int = 0
    failed: int = 0
    lost: int = 0
    assigned: int = 0
    offered: int = 0


class Dispatcher:
    """Serves the line while this node holds the deciding lease.

    ``announce`` is awaited with the facts of a pass after they are committed, in their order. ``new_id``
    makes offer ids. ``clock`` gives epoch ms and is only read by the loop. ``on_error`` hears of every pass
    that failed. ``settle_ms`` is how long a new holder leaves the ends of leases alone
    (``queues.presence.SETTLE_MS``).
    """

    def __init__(
        self,
        *,
        store: LineStore,
        lease: DecidingLease,
        announce: Callable[[Sequence[Fact]], Awaitable[None]],
        new_id: Callable[[], str],
        clock: Callable[[], int],
        on_error: Callable[[Exception], None],
        settle_ms: int = SETTLE_MS,
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._lease = lease
        self._announce = announce
        self._new_id = new_id
        self._clock = clock
        self._on_error = on_error
        self._settle_ms = settle_ms
        self._room = WaitingRoom()
        self._groups: dict[str, Group] = {}
        self._versions: dict[str, int] = {}
        self._holder: int | None = None
        self._held_since = 0
        self._one_pass = asyncio.Lock()
        self._woken = asyncio.Event()
        self._hinted: set[str] = set()
        self._look_everywhere = True
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the loop in the running event loop. Twice is harmless; after ``stop`` it does not begin
        again."""
        if self._task is None and not self._stopping.is_set():
            self._task = asyncio.create_task(self._loop(), name="dispatcher")

    async def stop(self) -> None:
        """End the loop after its present pass and give the lease up. Twice is harmless."""
        self._stopping.set()
        self._woken.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=STOP_WITHIN_S)
            if not done:
                self._task.cancel()
                await asyncio.wait({self._task})
        if self._holder is not None:
            self._forget()
            try:
                await self._lease.release()
            except Exception as error:
                self._failed(error)

    def wake(self, group_id: str | None = None) -> None:
        """Something changed in the line of this group, or, without one, anything anywhere. Calls are
        gathered."""
        if group_id is None:
            self._look_everywhere = True
        else:
            self._hinted.add(group_id)
        self._woken.set()

    @property
    def deciding(self) -> bool:
        """Whether this node held the lease when it last asked."""
        return self._holder is not None

    async def run_once(self, now: int, only: Collection[str] | None = None) -> Pass:
        """One pass at ``now``; with ``only`` it asks just these groups for changes and leaves deadlines
        alone.

        Raises what the store, the lease or ``announce`` raise, after telling what was committed before; the
        index is forgotten then, so that the next pass begins from the store.
        """
        async with self._one_pass:
            facts: list[Fact] = []
            self.counts.passes += 1
            try:
                try:
                    held, lost = await self._decide(now, only, facts)
                finally:
                    if facts:
                        await self._announce(facts)
            except BaseException:
                self._forget()
                raise
            self.counts.lost += lost
            return Pass(held, tuple(facts), lost)

    async def _decide(self, now: int, only: Collection[str] | None, facts: list[Fact]) -> tuple[bool, int]:
        holder = await self._lease.hold(now)
        if holder is None:
            self._forget()
            return False, 0
        if holder != self._holder:
            self._forget()
            self._holder, self._held_since = holder, now
            only = None
        if only is None:
            facts += await self._store.expire_offers(holder=holder, now=now)
            if now - self._held_since >= self._settle_ms:
                facts += await self._store.expire_leases(holder=holder, now=now)
        await self._load_changed(only)
        lost = await self._serve(holder, now, facts)
        facts += self._room.take_moved(now)
        return True, lost

    async def _load_changed(self, only: Collection[str] | None) -> None:
        for group_id in await self._store.changed_groups(self._versions, only):
            line = await self._store.load_group(group_id)
            if line is None:
                self._room.drop(group_id)
                self._groups.pop(group_id, None)
                self._versions.pop(group_id, None)
                continue
            self._room.replace(group_id, line.tickets)
            self._groups[group_id] = line.group
            self._versions[group_id] = line.version

    async def _serve(self, holder: int, now: int, facts: list[Fact]) -> int:
        if not len(self._room):
            return 0
        tickets = list(self._room.in_order())
        named = {ticket.preferred for ticket in tickets if ticket.preferred is not None}
        seats = await self._store.load_seats(self._room.groups(), named)
        lost = 0
        for match in policy.plan(tickets, seats, self._groups, now):
            taken = await self._make_true(match, holder, now)
            if taken is None:
                lost += 1
                continue
            facts.append(taken.fact)
            self._room.remove(match.ticket_id)
            self._see_own_write(match.group_id, taken.line_version)
        return lost

    async def _make_true(
        self, match: Match, holder: int, now: int
    ) -> Taken[Assigned] | Taken[Offered] | None:
        if match.accept == "auto":
            assigned = await self._store.assign(match, holder=holder, now=now)
            self.counts.assigned += assigned is not None
            return assigned
        offered = await self._store.offer(
            match,
            offer_id=self._new_id(),
            expires_at=now + match.offer_seconds * 1000,
            holder=holder,
            now=now,
        )
        self.counts.offered += offered is not None
        return offered

    def _see_own_write(self, group_id: str, line_version: int) -> None:
        # The write removed exactly the ticket that the room has lost too. If it was the only one since the
        # line was read, there is nothing to read again; otherwise the old number stays and the next pass
        # reads the line anew.
        if line_version == self._versions[group_id] + 1:
            self._versions[group_id] = line_version

    def _forget(self) -> None:
        self._holder = None
        self._room.clear()
        self._groups.clear()
        self._versions.clear()

    def _failed(self, error: Exception) -> None:
        self.counts.failed += 1
        with contextlib.suppress(Exception):
            self._on_error(error)

    async def _loop(self) -> None:
        running = asyncio.get_running_loop()
        swept = -SWEEP_EVERY_S
        while not self._stopping.is_set():
            self._woken.clear()
            started = running.time()
            only: Collection[str] | None = None
            if not self._look_everywhere and started - swept < SWEEP_EVERY_S:
                only = frozenset(self._hinted)
            else:
                swept = started
            self._look_everywhere = False
            self._hinted.clear()
            wait_for = self._woken
            try:
                await self.run_once(self._clock(), only)
            except Exception as error:
                self._failed(error)
                # What failed is tried again in a sweep's time, however often a hint comes meanwhile.
                wait_for = self._stopping
            rest = SWEEP_EVERY_S if wait_for is self._stopping else swept + SWEEP_EVERY_S - running.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(rest, 0)):
                    await wait_for.wait()
