"""A made-up desk, sessions, attendance and clock: the ports of signaling, in memory."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from protocol import call, cases, chat, conversation, files, line, recordings, session, shots
from protocol.base import Empty, Namespace, RateClass, Role
from protocol.errors import ErrorCode, Refused
from signaling.facts import CaseChanged, EntryStored, Fact, LogEntry, Place, TypingSeen
from signaling.limits import Allowance, Limits
from signaling.ports import Actor, Client, Done, Revision

NOW = 1_790_000_000_000
EPOCH = "epoch-1"
FREE = Allowance(1e6, 1_000_000)
UNHURRIED = Limits(
    frames=FREE,
    offences=FREE,
    connects=FREE,
    buyer_socket=dict.fromkeys(get_args(RateClass), FREE),
    buyer_person=dict.fromkeys(get_args(RateClass), FREE),
    agent_socket=dict.fromkeys(get_args(RateClass), FREE),
    agent_person=dict.fromkeys(get_args(RateClass), FREE),
)
"""Limits for tests that are about something else than rates."""


def client_id(number: int) -> str:
    """The UUIDv7 of a made-up message."""
    return f"019a0000-0000-7000-8000-{number:012x}"


def summary(conversation_id: str = "c1", shop_id: str = "s1") -> conversation.Summary:
    return conversation.Summary(
        conversation_id=conversation_id,
        shop_id=shop_id,
        shop_name="茶铺",
        buyer_name="小王",
        verified=True,
        state="open",
        line="active",
        owner_id="a1",
        owner_name="小青",
        fence=3,
        last_seq=7,
        desk_last_seq=2,
        opened_at=NOW,
    )


def recording() -> recordings.RecordingSummary:
    return recordings.RecordingSummary(
        recording_id="r1", shop_id="s1", call_id="k1", conversation_id="c1", state="kept", began_at=NOW
    )


def case(shop_id: str = "s1") -> cases.CaseSummary:
    return cases.CaseSummary(
        case_id="case-1",
        shop_id=shop_id,
        number=1001,
        title="领口开线",
        state="open",
        conversation_id="c1",
        buyer_name="小王",
        holder_id="a1",
        holder_name="小青",
        stills=2,
        opened_at=NOW,
        updated_at=NOW,
    )


def seat(person_id: str = "a1") -> line.Seat:
    return line.Seat(
        person_id=person_id,
        name="小青",
        state="ready",
        since=NOW,
        connected=True,
        units_used=1,
        units_capacity=5,
        active=1,
    )


SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def participant(
    participant_id: str = "p1", role: call.CallRole = "buyer", mode: call.Mode | None = None
) -> call.Participant:
    return call.Participant(
        participant_id=participant_id,
        role=role,
        mode=mode,
        name="小王" if role == "buyer" else "小青",
        state="joined",
        camera=role == "buyer",
        microphone=True,
        screen=False,
        consent="granted",
    )


def a_call(*more: call.Participant, revision: int = 4) -> call.Call:
    return call.Call(
        call_id="k1",
        conversation_id="c1",
        revision=revision,
        media="video",
        state="connected",
        invited_by="buyer",
        rang_at=NOW,
        ring_until=NOW + 30_000,
        answered_at=NOW + 2_000,
        connected_at=NOW + 3_000,
        recording=call.CallRecording(state="on"),
        participants=[participant(), participant("p2", "agent"), *more],
    )


def called() -> call.Called:
    return call.Called(now=NOW, call=a_call())


@dataclass
class Conversation:
    """A log with the four who matter."""

    place: Place
    entries: list[LogEntry] = field(default_factory=list)


class FakeDesk:
    """All desks over logs in memory. `before` lets a test wait, refuse or fail inside any use case."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {
            "c1": Conversation(Place("c1", "s1", "b1", "a1")),
            "c2": Conversation(Place("c2", "s1", "b2", "a2")),
        }
        self.calls: list[tuple[str, str, Any]] = []
        self.before: Callable[[str, Actor, Any], Awaitable[None]] | None = None
        self.renewed_until = NOW + 3_600_000

    async def _called(self, name: str, actor: Actor, request: Any) -> None:
        self.calls.append((name, actor.id, request))
        if self.before is not None:
            await self.before(name, actor, request)

    def _find(self, actor: Actor, conversation_id: str) -> Conversation:
        found = self.conversations.get(conversation_id)
        if found is None or found.place.shop_id not in actor.shops:
            raise Refused(ErrorCode.not_found)
        if actor.kind == "buyer" and found.place.buyer_id != actor.id:
            raise Refused(ErrorCode.not_found)
        return found

    def _append(
        self, actor: Actor, request: Any, kind: str, body: dict[str, Any], log: Any = "public"
    ) -> Done[chat.Sent]:
        found = self._find(actor, request.conversation_id)
        for entry in found.entries:
            if entry.client_id == request.client_id:
                return Done(chat.Sent(message_id=entry.message_id, seq=entry.seq, sent_at=entry.sent_at))
        seq = len(found.entries) + 1
        entry = LogEntry(
            seq=seq,
            message_id=f"m{seq}",
            client_id=request.client_id,
            sender_kind="buyer" if actor.kind == "buyer" else "agent",
            sender_id=actor.id,
            sender_name=actor.name,
            sent_at=NOW,
            kind=kind,
            body=body,
        )
        found.entries.append(entry)
        sent = chat.Sent(message_id=entry.message_id, seq=seq, sent_at=NOW)
        return Done(sent, (EntryStored(found.place, log, entry, actor.sid),))

    # Buyers

    async def open_conversation(self, actor: Actor, request: conversation.Open) -> Done[conversation.Opened]:
        await self._called("open_conversation", actor, request)
        return Done(conversation.Opened(conversation_id="c1", epoch=EPOCH, last_seq=0))

    async def list_own(self, actor: Actor, request: conversation.ListOwn) -> Done[conversation.BuyerHistory]:
        await self._called("list_own", actor, request)
        return Done(conversation.BuyerHistory(conversations=[]))

    async def close_by_buyer(
        self, actor: Actor, request: conversation.CloseByBuyer
    ) -> Done[conversation.Closed]:
        await self._called("close_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(conversation.Closed(seq=9))

    async def reopen_by_buyer(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]:
        await self._called("reopen_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(conversation.Reopened(seq=10))

    async def send_by_buyer(self, actor: Actor, request: chat.BuyerText | chat.BuyerCard) -> Done[chat.Sent]:
        await self._called("send_by_buyer", actor, request)
        return self._send(actor, request)

    def _send(self, actor: Actor, request: Any) -> Done[chat.Sent]:
        if isinstance(request, chat.BuyerText | chat.AgentText):
            return self._append(
                actor, request, "text", {"text": request.text, "quote_seq": request.quote_seq}
            )
        card = {"card": "product", "product_id": "p1", "title": "明前龙井", "price": 9900, "currency": "CNY"}
        return self._append(actor, request, "card", {"body": card})

    async def recall_by_buyer(self, actor: Actor, request: chat.BuyerRecall) -> Done[chat.Sent]:
        await self._called("recall_by_buyer", actor, request)
        return self._append(actor, request, "recall", {"recalled_seq": request.seq})

    async def sync_by_buyer(self, actor: Actor, request: chat.BuyerSync) -> Done[chat.BuyerSynced]:
        await self._called("sync_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        if request.epoch != EPOCH:
            raise Refused(ErrorCode.resync)
        return Done(
            chat.BuyerSynced(
                epoch=EPOCH, entries=[], more=False, last_seq=0, state="open", marks=chat.Marks()
            )
        )

    async def mark_by_buyer(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]:
        await self._called("mark_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(chat.Marked(marks=chat.Marks()))

    async def type_by_buyer(self, actor: Actor, request: chat.Typing) -> Done[Empty]:
        await self._called("type_by_buyer", actor, request)
        found = self._find(actor, request.conversation_id)
        return Done(Empty(), (TypingSeen(found.place, "buyer"),))

    async def fill_shot(self, actor: Actor, request: shots.FillShot) -> Done[chat.Sent]:
        await self._called("fill_shot", actor, request)
        still = {
            "list_seq": request.list_seq,
            "shot": request.shot,
            "label": "吊牌",
            "file_id": request.file_id,
            "width": 3,
            "height": 2,
            "size": 100,
            "sha256": "0" * 64,
            "doubts": request.doubts,
        }
        return self._append(actor, request, "still", still)

    async def skip_shot(self, actor: Actor, request: shots.SkipShot) -> Done[chat.Sent]:
        await self._called("skip_shot", actor, request)
        place = {"list_seq": request.list_seq, "shot": request.shot, "label": "吊牌"}
        return self._append(actor, request, "skipped", place | {"reason": request.reason})

    async def link_files(self, actor: Actor, request: files.LinkFiles) -> Done[files.FileLinks]:
        await self._called("link_files", actor, request)
        links = [files.FileLink(file_id=name, url=f"/files/{name}") for name in request.file_ids]
        return Done(files.FileLinks(links=links, expires_at=NOW))

    async def renew_session(self, actor: Actor, request: session.Renew) -> Done[session.Renewed]:
        await self._called("renew_session", actor, request)
        return Done(session.Renewed(token="renewed-token-0000", expires_at=self.renewed_until))

    # Calls

    async def _in_call(self, name: str, actor: Actor, request: Any) -> Done[call.Called]:
        await self._called(name, actor, request)
        if request.call_id != "k1":
            raise Refused(ErrorCode.not_found)
        return Done(called())

    async def load_calls(self, actor: Actor, request: call.LoadCalls) -> Done[call.Calls]:
        await self._called("load_calls", actor, request)
        return Done(call.Calls(now=NOW, calls=[a_call()]))

    async def list_calls(self, actor: Actor, request: call.ListCalls) -> Done[call.ListedCalls]:
        await self._called("list_calls", actor, request)
        return Done(call.ListedCalls(now=NOW, calls=[], more=False))

    async def invite_by_buyer(self, actor: Actor, request: call.BuyerInvite) -> Done[call.Called]:
        await self._called("invite_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(called())

    async def book_by_buyer(self, actor: Actor, request: call.BookCall) -> Done[call.Booked]:
        await self._called("book_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(call.Booked(seq=3, booking=call.Booking(at=request.at, media=request.media)))

    async def book_by_agent(self, actor: Actor, request: call.AgentBook) -> Done[call.Booked]:
        await self._called("book_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(call.Booked(seq=3, booking=call.Booking(at=request.at, media=request.media)))

    async def unbook_by_buyer(self, actor: Actor, request: call.UnbookCall) -> Done[call.Booked]:
        await self._called("unbook_by_buyer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(call.Booked(seq=4))

    async def unbook_by_agent(self, actor: Actor, request: call.AgentUnbook) -> Done[call.Booked]:
        await self._called("unbook_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(call.Booked(seq=4))

    async def invite_by_agent(self, actor: Actor, request: call.AgentInvite) -> Done[call.Called]:
        await self._called("invite_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(called())

    async def answer_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("answer_call", actor, request)

    async def decline_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("decline_call", actor, request)

    async def join_call(self, actor: Actor, request: call.Join) -> Done[call.Joined]:
        await self._in_call("join_call", actor, request)
        return Done(
            call.Joined(
                call=a_call(),
                participant_id="p1",
                leg_id="l1",
                offer=SDP,
                ice_servers=[],
                tracks=[call.Track(mid="0", kind="audio", participant_id="p2")],
                rejoin_token="rejoin-token-0000",
            )
        )

    async def describe_leg(self, actor: Actor, request: call.Describe) -> Done[Empty]:
        await self._in_call("describe_leg", actor, request)
        return Done(Empty())

    async def hang_up(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("hang_up", actor, request)

    async def give_consent(self, actor: Actor, request: call.GiveConsent) -> Done[call.Called]:
        return await self._in_call("give_consent", actor, request)

    async def set_media(self, actor: Actor, request: call.SetMedia) -> Done[call.Called]:
        return await self._in_call("set_media", actor, request)

    async def report_quality(self, actor: Actor, request: call.QualityReport) -> Done[Empty]:
        await self._in_call("report_quality", actor, request)
        return Done(Empty())

    async def draw_mark(self, actor: Actor, request: call.DrawMark) -> Done[call.Drawn]:
        await self._in_call("draw_mark", actor, request)
        return Done(call.Drawn(seq=1))

    async def sync_marks(self, actor: Actor, request: call.SyncMarks) -> Done[call.SyncedMarks]:
        await self._in_call("sync_marks", actor, request)
        return Done(call.SyncedMarks(marks=[], more=False))

    async def link_call(self, actor: Actor, request: call.LinkCall) -> Done[call.CallLink]:
        await self._called("link_call", actor, request)
        self._find(actor, request.conversation_id)
        return Done(call.CallLink(now=NOW, code="one-time-code-0000", expires_at=NOW + 60_000))

    async def ask_still(self, actor: Actor, request: call.AskStill) -> Done[call.StillAsked]:
        await self._in_call("ask_still", actor, request)
        return Done(call.StillAsked(call_id="k1", list_seq=7, participant_id="p1"))

    async def adjust_camera(self, actor: Actor, request: call.AdjustCamera) -> Done[call.AdjustAsked]:
        await self._in_call("adjust_camera", actor, request)
        return Done(call.AdjustAsked(call_id="k1", participant_id="p1", torch=request.torch))

    async def listen_in(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("listen_in", actor, request)

    async def whisper(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("whisper", actor, request)

    async def barge_in(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("barge_in", actor, request)

    async def take_over_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]:
        return await self._in_call("take_over_call", actor, request)

    async def invite_guest(self, actor: Actor, request: call.InviteGuest) -> Done[call.GuestInvited]:
        await self._in_call("invite_guest", actor, request)
        return Done(
            call.GuestInvited(
                participant_id="p5", token="guest-token-00000", expires_at=NOW + 60_000, call=a_call()
            )
        )

    async def revoke_guest(self, actor: Actor, request: call.RevokeGuest) -> Done[call.Called]:
        return await self._in_call("revoke_guest", actor, request)

    # Agents

    async def load_desk(self, actor: Actor, request: line.LoadDesk) -> Done[line.Desk]:
        await self._called("load_desk", actor, request)
        return Done(
            line.Desk(
                epoch=EPOCH, now=NOW, person_id=actor.id, name=actor.name, seat=seat(actor.id), shops=[]
            )
        )

    async def set_presence(self, actor: Actor, request: line.SetPresence) -> Done[line.Seat]:
        await self._called("set_presence", actor, request)
        return Done(seat(actor.id))

    async def load_wall(self, actor: Actor, request: line.LoadWall) -> Done[line.Wall]:
        await self._called("load_wall", actor, request)
        return Done(line.Wall(now=NOW, groups=[], seats=[]))

    async def list_conversations(self, actor: Actor, request: conversation.List) -> Done[conversation.Listed]:
        await self._called("list_conversations", actor, request)
        return Done(conversation.Listed(conversations=[], more=False))

    async def look(self, actor: Actor, request: conversation.Look) -> Done[conversation.Context]:
        await self._called("look", actor, request)
        found = self._find(actor, request.conversation_id)
        return Done(
            conversation.Context(
                summary=summary(request.conversation_id, found.place.shop_id),
                buyer_id=found.place.buyer_id,
                locale="zh-CN",
                orders=[],
                earlier=[],
                cases=[],
                shots=[],
                marks=chat.Marks(),
            )
        )

    async def unlook(self, actor: Actor, request: conversation.Unlook) -> Done[Empty]:
        await self._called("unlook", actor, request)
        return Done(Empty())

    async def watch(self, actor: Actor, request: conversation.Watch) -> Done[conversation.Watched]:
        await self._called("watch", actor, request)
        shown = [
            summary(each, self.conversations[each].place.shop_id)
            for each in request.conversation_ids
            if each in self.conversations and self.conversations[each].place.shop_id in actor.shops
        ]
        return Done(conversation.Watched(conversations=shown))

    async def accept_offer(self, actor: Actor, request: conversation.Answer) -> Done[conversation.Accepted]:
        await self._called("accept_offer", actor, request)
        return Done(conversation.Accepted(conversation_id="c1", fence=request.fence))

    async def decline_offer(self, actor: Actor, request: conversation.Answer) -> Done[Empty]:
        await self._called("decline_offer", actor, request)
        return Done(Empty())

    async def transfer(self, actor: Actor, request: conversation.Transfer) -> Done[Empty]:
        await self._called("transfer", actor, request)
        self._find(actor, request.conversation_id)
        return Done(Empty())

    async def close_by_agent(
        self, actor: Actor, request: conversation.CloseByAgent
    ) -> Done[conversation.Closed]:
        await self._called("close_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(conversation.Closed(seq=9))

    async def reopen_by_agent(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]:
        await self._called("reopen_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(conversation.Reopened(seq=10, fence=4))

    async def send_by_agent(self, actor: Actor, request: chat.AgentText | chat.AgentCard) -> Done[chat.Sent]:
        await self._called("send_by_agent", actor, request)
        return self._send(actor, request)

    async def write_note(self, actor: Actor, request: chat.WriteNote) -> Done[chat.Sent]:
        await self._called("write_note", actor, request)
        return self._append(actor, request, "note", {"text": request.text}, "desk")

    async def recall_by_agent(self, actor: Actor, request: chat.AgentRecall) -> Done[chat.Sent]:
        await self._called("recall_by_agent", actor, request)
        return self._append(actor, request, "recall", {"recalled_seq": request.seq})

    async def sync_by_agent(self, actor: Actor, request: chat.AgentSync) -> Done[chat.AgentSynced]:
        await self._called("sync_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(
            chat.AgentSynced(
                epoch=EPOCH,
                entries=[],
                more=False,
                last_seq=0,
                state="open",
                marks=chat.Marks(),
                desk_entries=[],
                desk_more=False,
                desk_last_seq=0,
                fence=3,
            )
        )

    async def mark_by_agent(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]:
        await self._called("mark_by_agent", actor, request)
        self._find(actor, request.conversation_id)
        return Done(chat.Marked(marks=chat.Marks()))

    async def type_by_agent(self, actor: Actor, request: chat.Typing) -> Done[Empty]:
        await self._called("type_by_agent", actor, request)
        found = self._find(actor, request.conversation_id)
        return Done(Empty(), (TypingSeen(found.place, "agent"),))

    async def request_shots(self, actor: Actor, request: shots.RequestShots) -> Done[chat.Sent]:
        await self._called("request_shots", actor, request)
        card = shots.ShotsCard(shots=request.shots).model_dump()
        return self._append(actor, request, "card", {"body": card})

    async def retake_shot(self, actor: Actor, request: shots.RetakeShot) -> Done[chat.Sent]:
        await self._called("retake_shot", actor, request)
        place = {"list_seq": request.list_seq, "shot": request.shot, "label": "吊牌"}
        return self._append(actor, request, "retake", place | {"note": request.note})

    async def open_case(self, actor: Actor, request: cases.OpenCase) -> Done[cases.CaseView]:
        await self._called("open_case", actor, request)
        self._find(actor, request.conversation_id)
        return self._case()

    async def list_cases(self, actor: Actor, request: cases.ListCases) -> Done[cases.CasesListed]:
        await self._called("list_cases", actor, request)
        return Done(cases.CasesListed(cases=[case()], more=False))

    async def read_case(self, actor: Actor, request: cases.ReadCase) -> Done[cases.CaseView]:
        await self._called("read_case", actor, request)
        return Done(self._case().reply)

    async def note_case(self, actor: Actor, request: cases.NoteCase) -> Done[cases.CaseView]:
        await self._called("note_case", actor, request)
        return self._case()

    async def hold_case(self, actor: Actor, request: cases.HoldCase) -> Done[cases.CaseView]:
        await self._called("hold_case", actor, request)
        return self._case()

    async def close_case(self, actor: Actor, request: cases.CloseCase) -> Done[cases.CaseView]:
        await self._called("close_case", actor, request)
        return self._case()

    async def reopen_case(self, actor: Actor, request: cases.ReopenCase) -> Done[cases.CaseView]:
        await self._called("reopen_case", actor, request)
        return self._case()

    async def open_recording(
        self, actor: Actor, request: recordings.OpenRecording
    ) -> Done[recordings.RecordingView]:
        await self._called("open_recording", actor, request)
        return Done(
            recordings.RecordingView(recording=recording(), sides=[], consents=[], pauses=[], damaged=0)
        )

    async def read_recording_marks(
        self, actor: Actor, request: recordings.ReadRecordingMarks
    ) -> Done[recordings.RecordingMarks]:
        await self._called("read_recording_marks", actor, request)
        return Done(recordings.RecordingMarks(marks=[], more=False))

    async def compose_recording(
        self, actor: Actor, request: recordings.ComposeRecording
    ) -> Done[recordings.RecordingComposed]:
        await self._called("compose_recording", actor, request)
        return Done(recordings.RecordingComposed(state="making"))

    async def erase_recording(
        self, actor: Actor, request: recordings.EraseRecording
    ) -> Done[recordings.RecordingChanged]:
        await self._called("erase_recording", actor, request)
        return Done(recordings.RecordingChanged(recording=recording()))

    async def restrict_recording(
        self, actor: Actor, request: recordings.RestrictRecording
    ) -> Done[recordings.RecordingChanged]:
        await self._called("restrict_recording", actor, request)
        return Done(recordings.RecordingChanged(recording=recording()))

    def _case(self) -> Done[cases.CaseView]:
        opened = cases.CaseOpened(seq=1, by_name="小青", at=NOW)
        view = cases.CaseView(case=case(), stills=[], reused=[], calls=[], recordings=[], history=[opened])
        return Done(view, (CaseChanged(case()),))


def buyer(person_id: str = "b1", shop_id: str = "s1", expires_at: int = NOW + 1_800_000) -> Actor:
    return Actor("buyer", person_id, f"session-{person_id}", "小王", {shop_id: "buyer"}, expires_at)


def agent(
    person_id: str = "a1",
    role: Role = "agent",
    shops: Sequence[str] = ("s1",),
    expires_at: int = NOW + 36_000_000,
) -> Actor:
    return Actor("agent", person_id, f"session-{person_id}", "小青", dict.fromkeys(shops, role), expires_at)


def guest(participant_id: str = "p5", call_id: str = "k1", expires_at: int = NOW + 3_600_000) -> Actor:
    return Actor(
        "guest", participant_id, participant_id, "仓库老李", {"s1": "guest"}, expires_at, call_id=call_id
    )


class FakeSessions:
    """Tokens `token-of-<name>`; revisions and reviews as the test says."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}
        self.seen: list[tuple[Namespace, str, Client]] = []
        self.origins: set[str | None] | None = None
        self.log: list[Revision] = []
        self.reviews: dict[str, Actor | None] = {}
        self.failing = False
        self.admitting: Callable[[], Awaitable[None]] | None = None
        """Runs between the reading of a token and the answer."""

    def enrol(self, actor: Actor) -> str:
        token = f"token-of-{actor.kind}-{actor.id}-{len(self.actors)}"
        self.actors[token] = actor
        return token

    async def admit(self, namespace: Namespace, token: str, client: Client) -> Actor:
        self.seen.append((namespace, token, client))
        if self.origins is not None and client.origin not in self.origins:
            raise Refused(ErrorCode.origin_refused)
        found = self.actors.get(token)
        if found is None:
            raise Refused(ErrorCode.unauthenticated)
        if self.admitting is not None:
            await self.admitting()
        return found

    async def revisions(self, cursor: int) -> tuple[int, Sequence[Revision]]:
        if self.failing:
            raise ConnectionError("the database is away")
        newest = len(self.log) + 1
        return newest, self.log[cursor - 1 :] if cursor else ()

    async def review(self, actor: Actor) -> Actor | None:
        return self.reviews.get(actor.id, actor)


class FakeAttendance:
    """Who came and went."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, bool | None]] = []
        self.facts: Sequence[Fact] = ()
        self.failing = False
        self.changed = asyncio.Condition()

    async def _note(self, entry: tuple[str, str, bool | None]) -> Sequence[Fact]:
        if self.failing:
            raise ConnectionError("the database is away")
        async with self.changed:
            self.log.append(entry)
            self.changed.notify_all()
        return self.facts

    async def arrived(self, actor: Actor) -> Sequence[Fact]:
        return await self._note(("arrived", actor.id, None))

    async def left(self, actor: Actor, *, last_here: bool) -> Sequence[Fact]:
        return await self._note(("left", actor.id, last_here))


class FakeMeter:
    """Counts, and lets a test wait for a count."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.openings: Counter[str] = Counter()
        self.closings: Counter[tuple[str, str]] = Counter()
        self.lost = 0
        self._waiting: defaultdict[tuple[str, str], list[asyncio.Future[None]]] = defaultdict(list)

    def answered(self, namespace: str, command: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.answers[namespace, command, outcome] += 1

    def refused(self, code: str) -> None:
        self.refusals[code] += 1

    def told(self, event: str, sockets: int) -> None:
        self.events[event] += sockets

    def opened(self, namespace: str) -> None:
        self.openings[namespace] += 1

    def closed(self, namespace: str, reason: str) -> None:
        self.closings[namespace, reason] += 1
        for waiting in self._waiting.pop((namespace, reason), []):
            if not waiting.done():
                waiting.set_result(None)

    def relay_lost(self, events: int) -> None:
        self.lost += events

    async def closing(self, namespace: str, reason: str) -> None:
        """Returns when a socket has been closed for this reason."""
        if not self.closings[namespace, reason]:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting[namespace, reason].append(waiting)
            async with asyncio.timeout(10):
                await waiting


class FakeTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self.asleep = asyncio.Event()
        """Somebody sleeps and nobody was just woken."""

    def monotonic(self) -> float:
        return self._elapsed

    def now_ms(self) -> int:
        return NOW + int(self._elapsed * 1000)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self._elapsed + seconds, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()

        def wake() -> None:
            self.asleep.clear()
            if not woken.done():
                woken.set_result(None)

        self.call_later(seconds, wake)
        self.asleep.set()
        await woken

    def advance(self, seconds: float) -> None:
        """Lets time pass and runs what was due on the way."""
        until = self._elapsed + seconds
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            if timer.callback is not None:
                timer.callback()
        self._elapsed = until


def with_shops(actor: Actor, shops: dict[str, Role]) -> Actor:
    """The same person with other rights."""
    return replace(actor, shops=shops)
