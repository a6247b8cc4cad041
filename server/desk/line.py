"""The line as people act on it (presence, offers, transfers), and as the deciding node does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from protocol import conversation
from protocol import line as wire
from protocol.base import Empty
from protocol.errors import ErrorCode, Refused
from queues.model import Assigned, Fact, Group, Match, Moved, Offered, Seat
from queues.ownership import TransferTarget
from queues.ports import GroupLine, Taken
from server.bridges import granted, offers_told, seat, seats_told
from server.desk.opening import may_close
from server.desk.world import UseCases, World
from server.storage.database import Unit
from server.storage.records import NewEntry
from signaling import facts
from signaling.ports import Actor, Done


class LineCases(UseCases):
    """What people do to the line."""

    async def set_presence(self, actor: Actor, request: wire.SetPresence) -> Done[wire.Seat]:
        """Declares how the agent is; ready again means that he can be given work at once."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            await telling.line(
                granted(
                    await unit.line.declare(actor.id, state=request.state, reason=request.reason, now=now)
                )
            )
            row = await unit.line.seat(actor.id)
            told = await telling.all()
        self.world.wake(None)
        return Done(seat(row, now), told)

    async def accept_offer(self, actor: Actor, request: conversation.Answer) -> Done[conversation.Accepted]:
        """Takes an offer. Repeated by its taker it answers the same; for anybody else it is gone."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            before = await unit.line.offer_state(request.offer_id)
            taken = granted(
                await unit.line.accept(request.offer_id, person_id=actor.id, fence=request.fence, now=now)
            )
            if before == "open":
                telling.facts.append(facts.OfferOver(actor.id, request.offer_id, "accepted"))
                await telling.line([taken])
            told = await telling.all()
        return Done(conversation.Accepted(conversation_id=taken.conversation_id, fence=taken.fence), told)

    async def decline_offer(self, actor: Actor, request: conversation.Answer) -> Done[Empty]:
        """Declines an offer; the conversation goes back to its place."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            ended = granted(
                await unit.line.decline(request.offer_id, person_id=actor.id, fence=request.fence, now=now)
            )
            await telling.line([ended])
            told = await telling.all()
        self.world.wake(None)
        return Done(Empty(), told)

    async def transfer(self, actor: Actor, request: conversation.Transfer) -> Done[Empty]:
        """Hands the conversation on with a note: its owner under the fence, or a supervisor.

        Repeated, it answers the same and hands nothing on a second time.
        """
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
            before = await unit.conversations.stored(found.id, "desk", actor.id, request.client_id)
            if before is not None:
                telling.facts.append(facts.EntryStored(found.place, "desk", before))
                telling.row(found.id)
                return Done(Empty(), await telling.all())
            if found.state == "closed":
                raise Refused(ErrorCode.conversation_closed)
            may_close(actor, found, request.fence)
            if found.owner_id is None or found.fence != request.fence:
                raise Refused(ErrorCode.stale_fence)
            groups = {row.group_id: row for row in await unit.line.groups_of([found.shop_id])}
            group: Group | None = None
            person_shops: frozenset[str] = frozenset()
            if request.group_id is not None:
                if request.group_id not in groups:
                    raise Refused(ErrorCode.not_found)
                row = groups[request.group_id]
                group = Group(row.group_id, row.shop_id, row.name, row.accept)
                name = row.name
            else:
                target = await unit.line.seat(request.person_id or "")
                person_shops = frozenset(target.shop_ids)
                name = target.name
            requeued = granted(
                await unit.line.transfer(
                    found.id,
                    person_id=found.owner_id,
                    fence=request.fence,
                    to=TransferTarget(group, request.person_id, person_shops),
                    now=now,
                )
            )
            await telling.system(found.id, "transferred", {"to_name": None if group else name})
            noted = await unit.conversations.append(
                NewEntry(
                    conversation_id=found.id,
                    log="desk",
                    message_id=self.world.new_id(),
                    client_id=request.client_id,
                    sender_kind="agent",
                    sender_id=actor.id,
                    sender_name=actor.name,
                    sent_at=now,
                    kind="handover",
                    body={"text": request.note, "to_name": name},
                    shop_ids=frozenset(actor.shops),
                ),
                now=now,
            )
            telling.facts.append(facts.EntryStored(noted.place, "desk", noted.entry))
            await telling.line([requeued])
            told = await telling.all()
        self.world.wake(requeued.group_id)
        return Done(Empty(), told)


