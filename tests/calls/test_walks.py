"""Random walks of a call: whatever comes in whatever order, its state is legal and what is told is true."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media import steps
from media.call import (
    AGENT_MS,
    BROWSER_MS,
    CONNECT_MS,
    RECONNECT_MS,
    RING_MS,
    Call,
    CallRefused,
    Media,
    Mode,
    Role,
    Side,
    recorded,
    routes,
)
from media.steps import Step
from tests.rounds import rounds

NOW = 1_790_000_000_000
SIDES = st.sampled_from(["buyer", "agent"])
PEOPLE = st.sampled_from(["buyer", "agent", "supervisor", "guest"])
AGENTS = st.sampled_from(["a1", "a2", "s1"])
MODES = st.sampled_from(["listener", "whisper", "barge"])


class Walks(RuleBasedStateMachine):
    """One call, and what somebody believes who only hears what is told of it."""

    call: Call

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.ids = 0
        self.heard_ended = 0

    def fresh(self, prefix: str) -> str:
        self.ids += 1
        return f"{prefix}{self.ids}"

    @initialize(by=SIDES, media=st.sampled_from(["video", "voice"]))
    def invite(self, by: Side, media: Media) -> None:
        self.call = steps.invite(
            "k1", media=media, by=by, buyer=("pb", "b1", "王"), agent=("pa", "a1", "青"), now=self.now
        ).call

    def walk(self, act: Callable[[Call], Step]) -> None:
        before = self.call
        try:
            step = act(before)
        except CallRefused:
            return
        self.call = step.call
        if step.call == before:
            assert not step.told
            return
        assert step.call.revision > before.revision
        assert before.state != "ended", "an ended call is ended for good"
        self.heard_ended += sum(each.event == "call.ended" for each in step.told)
        about = {each.participant_id for each in step.told} - {None}
        assert all(step.call.of(participant_id or "") for participant_id in about)
        changed = [
            each.id
            for each in step.call.participants
            if (old := before.of(each.id)) is not None and old.state != each.state
        ]
        assert step.call.state == "ended" or set(changed) <= about, "who comes or goes is told"

    def one(self, role: Role) -> str:
        who = self.call.live(role)
        return who.id if who else "nobody"

    @rule(by=SIDES)
    def answer(self, by: Side) -> None:
        self.walk(lambda call: steps.answer(call, by, now=self.now))

    @rule(by=SIDES)
    def decline(self, by: Side) -> None:
        self.walk(lambda call: steps.decline(call, by, now=self.now))

    @rule(role=PEOPLE)
    def hang_up(self, role: Role) -> None:
        if role in ("supervisor", "guest") or self.ids > 12:
            self.walk(lambda call: steps.hang_up(call, self.one(role), now=self.now))

    @rule(role=PEOPLE, same_page=st.booleans(), move=st.booleans())
    def join(self, role: Role, same_page: bool, move: bool) -> None:
        leg_id = self.fresh("l")
        who = self.call.of(self.one(role))
        known = who.rejoin_hash if who and same_page else None
        self.walk(
            lambda call: steps.open_leg(
                call,
                self.one(role),
                leg_id=leg_id,
                rejoin_hash=f"h-{leg_id}",
                known=known,
                move=move,
                now=self.now,
            )
        )

    @rule(role=PEOPLE)
    def media_comes(self, role: Role) -> None:
        who = self.call.live(role)
        if who is not None and who.leg_id is not None:
            leg_id = who.leg_id
            self.walk(lambda call: steps.leg_up(call, leg_id, now=self.now))

    @rule(role=PEOPLE)
    def media_stops(self, role: Role) -> None:
        who = self.call.live(role)
        if who is not None and who.leg_id is not None:
            leg_id = who.leg_id
            self.walk(lambda call: steps.leg_lost(call, leg_id, now=self.now))

    @rule()
    def an_old_leg_speaks(self) -> None:
        before = self.call
        self.walk(lambda call: steps.leg_up(call, "l-of-long-ago", now=self.now))
        self.walk(lambda call: steps.leg_lost(call, "l-of-long-ago", now=self.now))
        assert self.call == before

    @rule()
    def worker_dies(self) -> None:
        self.walk(lambda call: steps.media_lost(call, now=self.now))

    @rule(role=PEOPLE, granted=st.booleans())
    def consent(self, role: Role, granted: bool) -> None:
        self.walk(lambda call: steps.consent(call, self.one(role), granted))
        if not granted and self.call.of(self.one(role)) is not None:
            who = self.call.of(self.one(role))
            assert who is None or who.hidden or not who.here or not recorded(self.call)

    @rule(role=PEOPLE, on=st.booleans(), what=st.sampled_from(["camera", "microphone", "screen"]))
    def set_media(self, role: Role, on: bool, what: str) -> None:
        set_media: Callable[..., Step] = steps.set_media
        self.walk(lambda call: set_media(call, self.one(role), **{what: on}))

    @rule(person=AGENTS, mode=MODES)
    def supervise(self, person: str, mode: Mode) -> None:
        self.walk(lambda call: steps.supervise(call, self.fresh("ps"), person, "主管", mode, now=self.now))

    @rule()
    def invite_guest(self) -> None:
        self.walk(lambda call: steps.invite_guest(call, self.fresh("pg"), "老李"))

    @rule()
    def buyer_goes_to_another_browser(self) -> None:
        before = self.call
        self.walk(lambda call: steps.other_browser(call, now=self.now))
        assert before.due is None or (self.call.due or 0) >= before.due, "nobody is waited for shorter"

    @rule()
    def agent_goes(self) -> None:
        self.walk(lambda call: steps.agent_gone(call, now=self.now))

    @rule(person=AGENTS)
    def agent_comes(self, person: str) -> None:
        self.walk(lambda call: steps.agent_comes(call, self.fresh("pa"), person, "客服", now=self.now))
        agent = self.call.live("agent")
        assert self.call.state == "ended" or (agent is not None and agent.person_id == person)

    @rule()
    def recorder_fails(self) -> None:
        self.walk(lambda call: steps.recording_failed(call, "disk_full"))

    @rule(
        passed=st.sampled_from(
            [1, 500, RECONNECT_MS - 1, RECONNECT_MS, RING_MS, CONNECT_MS, AGENT_MS, BROWSER_MS]
        )
    )
    def time_passes(self, passed: int) -> None:
        self.now += passed
        self.walk(lambda call: steps.expire(call, now=self.now))
        due = self.call.next_due
        assert due is None or due > self.now, "nothing that is over is left standing"
        before = self.call
        self.walk(lambda call: steps.expire(call, now=self.now))
        assert self.call == before

    @invariant()
    def it_stands_in_a_legal_state(self) -> None:
        call = self.call
        living = [each for each in call.participants if each.state != "left"]
        assert (call.state == "ended") == (call.ended_at is not None) == (call.reason is not None)
        assert self.heard_ended == (call.state == "ended")
        for role in ("buyer", "agent", "supervisor", "guest"):
            assert sum(each.role == role for each in living) <= 1
        assert len({each.person_id for each in living}) == len(living)
        if call.state == "ended":
            assert not living
        else:
            assert call.live("buyer") is not None, "without its buyer a call is over"
            assert (call.live("agent") is None) <= (call.state == "waiting")
        assert call.state in ("connected", "ended") or call.due is not None
        for each in call.participants:
            asked = each.state == "invited" and each.role == "supervisor"
            assert (each.state == "reconnecting" or asked) == (each.reconnect_until is not None)
            assert each.state != "joined" or each.leg_id is not None
            assert each.mode != "listener" or each.state == "left" or not (each.microphone or each.camera)
            assert (each.mode is not None) == (each.role == "supervisor")
        legs = [each.leg_id for each in living if each.leg_id is not None]
        assert len(legs) == len(set(legs))

    @invariant()
    def only_the_willing_are_recorded_and_nobody_hears_a_listener(self) -> None:
        call = self.call
        written = set(recorded(call))
        for participant_id in written:
            who = call.of(participant_id)
            assert who is not None and who.consent == "granted" and not who.hidden
        if written:
            assert all(
                each.consent == "granted" for each in call.participants if each.here and not each.hidden
            )
        for route in routes(call):
            source = call.of(route.source) if route.source else None
            listener = call.of(route.listener)
            assert listener is not None and listener.state != "left"
            if source is not None:
                assert source.state != "left" and source.id != listener.id
                assert source.mode != "listener"
                assert source.mode != "whisper" or listener.role == "agent"


TestWalks = Walks.TestCase
TestWalks.settings = settings(
    max_examples=rounds(reduced=80, full=10_000), stateful_step_count=40, deadline=None
)
