"""Who is told what: a fact becomes payloads per audience. Pure: an internal note has no way to a buyer.

Payloads are plain dicts in the catalogue's shapes; each audience's fields are listed, not subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from protocol import chat
from protocol.base import Namespace, Wire
from signaling import facts, rooms

Audience = Literal["buyer", "agents"]


class Emission(NamedTuple):
    """One event for all sockets of a namespace that are in any of `rooms`, but the socket `skip_sid`."""

    namespace: Namespace
    event: str
    rooms: tuple[str, ...]
    payload: Any
    skip_sid: str | None = None


def _own_fields(shape: Any) -> Mapping[str, tuple[str, ...]]:
    """The fields that each kind of entry has beside those of every entry."""
    every = {"kind", "seq", "message_id", "client_id", "sender", "sent_at", "recalled"}
    entries: tuple[type[Wire], ...] = get_args(get_args(shape.__value__)[0])
    return {
        entry.model_fields["kind"].default: tuple(name for name in entry.model_fields if name not in every)
        for entry in entries
    }


PUBLIC_FIELDS = _own_fields(chat.PublicEntry)
DESK_FIELDS = _own_fields(chat.DeskEntry)
_RECALLABLE = {"text": "text", "card": "body"}
"""Kinds that can be recalled, with the field that is emptied."""


def public_entry(entry: facts.LogEntry, audience: Audience) -> dict[str, Any]:
    """An entry of the public log as `chat.PublicEntry`. Buyers see names of agents, never their ids."""
    shown = _entry(entry, PUBLIC_FIELDS[entry.kind], audience == "agents" or entry.sender_kind == "buyer")
    emptied = _RECALLABLE.get(entry.kind)
    if emptied is not None:
        shown["recalled"] = entry.recalled
        if entry.recalled:
            shown[emptied] = None
    return shown


def desk_entry(entry: facts.LogEntry) -> dict[str, Any]:
    """An entry of the desk log as `chat.DeskEntry`; for agents only."""
    return _entry(entry, DESK_FIELDS[entry.kind], True)


def _entry(entry: facts.LogEntry, own: tuple[str, ...], with_id: bool) -> dict[str, Any]:
    body = entry.body
    shown: dict[str, Any] = {
        "seq": entry.seq,
        "message_id": entry.message_id,
        "client_id": entry.client_id,
        "sender": {
            "kind": entry.sender_kind,
            "id": entry.sender_id if with_id else None,
            "name": entry.sender_name,
        },
        "sent_at": entry.sent_at,
        "kind": entry.kind,
    }
    for name in own:
        if name in body:
            shown[name] = body[name]
    return shown


def _to_buyer(
    place: facts.Place, event: str, payload: Mapping[str, Any], skip_sid: str | None = None
) -> Emission:
    return Emission("/buyer", event, (rooms.buyer(place.buyer_id),), payload, skip_sid)


def _to_agents(
    place: facts.Place, event: str, payload: Mapping[str, Any], skip_sid: str | None = None
) -> Emission:
    """Those who handle it: the owner, and who looks at it."""
    look = rooms.look(place.conversation_id)
    hearing = (look,) if place.owner_id is None else (rooms.agent(place.owner_id), look)
    return Emission("/agent", event, hearing, payload, skip_sid)


def _to_both(place: facts.Place, event: str, payload: Mapping[str, Any]) -> list[Emission]:
    return [_to_buyer(place, event, payload), _to_agents(place, event, payload)]


def present(fact: facts.Fact) -> list[Emission]:
    """Everything that is said about a fact."""
    match fact:
        case facts.EntryStored():
            return _entry_stored(fact)
        case facts.MarksMoved(place=place):
            marks = {
                "buyer_delivered": fact.buyer_delivered,
                "buyer_read": fact.buyer_read,
                "agent_delivered": fact.agent_delivered,
                "agent_read": fact.agent_read,
            }
            return _to_both(place, "chat.marked", {"conversation_id": place.conversation_id, "marks": marks})
        case facts.TypingSeen(place=place, by=by):
            typing = {"conversation_id": place.conversation_id, "by": by}
            other_side = _to_agents if by == "buyer" else _to_buyer
            return [other_side(place, "chat.typing", typing)]
        case facts.PlaceInLineMoved(place=place):
            moved = {
                "conversation_id": place.conversation_id,
                "position": fact.position,
                "waiting": fact.waiting,
            }
            return [_to_buyer(place, "queue.moved", moved)]
        case facts.OfferMade():
            offer = fact.offer.model_dump()
            return [Emission("/agent", "conversation.offered", (rooms.agent(fact.person_id),), offer)]
        case facts.OfferOver():
            over = {"offer_id": fact.offer_id, "outcome": fact.outcome}
            return [Emission("/agent", "conversation.offer_ended", (rooms.agent(fact.person_id),), over)]
        case facts.OwnerChanged():
            return _owner_changed(fact)
        case facts.ConversationClosed(place=place):
            closed = {"conversation_id": place.conversation_id, "seq": fact.seq, "by": fact.by}
            return _to_both(place, "conversation.closed", closed)
        case facts.ConversationReopened(place=place):
            reopened = {"conversation_id": place.conversation_id, "seq": fact.seq}
            return _to_both(place, "conversation.reopened", reopened)
        case facts.RowChanged(summary=summary):
            return [_row(summary.shop_id, summary.model_dump())]
        case facts.ProvenanceFound(place=place):
            bound = {
                "conversation_id": place.conversation_id,
                "order_id": fact.order_id,
                "line_id": fact.line_id,
                "provenance": fact.card.model_dump(),
            }
            return [_to_agents(place, "provenance.bound", bound)]
        case facts.CaseChanged(case=found):
            shop = (rooms.shop(found.shop_id),)
            return [Emission("/agent", "case.changed", shop, {"case": found.model_dump()})]
        case facts.CallChanged():
            return _call_changed(fact)
        case facts.LegMoved():
            moved = {
                "call_id": fact.call_id,
                "participant_id": fact.participant_id,
                "leg_id": fact.leg_id,
            }
            return [_to_person(fact.kind, fact.person_id, "call.moved", moved)]
        case facts.LegRouted():
            routed = {
                "call_id": fact.call_id,
                "leg_id": fact.leg_id,
                "tracks": [track.model_dump() for track in fact.tracks],
            }
            return [_to_person(fact.kind, fact.person_id, "call.routed", routed)]
        case facts.MarkDrawn():
            drawn = {"call_id": fact.call_id, "entry": fact.entry.model_dump()}
            return _to_call(fact.place, "call.marked", drawn, skip_sid=fact.by_sid)
        case facts.QualityChanged():
            quality = {
                "call_id": fact.call_id,
                "participant_id": fact.participant_id,
                "level": fact.level,
                "step": fact.step,
            }
            heard = _to_call(fact.place, "call.quality_changed", quality)
            return [emission for emission in heard if not fact.hidden or emission.namespace == "/agent"]
        case facts.StillAsked():
            asked = {
                "call_id": fact.call_id,
                "list_seq": fact.list_seq,
                "participant_id": fact.participant_id,
            }
            return _to_both(fact.place.conversation, "call.still_asked", asked)
        case facts.AdjustAsked():
            wish = {
                "call_id": fact.call_id,
                "participant_id": fact.participant_id,
                "torch": fact.torch,
                "zoom": fact.zoom,
            }
            return [_to_buyer(fact.place.conversation, "call.adjust_asked", wish)]
        case facts.SeatChanged(seat=seat):
            told = (rooms.agent(seat.person_id), *(rooms.shop(shop_id) for shop_id in fact.shop_ids))
            return [Emission("/agent", "presence.changed", told, seat.model_dump())]


def _entry_stored(fact: facts.EntryStored) -> list[Emission]:
    place, entry = fact.place, fact.entry
    conversation_id = place.conversation_id
    if fact.log == "desk":
        noted = {"conversation_id": conversation_id, "log": "desk", "entry": desk_entry(entry)}
        return [_to_agents(place, "chat.noted", noted, fact.by_sid)]
    event = "chat.recalled" if entry.kind == "recall" else "chat.posted"
    told = []
    for audience, to in (("buyer", _to_buyer), ("agents", _to_agents)):
        payload: dict[str, Any] = {"conversation_id": conversation_id}
        if event == "chat.posted":
            payload["log"] = "public"
        payload["entry"] = public_entry(entry, "buyer" if audience == "buyer" else "agents")
        told.append(to(place, event, payload, fact.by_sid))
    return told


def _owner_changed(fact: facts.OwnerChanged) -> list[Emission]:
    place = fact.place
    summary = fact.summary.model_dump()
    said = [
        _to_buyer(
            place,
            "conversation.assigned",
            {"conversation_id": place.conversation_id, "agent_name": fact.owner_name},
        )
    ]
    if place.owner_id is not None:
        concerned = {rooms.agent(place.owner_id): None, rooms.look(place.conversation_id): None}
        if fact.before is not None:
            concerned[rooms.agent(fact.before)] = None
        taken = {
            "conversation_id": place.conversation_id,
            "owner_id": place.owner_id,
            "fence": fact.fence,
            "summary": summary,
        }
        said.append(Emission("/agent", "conversation.taken", tuple(concerned), taken))
    said.append(_row(place.shop_id, summary))
    return said


def _call_changed(fact: facts.CallChanged) -> list[Emission]:
    """The call to each side.

    Who only listens or whispers does not exist for buyer and guests: what he does is not told to them,
    not even as a change of nothing.
    """
    whole = fact.call.model_dump()
    about: dict[str, Any] = {"participant_id": fact.participant_id}
    if fact.code is not None:
        about["code"] = fact.code
    seen = {"call": whole | {"participants": [p for p in whole["participants"] if not hidden(p)]}, **about}
    unseen = any(p["participant_id"] == fact.participant_id and hidden(p) for p in whole["participants"])
    if unseen and fact.vanished:
        seen["participant_id"], unseen = None, False
    told = _to_call(fact.place, fact.event, {"call": whole, **about}, to_others=seen)
    ringing = ("call.rang", "call.answered")
    return [
        emission
        for emission in told
        if emission.namespace == "/agent"
        or not (unseen or (emission.namespace == "/guest" and fact.event in ringing))
    ]


def hidden(participant: Mapping[str, Any]) -> bool:
    """Whether buyer and guests are not to know of him: a supervisor who listens or whispers."""
    return bool(participant["role"] == "supervisor" and participant["mode"] != "barge")


def _to_person(kind: facts.ActorKind, person_id: str, event: str, payload: Mapping[str, Any]) -> Emission:
    match kind:
        case "buyer":
            return Emission("/buyer", event, (rooms.buyer(person_id),), payload)
        case "agent":
            return Emission("/agent", event, (rooms.agent(person_id),), payload)
        case "guest":
            return Emission("/guest", event, (rooms.guest(person_id),), payload)


def _to_call(
    place: facts.CallPlace,
    event: str,
    payload: Mapping[str, Any],
    *,
    to_others: Mapping[str, Any] | None = None,
    skip_sid: str | None = None,
) -> list[Emission]:
    """Everybody whom a call concerns; `to_others` is for buyer and guests where they see less."""
    conversation = place.conversation
    at_work = dict.fromkeys((*((conversation.owner_id,) if conversation.owner_id else ()), *place.staff))
    hearing = (*(rooms.agent(person_id) for person_id in at_work), rooms.look(conversation.conversation_id))
    others = payload if to_others is None else to_others
    told = [
        _to_buyer(conversation, event, others, skip_sid),
        Emission("/agent", event, hearing, payload, skip_sid),
    ]
    if place.guests:
        guests = tuple(rooms.guest(participant_id) for participant_id in place.guests)
        told.append(Emission("/guest", event, guests, others, skip_sid))
    return told


def _row(shop_id: str, summary: dict[str, Any]) -> Emission:
    return Emission("/agent", "conversation.changed", (rooms.shop(shop_id),), {"summary": summary})
