"""Tells this node's sockets what the hints between nodes failed to: SQL compared with what was told here.

A hint is lost when Redis is away, when it drops a slow node, when a node dies between its acknowledgement and
its fan-out. A client that missed one has no gap to notice until the next, so its node looks for it: it reads
how far the conversations of its sockets have come and tells the newest entry of those that went on unheard.
From there on clients help themselves: they see the gap and read on from their cursor. Places in line and
seats have no log: they are told as they stand where something else was told last. Calls are
`server.call_catchup`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from typing import Any, Protocol

from server.bridges import offers_told, seat, summary
from server.call_catchup import CallCatchUp
from server.storage.database import Database, Reader
from server.storage.heads import HeadRow
from server.storage.records import SummaryRow
from signaling import facts
from signaling.server import Audience
from signaling.told import Last, Position, Told

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""Between two looks; with the look itself what was missed is told within 3 s, with Redis or without it."""
AT_ONCE = 1_000
"""Conversations told in one look: after an outage the rest follows in the next ones."""


class Sockets(Protocol):
    """This node's sockets (`signaling.server.Signaling`)."""

    @property
    def told(self) -> Told: ...
    def audience(self) -> Audience: ...
    def tell_here(self, told: Iterable[facts.Fact]) -> None: ...


class CatchUp:
    """Looks every `EVERY_S`, and at once after `soon`."""

    def __init__(self, db: Database, sockets: Sockets, clock: Callable[[], int]) -> None:
        self._db = db
        self._sockets = sockets
        self._clock = clock
        self._soon = asyncio.Event()
        self._known: Set[str] = frozenset()
        self._agents: frozenset[str] = frozenset()
        self._calls = CallCatchUp(sockets.told)

    def soon(self) -> None:
        """Hints were probably lost just now."""
        self._soon.set()

    async def run(self) -> None:
        """Looks again and again, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self.look()
            except Exception:
                log.exception("what other nodes did could not be read; it is read again")

    async def look(self) -> None:
        """Compares once, and tells what nobody told here."""
        audience = self._sockets.audience()
        begun = self._sockets.told.count
        async with self._db.read() as unit:
            heads = await unit.heads.open_of(
                buyers=audience.buyers, owners=audience.agents, waiting_in=audience.shops
            )
            # What was open at the last look and is not among these is closed now, or somebody else's.
            others = (self._known | audience.looked) - heads.keys()
            left = await unit.heads.these(others)
            behind = [head for head in (*left.values(), *heads.values()) if self._behind(head)]
            later = {head.id for head in behind[AT_ONCE:]}
            del behind[AT_ONCE:]
            told = [
                *await self._entries(unit, behind, audience),
                *await self._rows(unit, behind, audience),
                *await self._offers(unit, audience.agents),
                *await self._as_they_stand(unit, heads.values(), audience, begun),
                *await self._calls.look(unit),
            ]
        self._sockets.tell_here(told)
        for head in behind:
            self._sockets.told.note(head.id, _position(head))
        self._known = heads.keys() | later
        self._agents = frozenset(audience.agents)

    def _behind(self, head: HeadRow) -> bool:
        told = self._sockets.told.of(head.id)
        return told is None or any(there > here for there, here in zip(_position(head), told, strict=True))

    async def _entries(
        self, unit: Reader, behind: Collection[HeadRow], audience: Audience
    ) -> list[facts.Fact]:
        """The newest entry of each log that went on, and the marks that moved."""
        was = {head.id: self._sockets.told.of(head.id) or Position() for head in behind}
        handled = [head for head in behind if head.owner_id in audience.agents or head.id in audience.looked]
        public = await unit.heads.newest("public", [h.id for h in behind if h.last_seq > was[h.id].seq])
        desk = await unit.heads.newest(
            "desk", [h.id for h in handled if h.desk_last_seq > was[h.id].desk_seq]
        )
        told: list[facts.Fact] = []
        for head in behind:
            if (entry := public.get(head.id)) is not None:
                told.append(facts.EntryStored(head.place, "public", entry))
            if (entry := desk.get(head.id)) is not None:
                told.append(facts.EntryStored(head.place, "desk", entry))
            if _position(head).marks > was[head.id].marks:
                marks = (head.buyer_delivered, head.buyer_read, head.agent_delivered, head.agent_read)
                told.append(facts.MarksMoved(head.place, *marks))
        return told

    async def _rows(self, unit: Reader, behind: Iterable[HeadRow], audience: Audience) -> list[facts.Fact]:
        """The lists' rows of agents here; a conversation that became one's own is told as such."""
        told: list[facts.Fact] = []
        for head in behind:
            if not self._listed(head, audience):
                continue
            row = await unit.lists.summary(head.id)
            if row is None:
                continue
            was = self._sockets.told.of(head.id) or Position()
            # Who came since the last look has read his list; who was here would not know that it is his.
            if head.owner_id in self._agents and head.fence > was.fence:
                told.append(_taken(row))
            else:
                told.append(facts.RowChanged(summary(row)))
        return told

    def _listed(self, head: HeadRow, audience: Audience) -> bool:
        """Whether agents here would see the row change: their own, one that waits, one that was either."""
        if head.shop_id not in audience.shops:
            return False
        return head.owner_id is None or head.owner_id in audience.agents or head.id in self._known

    async def _as_they_stand(
        self, unit: Reader, heads: Iterable[HeadRow], audience: Audience, begun: int
    ) -> list[facts.Fact]:
        """Places of buyers here and seats of agents' colleagues, where something else was told last.

        What was told after the event numbered `begun` is newer than what is read here; if it is not, the
        next look says so.
        """
        last = self._sockets.told

        def stale(said: Last | None, now: Mapping[str, Any]) -> bool:
            if said is None:
                return True
            return said.number <= begun and any(said.payload[name] != now[name] for name in now)

        waiting = {h.id: h.place for h in heads if h.owner_id is None and h.buyer_id in audience.buyers}
        told: list[facts.Fact] = [
            facts.PlaceInLineMoved(waiting[each], place, ahead)
            for each, (place, ahead) in (await unit.line.places_in_line(waiting)).items()
            if stale(last.place(each), {"position": place})
        ]
        now = self._clock()
        for row in await unit.line.seats_of_shops(audience.shops):
            view = seat(row, now)
            if stale(last.seat(row.person_id), view.model_dump()):
                told.append(facts.SeatChanged(view, row.shop_ids))
        return told

    async def _offers(self, unit: Reader, agents: Collection[str]) -> list[facts.Fact]:
        """Offers to agents here that were not told here and can still be taken."""
        told = self._sockets.told
        return [
            offer
            async for offer in offers_told(unit, agents, self._clock())
            if not told.offered(offer.offer.offer_id)
        ]


def _position(head: HeadRow) -> Position:
    marks = head.buyer_delivered + head.buyer_read + head.agent_delivered + head.agent_read
    return Position(head.last_seq, head.desk_last_seq, head.fence, marks)


def _taken(row: SummaryRow) -> facts.OwnerChanged:
    return facts.OwnerChanged(row.place, row.owner_name or "", row.fence, summary(row))
