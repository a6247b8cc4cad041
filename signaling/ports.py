"""What signaling calls: the desk's use cases, the sessions behind sockets, and who hears of sockets.

`server.desk` and `server.auth` fulfil these; `server.bootstrap` introduces them. Every use case either
returns `Done` (the reply and the facts that are now true, committed) or raises `protocol.errors.Refused`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from protocol import call, cases, chat, conversation, files, line, recordings, session, shots
from protocol.base import Empty, Locale, Namespace, RateClass, Role
from signaling.facts import ActorKind, Fact

Reply = TypeVar("Reply", covariant=True)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who stands behind a socket, as of the last check of his session.

    `id` is the buyer's or the person's id; `shops` maps each shop he may act in to his role there (exactly
    one for a buyer and a guest). `expires_at` is epoch ms: the socket loses its rights then. `orders` are the
    only ones that a buyer's identity named; None where it named none and all of his are meant. A guest's
    `id` is his participant's, and `call_id` names the one call that he may be in.
    """

    kind: ActorKind
    id: str
    session_id: str
    name: str
    shops: Mapping[str, Role]
    expires_at: int
    verified: bool = True
    locale: Locale = "zh-CN"
    sid: str | None = None
    orders: frozenset[str] | None = None
    call_id: str | None = None

    @property
    def shop_id(self) -> str:
        """The buyer's one shop."""
        (shop,) = self.shops
        return shop


@dataclass(frozen=True, slots=True)
class Done(Generic[Reply]):
    """A command's outcome: acknowledge `reply` first, then tell `facts` to whom they concern."""

    reply: Reply
    facts: Sequence[Fact] = ()


