"""Calls (视频客服): invited by either side, rung, answered, joined through the server, drawn on, ended.

Every event about a call carries the call as it stands with its `revision`; the newer one counts. The server
offers on every leg: `call.join` answers with its description, `call.describe` brings the browser's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from typing_extensions import TypeAliasType

from protocol.base import ClientId, Fence, Id, Line, Locale, Millis, Seq, Token, Wire
from protocol.consents import ConsentText

MAX_SDP = 32_768
"""Characters of a session description. A browser's answer here is 3 to 8 kB; below one frame when escaped."""
MAX_POINTS = 64
"""Points of one mark command: at twenty commands a second a hand never fills it."""
HELD_PICTURE_MOST = 60_000
"""Characters of a held picture: 45 kB of JPEG in base64, so that the command stays below one frame."""
MARKS_PAGE = 200
"""Marks in one `call.sync` answer. `more` says that there are others."""
MAX_PARTICIPANTS = 8
"""Buyer, agent, supervisors and guests of one call together: what a leg has lines for, and some that left."""
CALLS_PAGE = 100
"""Live calls in one answer: more than any shop's supervisor watches at once."""

Sdp = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SDP, pattern=r"^v=0\r?\n[^\x00]*$")]
"""A session description (RFC 8866)."""
HeldPicture = Annotated[
    str, StringConstraints(max_length=HELD_PICTURE_MOST, pattern=r"^/9j/[A-Za-z0-9+/]+={0,2}$")
]
"""A JPEG in base64."""
Mid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16}$")]
"""The media id of a line of the description (RFC 5888)."""
Normal = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A place in the picture: 0 is left or top, 1 is right or bottom, whatever its size."""

Media = Literal["video", "voice"]
CallState = Literal["ringing", "answered", "connected", "waiting", "ended"]
"""ringing: until `ring_until`. answered: nobody has media yet. connected: media flows between the two sides.
waiting: the agent was lost, the buyer stays and the next agent comes. ended: for good."""
CallReason = Literal[
    "hung_up",
    "declined",
    "no_answer",
    "cancelled",
    "buyer_lost",
    "agent_lost",
    "no_agent",
    "not_connected",
    "media_lost",
    "conversation_closed",
]
"""Why a call ended. cancelled: the caller gave up while it rang. not_connected: answered, but no media came.
no_agent: the agent was lost and no other came in time. media_lost: the media service was away too long."""
CallRole = Literal["buyer", "agent", "supervisor", "guest"]
Mode = Literal["listener", "whisper", "barge"]
"""How a supervisor is in a call: hears all; is heard by the agent; is heard by all."""
ParticipantState = Literal["invited", "joined", "reconnecting", "left"]
Consent = Literal["unasked", "granted", "refused", "withdrawn"]
RecordingState = Literal["off", "on", "paused", "stopped"]
"""off: not begun. on: being written. paused: somebody has not agreed. stopped: for good, with a code."""
Level = Literal["good", "fair", "poor", "lost"]
"""A connection in words: 良好, 一般, 较差, 中断."""
Step = Literal["full", "low_resolution", "low_rate", "stills", "audio_only"]
"""How far a sender has come down on a bad network. stills: a picture a second, and the sound."""


Factor = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
"""A zoom in the camera's own measure (W3C Image Capture): often 1 to 8, with others 100 to 500."""


class Zoom(Wire):
    """How far a camera zooms, and where it stands."""

    least: Factor
    most: Factor
    now: Factor

    @model_validator(mode="after")
    def _within(self) -> Zoom:
        if not self.least <= self.now <= self.most:
            raise ValueError("least <= now <= most")
        return self


class CameraControls(Wire):
    """What can be set of a camera that is on, and how it is set; null: it has no such thing."""

    torch: bool | None = None
    zoom: Zoom | None = None


