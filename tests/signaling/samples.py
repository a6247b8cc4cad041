"""One made-up fact of every kind, and a valid request for every command."""

from __future__ import annotations

from typing import Any, get_args

from protocol import call, conversation
from protocol.provenance import ProvenanceCard
from signaling import facts
from tests.signaling.fakes import NOW, SDP, a_call, case, client_id, participant, seat, summary

PLACE = facts.Place("c1", "s1", "b1", "a1")
UNOWNED = facts.Place("c1", "s1", "b1", None)
CARD = {
    "card": "product",
    "product_id": "p1",
    "title": "明前龙井",
    "price": 9900,
    "currency": "CNY",
    "picture": None,
}


SHOT = {"list_seq": 2, "shot": 0, "label": "吊牌"}


def entry(
    kind: str, body: dict[str, Any], sender: facts.SenderKind = "agent", *, recalled: bool = False
) -> facts.LogEntry:
    sender_id, name = {"agent": ("a1", "小青"), "buyer": ("b1", "小王"), "system": ("a7", None)}[sender]
    return facts.LogEntry(5, "m5", client_id(5), sender, sender_id, name, NOW, kind, body, recalled)


PUBLIC_ENTRIES: dict[str, facts.LogEntry] = {
    "text": entry("text", {"text": "您好", "quote_seq": 2}),
    "card": entry("card", {"body": CARD}, "buyer"),
    "recall": entry("recall", {"recalled_seq": 3}),
    "still": entry(
        "still",
        SHOT | {"file_id": "f1", "width": 4, "height": 3, "size": 9, "sha256": "a" * 64, "doubts": ["dark"]},
        "buyer",
    ),
    "skipped": entry("skipped", SHOT | {"reason": "吊牌剪掉了"}, "buyer"),
    "retake": entry("retake", SHOT | {"note": "再近一点"}),
    "booking": entry("booking", {"happened": "due", "at": NOW, "media": "video", "replaced": None}, "buyer"),
    "assigned": entry("assigned", {"agent_name": "小青"}, "system"),
    "transferred": entry("transferred", {"to_name": "小白"}),
    "requeued": entry("requeued", {}, "system"),
    "closed": entry("closed", {"by": "agent"}),
    "reopened": entry("reopened", {"by": "buyer"}, "buyer"),
    "call": entry(
        "call",
        {
            "call_id": "k1",
            "happened": "ended",
            "media": "video",
            "invited_by": "buyer",
            "reason": "hung_up",
            "duration_ms": 61_000,
        },
        "system",
    ),
}
DESK_ENTRIES: dict[str, facts.LogEntry] = {
    "note": entry("note", {"text": "此人常退货"}),
    "handover": entry("handover", {"text": "催了两次", "to_name": "售后组"}),
    "routed": entry("routed", {"text": "rule 3"}, "system"),
    "reused": entry(
        "reused",
        {"still_seq": 4, "label": "吊牌", "conversation_id": "c9", "earlier_at": NOW, "bits": 2},
        "system",
    ),
    "recording": entry(
        "recording",
        {"recording_id": "r1", "call_id": "k1", "state": "kept", "duration_ms": 61_000},
        "system",
    ),
}
CALL_PLACE = facts.CallPlace(PLACE, ("a3",), ("p5",))
LISTENER = participant("p3", "supervisor", "listener")
PERSONS: tuple[tuple[facts.ActorKind, str], ...] = (("buyer", "b1"), ("agent", "a1"), ("guest", "p5"))
TRACKS = (call.Track(mid="0", kind="audio", participant_id="p2"), call.Track(mid="1", kind="video"))
DRAWN = call.MarkEntry(
    seq=1,
    participant_id="p2",
    at=NOW,
    mark=call.CircleMark(
        shape="circle",
        mark_id=client_id(8),
        of="p1",
        frame_at=1_500,
        centre=call.Point(x=0.5, y=0.5),
        rx=0.1,
        ry=0.2,
    ),
)
OFFER = conversation.Offered(
    offer_id="o1", fence=4, expires_at=NOW + 20_000, now=NOW, why=["茶"], summary=summary()
)

