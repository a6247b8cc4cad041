"""The steps of a call by example: rings, answers, losses, consent, who hears whom."""

from __future__ import annotations

import pytest

from media import steps
from media.call import (
    AGENT_MS,
    AGENT_RECONNECT_MS,
    BROWSER_MS,
    CONNECT_MS,
    NOTHING_TO_SET,
    PEOPLE,
    RECONNECT_MS,
    RING_MS,
    Call,
    CallRefused,
    CameraControls,
    Mode,
    Reason,
    Side,
    Zoom,
    recorded,
    routes,
)
from media.steps import Step

NOW = 1_790_000_000_000
BUYER, AGENT, LEAD, GUEST = "pb", "pa", "ps", "pg"


def ringing(by: Side = "buyer") -> Call:
    return steps.invite(
        "k1", media="video", by=by, buyer=(BUYER, "b1", "小王"), agent=(AGENT, "a1", "小青"), now=NOW
    ).call


def leg(
    call: Call, participant_id: str, leg_id: str, *, move: bool = False, known: str | None = None
) -> Step:
    return steps.open_leg(
        call, participant_id, leg_id=leg_id, rejoin_hash=f"hash-{leg_id}", known=known, move=move, now=NOW
    )


def answered(by: Side = "buyer") -> Call:
    return steps.answer(ringing(by), "agent" if by == "buyer" else "buyer", now=NOW + 1_000).call


def connected() -> Call:
    call = answered()
    for participant_id, leg_id in ((BUYER, "lb"), (AGENT, "la")):
        call = leg(call, participant_id, leg_id).call
        call = steps.leg_up(call, leg_id, now=NOW + 2_000).call
    return call


def recording() -> Call:
    call = steps.consent(connected(), BUYER, True).call
    return steps.consent(call, AGENT, True).call


def told(step: Step) -> list[str]:
    return [each.event for each in step.told]


def refusal(act: object) -> str:
    with pytest.raises(CallRefused) as refused:
        act()  # type: ignore[operator]
    return refused.value.code


@pytest.mark.parametrize("by", ["buyer", "agent"])
def test_a_ring_is_answered_by_the_other_side_and_the_answer_repeated_answers_the_same(by: Side) -> None:
    other: Side = "agent" if by == "buyer" else "buyer"
    step = steps.answer(ringing(by), other, now=NOW + 5_000)
    assert (step.call.state, step.call.answered_at, told(step)) == (
        "answered",
        NOW + 5_000,
        ["call.answered"],
    )
    assert steps.answer(step.call, other, now=NOW + 6_000) == Step(step.call)
    assert refusal(lambda: steps.answer(ringing(by), by, now=NOW)) == "ring_over"


def test_a_ring_is_over_at_its_very_millisecond() -> None:
    steps.answer(ringing(), "agent", now=NOW + RING_MS - 1)
    assert refusal(lambda: steps.answer(ringing(), "agent", now=NOW + RING_MS)) == "ring_over"
    assert steps.expire(ringing(), now=NOW + RING_MS - 1) == Step(ringing())
    over = steps.expire(ringing(), now=NOW + RING_MS)
    assert (over.call.state, over.call.reason, told(over)) == ("ended", "no_answer", ["call.ended"])


@pytest.mark.parametrize(
    "act, reason",
    [
        (lambda call: steps.decline(call, "agent", now=NOW), "declined"),
        (lambda call: steps.hang_up(call, BUYER, now=NOW), "cancelled"),
        (lambda call: steps.hang_up(call, AGENT, now=NOW), "declined"),
        (lambda call: steps.agent_gone(call, now=NOW), "agent_lost"),
    ],
)
def test_a_ring_ends_with_who_ended_it(act: object, reason: Reason) -> None:
    assert act(ringing()).call.reason == reason  # type: ignore[operator]


def test_an_ended_call_takes_no_step_but_answers_repetitions() -> None:
    over = steps.hang_up(connected(), AGENT, now=NOW).call
    assert (over.reason, over.ended_by, over.next_due) == ("hung_up", "agent", None)
    assert all(each.state == "left" and each.leg_id is None for each in over.participants)
    for act in (
        lambda: steps.answer(over, "agent", now=NOW),
        lambda: leg(over, BUYER, "l9"),
        lambda: steps.consent(over, BUYER, True),
        lambda: steps.set_media(over, BUYER, camera=False),
        lambda: steps.supervise(over, LEAD, "s1", "主管", "listener", now=NOW),
        lambda: steps.invite_guest(over, GUEST, "老李"),
        lambda: steps.may_draw(over, BUYER),
    ):
        assert refusal(act) == "call_ended"
    for repeated in (
        steps.hang_up(over, BUYER, now=NOW),
        steps.decline(over, "agent", now=NOW),
        steps.leg_up(over, "la", now=NOW),
        steps.leg_lost(over, "la", now=NOW),
        steps.media_lost(over, now=NOW),
        steps.agent_comes(over, "p9", "a9", "小白", now=NOW),
        steps.expire(over, now=NOW + 10**9),
    ):
        assert repeated == Step(over)