class Participant(Wire):
    """Somebody in a call. Supervisors who listen or whisper are told to agents only."""

    participant_id: Id
    role: CallRole
    mode: Mode | None = None
    name: Line
    state: ParticipantState
    reconnect_until: Millis | None = None
    camera: bool
    microphone: bool
    screen: bool
    controls: CameraControls | None = None
    consent: Consent
    level: Level | None = None
    step: Step | None = None


class CallRecording(Wire):
    """Whether the call is being recorded, for the constant indicator on both sides. `code`: why not."""

    state: RecordingState
    code: Line | None = None


class Call(Wire):
    """A call as it stands. Of two, the one with the higher `revision` is the newer."""

    call_id: Id
    conversation_id: Id
    revision: Seq
    media: Media
    state: CallState
    invited_by: Literal["buyer", "agent"]
    rang_at: Millis
    ring_until: Millis
    answered_at: Millis | None = None
    connected_at: Millis | None = None
    ended_at: Millis | None = None
    reason: CallReason | None = None
    ended_by: CallRole | Literal["system"] | None = None
    recording: CallRecording
    participants: list[Participant] = Field(max_length=MAX_PARTICIPANTS)


class LoadCalls(Wire):
    """Asks for the living calls that one may join: after a reload, or when the app starts."""


class ListCalls(Wire):
    """Asks for a shop's living calls; supervisors only."""

    shop_id: Id


class Calls(Wire):
    """Living calls, the oldest first. `now` is the server's clock, so that rings drain by its time."""

    now: Millis
    calls: list[Call] = Field(max_length=CALLS_PAGE)


class ListedCalls(Calls):
    """A shop's living calls, the oldest first. `more` says that there are others than these."""

    more: bool


class BuyerInvite(Wire):
    """Asks the agent for a call. While the agent rings for the same conversation it answers his call."""

    conversation_id: Id
    client_id: ClientId
    media: Media


class AgentInvite(BuyerInvite):
    """Asks the buyer for a call, under the fence of the assignment."""

    fence: Fence


class Called(Wire):
    """The call as it stands after the command."""

    now: Millis
    call: Call


BOOK_AHEAD_MS = 14 * 86_400_000
"""How far ahead a call may be booked: within what a return takes."""


class Booking(Wire):
    """A call that is to be made at this time."""

    at: Millis
    media: Media


class BookCall(Wire):
    """Books a call for a time within fourteen days (预约), in place of an earlier booking."""

    conversation_id: Id
    client_id: ClientId
    at: Millis
    media: Media


class AgentBook(BookCall):
    """The same by whoever has the conversation."""

    fence: Fence


class UnbookCall(Wire):
    """Takes the conversation's booking back; the buyer also when the conversation is closed."""

    conversation_id: Id
    client_id: ClientId


class AgentUnbook(UnbookCall):
    """The same by whoever has the conversation."""

    fence: Fence


class Booked(Wire):
    """The line of the log that says it, and the booking as it stands now."""

    seq: Seq
    booking: Booking | None = None


class OfCall(Wire):
    """Names a call one is part of."""

    call_id: Id


class Join(Wire):
    """Asks for a leg of the media: at first, and again after a reload or a changed network.

    `rejoin_token` is the one of the last join: with it the same page goes on. Without it, a call that is
    alive on another page or device is refused `elsewhere`; `move` brings it here.
    """

    call_id: Id
    rejoin_token: Token | None = None
    move: bool = False


class Track(Wire):
    """Whose sound or picture comes on a line of the description; null while nobody's does."""

    mid: Mid
    kind: Literal["audio", "video"]
    participant_id: Id | None = None


class IceServer(Wire):
    """A TURN server with credentials of this call (RTCIceServer)."""

    urls: list[Line] = Field(max_length=8)
    username: Line
    credential: Line


class Joined(Wire):
    """A new leg: set `offer` as the remote description, answer with `call.describe`."""

    call: Call
    participant_id: Id
    leg_id: Id
    offer: Sdp
    ice_servers: list[IceServer] = Field(max_length=4)
    tracks: list[Track] = Field(max_length=4 * MAX_PARTICIPANTS)
    rejoin_token: Token


