"""Who is told what: tables over every fact, and the property that nothing internal has a way to a buyer."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import chat
from protocol.catalogue import EVENTS
from signaling import facts
from signaling.present import DESK_FIELDS, PUBLIC_FIELDS, Emission, present, public_entry
from signaling.publisher import check_event
from tests.signaling.fakes import NOW, a_call, client_id, participant, seat, summary
from tests.signaling.samples import (
    CALL_PLACE,
    DESK_ENTRIES,
    DRAWN,
    FACTS,
    LISTENER,
    OFFER,
    PLACE,
    PUBLIC_ENTRIES,
    TRACKS,
    UNOWNED,
)

TO_BUYER = ("/buyer", ("buyer:b1",))
TO_OWNER = ("/agent", ("agent:a1", "look:c1"))
TO_LOOKERS = ("/agent", ("look:c1",))
TO_CALL = ("/agent", ("agent:a1", "agent:a3", "look:c1"))
TO_GUEST = ("/guest", ("guest:p5",))
TO_SHOP = ("/agent", ("shop:s1",))

HEARD: list[tuple[facts.Fact, dict[str, list[tuple[str, tuple[str, ...]]]]]] = [
    (
        facts.EntryStored(PLACE, "public", PUBLIC_ENTRIES["text"]),
        {"chat.posted": [TO_BUYER, TO_OWNER]},
    ),
    (
        facts.EntryStored(UNOWNED, "public", PUBLIC_ENTRIES["text"]),
        {"chat.posted": [TO_BUYER, TO_LOOKERS]},
    ),
    (
        facts.EntryStored(PLACE, "public", PUBLIC_ENTRIES["recall"]),
        {"chat.recalled": [TO_BUYER, TO_OWNER]},
    ),
    (facts.EntryStored(PLACE, "desk", DESK_ENTRIES["note"]), {"chat.noted": [TO_OWNER]}),
    (facts.EntryStored(UNOWNED, "desk", DESK_ENTRIES["routed"]), {"chat.noted": [TO_LOOKERS]}),
    (facts.MarksMoved(PLACE, 1, 1, 1, 1), {"chat.marked": [TO_BUYER, TO_OWNER]}),
    (facts.TypingSeen(PLACE, "buyer"), {"chat.typing": [TO_OWNER]}),
    (facts.TypingSeen(PLACE, "agent"), {"chat.typing": [TO_BUYER]}),
    (facts.PlaceInLineMoved(UNOWNED, 1, 4), {"queue.moved": [TO_BUYER]}),
    (facts.OfferMade("a4", OFFER), {"conversation.offered": [("/agent", ("agent:a4",))]}),
    (facts.OfferOver("a4", "o1", "missed"), {"conversation.offer_ended": [("/agent", ("agent:a4",))]}),
    (
        facts.OwnerChanged(PLACE, "小青", 3, summary()),
        {
            "conversation.assigned": [TO_BUYER],
            "conversation.taken": [TO_OWNER],
            "conversation.changed": [TO_SHOP],
        },
    ),
    (
        facts.OwnerChanged(PLACE, "小青", 3, summary(), before="a2"),
        {
            "conversation.assigned": [TO_BUYER],
            "conversation.taken": [("/agent", ("agent:a1", "look:c1", "agent:a2"))],
            "conversation.changed": [TO_SHOP],
        },
    ),
    (facts.ConversationClosed(PLACE, 9, "buyer"), {"conversation.closed": [TO_BUYER, TO_OWNER]}),
    (facts.ConversationReopened(UNOWNED, 9), {"conversation.reopened": [TO_BUYER, TO_LOOKERS]}),
    (facts.RowChanged(summary()), {"conversation.changed": [TO_SHOP]}),
    (facts.CallChanged(CALL_PLACE, "call.rang", a_call(), "p2"), {"call.rang": [TO_BUYER, TO_CALL]}),
    (
        facts.CallChanged(CALL_PLACE, "call.joined", a_call(), "p1"),
        {"call.joined": [TO_BUYER, TO_CALL, TO_GUEST]},
    ),
    # Who only listens comes, changes and goes unseen; who steps back from barging in vanishes from sight.
    (facts.CallChanged(CALL_PLACE, "call.joined", a_call(LISTENER), "p3"), {"call.joined": [TO_CALL]}),
    (facts.CallChanged(CALL_PLACE, "call.changed", a_call(LISTENER), "p3"), {"call.changed": [TO_CALL]}),
    (
        facts.CallChanged(CALL_PLACE, "call.changed", a_call(LISTENER), "p3", vanished=True),
        {"call.changed": [TO_BUYER, TO_CALL, TO_GUEST]},
    ),
    (facts.LegMoved("buyer", "b1", "k1", "p1", "l2"), {"call.moved": [TO_BUYER]}),
    (facts.LegRouted("guest", "p5", "k1", "l2", TRACKS), {"call.routed": [TO_GUEST]}),
    (facts.MarkDrawn(CALL_PLACE, "k1", DRAWN), {"call.marked": [TO_BUYER, TO_CALL, TO_GUEST]}),
    (
        facts.QualityChanged(CALL_PLACE, "k1", "p1", "poor", "low_rate"),
        {"call.quality_changed": [TO_BUYER, TO_CALL, TO_GUEST]},
    ),
    (
        facts.QualityChanged(CALL_PLACE, "k1", "p3", "poor", "full", hidden=True),
        {"call.quality_changed": [TO_CALL]},
    ),
    (facts.StillAsked(CALL_PLACE, "k1", 7, "p1"), {"call.still_asked": [TO_BUYER, TO_OWNER]}),
    (facts.AdjustAsked(CALL_PLACE, "k1", "p1", torch=True), {"call.adjust_asked": [TO_BUYER]}),
    (
        facts.SeatChanged(seat("a4"), ("s1", "s2")),
        {"presence.changed": [("/agent", ("agent:a4", "shop:s1", "shop:s2"))]},
    ),
]


@pytest.mark.parametrize("fact, heard", HEARD, ids=[type(fact).__name__ for fact, _ in HEARD])
def test_a_fact_is_told_to_whom_it_concerns(
    fact: facts.Fact, heard: dict[str, list[tuple[str, tuple[str, ...]]]]
) -> None:
    told: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for emission in present(fact):
        told.setdefault(emission.event, []).append((emission.namespace, emission.rooms))
    assert told == heard


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_every_payload_has_the_shape_that_the_catalogue_declares(fact: facts.Fact) -> None:
    emissions = present(fact)
    assert emissions
    for emission in emissions:
        check_event(emission.namespace, emission.event, json.loads(json.dumps(emission.payload)))


def test_every_kind_of_fact_has_a_sample() -> None:
    assert {type(fact) for fact in FACTS} == set(get_args(facts.Fact))
    assert PUBLIC_ENTRIES.keys() == PUBLIC_FIELDS.keys()
    assert DESK_ENTRIES.keys() == DESK_FIELDS.keys()


def test_every_declared_event_of_a_fact_is_presented_by_some_sample() -> None:
    presented = {(emission.namespace, emission.event) for fact in FACTS for emission in present(fact)}
    about_the_socket_itself = {"session.ended", "server.stopped"}
    declared = {
        (namespace, event.name)
        for event in EVENTS
        if event.name not in about_the_socket_itself
        for namespace in event.namespaces
    }
    assert presented == declared


def test_a_recalled_message_keeps_its_place_and_loses_its_body() -> None:
    for kind, emptied in (("text", "text"), ("card", "body")):
        whole = PUBLIC_ENTRIES[kind]
        recalled = whole._replace(recalled=True)
        for audience in ("buyer", "agents"):
            shown = public_entry(recalled, "buyer" if audience == "buyer" else "agents")
            assert shown[emptied] is None
            assert shown["recalled"] is True
            assert shown["seq"] == whole.seq


def test_the_socket_that_wrote_needs_no_echo_and_everybody_else_is_told() -> None:
    fact = facts.EntryStored(PLACE, "public", PUBLIC_ENTRIES["text"], by_sid="sid-1")
    assert {emission.skip_sid for emission in present(fact)} == {"sid-1"}


def test_a_fact_that_was_present_knows_no_way_to_is_an_error_and_not_silence() -> None:
    odd = facts.LogEntry(1, "m1", None, "agent", "a1", "小青", NOW, "note", {"text": "x"})
    with pytest.raises(KeyError):
        present(facts.EntryStored(PLACE, "public", odd))


SECRET = "内部机密-SECRET"
AGENT_ID = "agent-id-SECRET"
_words = st.text(min_size=1, max_size=20).filter(str.strip)


@st.composite
def stored_entries(draw: st.DrawFn) -> facts.EntryStored:
    """Entries of either log whose internal parts are marked, with more in the body than belongs there."""
    log: facts.Log = draw(st.sampled_from(["public", "desk"]))
    samples = PUBLIC_ENTRIES if log == "public" else DESK_ENTRIES
    sample = samples[draw(st.sampled_from(sorted(samples)))]
    sender: facts.SenderKind = draw(st.sampled_from(["buyer", "agent", "system"]))
    body: dict[str, Any] = {**sample.body, "internal": SECRET, "group_name": SECRET, "agent_id": AGENT_ID}
    if log == "desk":
        body["text"] = SECRET
    entry = facts.LogEntry(
        seq=draw(st.integers(1, 2**53 - 1)),
        message_id=draw(st.from_regex(r"\A[a-z0-9]{1,10}\Z")),
        client_id=draw(st.sampled_from([None, client_id(1)])),
        sender_kind=sender,
        sender_id="b1" if sender == "buyer" else AGENT_ID,
        sender_name=draw(_words),
        sent_at=NOW,
        kind=sample.kind,
        body=body,
        recalled=draw(st.booleans()),
    )
    owner = draw(st.sampled_from([None, AGENT_ID]))
    place = facts.Place("c1", "s1", "b1", owner)
    return facts.EntryStored(place, log, entry, draw(st.sampled_from([None, "sid-1"])))


def marked_facts() -> list[facts.Fact]:
    """The other facts with their internal parts marked."""
    place = facts.Place("c1", "s1", "b1", AGENT_ID)
    row = summary().model_copy(
        update={"owner_id": AGENT_ID, "group_name": SECRET, "group_id": SECRET, "preview": SECRET}
    )
    listener = participant(AGENT_ID, "supervisor", "listener").model_copy(update={"name": SECRET})
    whisperer = listener.model_copy(update={"mode": "whisper"})
    secret_call = a_call(listener, whisperer)
    return [
        facts.MarksMoved(place, 1, 1, 1, 1),
        facts.TypingSeen(place, "buyer"),
        facts.TypingSeen(place, "agent"),
        facts.PlaceInLineMoved(place, 1, 1),
        facts.OfferMade(AGENT_ID, OFFER.model_copy(update={"why": [SECRET], "summary": row})),
        facts.OfferOver(AGENT_ID, "o1", "missed"),
        facts.OwnerChanged(place, "小青", 3, row, before=AGENT_ID),
        facts.ConversationClosed(place, 9, "agent"),
        facts.ConversationReopened(place, 9),
        facts.RowChanged(row),
        *(fact for fact in FACTS if isinstance(fact, facts.ProvenanceFound)),
        facts.SeatChanged(seat(AGENT_ID), ("s1",)),
        *(
            facts.CallChanged(
                facts.CallPlace(place, (AGENT_ID,), ("p5",)), event, secret_call, about, vanished=vanished
            )
            for event in get_args(facts.CallEventName)
            for about, vanished in (("p1", False), (AGENT_ID, False), (AGENT_ID, True))
            if event != "call.reconnecting"
        ),
    ]


def heard_by_buyers(fact: facts.Fact) -> list[Emission]:
    return [emission for emission in present(fact) if emission.namespace == "/buyer"]


@given(stored_entries() | st.sampled_from(marked_facts()))
def test_nothing_internal_has_a_way_to_a_buyer(fact: facts.Fact) -> None:
    for emission in heard_by_buyers(fact):
        said = json.dumps(emission.payload, ensure_ascii=False)
        assert SECRET not in said
        assert AGENT_ID not in said
        # And only to the buyer of the conversation himself.
        assert emission.rooms == ("buyer:b1",)
        check_event("/buyer", emission.event, emission.payload)
    if isinstance(fact, facts.EntryStored) and fact.log == "desk":
        assert heard_by_buyers(fact) == []


def test_the_entries_that_are_sent_live_are_those_that_a_sync_returns() -> None:
    for stored in PUBLIC_ENTRIES.values():
        shown = public_entry(stored, "agents")
        page = chat.BuyerSynced.model_validate(
            {
                "epoch": "e",
                "entries": [shown],
                "more": False,
                "last_seq": 5,
                "state": "open",
                "marks": {},
            }
        )
        assert page.model_dump()["entries"] == [shown]
