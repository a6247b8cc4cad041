"""How much of everything: each limit with its reason, and the allowances that sockets and persons use up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.base import MAX_FRAME_BYTES, RateClass


@dataclass(frozen=True, slots=True)
class Allowance:
    """`per_second` in the long run, `burst` at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds that one use costs."""
        return 1.0 / self.per_second

    @property
    def slack(self) -> float:
        """How far ahead of time one may be, in seconds."""
        return (self.burst - 1) / self.per_second


class Spending:
    """How far allowances are used up, one time per kind (the generic cell rate algorithm)."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def take(self, kind: str, allowance: Allowance, now: float) -> float:
        """Uses one up and returns 0, or uses none and returns the seconds until there is one again."""
        due = max(self._due.get(kind, now), now)
        wait = due - now - allowance.slack
        # Times are sums of intervals: a rounding error of a nanosecond is not a reason to refuse.
        if wait > 1e-9:
            return wait
        self._due[kind] = due + allowance.interval
        return 0.0

    def rested(self, now: float) -> bool:
        """Whether every allowance is whole again, so that nothing is lost by forgetting this."""
        return all(due <= now for due in self._due.values())


BUYER_SOCKET: Mapping[RateClass, Allowance] = {
    # A person types a line every few seconds; 20 at once are an outbox after a tunnel, then 100 a minute.
    "write": Allowance(100 / 60, 20),
    "read": Allowance(5, 50),
    "mark": Allowance(10, 100),
    "hint": Allowance(2, 20),
    # A hand that draws sends twenty bundles of points a second; a guest draws like a buyer.
    "draw": Allowance(20, 60),
}
BUYER_PERSON: Mapping[RateClass, Allowance] = {
    # Two tabs' worth: five sockets do not make five buyers.
    "write": Allowance(200 / 60, 40),
    "read": Allowance(10, 100),
    "mark": Allowance(20, 200),
    "hint": Allowance(4, 40),
    "draw": Allowance(40, 120),
}
AGENT_SOCKET: Mapping[RateClass, Allowance] = {
    # An agent with ready-made answers in twenty chats; still far below what a program could send.
    "write": Allowance(10, 100),
    "read": Allowance(20, 200),
    "mark": Allowance(20, 200),
    "hint": Allowance(10, 60),
    "draw": Allowance(30, 90),
}
AGENT_PERSON: Mapping[RateClass, Allowance] = {
    "write": Allowance(20, 200),
    "read": Allowance(40, 400),
    "mark": Allowance(40, 400),
    "hint": Allowance(20, 120),
    "draw": Allowance(60, 180),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that signaling bounds. Times are in seconds and counted by the monotonic clock."""

    frame_bytes: int = MAX_FRAME_BYTES
    """A frame above this gets the answer `too_large`."""
    transport_frame_bytes: int = 2 * MAX_FRAME_BYTES
    """A frame above this closes the connection (1009) before it is read: the memory one sender can hold."""
    frames: Allowance = Allowance(100, 500)
    """Frames of any kind on one connection: pings, garbage and commands alike."""
    offences: Allowance = Allowance(0.5, 20)
    """Frames that a sane client does not send. Who uses this up is disconnected."""

    pending_messages: int = 256
    """Messages waiting for one slow reader. One more and he is dropped; he resumes by his cursor."""
    pending_bytes: int = 1_048_576
    """Bytes waiting for one slow reader."""
    write_ahead_bytes: int = 16_384
    """Bytes given to the event loop's own buffer before messages wait in ours, where they are counted."""
    kernel_buffer_bytes: int = 131_072
    """The kernel's send buffer: without it Linux would hide 4 MB of a reader's slowness."""
    stall_seconds: float = 30.0
    """A reader who takes nothing at all for so long is dropped, however little waits for him."""

    connects: Allowance = Allowance(50, 1_000)
    """Connections of one address before anybody is known: a campus or a carrier behind one address fits."""
    addresses: int = 50_000
    """Addresses remembered for `connects`; beyond it the longest silent are forgotten."""
    sockets: int = 20_000
    """Connections of this node."""
    handshake_seconds: float = 10.0
    """From the upgrade to an accepted CONNECT."""
    connect_tries: int = 3
    """Refused CONNECTs on one connection."""
    buyer_sockets: int = 5
    """Sockets of one buyer on this node: tabs and devices. The oldest gives way."""
    agent_sockets: int = 10
    """Sockets of one agent on this node."""

    looks: int = 50
    """Conversations that one socket hears without owning them; the one it looked at first gives way."""

    ping_interval_seconds: float = 14.0
    ping_timeout_seconds: float = 10.0
    """A vanished agent is noticed in 24 s: with his lease and grace what he owned waits again in 90 s."""
    revision_seconds: float = 2.0
    """How often ended sessions and changed rights are looked up: with Redis gone they still end in 5 s."""
    command_seconds: float = 10.0
    """A command that takes longer is answered `retry`; the same client id finds what became of it."""
    in_flight: int = 1_000
    """Commands at work on this node; one more is answered `retry` at once."""
    close_seconds: float = 2.0
    """From saying goodbye to cutting the line."""
    stop_seconds: float = 5.0
    """How long a stop waits for commands at work."""
    relay_messages: int = 10_000
    """Events waiting to be told to other nodes. They are hints: beyond it the oldest are forgotten."""

    buyer_socket: Mapping[RateClass, Allowance] = field(default_factory=lambda: BUYER_SOCKET)
    buyer_person: Mapping[RateClass, Allowance] = field(default_factory=lambda: BUYER_PERSON)
    agent_socket: Mapping[RateClass, Allowance] = field(default_factory=lambda: AGENT_SOCKET)
    agent_person: Mapping[RateClass, Allowance] = field(default_factory=lambda: AGENT_PERSON)