class Describe(Wire):
    """The browser's answer for the leg that `call.join` opened."""

    call_id: Id
    leg_id: Id
    answer: Sdp


class GiveConsent(Wire):
    """Agrees to being recorded or not, by a text that was shown; refusing after agreeing withdraws.

    Without everybody's consent nothing is recorded; the call goes on all the same.
    """

    call_id: Id
    granted: bool
    text_version: ConsentText
    locale: Locale


class SetMedia(Wire):
    """Tells the others what one sends: camera, microphone, screen on or off, and what of the camera can be
    set. What is not said stays."""

    call_id: Id
    camera: bool | None = None
    microphone: bool | None = None
    screen: bool | None = None
    controls: CameraControls | None = None


Kbps = Annotated[int, Field(ge=0, le=100_000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Delay = Annotated[int, Field(ge=0, le=60_000)]


class Flow(Wire):
    """One direction as the browser measured it since the last report (`RTCPeerConnection.getStats`)."""

    kbps: Kbps
    loss: Share
    jitter_ms: Delay
    fps: Annotated[int, Field(ge=0, le=240)] = 0
    width: Annotated[int, Field(ge=0, le=8_192)] = 0
    height: Annotated[int, Field(ge=0, le=8_192)] = 0
    freezes: Count = 0
    frozen_ms: Delay = 0


class QualityReport(Wire):
    """What a browser measured in the last seconds, and the step of the ladder on which it sends."""

    call_id: Id
    leg_id: Id
    round_trip_ms: Delay | None = None
    sent: Flow
    received: Flow
    step: Step


class Point(Wire):
    """A place in the picture."""

    x: Normal
    y: Normal


class _Mark(Wire):
    mark_id: ClientId
    of: Id = Field(description="The participant on whose picture it lies.")
    frame_at: Millis = Field(
        description="When the frame that was live in sight, or that a freeze holds, came, by the "
        "server's clock: where the mark belongs in a recording. Unlikely times are not believed."
    )


class PointerMark(_Mark):
    """Where one points now; shown for a moment. Several places are the way of the hand since the last."""

    shape: Literal["pointer"]
    points: list[Point] = Field(min_length=1, max_length=MAX_POINTS)


class ArrowMark(_Mark):
    """An arrow from one place to another."""

    shape: Literal["arrow"]
    start: Point
    end: Point


class CircleMark(_Mark):
    """An ellipse around a place; `rx` and `ry` are parts of the picture's width and height."""

    shape: Literal["circle"]
    centre: Point
    rx: Normal
    ry: Normal


class FreehandMark(_Mark):
    """A line drawn by hand; the same `mark_id` again goes on with it."""

    shape: Literal["freehand"]
    points: list[Point] = Field(min_length=1, max_length=MAX_POINTS)


class TextMark(_Mark):
    """A word beside the fault."""

    shape: Literal["text"]
    at: Point
    text: Annotated[
        str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
    ]


class UndoMark(_Mark):
    """Takes back one's own mark `undone`."""

    shape: Literal["undo"]
    undone: ClientId


class ClearMark(_Mark):
    """Takes back every mark on the picture."""

    shape: Literal["clear"]


class FreezeMark(_Mark):
    """Holds the picture at this very frame on every screen. `picture` is the frame: everybody shows it, as
    long as it is held. It is kept no longer than that; in the track of what is over it is null."""

    shape: Literal["freeze"]
    picture: HeldPicture | None = None


class UnfreezeMark(_Mark):
    """Lets the picture go on."""

    shape: Literal["unfreeze"]


CallMark = TypeAliasType(
    "CallMark",
    Annotated[
        PointerMark
        | ArrowMark
        | CircleMark
        | FreehandMark
        | TextMark
        | UndoMark
        | ClearMark
        | FreezeMark
        | UnfreezeMark,
        Field(discriminator="shape"),
    ],
)


class DrawMark(Wire):
    """Draws on the live or the frozen picture, for both sides. The same `mark_id` again is stored once,
    but for a line drawn by hand and a pointer, which go on."""

    call_id: Id
    mark: CallMark


class Drawn(Wire):
    """The mark is stored, at this place of the call's track of marks."""

    seq: Seq


class MarkEntry(Wire):
    """A mark in the track: who drew what, and when by the server's clock."""

    seq: Seq
    participant_id: Id
    at: Millis
    mark: CallMark


class SyncMarks(Wire):
    """Asks for the marks after a place in the track: after a rejoin, or when one comes later."""

    call_id: Id
    after_seq: Seq


class SyncedMarks(Wire):
    """A page of the track."""

    marks: list[MarkEntry] = Field(max_length=MARKS_PAGE)
    more: bool


class AskStill(Wire):
    """Asks the buyer's own camera for a still of high resolution: a list of one picture in the talk."""

    call_id: Id
    client_id: ClientId


class StillAsked(Wire):
    """The still that was asked for. To the buyer: take it now and put it in the first place of this list."""

    call_id: Id
    list_seq: Seq
    participant_id: Id = Field(description="Whose camera takes it.")


class AdjustCamera(Wire):
    """Asks for torch or zoom of the buyer's camera; what is not said stays. His page does it, and he can take
    it back. It never turns a camera on nor goes to the one on the other side, which would show his face: what
    is shown at all is the buyer's to say."""

    call_id: Id
    torch: bool | None = None
    zoom: Factor | None = None

    @model_validator(mode="after")
    def _something(self) -> AdjustCamera:
        if self.torch is None and self.zoom is None:
            raise ValueError("name torch or zoom")
        return self


class AdjustAsked(Wire):
    """What was asked of the buyer's camera. His page does it if the camera is on, and tells how it stands."""

    call_id: Id
    participant_id: Id = Field(description="Whose camera it is.")
    torch: bool | None = None
    zoom: Factor | None = None


class InviteGuest(Wire):
    """Lets somebody from outside (expert, warehouse, host) into this one call, by a link."""

    call_id: Id
    client_id: ClientId
    name: Line


class GuestInvited(Wire):
    """The token for the link: it opens this call alone, for whoever holds it, until `expires_at`."""

    participant_id: Id
    token: Token
    expires_at: Millis
    call: Call


class RevokeGuest(Wire):
    """Ends a guest's link and his part in the call."""

    call_id: Id
    participant_id: Id


class LinkCall(Wire):
    """Asks for a way into another browser, where this one has no camera. What rings here is taken by it."""

    conversation_id: Id


class CallLink(Wire):
    """A one-time code with which another browser goes on as the same buyer: 在浏览器中打开.

    `waits_until`: so long a call to which he has not come yet waits for him there; null where there is none.
    """

    now: Millis
    code: Token
    expires_at: Millis
    waits_until: Millis | None = None


class CallChanged(Wire):
    """The call as it stands now. `participant_id`: whom the event is about, where it is about one."""

    call: Call
    participant_id: Id | None = None


class Reconnecting(CallChanged):
    """Somebody's media was lost; he is waited for until his `reconnect_until`. `code` says what was lost."""

    code: Literal["leg_lost", "media_lost", "left_page"]


class CallMoved(Wire):
    """To one person's own pages: the call is on this leg now; the others stop."""

    call_id: Id
    participant_id: Id
    leg_id: Id


class TracksRouted(Wire):
    """To the person of a leg: whose sound and picture come on which line from now on."""

    call_id: Id
    leg_id: Id
    tracks: list[Track] = Field(max_length=4 * MAX_PARTICIPANTS)


class MarkDrawn(Wire):
    """Somebody drew."""

    call_id: Id
    entry: MarkEntry


class QualityChanged(Wire):
    """Somebody's connection is another in words, or he sends on another step of the ladder."""

    call_id: Id
    participant_id: Id
    level: Level
    step: Step