FACTS: tuple[facts.Fact, ...] = (
    *(facts.EntryStored(PLACE, "public", stored) for stored in PUBLIC_ENTRIES.values()),
    *(facts.EntryStored(PLACE, "desk", stored) for stored in DESK_ENTRIES.values()),
    facts.EntryStored(UNOWNED, "public", PUBLIC_ENTRIES["text"], by_sid="sid-1"),
    facts.EntryStored(PLACE, "public", entry("text", {"text": "错的", "quote_seq": None}, recalled=True)),
    facts.EntryStored(PLACE, "public", entry("card", {"body": CARD}, recalled=True)),
    facts.MarksMoved(PLACE, 4, 3, 5, 5),
    facts.TypingSeen(PLACE, "buyer"),
    facts.TypingSeen(PLACE, "agent"),
    facts.PlaceInLineMoved(UNOWNED, 2, 7),
    facts.PlaceInLineMoved(UNOWNED, None, 6),
    facts.OfferMade("a1", OFFER),
    facts.OfferOver("a1", "o1", "missed"),
    facts.OwnerChanged(PLACE, "小青", 3, summary()),
    facts.OwnerChanged(PLACE, "小青", 3, summary(), before="a2"),
    facts.OwnerChanged(UNOWNED, "小青", 3, summary(), before="a2"),
    facts.ConversationClosed(PLACE, 9, "agent"),
    facts.ConversationReopened(PLACE, 10),
    facts.RowChanged(summary()),
    facts.ProvenanceFound(PLACE, "order-1", "line-1", ProvenanceCard(confidence="exact", version=1)),
    facts.CaseChanged(case()),
    facts.SeatChanged(seat(), ("s1", "s2")),
    *(
        facts.CallChanged(CALL_PLACE, event, a_call(), "p1")
        for event in get_args(facts.CallEventName)
        if event != "call.reconnecting"
    ),
    facts.CallChanged(CALL_PLACE, "call.reconnecting", a_call(LISTENER), "p1", code="leg_lost"),
    facts.CallChanged(CALL_PLACE, "call.changed", a_call(LISTENER), "p3", vanished=True),
    facts.CallChanged(CALL_PLACE, "call.joined", a_call(LISTENER), "p3"),
    facts.CallChanged(facts.CallPlace(UNOWNED), "call.left", a_call(), "p2"),
    *(facts.LegMoved(kind, person_id, "k1", "p1", "l2") for kind, person_id in PERSONS),
    *(facts.LegRouted(kind, person_id, "k1", "l2", TRACKS) for kind, person_id in PERSONS),
    facts.MarkDrawn(CALL_PLACE, "k1", DRAWN, by_sid="sid-1"),
    facts.QualityChanged(CALL_PLACE, "k1", "p1", "poor", "audio_only"),
    facts.QualityChanged(CALL_PLACE, "k1", "p3", "poor", "full", hidden=True),
    facts.StillAsked(CALL_PLACE, "k1", 7, "p1"),
    facts.AdjustAsked(CALL_PLACE, "k1", "p1", torch=True),
)