def test_a_call_stands_when_both_sides_have_media_and_is_given_up_when_none_comes() -> None:
    call = answered()
    assert refusal(lambda: leg(ringing(), BUYER, "lb")) == "not_joined"
    one = steps.leg_up(leg(call, BUYER, "lb").call, "lb", now=NOW + 1_500)
    assert (one.call.state, told(one)) == ("answered", ["call.joined"])
    assert connected().state == "connected"
    assert connected().connected_at == NOW + 2_000
    late = steps.expire(one.call, now=NOW + 1_000 + CONNECT_MS)
    assert late.call.reason == "not_connected"


def test_a_buyer_who_goes_to_another_browser_is_waited_for_until_he_is_there() -> None:
    took = steps.other_browser(ringing("agent"), now=NOW + 5_000)
    assert (took.call.state, told(took)) == ("answered", ["call.answered"]), "what rang at him is taken"
    assert took.call.due == NOW + 5_000 + BROWSER_MS
    assert steps.other_browser(took.call, now=NOW + 5_000) == Step(took.call)
    again = steps.other_browser(took.call, now=NOW + 95_000)
    assert (again.call.due, again.call.revision) == (NOW + 95_000 + BROWSER_MS, took.call.revision + 1)
    late = steps.expire(again.call, now=NOW + 95_000 + BROWSER_MS)
    assert late.call.reason == "not_connected"
    over = steps.hang_up(connected(), AGENT, now=NOW).call
    for call in (ringing("buyer"), connected(), over):
        assert steps.other_browser(call, now=NOW) == Step(call)
    assert steps.other_browser(ringing("agent"), now=NOW + RING_MS) == Step(ringing("agent"))


def test_a_reloaded_page_goes_on_with_its_token_and_another_page_only_when_it_says_so() -> None:
    call = connected()
    assert refusal(lambda: leg(call, BUYER, "l2")) == "elsewhere"
    assert refusal(lambda: leg(call, BUYER, "l2", known="hash-of-another")) == "elsewhere"
    for step in (leg(call, BUYER, "l2", known="hash-lb"), leg(call, BUYER, "l2", move=True)):
        assert told(step) == ["call.reconnecting"]
        assert steps.leg_lost(step.call, "lb", now=NOW) == Step(step.call)
        assert refusal(lambda call=step.call: steps.on_leg(call, BUYER, "lb")) == "stale_leg"
        back = steps.leg_up(step.call, "l2", now=NOW + 3_000)
        assert told(back) == ["call.joined"]
        assert back.call.state == "connected"
        assert steps.on_leg(back.call, BUYER, "l2").state == "joined"


def test_a_lost_participant_is_waited_for_and_then_gone() -> None:
    lost = steps.leg_lost(connected(), "lb", now=NOW + 5_000)
    assert told(lost) == ["call.reconnecting"]
    assert lost.call.next_due == NOW + 5_000 + RECONNECT_MS
    # Who comes back needs no token: his page may be gone with all that it knew.
    leg(lost.call, BUYER, "l2")
    assert steps.expire(lost.call, now=NOW + 5_000 + RECONNECT_MS - 1) == Step(lost.call)
    over = steps.expire(lost.call, now=NOW + 5_000 + RECONNECT_MS)
    assert (over.call.reason, over.call.ended_by) == ("buyer_lost", "system")


def test_a_buyer_whose_agent_is_lost_waits_for_the_next_one() -> None:
    lost = steps.leg_lost(connected(), "la", now=NOW).call
    assert steps.expire(lost, now=NOW + AGENT_RECONNECT_MS - 1) == Step(lost)
    gone = steps.expire(lost, now=NOW + AGENT_RECONNECT_MS)
    assert (gone.call.state, told(gone)) == ("waiting", ["call.left"])
    nobody = steps.expire(gone.call, now=NOW + AGENT_RECONNECT_MS + AGENT_MS)
    assert nobody.call.reason == "no_agent"
    step = steps.agent_comes(gone.call, "p2", "a2", "小白", now=NOW + 40_000)
    assert told(step) == ["call.rang"]
    next_one = steps.leg_up(leg(step.call, "p2", "l2").call, "l2", now=NOW + 45_000).call
    assert (next_one.state, next_one.due, next_one.connected_at) == ("connected", None, NOW + 2_000)


