"""Seats in SQL: what people say of themselves, and the leases that nodes keep for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Table, case, delete, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from queues import ownership, presence
from queues.model import Fact, OfferEnded, OwnerReturned, Seat, SeatState
from queues.ownership import OfferOver, Refused
from server.storage.line.rows import OPEN_ASSIGNMENT, OPEN_OFFER, HeldOffer, LineRows, Reach, chunks
from server.storage.line.shapes import SEAT, offer_ended_fact, seat_changed_fact, seat_of
from server.storage.schema import assignments, offers, people, seat_leases, seats


class LineSeats(LineRows):
    """`queues.ports.SeatLeases` and what a person declares."""

    async def declare(
        self, person_id: str, *, state: SeatState, reason: str | None, now: int
    ) -> Sequence[Fact] | Refused:
        """The person says how he is. Gives SeatChanged and the offers withdrawn by it."""

        async def reach() -> Reach:
            held_out = select(offers.c.conversation_id).where(offers.c.person_id == person_id, OPEN_OFFER)
            return Reach(frozenset(await self._connection.scalars(held_out)), frozenset({person_id}))

        seat = (await self._hold(reach)).get(person_id)
        if seat is None:
            return Refused("unknown")
        owning = select(literal(1)).where(assignments.c.person_id == person_id, OPEN_ASSIGNMENT).limit(1)
        decision = presence.declare(
            seat,
            state=state,
            reason=reason,
            owns_conversations=await self._connection.scalar(owning) is not None,
            now=now,
        )
        if isinstance(decision, Refused):
            return decision
        moved: set[str] = set()
        _, facts = await self._apply(seat, decision, now, moved)
        await self._raise_all(moved)
        return facts

    async def arrive(self, node_id: str, person_id: str, *, now: int) -> Sequence[Fact]:
        """A socket of the person opened on the node. Gives SeatChanged and OwnerReturned where it brings him
        back."""
        await self._sit_down(person_id, now)
        facts = await self.renew(node_id, [person_id], now=now)
        # What dead nodes left behind: a lease that is over is never again the latest.
        await self._connection.execute(
            delete(seat_leases).where(seat_leases.c.person_id == person_id, seat_leases.c.until <= now)
        )
        return facts

    async def renew(self, node_id: str, person_ids: Collection[str], *, now: int) -> Sequence[Fact]:
        """Extend the node's leases of these persons: two statements for all of them, and more only for those
        who were swept meanwhile and come back."""
        facts: list[Fact] = []
        until = presence.renewed(now)
        swept: dict[str, Seat] = {}
        for some in chunks(person_ids):
            for row in await self._connection.execute(_extended(some, until)):
                if (row.state, row.reason) == ("offline", presence.REASON_LEASE_EXPIRED):
                    swept[row.person_id] = seat_of(row)
            await self._connection.execute(self._leased(node_id, some, until))
        for person_id in person_ids:
            if person_id in swept:
                facts += await self._come_back(swept[person_id], now)
        return facts

    async def leave(self, node_id: str, person_id: str, *, now: int) -> None:
        """The node's last socket of the person closed: its lease ends after the grace, if not before."""
        seat = await self._lock_seat(person_id)
        query = select(seat_leases.c.node_id, seat_leases.c.until)
        rows = await self._connection.execute(query.where(seat_leases.c.person_id == person_id))
        leases: dict[str, int] = {node: until for node, until in rows}
        if seat is None or node_id not in leases:
            return
        leases[node_id] = presence.shortened(leases[node_id], now)
        await self._connection.execute(
            update(seat_leases)
            .where(seat_leases.c.person_id == person_id, seat_leases.c.node_id == node_id)
            .values(until=leases[node_id])
        )
        await self._connection.execute(
            update(seats)
            .where(seats.c.person_id == person_id)
            .values(lease_until=presence.lease_end(leases.values()))
        )

    async def shut_out(self, person_id: str, *, now: int) -> None:
        """The person's leases end on every node: he may not be here, and is given nothing any more."""
        await self._lock_seat(person_id)
        await self._connection.execute(
            update(seat_leases)
            .where(seat_leases.c.person_id == person_id, seat_leases.c.until > now)
            .values(until=now)
        )
        await self._connection.execute(
            update(seats)
            .where(seats.c.person_id == person_id, seats.c.lease_until > now)
            .values(lease_until=now)
        )

    # Steps that the deciding node takes, too

    async def _apply(
        self, before: Seat, decision: presence.SeatDecision, now: int, moved: set[str]
    ) -> tuple[Seat, list[Fact]]:
        """Write what was decided of a seat; gives the seat as it is then.

        `moved` collects the groups in which somebody waits again.
        """
        await self._put_seat(before, decision.seat, now)
        facts: list[Fact] = [seat_changed_fact(decision.seat, now)] if decision.changed else []
        if not decision.withdraw_offers:
            return decision.seat, facts
        seat, ended = await self._withdraw_offers(decision.seat, now, moved)
        return seat, facts + ended

    async def _withdraw_offers(self, seat: Seat, now: int, moved: set[str]) -> tuple[Seat, list[Fact]]:
        facts: list[Fact] = []
        for held in await self._held_offers(offers.c.person_id == seat.person_id, OPEN_OFFER):
            over = ownership.withdraw(held.ticket, seat, held.offer)
            if not isinstance(over, Refused):
                facts.append(await self._offer_over(held, seat, over, now))
                moved.add(held.ticket.group_id)
                seat = over.seat
        return seat, facts

    async def _offer_over(self, held: HeldOffer, seat: Seat, over: OfferOver, now: int) -> OfferEnded:
        await self._move(held.ticket, over.ticket, owner_id=None)
        await self._end_offer(over.offer)
        await self._put_seat(seat, over.seat, now)
        return offer_ended_fact(over.offer, held.ticket, now)

    async def _come_back(self, seat: Seat, now: int) -> list[Fact]:
        decision = presence.come_back(seat, seat.lease_until)
        _, facts = await self._apply(seat, decision, now, set())
        if decision.owner_returned:
            facts += [
                OwnerReturned(ticket.id, ticket.conversation_id, ticket.shop_id, seat.person_id, now)
                for _, ticket in await self._owned_by(seat.person_id)
            ]
        return facts

    async def _sit_down(self, person_id: str, now: int) -> None:
        """The person's seat, made when he comes for the first time."""
        new = select(
            people.c.id,
            literal("offline"),
            literal(now, BigInteger),
            literal(now, BigInteger),
            literal(0, BigInteger),
        ).where(people.c.id == person_id)
        columns = ["person_id", "state", "since", "idle_since", "lease_until"]
        await self._connection.execute(
            self._insert(seats).from_select(columns, new).on_conflict_do_nothing(index_elements=["person_id"])
        )

    def _leased(self, node_id: str, person_ids: Collection[str], until: int) -> Any:
        leased = select(seats.c.person_id, literal(node_id), literal(until, BigInteger)).where(
            seats.c.person_id.in_(person_ids)
        )
        written = self._insert(seat_leases).from_select(["person_id", "node_id", "until"], leased)
        return written.on_conflict_do_update(
            index_elements=["person_id", "node_id"], set_={"until": written.excluded.until}
        )

    def _insert(self, table: Table) -> Any:
        return (sqlite if self._connection.dialect.name == "sqlite" else postgresql).insert(table)


def _extended(person_ids: Collection[str], until: int) -> Any:
    """Seats are locked in their order first: two nodes that renew the same persons must not wait in a
    circle."""
    in_order = (
        select(seats.c.person_id)
        .where(seats.c.person_id.in_(person_ids))
        .order_by(seats.c.person_id)
        .with_for_update()
    )
    later = case((seats.c.lease_until < until, until), else_=seats.c.lease_until)
    return update(seats).where(seats.c.person_id.in_(in_order)).values(lease_until=later).returning(*SEAT)