_SEND = {"conversation_id": "c1", "client_id": client_id(1), "kind": "text", "text": "在吗"}
_CLOSE = {"conversation_id": "c1", "client_id": client_id(1)}
_RECALL = {"conversation_id": "c1", "client_id": client_id(1), "seq": 1}
_SYNC = {"conversation_id": "c1", "after_seq": 0, "epoch": "epoch-1"}
_MARK = {"conversation_id": "c1", "delivered_seq": 1, "read_seq": 1}
_THIS = {"conversation_id": "c1"}
_SHOT = _CLOSE | {"list_seq": 2, "shot": 0}
_CASE = {"case_id": "case-1", "client_id": client_id(1)}
_ANSWER = {"offer_id": "o1", "fence": 3}
_CALL = {"call_id": "k1"}
_CONSENT = _CALL | {"granted": True, "text_version": "caller-2026-11", "locale": "zh-CN"}
_FLOW = {"kbps": 900, "loss": 0.01, "jitter_ms": 12, "fps": 24, "width": 640, "height": 480}
_REPORT = _CALL | {"leg_id": "l1", "round_trip_ms": 40, "sent": _FLOW, "received": _FLOW, "step": "full"}
_ARROW = {
    "shape": "arrow",
    "mark_id": client_id(7),
    "of": "p1",
    "frame_at": 1_234,
    "start": {"x": 0.1, "y": 0.25},
    "end": {"x": 0.5, "y": 1},
}

REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("/buyer", "conversation.open"): {"client_id": client_id(1), "order_id": "order-1", "position_ms": 5},
    ("/buyer", "conversation.list"): {"before": NOW},
    ("/buyer", "conversation.close"): _CLOSE,
    ("/buyer", "conversation.reopen"): _CLOSE,
    ("/buyer", "chat.send"): _SEND,
    ("/buyer", "chat.recall"): _RECALL,
    ("/buyer", "chat.sync"): _SYNC,
    ("/buyer", "chat.mark"): _MARK,
    ("/buyer", "chat.type"): _THIS,
    ("/buyer", "shots.fill"): _SHOT | {"file_id": "f1", "doubts": ["blurred"]},
    ("/buyer", "shots.skip"): _SHOT | {"reason": "吊牌剪掉了"},
    ("/buyer", "file.link"): {"file_ids": ["f1", "f2"]},
    ("/buyer", "session.renew"): {},
    ("/agent", "desk.load"): {},
    ("/agent", "presence.set"): {"state": "break", "reason": "吃饭"},
    ("/agent", "wall.load"): {"shop_id": "s1"},
    ("/agent", "conversation.list"): {"tab": "all", "shop_id": "s1"},
    ("/agent", "conversation.look"): _THIS,
    ("/agent", "conversation.unlook"): _THIS,
    ("/agent", "conversation.watch"): {"conversation_ids": ["c1"]},
    ("/agent", "conversation.accept"): _ANSWER,
    ("/agent", "conversation.decline"): _ANSWER,
    ("/agent", "conversation.transfer"): _CLOSE | {"fence": 3, "group_id": "g1", "note": "请接手"},
    ("/agent", "conversation.close"): _CLOSE | {"fence": 3},
    ("/agent", "conversation.reopen"): _CLOSE,
    ("/agent", "chat.send"): _SEND | {"fence": 3},
    ("/agent", "chat.note"): {"conversation_id": "c1", "client_id": client_id(1), "text": "记一下"},
    ("/agent", "chat.recall"): _RECALL | {"fence": 3},
    ("/agent", "chat.sync"): _SYNC | {"desk_after_seq": 0},
    ("/agent", "chat.mark"): _MARK,
    ("/agent", "chat.type"): _THIS,
    ("/agent", "shots.request"): _CLOSE
    | {"fence": 3, "shots": [{"label": "吊牌", "hint": "看得清", "frame": "tag"}]},
    ("/agent", "shots.retake"): _SHOT | {"fence": 3, "note": "再近一点"},
    ("/agent", "file.link"): {"file_ids": ["f1"]},
    ("/agent", "case.open"): _CLOSE | {"title": "领口开线", "order_id": "order-1"},
    ("/agent", "case.list"): {"shop_id": "s1", "state": "open", "mine": True, "search": "#1001"},
    ("/agent", "case.read"): {"case_id": "case-1"},
    ("/agent", "case.note"): _CASE | {"text": "已催"},
    ("/agent", "case.hold"): _CASE | {"person_id": "a2"},
    ("/agent", "recording.open"): {"recording_id": "r1"},
    ("/agent", "recording.marks"): {"recording_id": "r1", "after_seq": 0},
    ("/agent", "recording.compose"): {"recording_id": "r1"},
    ("/agent", "recording.erase"): {"recording_id": "r1", "why": "买家要求删除"},
    ("/agent", "recording.restrict"): {"recording_id": "r1", "why": "有争议", "restricted": True},
    ("/agent", "case.close"): _CASE | {"text": "已换货"},
    ("/agent", "case.reopen"): _CASE | {"text": "又坏了"},
    ("/buyer", "call.load"): {},
    ("/buyer", "call.join"): _CALL | {"move": True},
    ("/buyer", "call.describe"): _CALL | {"leg_id": "l1", "answer": SDP},
    ("/buyer", "call.hang_up"): _CALL,
    ("/buyer", "call.consent"): _CONSENT,
    ("/buyer", "call.set"): _CALL
    | {"camera": True, "controls": {"torch": False, "zoom": {"least": 1, "most": 8, "now": 1.5}}},
    ("/buyer", "call.report"): _REPORT,
    ("/buyer", "call.mark"): _CALL | {"mark": _ARROW},
    ("/buyer", "call.sync"): _CALL | {"after_seq": 0},
    ("/buyer", "call.invite"): _CLOSE | {"media": "video"},
    ("/buyer", "call.answer"): _CALL,
    ("/buyer", "call.decline"): _CALL,
    ("/buyer", "call.link"): {"conversation_id": "c1"},
    ("/buyer", "call.book"): _CLOSE | {"media": "video", "at": NOW + 60_000},
    ("/buyer", "call.unbook"): _CLOSE,
    ("/agent", "call.book"): _CLOSE | {"media": "voice", "at": NOW + 60_000, "fence": 3},
    ("/agent", "call.unbook"): _CLOSE | {"fence": 3},
    ("/agent", "call.load"): {},
    ("/agent", "call.join"): _CALL | {"move": True},
    ("/agent", "call.describe"): _CALL | {"leg_id": "l1", "answer": SDP},
    ("/agent", "call.hang_up"): _CALL,
    ("/agent", "call.consent"): _CONSENT,
    ("/agent", "call.set"): _CALL | {"camera": False, "microphone": True},
    ("/agent", "call.report"): _REPORT,
    ("/agent", "call.mark"): _CALL | {"mark": _ARROW},
    ("/agent", "call.sync"): _CALL | {"after_seq": 0},
    ("/agent", "call.invite"): _CLOSE | {"media": "voice", "fence": 3},
    ("/agent", "call.answer"): _CALL,
    ("/agent", "call.decline"): _CALL,
    ("/agent", "call.listen"): _CALL,
    ("/agent", "call.whisper"): _CALL,
    ("/agent", "call.barge"): _CALL,
    ("/agent", "call.take_over"): _CALL,
    ("/agent", "call.list"): {"shop_id": "s1"},
    ("/agent", "call.still"): _CALL | {"client_id": client_id(1)},
    ("/agent", "call.adjust"): _CALL | {"torch": True, "zoom": 2.5},
    ("/agent", "call.invite_guest"): _CALL | {"client_id": client_id(1), "name": "仓库老李"},
    ("/agent", "call.revoke_guest"): _CALL | {"participant_id": "p5"},
    ("/guest", "call.load"): {},
    ("/guest", "call.join"): _CALL | {"move": True},
    ("/guest", "call.describe"): _CALL | {"leg_id": "l1", "answer": SDP},
    ("/guest", "call.hang_up"): _CALL,
    ("/guest", "call.consent"): _CONSENT,
    ("/guest", "call.set"): _CALL | {"camera": False, "microphone": True},
    ("/guest", "call.report"): _REPORT,
    ("/guest", "call.mark"): _CALL | {"mark": _ARROW},
    ("/guest", "call.sync"): _CALL | {"after_seq": 0},
}
