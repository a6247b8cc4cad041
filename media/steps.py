"""The steps of a call: pure functions from a call to the next one and what is to be told of it.

A step that is not possible raises ``CallRefused``; one that changes nothing gives the very same call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from media.call import (
    AGENT_MS,
    AGENT_RECONNECT_MS,
    BROWSER_MS,
    CONNECT_MS,
    GUESTS,
    NOTHING_TO_SET,
    PEOPLE,
    RECONNECT_MS,
    RING_MS,
    SUPERVISORS,
    Call,
    CallRefused,
    CameraControls,
    Consent,
    Event,
    Lost,
    Media,
    Mode,
    Participant,
    Reason,
    Recording,
    Role,
    Side,
    State,
)


@dataclass(frozen=True, slots=True)
class Told:
    """Something to tell about the call as it stands after the step."""

    event: Event
    participant_id: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The call after a step, and what is to be told of it, in this order."""

    call: Call
    told: tuple[Told, ...] = ()

    def then(self, act: Callable[[Call], Step]) -> Step:
        """Another step after this one."""
        after = act(self.call)
        return Step(after.call, self.told + after.told)


def invite(
    call_id: str,
    *,
    media: Media,
    by: Side,
    buyer: tuple[str, str, str],
    agent: tuple[str, str, str],
    now: int,
) -> Step:
    """A call that rings at the other side. `buyer` and `agent` are participant id, person id and name."""
    callee: Side = "agent" if by == "buyer" else "buyer"
    people = (
        Participant(buyer[0], "buyer", *buyer[1:], microphone=True, camera=media == "video"),
        Participant(agent[0], "agent", *agent[1:], microphone=True),
    )
    until = now + RING_MS
    call = Call(call_id, media, by, now, until, people, due=until)
    return Step(call, (Told("call.rang", buyer[0] if callee == "buyer" else agent[0]),))


def answer(call: Call, by: Side, *, now: int) -> Step:
    """The called side takes the call. Answering again answers the same; the caller has nothing to answer."""
    _not_ended(call)
    if by == call.invited_by:
        raise CallRefused("ring_over")
    if call.state != "ringing":
        return Step(call)
    if call.ring_until <= now:
        raise CallRefused("ring_over")
    taken = replace(call, state="answered", answered_at=now, due=now + CONNECT_MS)
    who = taken.live(by)
    return _next(taken, Told("call.answered", who.id if who else None))


def other_browser(call: Call, *, now: int) -> Step:
    """The buyer goes to another browser for his media: what rings at him is taken, and is waited for longer.

    A call that rings at the agent, or no more, and one in which both have been, stays as it is.
    """
    if call.state == "ringing" and call.invited_by == "agent" and now < call.ring_until:
        return answer(call, "buyer", now=now).then(lambda each: other_browser(each, now=now))
    until = now + BROWSER_MS
    if call.state != "answered" or (call.due or 0) >= until:
        return Step(call)
    return _next(replace(call, due=until))


def decline(call: Call, by: Side, *, now: int) -> Step:
    """The called side does not take the call. After the end it answers the same, whatever the end was."""
    if call.state == "ended":
        return Step(call)
    if call.state != "ringing" or by == call.invited_by:
        raise CallRefused("ring_over")
    return end(call, "declined", by, now=now)


def hang_up(call: Call, participant_id: str, *, now: int) -> Step:
    """Somebody leaves: when it is buyer or agent, the call is over. Repeated, it answers the same."""
    who = call.of(participant_id)
    if who is None or who.state == "left" or call.state == "ended":
        return Step(call)
    if who.role in ("supervisor", "guest"):
        return _left(call, who)
    if call.state == "ringing":
        return end(call, "cancelled" if who.role == call.invited_by else "declined", who.role, now=now)
    return end(call, "hung_up", who.role, now=now)


def end(call: Call, reason: Reason, by: Role | Literal["system"], *, now: int) -> Step:
    """The call is over for everybody; ending an ended one changes nothing."""
    if call.state == "ended":
        return Step(call)
    gone = tuple(_gone(each) for each in call.participants)
    over = replace(call, state="ended", due=None, ended_at=now, reason=reason, ended_by=by, participants=gone)
    return _next(over, Told("call.ended"))


