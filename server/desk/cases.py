"""Cases (工单): opened from a conversation, listed, searched, read, noted, handed on, closed and reopened."""

from __future__ import annotations

from typing import Any

from aftersales import cases as rules
from media.call import Media
from protocol import cases as wire
from protocol import chat
from protocol.catalogue import adapter
from protocol.errors import ErrorCode, Refused
from server.bridges import Telling, case_summary
from server.call_bridges import case_call
from server.desk import cards
from server.desk.scope import order_of
from server.desk.world import UseCases
from server.recordings.lines import recording_summary
from server.storage.calls.store import CallRecord
from server.storage.cases import CaseEntryRow, CaseRow, NewCase
from server.storage.database import Reader, Unit
from server.storage.records import Conversation
from signaling import facts
from signaling.ports import Actor, Done
from signaling.present import desk_entry, public_entry

_CALLED: dict[tuple[bool, Media], str] = {
    (False, "video"): "视频通话",
    (False, "voice"): "语音通话",
    (True, "video"): "Video call",
    (True, "voice"): "Voice call",
}
"""Titles of last resort, by whether the conversation is in English."""
_WHY: dict[rules.Why, ErrorCode] = {
    "not_his": ErrorCode.forbidden,
    "no_such_step": ErrorCode.conflict,
    "no_member": ErrorCode.not_found,
}


class CaseDesk(UseCases):
    """The cases of the caller's shops. An agent closes what he holds; supervisors act on any."""

    async def open_case(self, actor: Actor, request: wire.OpenCase) -> Done[wire.CaseView]:
        """Opens a case; the same client id again answers with the same case."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops, lock=True)
            known = await unit.cases.of_client(found.id, request.client_id)
            if known is not None:
                return Done(await _view(unit, await unit.cases.of_shops(known, actor.shops)))
            if len(await unit.cases.of_conversation(found.id)) >= wire.CASES_A_CONVERSATION:
                raise Refused(ErrorCode.too_many)
            if request.order_id is not None:
                await order_of(unit, found.shop_id, found.buyer_id, request.order_id)
            new = NewCase(
                id=self.world.new_id(),
                shop_id=found.shop_id,
                conversation_id=found.id,
                buyer_id=found.buyer_id,
                title=request.title,
                order_id=request.order_id,
                holder_id=actor.id,
                client_id=request.client_id,
                opened_at=now,
            )
            await unit.cases.open(new)
            case = await unit.cases.of_shops(new.id, actor.shops)
            await unit.cases.append(case, _entry(case, actor, request.client_id, now, "opened", {}))
            return await _changed(unit, new.id, actor)

    async def list_cases(self, actor: Actor, request: wire.ListCases) -> Done[wire.CasesListed]:
        """A page of the cases. A search needs its shop: there is none across shops."""
        if request.search.strip() and request.shop_id is None and len(actor.shops) > 1:
            raise Refused(ErrorCode.bad_request, "Name the shop in which to search.")
        shop_ids = sorted(actor.shops) if request.shop_id is None else [request.shop_id]
        async with self.world.db.read() as unit:
            rows, more = await unit.cases.page(
                shop_ids,
                state=request.state,
                holder_id=actor.id if request.mine else None,
                search=request.search,
                before=request.before,
            )
        return Done(wire.CasesListed(cases=[case_summary(row) for row in rows], more=more))

    async def read_case(self, actor: Actor, request: wire.ReadCase) -> Done[wire.CaseView]:
        """A whole case of one of his shops."""
        async with self.world.db.read() as unit:
            return Done(await _view(unit, await unit.cases.of_shops(request.case_id, actor.shops)))

    async def note_case(self, actor: Actor, request: wire.NoteCase) -> Done[wire.CaseView]:
        """Writes a note; whoever works in the shop may."""
        return await self._step(actor, request, "note", {"text": request.text})

    async def hold_case(self, actor: Actor, request: wire.HoldCase) -> Done[wire.CaseView]:
        """Gives the case to a person."""
        return await self._step(actor, request, "held", {})

    async def close_case(self, actor: Actor, request: wire.CloseCase) -> Done[wire.CaseView]:
        """Closes a case with what came of it."""
        return await self._step(actor, request, "closed", {"text": request.text})

    async def reopen_case(self, actor: Actor, request: wire.ReopenCase) -> Done[wire.CaseView]:
        """Goes on with a closed case."""
        return await self._step(actor, request, "reopened", {"text": request.text})

    async def _step(self, actor: Actor, request: Any, kind: str, body: dict[str, Any]) -> Done[wire.CaseView]:
        """One entry and what it changes, in one unit of work; a repetition answers with the case as it is."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            case = await unit.cases.of_shops(request.case_id, actor.shops, lock=True)
            if await unit.cases.entry_of(case.id, actor.id, request.client_id) is not None:
                return Done(await _view(unit, case))
            hand = rules.Hand(actor.id, leads=actor.shops[case.shop_id] in ("supervisor", "admin"))
            changes: dict[str, Any] = {}
            match kind:
                case "held":
                    body = {"holder_name": await _hand_on(unit, case, request.person_id, hand)}
                    changes["holder_id"] = request.person_id
                case "closed" | "reopened":
                    state = _moved(case, "close" if kind == "closed" else "reopen", hand)
                    changes = {"state": state, "closed_at": now if state == "closed" else None}
            # The last entry is the closing's: what could not be closed would keep its recordings for good.
            if case.last_seq >= wire.CASE_ENTRIES - (kind != "closed"):
                raise Refused(ErrorCode.too_many)
            await unit.cases.append(case, _entry(case, actor, request.client_id, now, kind, body), **changes)
            return await _changed(unit, case.id, actor)