class DecidingLine:
    """The deciding node's view of the line: each wish of the policy made true in one transaction, then told.

    Fulfils `queues.ports.LineStore`. What it tells goes straight to `publish`; the dispatcher itself only
    has places in line to announce (`moved`).
    """

    def __init__(self, world: World) -> None:
        self._world = world

    async def changed_groups(
        self, known: Mapping[str, int], only: Collection[str] | None = None
    ) -> Collection[str]:
        """Groups whose line moved since the versions known."""
        async with self._world.db.read() as unit:
            return await unit.line.changed_groups(known, only)

    async def load_group(self, group_id: str) -> GroupLine | None:
        """A group with who waits in it."""
        async with self._world.db.read() as unit:
            return await unit.line.load_group(group_id)

    async def load_seats(self, group_ids: Collection[str], person_ids: Collection[str]) -> Sequence[Seat]:
        """The seats that may serve these groups."""
        async with self._world.db.read() as unit:
            return await unit.line.load_seats(group_ids, person_ids)

    async def assign(self, match: Match, *, holder: int, now: int) -> Taken[Assigned] | None:
        """Gives the conversation to the person, with its line in the log."""
        async with self._world.db.write() as unit:
            taken = await unit.line.assign(match, holder=holder, now=now)
            if taken is None:
                return None
            telling = self._world.telling(unit, now)
            await telling.line([taken.fact])
            told = await telling.all()
        self._world.publish(told)
        return taken

    async def offer(
        self, match: Match, *, offer_id: str, expires_at: int, holder: int, now: int
    ) -> Taken[Offered] | None:
        """Holds the conversation out to the person."""
        async with self._world.db.write() as unit:
            taken = await unit.line.offer(
                match, offer_id=offer_id, expires_at=expires_at, holder=holder, now=now
            )
            if taken is None:
                return None
            telling = self._world.telling(unit, now)
            await telling.line([taken.fact])
            told = await telling.all()
        self._world.publish(told)
        return taken

    async def expire_offers(self, *, holder: int, now: int) -> Sequence[Fact]:
        """Ends the offers whose time is over."""
        async with self._world.db.write() as unit:
            changes = await unit.line.expire_offers(holder=holder, now=now)
            told = await self._told(unit, changes, now)
        self._world.publish(told)
        return changes

    async def expire_leases(self, *, holder: int, now: int) -> Sequence[Fact]:
        """Ends the leases whose time is over, and takes conversations from owners who stay away."""
        async with self._world.db.write() as unit:
            changes = await unit.line.expire_leases(holder=holder, now=now)
            told = await self._told(unit, changes, now)
        self._world.publish(told)
        return changes

    async def _told(self, unit: Unit, changes: Sequence[Fact], now: int) -> list[facts.Fact]:
        telling = self._world.telling(unit, now)
        await telling.line(changes)
        return await telling.all()

    async def moved(self, changes: Sequence[Fact]) -> None:
        """Tells waiting buyers their places; everything else was told when it was committed."""
        moves = [change for change in changes if isinstance(change, Moved)]
        if not moves:
            return
        async with self._world.db.read() as unit:
            places = await unit.line.places([move.conversation_id for move in moves])
        self._world.publish(
            [
                facts.PlaceInLineMoved(places[move.conversation_id], move.position, move.waiting)
                for move in moves
                if move.conversation_id in places
            ]
        )


class Attending:
    """Keeps the leases of the agents whose sockets this node holds. Fulfils `signaling.ports.Attendance`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._here: set[str] = set()

    async def arrived(self, actor: Actor) -> Sequence[facts.Fact]:
        """An agent's socket opened here: he has a lease from now on."""
        self._here.add(actor.id)
        now = self._world.clock()
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            await telling.line(await unit.line.arrive(self._world.node_id, actor.id, now=now))
            told = [*await telling.all(), *await seats_told(unit, [actor.id], now)]
            # A page that was loaded again has forgotten what is held out to it.
            told += [offer async for offer in offers_told(unit, [actor.id], now)]
        self._world.wake(None)
        return told

    async def left(self, actor: Actor, *, last_here: bool) -> Sequence[facts.Fact]:
        """An agent's socket closed; with the last one here the lease runs out after the grace."""
        if not last_here:
            return ()
        self._here.discard(actor.id)
        async with self._world.db.write() as unit:
            await unit.line.leave(self._world.node_id, actor.id, now=self._world.clock())
        return ()

    async def renew(self) -> None:
        """Extends the leases of all who are here; called every `RENEW_EVERY_MS`."""
        if not self._here:
            return
        now = self._world.clock()
        async with self._world.db.write() as unit:
            telling = self._world.telling(unit, now)
            await telling.line(await unit.line.renew(self._world.node_id, sorted(self._here), now=now))
            told = await telling.all()
        self._world.publish(told)