def open_leg(
    call: Call,
    participant_id: str,
    *,
    leg_id: str,
    rejoin_hash: str,
    known: str | None,
    move: bool,
    now: int,
) -> Step:
    """A page of his opens a leg: from now on it is the one that counts.

    `known` is the hash of the token that the page brought. A page that is not the one that has the call gets
    `elsewhere`, unless it says `move`. Until media of the new leg arrives he is reconnecting.
    """
    _not_ended(call)
    if call.state == "ringing":
        raise CallRefused("not_joined")
    who = present(call, participant_id)
    same_page = known is not None and known == who.rejoin_hash
    if who.state == "joined" and not same_page and not move:
        raise CallRefused("elsewhere")
    opened = replace(who, leg_id=leg_id, rejoin_hash=rejoin_hash)
    if who.state != "joined":
        return _next(_with(call, opened))
    return _lost(call, opened, "left_page", now).then(_recording)


def leg_up(call: Call, leg_id: str, *, now: int) -> Step:
    """Media of a leg arrives. Of a leg that does not count any more it means nothing."""
    who = _of_leg(call, leg_id)
    if who is None or who.state == "joined" or call.state == "ended":
        return Step(call)
    there = replace(who, state="joined", lost=None, reconnect_until=None)
    step = _next(_connected(_with(call, there), now), Told("call.joined", who.id))
    return step.then(_recording)


def leg_lost(call: Call, leg_id: str, *, now: int) -> Step:
    """No media of a leg arrives any more: its participant is waited for."""
    who = _of_leg(call, leg_id)
    if who is None or who.state != "joined" or call.state == "ended":
        return Step(call)
    return _lost(call, who, "leg_lost", now).then(_recording)


def media_lost(call: Call, *, now: int) -> Step:
    """The media service lost the whole call: everybody who was there is waited for, on new legs."""
    if call.state == "ended" or all(each.leg_id is None for each in call.participants):
        return Step(call)
    step = Step(replace(call, participants=tuple(replace(each, leg_id=None) for each in call.participants)))
    for each in step.call.participants:
        if each.state == "joined":
            lost = _lost(step.call, each, "media_lost", now)
            step = Step(lost.call, step.told + lost.told)
    return (step if step.told else _next(step.call)).then(_recording)


def expire(call: Call, *, now: int) -> Step:
    """What is over at `now`: rings, those who did not come back, and calls that wait for nothing."""
    if call.state == "ended":
        return Step(call)
    waited = ((each, each.reconnect_until) for each in call.participants if each.state != "left")
    late = [each for each, until in waited if until is not None and until <= now]
    for who in late:
        if who.role == "buyer":
            return end(call, "media_lost" if who.lost == "media_lost" else "buyer_lost", "system", now=now)
    step = Step(call)
    for who in late:
        after = agent_gone(step.call, now=now) if who.role == "agent" else _left(step.call, who)
        step = Step(after.call, step.told + after.told)
    if step.call.due is None or step.call.due > now:
        return step
    reasons: dict[State, Reason] = {
        "ringing": "no_answer",
        "answered": "not_connected",
        "waiting": "no_agent",
    }
    return step.then(lambda each: end(each, reasons[each.state], "system", now=now))


def agent_gone(call: Call, *, now: int) -> Step:
    """The agent has the conversation no more: what rings is over, a buyer in the call waits for the next."""
    who = call.live("agent")
    if call.state == "ended" or who is None:
        return Step(call)
    if call.state == "ringing":
        return end(call, "agent_lost", "system", now=now)
    waits = replace(_with(call, _gone(who)), state="waiting", due=now + AGENT_MS)
    return _next(waits, Told("call.left", who.id)).then(_recording)


def agent_comes(call: Call, participant_id: str, person_id: str, name: str, *, now: int) -> Step:
    """The conversation has this agent: where another one was in the call, he takes his place.

    From outside he is rung, without a deadline of his own; a supervisor in the call is there already.
    """
    before = call.live("agent")
    if call.state == "ended" or (before is not None and before.person_id == person_id):
        return Step(call)
    return agent_gone(call, now=now).then(
        lambda each: _agent_enters(each, participant_id, person_id, name, now)
    )


