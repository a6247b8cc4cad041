"""A call as plain data: who is in it and how, until when, who hears whom, and whose media is written.

How a call walks::

    ringing ── answer ───▶ answered ── both have media ──▶ connected
    connected, answered ── the agent is lost ──▶ waiting ── the next one has media ──▶ connected
    any of them ── hang up, decline, a deadline ──▶ ended

A participant walks from ``invited`` to ``joined``, to ``reconnecting`` and back, and in the end to ``left``;
``joined`` means that media of his present leg arrives. Times are integer epoch milliseconds; ``now`` is an
argument; a deadline is over at its very millisecond. The steps stand in ``media.steps``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RING_MS: Final = 30_000
"""How long a call rings: long enough to find the phone, short enough that nobody waits for nothing."""
RECONNECT_MS: Final = 30_000
"""How long a lost participant is kept: a reload, a tunnel, a phone call that was taken."""
AGENT_RECONNECT_MS: Final = 25_000
"""The same for the agent: with the time to notice and to sweep, the buyer goes back to the line within half a
minute of the cut."""
CONNECT_MS: Final = 60_000
"""From the answer to media of both sides: the browser's question for the camera, a look at the preview and a
slow path are within. Who is called answers with his first tap: no ring runs out under his preview."""
BROWSER_MS: Final = 180_000
"""The same where the buyer goes to another browser for it: copying the link, finding the browser and all of
the above. Longer than that an agent is not to sit before a call in which nobody is."""
AGENT_MS: Final = 120_000
"""How long a buyer whose agent was lost is kept on the line for the next one."""
GUESTS: Final = 1
SUPERVISORS: Final = 1
"""At once in a call: the seats that a leg has lines for."""
PEOPLE: Final = 40
"""Parts ever taken in a call: who comes and goes again and again is refused before the record grows long."""

Media = Literal["video", "voice"]
Role = Literal["buyer", "agent", "supervisor", "guest"]
Side = Literal["buyer", "agent"]
Mode = Literal["listener", "whisper", "barge"]
State = Literal["ringing", "answered", "connected", "waiting", "ended"]
Reason = Literal[
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
Presence = Literal["invited", "joined", "reconnecting", "left"]
Consent = Literal["unasked", "granted", "refused", "withdrawn"]
Recording = Literal["off", "on", "paused", "stopped"]
Lost = Literal["leg_lost", "media_lost", "left_page"]
Event = Literal[
    "call.rang",
    "call.answered",
    "call.joined",
    "call.reconnecting",
    "call.left",
    "call.changed",
    "call.recording_changed",
    "call.ended",
]
RefusedCode = Literal[
    "ring_over",
    "call_ended",
    "elsewhere",
    "not_joined",
    "stale_leg",
    "forbidden",
    "too_many",
    "camera_incapable",
]


class CallRefused(Exception):
    """The step is not possible now; nothing changed."""

    def __init__(self, code: RefusedCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Zoom:
    """How far a camera zooms, in its own measure, and where it stands."""

    least: float
    most: float
    now: float


@dataclass(frozen=True, slots=True)
class CameraControls:
    """What can be set of a camera that is on, and how it is set; None: it has no such thing."""

    torch: bool | None = None
    zoom: Zoom | None = None


NOTHING_TO_SET: Final = CameraControls()


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a call. `person_id` is the buyer's or a colleague's id; a guest has none but his own.

    `leg_id` is the one leg that counts for him; `rejoin_hash` lets the page that opened it go on.
    """

    id: str
    role: Role
    person_id: str
    name: str
    mode: Mode | None = None
    state: Presence = "invited"
    reconnect_until: int | None = None
    """Until when he is waited for: he reconnects, or is a supervisor who asked and has not come."""
    lost: Lost | None = None
    camera: bool = False
    microphone: bool = False
    screen: bool = False
    controls: CameraControls = NOTHING_TO_SET
    consent: Consent = "unasked"
    leg_id: str | None = None
    rejoin_hash: str | None = None

    @property
    def here(self) -> bool:
        """Joined, or kept for while he reconnects."""
        return self.state in ("joined", "reconnecting")

    @property
    def hidden(self) -> bool:
        """Buyer and guests are not to know of him, and nothing of him belongs into a recording."""
        return self.role == "supervisor" and self.mode != "barge"


@dataclass(frozen=True, slots=True)
class Call:
    """A call. `due` is the deadline of its state; participants who reconnect have their own."""

    id: str
    media: Media
    invited_by: Side
    rang_at: int
    ring_until: int
    participants: tuple[Participant, ...]
    state: State = "ringing"
    due: int | None = None
    answered_at: int | None = None
    connected_at: int | None = None
    ended_at: int | None = None
    reason: Reason | None = None
    ended_by: Role | Literal["system"] | None = None
    recording: Recording = "off"
    recording_code: str | None = "unasked"
    revision: int = 1

    def live(self, role: Role) -> Participant | None:
        """The one of this role who has not left."""
        return next((each for each in self.participants if each.role == role and each.state != "left"), None)

    def of(self, participant_id: str) -> Participant | None:
        return next((each for each in self.participants if each.id == participant_id), None)

    def of_person(self, person_id: str) -> Participant | None:
        """A person's living part in the call."""
        found = (each for each in self.participants if each.person_id == person_id)
        return next((each for each in found if each.state != "left"), None)

    @property
    def next_due(self) -> int | None:
        """When `expire` has something to do at the latest."""
        if self.state == "ended":
            return None
        waits = [each.reconnect_until for each in self.participants if each.state != "left"]
        return min((each for each in (self.due, *waits) if each is not None), default=None)


# Who hears whom


@dataclass(frozen=True, slots=True)
class Route:
    """Whose sound and picture come on one seat of a participant's leg; None while nobody's does."""

    listener: str
    seat: int
    source: str | None


_SEATING: Final[dict[Role, tuple[Role, Role, Role]]] = {
    "buyer": ("agent", "supervisor", "guest"),
    "agent": ("buyer", "supervisor", "guest"),
    "guest": ("buyer", "agent", "supervisor"),
    "supervisor": ("buyer", "agent", "guest"),
}


def routes(call: Call) -> tuple[Route, ...]:
    """Everybody's seats. A listener is heard by nobody, who whispers by the agent alone."""
    if call.state == "ended":
        return ()
    found = []
    for listener in call.participants:
        if listener.state != "left":
            for seat, role in enumerate(_SEATING[listener.role]):
                source = call.live(role)
                heard = source is not None and _hears(listener, source)
                found.append(Route(listener.id, seat, source.id if heard and source else None))
    return tuple(found)


def _hears(listener: Participant, source: Participant) -> bool:
    if source.mode == "listener":
        return False
    return source.mode != "whisper" or listener.role == "agent"


def recorded(call: Call) -> tuple[str, ...]:
    """Whose media is written now: everybody's whom all hear, as long as the recording is on."""
    if call.recording != "on" or call.state == "ended":
        return ()
    return tuple(each.id for each in call.participants if each.here and not each.hidden)