async def open_by_call(unit: Unit, telling: Telling, record: CallRecord, case_id: str, now: int) -> None:
    """A recording needs a case: where its conversation has none open, its call opens one, for its last agent.

    Once for a call, however often it is asked.
    """
    agents = [each for each in record.call.participants if each.role == "agent"]
    found = await unit.conversations.head(record.conversation_id, lock=True)
    known = await unit.cases.of_conversation(record.conversation_id)
    taken = any(case.state == "open" or case.call_id == record.call.id for case in known)
    if taken or not agents or found is None or len(known) >= wire.CASES_A_CONVERSATION:
        return
    agent = agents[-1]
    new = NewCase(
        id=case_id,
        shop_id=record.shop_id,
        conversation_id=found.id,
        buyer_id=found.buyer_id,
        title=await _title(unit, found, record.call.media),
        order_id=found.order_id,
        holder_id=agent.person_id,
        client_id=record.call.id,
        opened_at=now,
        call_id=record.call.id,
    )
    await unit.cases.open(new)
    case = await unit.cases.of_shops(new.id, [record.shop_id])
    opened = CaseEntryRow(
        seq=1,
        client_id=new.client_id,
        person_id=agent.person_id,
        person_name=agent.name,
        at=now,
        kind="opened",
        body={"call_id": new.call_id},
    )
    await unit.cases.append(case, opened)
    telling.facts.append(facts.CaseChanged(case_summary(await unit.cases.of_shops(new.id, [new.shop_id]))))


async def _title(unit: Reader, found: Conversation, media: Media) -> str:
    """What the buyer called about, or that there was a call."""
    if found.order_id is not None:
        order = await unit.catalogue.order(found.shop_id, found.order_id)
        if order is not None and order.lines:
            return order.lines[0].title
    if found.product_id is not None:
        product = await unit.catalogue.product(found.shop_id, found.product_id)
        if product is not None:
            return product.title
    return _CALLED[found.locale == "en", media]


def _moved(case: CaseRow, step: rules.Step, hand: rules.Hand) -> rules.State:
    found = rules.moved(case.state, case.holder_id, step, hand)
    if found == "open" or found == "closed":
        return found
    raise Refused(_WHY[found])


async def _hand_on(unit: Unit, case: CaseRow, person_id: str, hand: rules.Hand) -> str:
    """The new holder's name."""
    person = await unit.people.get(person_id)
    member = person is not None and case.shop_id in await unit.people.memberships(person_id)
    why = rules.handed(case.state, case.holder_id, person_id, hand, member=member)
    if why is not None or person is None:
        raise Refused(_WHY[why or "no_member"])
    return person.display_name


def _entry(
    case: CaseRow, actor: Actor, client_id: str, now: int, kind: str, body: dict[str, Any]
) -> CaseEntryRow:
    return CaseEntryRow(
        seq=case.last_seq + 1,
        client_id=client_id,
        person_id=actor.id,
        person_name=actor.name,
        at=now,
        kind=kind,
        body=body,
    )


async def _changed(unit: Unit, case_id: str, actor: Actor) -> Done[wire.CaseView]:
    view = await _view(unit, await unit.cases.of_shops(case_id, actor.shops))
    return Done(view, (facts.CaseChanged(view.case),))


async def _view(unit: Reader, case: CaseRow) -> wire.CaseView:
    order = None
    if case.order_id is not None:
        found = await unit.catalogue.order(case.shop_id, case.order_id)
        order = None if found is None else cards.of_order(found, await cards.picture_of(unit, found))
    stills = await unit.conversations.of_kind(case.conversation_id, "public", "still")
    reused = await unit.conversations.of_kind(case.conversation_id, "desk", "reused")
    recordings = await unit.recordings.of_conversation(case.conversation_id, wire.RECORDINGS_A_CASE)
    calls = await unit.calls.of_conversation(case.conversation_id, wire.CALLS_A_CASE)
    connections = await unit.calls.connections([record.call.id for record in calls])
    return wire.CaseView(
        case=case_summary(case),
        order=order,
        stills=[chat.StillEntry.model_validate(public_entry(entry, "agents")) for entry in stills],
        reused=[chat.ReusedEntry.model_validate(desk_entry(entry)) for entry in reused],
        recordings=[recording_summary(row) for row in recordings],
        calls=[case_call(record, connections) for record in calls],
        history=[_history(row) for row in await unit.cases.history(case.id)],
    )


def _history(row: CaseEntryRow) -> wire.CaseEntry:
    said = {"kind": row.kind, "seq": row.seq, "by_name": row.person_name, "at": row.at}
    found: wire.CaseEntry = adapter(wire.CaseEntry).validate_python(said | row.body)
    return found