def _agent_enters(call: Call, participant_id: str, person_id: str, name: str, now: int) -> Step:
    if call.state == "ended":
        return Step(call)
    watching = call.of_person(person_id)
    if watching is not None:
        until = watching.reconnect_until if watching.here else None
        agent = replace(watching, role="agent", mode=None, microphone=True, reconnect_until=until)
        told = Told("call.changed", agent.id)
    else:
        agent = Participant(participant_id, "agent", person_id, name, microphone=True)
        told = Told("call.rang", agent.id)
    return _next(_connected(_with(call, agent), now), told).then(_recording)


def supervise(call: Call, participant_id: str, person_id: str, name: str, mode: Mode, *, now: int) -> Step:
    """A supervisor comes as this, or is this from now on. A listener's microphone is off, whatever it was.

    Who asked and does not come keeps his seat no longer than one who answers a call.
    """
    _not_ended(call)
    if call.state == "ringing":
        raise CallRefused("not_joined")
    before = call.of_person(person_id)
    if before is None:
        _room_for(call, "supervisor", SUPERVISORS)
        before = Participant(participant_id, "supervisor", person_id, name, reconnect_until=now + CONNECT_MS)
    if before.role != "supervisor":
        raise CallRefused("forbidden")
    if before.mode == mode:
        return Step(call)
    speaks = mode != "listener"
    changed = replace(
        before,
        mode=mode,
        microphone=speaks,
        camera=before.camera and mode == "barge",
        screen=before.screen and mode == "barge",
        controls=before.controls if mode == "barge" else NOTHING_TO_SET,
    )
    return _next(_with(call, changed), Told("call.changed", changed.id)).then(_recording)


def invite_guest(call: Call, participant_id: str, name: str) -> Step:
    """Somebody from outside may come; his person is his part in this call."""
    _not_ended(call)
    if call.state == "ringing":
        raise CallRefused("not_joined")
    _room_for(call, "guest", GUESTS)
    guest = Participant(participant_id, "guest", participant_id, name, microphone=True)
    return _next(_with(call, guest), Told("call.changed", guest.id))


def _room_for(call: Call, role: Role, most: int) -> None:
    there = sum(each.role == role and each.state != "left" for each in call.participants)
    if there >= most or len(call.participants) >= PEOPLE:
        raise CallRefused("too_many")


def set_media(
    call: Call,
    participant_id: str,
    *,
    camera: bool | None = None,
    microphone: bool | None = None,
    screen: bool | None = None,
    controls: CameraControls | None = None,
) -> Step:
    """What he sends, as he tells it; None stays. A listener sends nothing, who whispers shows nothing.

    Of a camera that is off nothing can be set.
    """
    _not_ended(call)
    who = present(call, participant_id)
    if who.hidden and (camera or screen or (microphone and who.mode == "listener")):
        raise CallRefused("forbidden")
    shows = who.camera if camera is None else camera
    changed = replace(
        who,
        camera=shows,
        microphone=who.microphone if microphone is None else microphone,
        screen=who.screen if screen is None else screen,
        controls=NOTHING_TO_SET if not shows else who.controls if controls is None else controls,
    )
    if changed == who:
        return Step(call)
    return _next(_with(call, changed), Told("call.changed", who.id))


def consent(call: Call, participant_id: str, granted: bool) -> Step:
    """He agrees to being recorded, refuses, or takes back what he agreed to."""
    _not_ended(call)
    who = present(call, participant_id)
    said: Consent = "granted"
    if not granted:
        said = "withdrawn" if who.consent in ("granted", "withdrawn") else "refused"
    if said == who.consent:
        return Step(call)
    return _next(_with(call, replace(who, consent=said)), Told("call.changed", who.id)).then(_recording)


def recording_failed(call: Call, code: str) -> Step:
    """The recorder gave up: it stays so for this call, which goes on."""
    if call.state == "ended" or call.recording == "stopped":
        return Step(call)
    stopped = replace(call, recording="stopped", recording_code=code)
    return _next(stopped, Told("call.recording_changed"))