class CallDesk(Protocol):
    """The commands that everybody in a call has: all of `/guest`, and part of the others."""

    async def load_calls(self, actor: Actor, request: call.LoadCalls) -> Done[call.Calls]: ...
    async def join_call(self, actor: Actor, request: call.Join) -> Done[call.Joined]: ...
    async def describe_leg(self, actor: Actor, request: call.Describe) -> Done[Empty]: ...
    async def hang_up(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def give_consent(self, actor: Actor, request: call.GiveConsent) -> Done[call.Called]: ...
    async def set_media(self, actor: Actor, request: call.SetMedia) -> Done[call.Called]: ...
    async def report_quality(self, actor: Actor, request: call.QualityReport) -> Done[Empty]: ...
    async def draw_mark(self, actor: Actor, request: call.DrawMark) -> Done[call.Drawn]: ...
    async def sync_marks(self, actor: Actor, request: call.SyncMarks) -> Done[call.SyncedMarks]: ...


class BuyerDesk(CallDesk, Protocol):
    """The commands of `/buyer`."""

    async def invite_by_buyer(self, actor: Actor, request: call.BuyerInvite) -> Done[call.Called]: ...
    async def answer_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def decline_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def link_call(self, actor: Actor, request: call.LinkCall) -> Done[call.CallLink]: ...
    async def book_by_buyer(self, actor: Actor, request: call.BookCall) -> Done[call.Booked]: ...
    async def unbook_by_buyer(self, actor: Actor, request: call.UnbookCall) -> Done[call.Booked]: ...

    async def open_conversation(
        self, actor: Actor, request: conversation.Open
    ) -> Done[conversation.Opened]: ...
    async def list_own(
        self, actor: Actor, request: conversation.ListOwn
    ) -> Done[conversation.BuyerHistory]: ...
    async def close_by_buyer(
        self, actor: Actor, request: conversation.CloseByBuyer
    ) -> Done[conversation.Closed]: ...
    async def reopen_by_buyer(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]: ...
    async def send_by_buyer(
        self, actor: Actor, request: chat.BuyerText | chat.BuyerCard
    ) -> Done[chat.Sent]: ...
    async def recall_by_buyer(self, actor: Actor, request: chat.BuyerRecall) -> Done[chat.Sent]: ...
    async def sync_by_buyer(self, actor: Actor, request: chat.BuyerSync) -> Done[chat.BuyerSynced]: ...
    async def mark_by_buyer(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]: ...
    async def type_by_buyer(self, actor: Actor, request: chat.Typing) -> Done[Empty]: ...
    async def fill_shot(self, actor: Actor, request: shots.FillShot) -> Done[chat.Sent]: ...
    async def skip_shot(self, actor: Actor, request: shots.SkipShot) -> Done[chat.Sent]: ...
    async def link_files(self, actor: Actor, request: files.LinkFiles) -> Done[files.FileLinks]: ...
    async def renew_session(self, actor: Actor, request: session.Renew) -> Done[session.Renewed]: ...


class AgentDesk(CallDesk, Protocol):
    """The commands of `/agent`."""

    async def list_calls(self, actor: Actor, request: call.ListCalls) -> Done[call.ListedCalls]: ...
    async def invite_by_agent(self, actor: Actor, request: call.AgentInvite) -> Done[call.Called]: ...
    async def book_by_agent(self, actor: Actor, request: call.AgentBook) -> Done[call.Booked]: ...
    async def unbook_by_agent(self, actor: Actor, request: call.AgentUnbook) -> Done[call.Booked]: ...
    async def answer_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def decline_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def ask_still(self, actor: Actor, request: call.AskStill) -> Done[call.StillAsked]: ...
    async def adjust_camera(self, actor: Actor, request: call.AdjustCamera) -> Done[call.AdjustAsked]: ...
    async def listen_in(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def whisper(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def barge_in(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def take_over_call(self, actor: Actor, request: call.OfCall) -> Done[call.Called]: ...
    async def invite_guest(self, actor: Actor, request: call.InviteGuest) -> Done[call.GuestInvited]: ...
    async def revoke_guest(self, actor: Actor, request: call.RevokeGuest) -> Done[call.Called]: ...

    async def load_desk(self, actor: Actor, request: line.LoadDesk) -> Done[line.Desk]: ...
    async def set_presence(self, actor: Actor, request: line.SetPresence) -> Done[line.Seat]: ...
    async def load_wall(self, actor: Actor, request: line.LoadWall) -> Done[line.Wall]: ...
    async def list_conversations(
        self, actor: Actor, request: conversation.List
    ) -> Done[conversation.Listed]: ...
    async def look(self, actor: Actor, request: conversation.Look) -> Done[conversation.Context]: ...
    async def unlook(self, actor: Actor, request: conversation.Unlook) -> Done[Empty]: ...
    async def watch(self, actor: Actor, request: conversation.Watch) -> Done[conversation.Watched]: ...
    async def accept_offer(
        self, actor: Actor, request: conversation.Answer
    ) -> Done[conversation.Accepted]: ...
    async def decline_offer(self, actor: Actor, request: conversation.Answer) -> Done[Empty]: ...
    async def transfer(self, actor: Actor, request: conversation.Transfer) -> Done[Empty]: ...
    async def close_by_agent(
        self, actor: Actor, request: conversation.CloseByAgent
    ) -> Done[conversation.Closed]: ...
    async def reopen_by_agent(
        self, actor: Actor, request: conversation.Reopen
    ) -> Done[conversation.Reopened]: ...
    async def send_by_agent(
        self, actor: Actor, request: chat.AgentText | chat.AgentCard
    ) -> Done[chat.Sent]: ...
    async def write_note(self, actor: Actor, request: chat.WriteNote) -> Done[chat.Sent]: ...
    async def recall_by_agent(self, actor: Actor, request: chat.AgentRecall) -> Done[chat.Sent]: ...
    async def sync_by_agent(self, actor: Actor, request: chat.AgentSync) -> Done[chat.AgentSynced]: ...
    async def mark_by_agent(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]: ...
    async def type_by_agent(self, actor: Actor, request: chat.Typing) -> Done[Empty]: ...
    async def request_shots(self, actor: Actor, request: shots.RequestShots) -> Done[chat.Sent]: ...
    async def retake_shot(self, actor: Actor, request: shots.RetakeShot) -> Done[chat.Sent]: ...
    async def link_files(self, actor: Actor, request: files.LinkFiles) -> Done[files.FileLinks]: ...
    async def open_case(self, actor: Actor, request: cases.OpenCase) -> Done[cases.CaseView]: ...
    async def list_cases(self, actor: Actor, request: cases.ListCases) -> Done[cases.CasesListed]: ...
    async def read_case(self, actor: Actor, request: cases.ReadCase) -> Done[cases.CaseView]: ...
    async def note_case(self, actor: Actor, request: cases.NoteCase) -> Done[cases.CaseView]: ...
    async def hold_case(self, actor: Actor, request: cases.HoldCase) -> Done[cases.CaseView]: ...
    async def close_case(self, actor: Actor, request: cases.CloseCase) -> Done[cases.CaseView]: ...
    async def reopen_case(self, actor: Actor, request: cases.ReopenCase) -> Done[cases.CaseView]: ...
    async def open_recording(
        self, actor: Actor, request: recordings.OpenRecording
    ) -> Done[recordings.RecordingView]: ...
    async def read_recording_marks(
        self, actor: Actor, request: recordings.ReadRecordingMarks
    ) -> Done[recordings.RecordingMarks]: ...
    async def compose_recording(
        self, actor: Actor, request: recordings.ComposeRecording
    ) -> Done[recordings.RecordingComposed]: ...
    async def erase_recording(
        self, actor: Actor, request: recordings.EraseRecording
    ) -> Done[recordings.RecordingChanged]: ...
    async def restrict_recording(
        self, actor: Actor, request: recordings.RestrictRecording
    ) -> Done[recordings.RecordingChanged]: ...


@dataclass(frozen=True, slots=True)
class Client:
    """Where a socket comes from: the real client address (trusted proxies only) and the page's origin."""

    address: str
    origin: str | None
    browser: str


@dataclass(frozen=True, slots=True)
class Revision:
    """Something about a session or a person changed (ended, disabled, role lowered) since a cursor."""

    kind: Literal["session", "person", "buyer", "guest"]
    id: str


class Sessions(Protocol):
    """Who may open a socket, and who may keep it."""

    async def admit(self, namespace: Namespace, token: str, client: Client) -> Actor:
        """The person behind a token. Raises `Refused` (unauthenticated, origin_refused, …)."""

    async def revisions(self, cursor: int) -> tuple[int, Sequence[Revision]]:
        """What changed after `cursor`, and the cursor for the next time; asked every 2 s.

        0 at start returns the newest cursor, which is never 0 itself, and nothing.
        """

    async def review(self, actor: Actor) -> Actor | None:
        """The same actor with today's rights, or None when his session is over."""


class Attendance(Protocol):
    """Who wants to know that agents' sockets come and go: presence."""

    async def arrived(self, actor: Actor) -> Sequence[Fact]:
        """An agent's socket opened on this node."""

    async def left(self, actor: Actor, *, last_here: bool) -> Sequence[Fact]:
        """An agent's socket closed; `last_here` when this node has no other of his."""


class SharedAllowances(Protocol):
    """Allowances of a person over all nodes; without it each node counts for itself."""

    async def take(self, person: str, rate: RateClass) -> float:
        """Uses one up and returns 0, or the seconds to wait. Never raises: without an answer it allows."""


class Meter(Protocol):
    """What signaling counts. Called on the hot path: keep it to an addition."""

    def answered(self, namespace: str, command: str, outcome: str, seconds: float) -> None:
        """A command was acknowledged with `ok` or a code, `seconds` after it had arrived.

        `command` is a declared name or `unknown`.
        """

    def refused(self, code: str) -> None:
        """Something that is not a command was refused: a connection, a CONNECT, a frame."""

    def told(self, event: str, sockets: int) -> None:
        """An event was given to so many sockets of this node."""

    def opened(self, namespace: str) -> None:
        """A socket was admitted."""

    def closed(self, namespace: str, reason: str) -> None:
        """An admitted socket is gone; `reason` is one of `signaling.link.Reason`."""

    def relay_lost(self, events: int) -> None:
        """So many events did not reach the other nodes (they are hints; clients catch up)."""


@dataclass(frozen=True, slots=True)
class Census:
    """A node's sockets as of now, for gauges."""

    sockets: Mapping[str, int]
    connections: int
    pending_messages: int
    pending_bytes: int
    in_flight: int
    relay_waiting: int