def test_the_same_agent_again_changes_nothing() -> None:
    assert steps.agent_comes(connected(), "p9", "a1", "小青", now=NOW) == Step(connected())


def test_a_supervisor_in_the_call_who_takes_over_is_its_agent_at_once() -> None:
    call = steps.supervise(connected(), LEAD, "s1", "主管", "listener", now=NOW).call
    call = steps.leg_up(leg(call, LEAD, "ls").call, "ls", now=NOW).call
    step = steps.agent_comes(call, "p9", "s1", "主管", now=NOW)
    agent = step.call.live("agent")
    assert (step.call.state, told(step)) == ("connected", ["call.left", "call.changed"])
    assert agent is not None and (agent.id, agent.mode, agent.microphone) == (LEAD, None, True)
    assert step.call.live("supervisor") is None


def test_a_lost_media_service_is_waited_for_on_new_legs() -> None:
    step = steps.media_lost(connected(), now=NOW)
    assert told(step) == ["call.reconnecting", "call.reconnecting"]
    assert [each.code for each in step.told] == ["media_lost", "media_lost"]
    assert all(each.leg_id is None for each in step.call.participants)
    assert steps.media_lost(step.call, now=NOW) == Step(step.call)
    assert steps.expire(step.call, now=NOW + RECONNECT_MS).call.reason == "media_lost"


def test_nothing_is_recorded_before_everybody_agreed_and_refusing_keeps_the_call() -> None:
    call = steps.consent(connected(), BUYER, True).call
    assert (call.recording, call.recording_code, recorded(call)) == ("off", "unasked", ())
    refused = steps.consent(call, AGENT, False)
    assert (refused.call.recording, refused.call.recording_code) == ("off", "refused")
    assert refused.call.state == "connected"
    on = steps.consent(refused.call, AGENT, True)
    assert (on.call.recording, set(recorded(on.call))) == ("on", {BUYER, AGENT})
    assert told(on) == ["call.changed", "call.recording_changed"]


def test_withdrawing_pauses_the_recording_in_the_same_step() -> None:
    step = steps.consent(recording(), BUYER, False)
    assert (step.call.recording, step.call.recording_code, recorded(step.call)) == ("paused", "withdrawn", ())
    assert steps.consent(step.call, BUYER, True).call.recording == "on"


def test_who_comes_later_pauses_the_recording_until_he_agrees() -> None:
    call = steps.invite_guest(recording(), GUEST, "老李").call
    assert call.recording == "on"
    call = steps.leg_up(leg(call, GUEST, "lg").call, "lg", now=NOW).call
    assert (call.recording, call.recording_code) == ("paused", "unasked")
    assert steps.consent(call, GUEST, True).call.recording == "on"
    assert steps.hang_up(call, GUEST, now=NOW).call.recording == "on"


@pytest.mark.parametrize(
    "mode, recording_state", [("listener", "on"), ("whisper", "on"), ("barge", "paused")]
)
def test_a_supervisor_belongs_to_the_recording_only_when_all_hear_him(
    mode: Mode, recording_state: str
) -> None:
    call = steps.supervise(recording(), LEAD, "s1", "主管", mode, now=NOW).call
    call = steps.leg_up(leg(call, LEAD, "ls").call, "ls", now=NOW).call
    assert call.recording == recording_state
    assert LEAD not in recorded(call)


def test_a_failed_recorder_stops_for_good_and_never_the_call() -> None:
    step = steps.recording_failed(recording(), "disk_full")
    assert (step.call.recording, step.call.recording_code) == ("stopped", "disk_full")
    assert (step.call.state, recorded(step.call)) == ("connected", ())
    assert steps.consent(step.call, BUYER, False).call.recording == "stopped"
    assert steps.recording_failed(step.call, "again") == Step(step.call)


@pytest.mark.parametrize(
    "mode, hearers", [("listener", set()), ("whisper", {AGENT}), ("barge", {AGENT, BUYER, GUEST})]
)
def test_who_hears_a_supervisor(mode: Mode, hearers: set[str]) -> None:
    call = steps.invite_guest(connected(), GUEST, "老李").call
    call = steps.supervise(call, LEAD, "s1", "主管", mode, now=NOW).call
    assert {route.listener for route in routes(call) if route.source == LEAD} == hearers
    heard = {route.source for route in routes(call) if route.listener == LEAD}
    assert heard == {BUYER, AGENT, GUEST}
    assert {(r.listener, r.seat) for r in routes(call)} == {
        (listener, seat) for listener in (BUYER, AGENT, LEAD, GUEST) for seat in range(3)
    }