def may_draw(call: Call, participant_id: str) -> None:
    """Everybody whom all hear may draw, once his media is there. Raises `CallRefused`."""
    _not_ended(call)
    who = present(call, participant_id)
    if who.hidden:
        raise CallRefused("forbidden")
    if not who.here:
        raise CallRefused("not_joined")


def may_adjust(call: Call, participant_id: str, *, torch: bool | None, zoom: float | None) -> Participant:
    """The buyer, whose camera the agent of the call may set so; None stays. Raises `CallRefused`.

    `camera_incapable`: it is off, has no such thing, or does not zoom so far. To turn a camera on, or to go
    to another one, is no part of it: that would show what the buyer did not choose to show.
    """
    may_draw(call, participant_id)
    if present(call, participant_id).role != "agent":
        raise CallRefused("forbidden")
    buyer = call.live("buyer")
    if buyer is None or buyer.state != "joined":
        raise CallRefused("not_joined")
    can = buyer.controls
    if torch is not None and can.torch is None:
        raise CallRefused("camera_incapable")
    if zoom is not None and not (can.zoom and can.zoom.least <= zoom <= can.zoom.most):
        raise CallRefused("camera_incapable")
    return buyer


def on_leg(call: Call, participant_id: str, leg_id: str) -> Participant:
    """He, if this leg is the one that counts for him. Raises `CallRefused`."""
    _not_ended(call)
    who = present(call, participant_id)
    if who.leg_id != leg_id:
        raise CallRefused("stale_leg" if who.leg_id is not None else "not_joined")
    return who


def present(call: Call, participant_id: str) -> Participant:
    """The participant, if he has not left. Raises `CallRefused`: for him the call is over."""
    who = call.of(participant_id)
    if who is None or who.state == "left":
        raise CallRefused("call_ended")
    return who


# The parts of steps


def _next(after: Call, *told: Told) -> Step:
    return Step(replace(after, revision=after.revision + 1), told)


def _with(call: Call, participant: Participant) -> Call:
    if call.of(participant.id) is None:
        return replace(call, participants=(*call.participants, participant))
    changed = tuple(participant if each.id == participant.id else each for each in call.participants)
    return replace(call, participants=changed)


def _gone(who: Participant) -> Participant:
    return replace(who, state="left", reconnect_until=None, lost=None, leg_id=None, rejoin_hash=None)


def _left(call: Call, who: Participant) -> Step:
    return _next(_with(call, _gone(who)), Told("call.left", who.id)).then(_recording)


def _lost(call: Call, who: Participant, code: Lost, now: int) -> Step:
    until = now + (AGENT_RECONNECT_MS if who.role == "agent" else RECONNECT_MS)
    waits = replace(who, state="reconnecting", lost=code, reconnect_until=until)
    return _next(_with(call, waits), Told("call.reconnecting", who.id, code))


def _connected(call: Call, now: int) -> Call:
    """The call stands as soon as both sides have media."""
    sides = (call.live("buyer"), call.live("agent"))
    if call.state in ("answered", "waiting") and all(each and each.state == "joined" for each in sides):
        return replace(call, state="connected", due=None, connected_at=call.connected_at or now)
    return call


def _recording(call: Call) -> Step:
    """Records exactly while buyer and agent are there and everybody whom all hear has agreed."""
    if call.recording == "stopped" or call.state == "ended":
        return Step(call)
    heard = [each for each in call.participants if each.here and not each.hidden]
    both = call.state == "connected" and {"buyer", "agent"} <= {each.role for each in heard}
    unwilling = _unwilling(heard)
    state: Recording = "on"
    if not both or unwilling is not None:
        state = "off" if call.recording == "off" else "paused"
    if (state, unwilling) == (call.recording, call.recording_code):
        return Step(call)
    return _next(replace(call, recording=state, recording_code=unwilling), Told("call.recording_changed"))


def _unwilling(heard: Iterable[Participant]) -> Consent | None:
    said = {each.consent for each in heard}
    worst: tuple[Consent, ...] = ("withdrawn", "refused", "unasked")
    return next((each for each in worst if each in said), None)


def _not_ended(call: Call) -> None:
    if call.state == "ended":
        raise CallRefused("call_ended")


def _of_leg(call: Call, leg_id: str) -> Participant | None:
    return next((each for each in call.participants if each.leg_id == leg_id), None)
