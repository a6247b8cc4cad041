"""Translates between floors: the line's facts and refusals into what the desk says and signaling tells.

`Telling` works inside the unit of work that made the facts true, because some of them are lines in the
conversation's own log (an assignment, a return to the line) and must be stored or lost together with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from media import steps
from media.steps import Step
from protocol import cases as wire_cases
from protocol import conversation as wire
from protocol import line as wire_line
from protocol.errors import ErrorCode, Refused
from queues import model as queue
from queues.model import CALL_UNITS, CHAT_UNITS
from queues.ownership import Refused as LineRefused
from queues.ownership import RefusedCode
from server import call_bridges
from server.storage.calls.store import CallRecord
from server.storage.cases import CaseRow
from server.storage.database import Reader, Unit
from server.storage.heads import OpenOffer
from server.storage.line.store import SeatRow
from server.storage.records import Appended, HistoryRow, NewEntry, SummaryRow
from signaling import facts

_CODES: dict[RefusedCode, ErrorCode] = {
    "already_taken": ErrorCode.already_taken,
    "offer_expired": ErrorCode.offer_ended,
    "offer_ended": ErrorCode.offer_ended,
    "stale_fence": ErrorCode.stale_fence,
    "not_waiting": ErrorCode.already_taken,
    "seat_not_ready": ErrorCode.conflict,
    "seat_full": ErrorCode.at_capacity,
    "seat_absent": ErrorCode.conflict,
    "conversations_open": ErrorCode.conflict,
    "transfer_target": ErrorCode.not_found,
    "transfer_limit": ErrorCode.too_many,
    "unknown": ErrorCode.not_found,
}


Answer = TypeVar("Answer")
Follow = Callable[[CallRecord, Sequence[call_bridges.Agreed]], None]
"""What carries calls is told where a call stands."""


def granted(answer: Answer | LineRefused) -> Answer:
    """The line's answer, or its refusal in the wire's words."""
    if isinstance(answer, LineRefused):
        raise Refused(_CODES[answer.code])
    return answer


def summary(row: SummaryRow) -> wire.Summary:
    """A row of the console's lists; a visitor without a name is called what he is."""
    return wire.Summary(
        conversation_id=row.conversation_id,
        shop_id=row.shop_id,
        shop_name=row.shop_name,
        buyer_name=row.buyer_name or _visitor(row.buyer_id),
        buyer_tier=row.buyer_tier,
        verified=row.verified,
        state=row.state,
        line=row.line,
        group_id=row.group_id,
        group_name=row.group_name,
        owner_id=row.owner_id,
        owner_name=row.owner_name,
        fence=row.fence,
        last_seq=row.last_seq,
        desk_last_seq=row.desk_last_seq,
        opened_at=row.opened_at,
        waiting_since=row.waiting_since,
        owed_since=row.owed_since,
        closed_at=row.closed_at,
        product_title=row.product_title,
        order_id=row.order_id,
        preview=row.preview,
        unread=row.unread,
    )


def case_summary(row: CaseRow) -> wire_cases.CaseSummary:
    """A row of the list of cases."""
    return wire_cases.CaseSummary(
        case_id=row.id,
        shop_id=row.shop_id,
        number=row.number,
        title=row.title,
        state=row.state,
        conversation_id=row.conversation_id,
        buyer_name=row.buyer_name or _visitor(row.buyer_id),
        order_id=row.order_id,
        holder_id=row.holder_id,
        holder_name=row.holder_name,
        stills=row.stills,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        closed_at=row.closed_at,
    )


def _visitor(buyer_id: str) -> str:
    return f"访客 {buyer_id[-4:].upper()}"


def history(row: HistoryRow) -> wire.BuyerSummary:
    """A conversation in the buyer's own history."""
    return wire.BuyerSummary(
        conversation_id=row.conversation_id,
        state=row.state,
        last_seq=row.last_seq,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        agent_name=row.agent_name,
        preview=row.preview,
        unread=row.unread,
    )