def test_a_listener_sends_nothing_and_draws_nothing() -> None:
    call = steps.supervise(connected(), LEAD, "s1", "主管", "listener", now=NOW).call
    call = steps.leg_up(leg(call, LEAD, "ls").call, "ls", now=NOW).call
    for sends in ({"camera": True}, {"microphone": True}, {"screen": True}):
        assert refusal(lambda sends=sends: steps.set_media(call, LEAD, **sends)) == "forbidden"
    assert refusal(lambda: steps.may_draw(call, LEAD)) == "forbidden"
    barging = steps.supervise(call, LEAD, "s1", "主管", "barge", now=NOW).call
    steps.may_draw(barging, LEAD)
    shown = steps.set_media(barging, LEAD, camera=True).call
    back = steps.supervise(shown, LEAD, "s1", "主管", "listener", now=NOW).call.of(LEAD)
    assert back is not None and (back.microphone, back.camera) == (False, False)


def test_of_a_camera_that_is_off_nothing_can_be_set_whatever_its_owner_tells() -> None:
    controls = CameraControls(torch=False, zoom=Zoom(1, 8, 1))
    told = steps.set_media(connected(), BUYER, camera=True, controls=controls)
    assert _controls(told.call, BUYER) == controls
    again = steps.set_media(told.call, BUYER, controls=controls)
    assert again.call == told.call and not again.told, "nothing is told twice"
    off = steps.set_media(told.call, BUYER, camera=False, controls=controls).call
    assert _controls(off, BUYER) == NOTHING_TO_SET
    barging = steps.supervise(connected(), LEAD, "s1", "主管", "barge", now=NOW).call
    shown = steps.set_media(barging, LEAD, camera=True, controls=controls).call
    back = steps.supervise(shown, LEAD, "s1", "主管", "listener", now=NOW).call
    assert _controls(shown, LEAD) == controls and _controls(back, LEAD) == NOTHING_TO_SET


def _controls(call: Call, participant_id: str) -> CameraControls | None:
    who = call.of(participant_id)
    return None if who is None else who.controls


def test_a_supervisor_who_asked_and_does_not_come_gives_his_seat_back() -> None:
    call = steps.supervise(connected(), LEAD, "s1", "主管", "listener", now=NOW).call
    assert call.next_due == NOW + CONNECT_MS
    call = steps.supervise(call, LEAD, "s1", "主管", "whisper", now=NOW + 1_000).call
    assert steps.expire(call, now=NOW + CONNECT_MS - 1) == Step(call)
    gone = steps.expire(call, now=NOW + CONNECT_MS)
    assert told(gone) == ["call.left"] and gone.call.live("supervisor") is None
    assert (gone.call.state, gone.call.next_due) == ("connected", None)
    assert steps.supervise(gone.call, "p8", "s2", "二号", "listener", now=NOW).call.live("supervisor")


def test_a_supervisor_who_came_or_took_over_is_not_sent_away() -> None:
    asked = steps.supervise(connected(), LEAD, "s1", "主管", "listener", now=NOW).call
    came = steps.leg_up(leg(asked, LEAD, "ls").call, "ls", now=NOW).call
    taken = steps.agent_comes(asked, "p8", "s1", "主管", now=NOW).call
    for call, who in ((came, came.live("supervisor")), (taken, taken.live("agent"))):
        later = steps.expire(call, now=NOW + CONNECT_MS).call
        assert who is not None and who.person_id == "s1" and who.reconnect_until is None
        assert later.of(who.id) == who


def test_there_is_room_for_one_supervisor_and_one_guest_and_for_so_many_parts_in_all() -> None:
    call = steps.supervise(connected(), LEAD, "s1", "主管", "listener", now=NOW).call
    assert refusal(lambda: steps.supervise(call, "p8", "s2", "二号", "listener", now=NOW)) == "too_many"
    call = steps.invite_guest(call, GUEST, "老李").call
    assert refusal(lambda: steps.invite_guest(call, "p9", "老张")) == "too_many"
    number = 0
    while len(call.participants) < PEOPLE:
        call = steps.hang_up(call, f"g{number}" if number else GUEST, now=NOW).call
        number += 1
        call = steps.invite_guest(call, f"g{number}", "老李").call
    call = steps.hang_up(call, f"g{number}", now=NOW).call
    assert refusal(lambda: steps.invite_guest(call, "one-more", "老李")) == "too_many"


def test_an_agent_cannot_supervise_his_own_call() -> None:
    assert refusal(lambda: steps.supervise(connected(), "p9", "a1", "小青", "barge", now=NOW)) == "forbidden"
