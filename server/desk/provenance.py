"""Where orders come from: stored events become a timeline, the rules bind, each verdict is a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aftersales import livestream as live
from aftersales import provenance as rules
from protocol import provenance as wire
from server.storage.catalogue import OrderRecord
from server.storage.database import Reader, Unit
from server.storage.live import LiveEventRecord, LiveSessionRecord, ProvenanceRecord
from server.storage.records import Conversation, Look
from signaling import facts

_SOURCE = "shop"


def event_of(row: LiveEventRecord) -> live.LiveEvent:
    """A stored event in the words of the timeline."""
    key: dict[str, Any] = {"source": _SOURCE, "source_event_id": row.source_event_id, "at": row.at}
    body = row.body
    match row.kind:
        case "host_on":
            return live.HostOn(host=body["host"], **key)
        case "host_off":
            return live.HostOff(host=body["host"], **key)
        case "explain_start":
            return live.ExplainStart(product_id=str(row.product_id), host=body.get("host"), **key)
        case "explain_end":
            return live.ExplainEnd(product_id=str(row.product_id), **key)
        case "said":
            return live.HostSaid(text=body["text"], host=body.get("host"), **key)
        case "promise":
            return live.PromiseMade(
                kind=body["promise"],
                text=body["text"],
                value=body.get("value", ""),
                product_id=row.product_id,
                until=body.get("until"),
                host=body.get("host"),
                **key,
            )
        case "comment":
            return live.Commented(
                text=body["text"],
                buyer=body.get("buyer"),
                name=body.get("name"),
                product_id=row.product_id,
                **key,
            )
        case "session_end":
            return live.SessionEnded(**key)
        case other:
            raise ValueError(f"an event of a kind that is not declared: {other}")


def timeline_of(session: LiveSessionRecord, events: Sequence[LiveEventRecord]) -> live.Timeline:
    """A session with its events as the rules read it."""
    return live.Timeline(
        live.LiveSession(
            id=session.id,
            started_at=session.started_at,
            ended_at=session.ended_at,
            delay_ms=session.delay_ms,
        ),
        [event_of(row) for row in events],
    )


async def bind_order(
    unit: Unit, timelines: Timelines, order: OrderRecord, *, now: int, conversation: Conversation | None
) -> list[facts.Fact]:
    """Binds every line of an order; a verdict other than the newest stored one becomes a new version."""
    told: list[facts.Fact] = []
    newest = await unit.live.provenances(order.shop_id, order.id)
    for line in order.lines:
        sessions, around = await timelines.around(line.product_id, line.live_session_id, order.placed_at)
        verdict = rules.bind(
            rules.OrderLine(
                product_id=line.product_id,
                buyer=order.buyer_subject,
                ordered_at=order.placed_at,
                paid_at=order.paid_at,
                live_session_id=line.live_session_id,
                position_ms=line.position_ms,
            ),
            around,
        )
        document = _document(verdict, sessions)
        before = newest.get(line.line_id)
        if before is not None and before.verdict == document:
            continue
        stored = ProvenanceRecord(
            shop_id=order.shop_id,
            order_id=order.id,
            line_id=line.line_id,
            version=1 if before is None else before.version + 1,
            verdict=document,
            bound_at=now,
        )
        await unit.live.add_provenance(stored)
        if conversation is not None:
            told.append(facts.ProvenanceFound(conversation.place, order.id, line.line_id, card(stored)))
    return told


async def of_tap(unit: Reader, look: Look, *, now: int) -> wire.ProvenanceCard:
    """The minute of the stream in which a buyer without an order tapped; read, not stored (version 0)."""
    found = look.conversation
    tapped_at = found.opened_at
    if look.live_started_at is not None and found.position_ms is not None:
        # He may have tapped again, minutes after he opened it. What a page says is never the future.
        tapped_at = min(now, max(tapped_at, look.live_started_at + found.position_ms))
    sessions, around = await Timelines(unit, found.shop_id).around(
        str(found.product_id), found.live_session_id, tapped_at
    )
    verdict = rules.bind(
        rules.OrderLine(
            product_id=str(found.product_id),
            buyer=look.buyer_subject,
            ordered_at=tapped_at,
            live_session_id=found.live_session_id,
            position_ms=found.position_ms,
        ),
        around,
    )
    return wire.ProvenanceCard.model_validate(_document(verdict, sessions) | {"version": 0})


def card(stored: ProvenanceRecord) -> wire.ProvenanceCard:
    """A stored verdict as the panel shows it."""
    return wire.ProvenanceCard.model_validate(stored.verdict | {"version": stored.version})


class Timelines:
    """The timelines that one call needs, each session's events read once."""

    def __init__(self, unit: Reader, shop_id: str) -> None:
        self._unit = unit
        self._shop_id = shop_id
        self._read: dict[str, live.Timeline] = {}

    async def around(
        self, product_id: str, named: str | None, at: int
    ) -> tuple[dict[str, LiveSessionRecord], list[live.Timeline]]:
        """The named session, and those that explained the product within `LOOKED_BACK_MS` before."""
        sessions = await self._unit.live.sessions_around(
            self._shop_id, product_id, since=at - rules.LOOKED_BACK_MS, until=at, named=named
        )
        return {row.id: row for row in sessions}, [await self._timeline(row) for row in sessions]

    async def _timeline(self, session: LiveSessionRecord) -> live.Timeline:
        if session.id not in self._read:
            events = await self._unit.live.events(self._shop_id, session.id)
            self._read[session.id] = timeline_of(session, events)
        return self._read[session.id]


def _document(verdict: rules.Provenance, sessions: dict[str, LiveSessionRecord]) -> dict[str, Any]:
    """The verdict as it is stored and shown: what may be relied on, in the wire's fields."""
    document: dict[str, Any] = {
        "confidence": verdict.confidence,
        "reasons": [{"code": reason.code, "data": dict(reason.data)} for reason in verdict.reasons],
    }
    if verdict.alternatives:
        document["alternatives"] = [_place(origin, sessions) for origin in verdict.alternatives]
    if verdict.origin is not None:
        document |= _place(verdict.origin, sessions)
        document["questions"] = [
            _said(each.comment, each.offset_ms, by=each.comment.name, own=each.own)
            for each in verdict.origin.questions
        ]
    return document


def _place(origin: rules.Origin, sessions: dict[str, LiveSessionRecord]) -> dict[str, Any]:
    """Session, hosts, minutes and promises of one place in a stream, as far as they are known."""
    place: dict[str, Any] = {
        "live_session_id": origin.session_id,
        "live_title": sessions[origin.session_id].title,
        "hosts": list(dict.fromkeys(span.host for span in origin.hosts))[: wire.HOSTS],
        "promises": [
            _said(each.promise, each.offset_ms, kind=each.promise.kind, by=each.promise.host)
            for each in origin.promises
        ],
        "offset_from_ms": origin.from_offset_ms,
        "offset_to_ms": origin.to_offset_ms,
    }
    if origin.segment is not None:
        place |= {"segment_from": origin.segment.from_at, "segment_to": origin.segment.to_at}
        if origin.segment.end == "limit":
            # Nothing has said yet that it ended: the limit is for binding, not a time to show.
            place |= {"segment_to": None, "offset_to_ms": None}
    return {name: value for name, value in place.items() if value is not None}


def _said(
    event: live.PromiseMade | live.Commented,
    offset_ms: int,
    *,
    kind: str = "said",
    by: str | None = None,
    own: bool = False,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "at": event.at,
        "offset_ms": offset_ms,
        "text": event.text,
        "kind": kind,
        "own": own,
    }
    return said | ({"by": by} if by else {})