def seat(row: SeatRow, now: int) -> wire_line.Seat:
    """An agent as the server sees him."""
    return wire_line.Seat(
        person_id=row.person_id,
        name=row.name,
        state=row.state,
        reason=row.reason,
        since=row.since,
        connected=row.lease_until > now,
        units_used=row.units_used,
        units_capacity=row.units_capacity,
        active=row.active,
    )


def offered(
    offer: OpenOffer | queue.Offered, needs: Iterable[queue.Requirement], row: SummaryRow, now: int
) -> wire.Offered:
    """An offer as the agent is told of it, with why it is his."""
    return wire.Offered(
        offer_id=offer.id if isinstance(offer, OpenOffer) else offer.offer_id,
        fence=offer.fence,
        expires_at=offer.expires_at,
        now=now,
        why=[f"{need.skill} ≥ {need.level}" for need in needs],
        summary=summary(row),
    )


class Telling:
    """Collects what must be told once the unit of work is committed."""

    def __init__(self, unit: Unit, *, now: int, new_id: Callable[[], str], follow: Follow) -> None:
        self._unit = unit
        self._now = now
        self._new_id = new_id
        self._follow = follow
        self.facts: list[facts.Fact] = []
        self._rows: dict[str, None] = {}
        self._seats: dict[str, None] = {}

    async def line(self, changes: Iterable[queue.Fact]) -> None:
        """What the line says happened."""
        for change in changes:
            await self._change(change)

    async def _change(self, change: queue.Fact) -> None:
        match change:
            case queue.Assigned():
                self._seats[change.person_id] = None
                self._rows[change.conversation_id] = None
                name = (await self._unit.line.seat(change.person_id)).name
                stored = await self.system(change.conversation_id, "assigned", {"agent_name": name})
                row = await self._summary(change.conversation_id)
                self.facts.append(facts.PlaceInLineMoved(stored.place, None, 0))
                self.facts.append(
                    facts.OwnerChanged(row.place, name, change.fence, summary(row), before=None)
                )
                await self._owned(change, name)
            case queue.Offered():
                self._seats[change.person_id] = None
                self._rows[change.conversation_id] = None
                row = await self._summary(change.conversation_id)
                needs = await self._unit.line.needs(change.ticket_id)
                self.facts.append(facts.OfferMade(change.person_id, offered(change, needs, row, self._now)))
            case queue.OfferEnded():
                self._seats[change.person_id] = None
                self._rows[change.conversation_id] = None
                self.facts.append(facts.OfferOver(change.person_id, change.offer_id, change.state))
            case queue.Requeued():
                self._seats[change.from_person] = None
                self._rows[change.conversation_id] = None
                if change.reason == "owner_lost":
                    await self.system(change.conversation_id, "requeued", {})
                await self.live_call(change.conversation_id, steps.agent_gone)
            case queue.Closed():
                if change.person_id is not None:
                    self._seats[change.person_id] = None
                self._rows[change.conversation_id] = None
            case queue.SeatChanged() | queue.OwnerAbsent() | queue.OwnerReturned():
                self._seats[change.person_id] = None
            case queue.Moved():
                raise ValueError("places in line are told by the deciding node after its pass")

    # Calls

    async def call(self, before: CallRecord | None, record: CallRecord, step: Step) -> CallRecord:
        """A step of a call that is stored already (`before` None: the call is new): all that comes of it.

        The line weighs a conversation with a call that was answered as a call; begun, ended and missed are
        lines of the log; media follows once everything is committed.
        """
        was = before.call if before is not None else None
        answered = was is not None and was.answered_at is None and step.call.answered_at is not None
        over = was is not None and was.state != "ended" and step.call.state == "ended"
        if answered or (over and step.call.answered_at is not None):
            await self._weigh(record.conversation_id, CHAT_UNITS if over else CALL_UNITS)
        found = await self._unit.conversations.head(record.conversation_id)
        if found is None:
            raise Refused(ErrorCode.not_found)
        where = call_bridges.place(found.place, *([was] if was is not None else []), step.call)
        self.facts.extend(call_bridges.news(where, was, record, step.told))
        line = call_bridges.line_of(was, step)
        if line is not None:
            await self.system(record.conversation_id, "call", line)
            self.row(record.conversation_id)
            await self.cases(record.conversation_id)
        self._unit.afterwards.append(
            partial(self._follow, record, await call_bridges.agreed(self._unit, record))
        )
        return record

    async def cases(self, conversation_id: str) -> None:
        """What a conversation's cases show is different, and whoever looks at one reads it again."""
        for case in await self._unit.cases.of_conversation(conversation_id):
            self.facts.append(facts.CaseChanged(case_summary(case)))

    async def step(self, record: CallRecord, step: Step) -> CallRecord:
        """Stores a step of a call, and all that comes of it. Raises `Refused`: busy."""
        if step.call == record.call:
            return record
        return await self.call(record, await self._unit.calls.put(record, step.call), step)

    async def live_call(self, conversation_id: str, act: Callable[..., Step]) -> None:
        """A step of the conversation's call, where it has one that is not over."""
        record = await self._unit.calls.live_of(conversation_id)
        if record is not None:
            await self.step(record, act(record.call, now=self._now))

    async def _owned(self, change: queue.Assigned, name: str) -> None:
        """The next agent of a conversation takes the place of the last one in its call.

        Who is in another call cannot: then the buyer waits on, and the call ends by its deadline.
        """
        record = await self._unit.calls.live_of(change.conversation_id)
        if record is None:
            return
        agent = record.call.live("agent")
        if agent is not None and agent.person_id == change.person_id:
            return
        if await self._unit.calls.agent_busy(change.person_id):
            await self.step(record, steps.agent_gone(record.call, now=self._now))
            return
        comes = steps.agent_comes(record.call, self._new_id(), change.person_id, name, now=self._now)
        await self.step(record, comes)

    async def _weigh(self, conversation_id: str, units: int) -> None:
        owned = await self._unit.line.owner(conversation_id)
        if await self._unit.line.weigh(conversation_id, units, now=self._now) and owned is not None:
            self._seats[owned.person_id] = None

    async def system(
        self, conversation_id: str, kind: str, body: dict[str, Any], *, log: facts.Log = "public"
    ) -> Appended:
        """Writes a line of the house itself into one of the logs."""
        stored = await self._unit.conversations.append(
            NewEntry(
                conversation_id=conversation_id,
                log=log,
                message_id=self._new_id(),
                client_id=None,
                sender_kind="system",
                sender_id=None,
                sender_name=None,
                sent_at=self._now,
                kind=kind,
                body=body,
            ),
            now=self._now,
        )
        self.facts.append(facts.EntryStored(stored.place, log, stored.entry))
        return stored

    async def _summary(self, conversation_id: str) -> SummaryRow:
        row = await self._unit.lists.summary(conversation_id)
        if row is None:
            raise Refused(ErrorCode.not_found)
        return row

    def row(self, conversation_id: str) -> None:
        """The conversation's row in the lists changed."""
        self._rows[conversation_id] = None

    async def all(self) -> list[facts.Fact]:
        """Everything collected, with the changed rows and seats as they stand at the end."""
        for conversation_id in self._rows:
            self.facts.append(facts.RowChanged(summary(await self._summary(conversation_id))))
        return [*self.facts, *await seats_told(self._unit, list(self._seats), self._now)]


async def seats_told(unit: Reader, person_ids: list[str], now: int) -> list[facts.Fact]:
    """The seats of these people as facts for the colleagues in their shops."""
    rows = await unit.line.seats(person_ids) if person_ids else []
    return [facts.SeatChanged(seat(row, now), row.shop_ids) for row in rows]


async def offers_told(unit: Reader, person_ids: Collection[str], now: int) -> AsyncIterator[facts.OfferMade]:
    """The offers to these people that can still be taken."""
    for offer in await unit.heads.offers_to(person_ids):
        row = await unit.lists.summary(offer.conversation_id) if offer.expires_at > now else None
        if row is not None:
            needs = await unit.line.needs(offer.ticket_id)
            yield facts.OfferMade(offer.person_id, offered(offer, needs, row, now))
