"""The packet path: from one incoming stream of a participant to the lines of those who hear or see him.

A packet is decrypted where it was received, gets three new numbers and is encrypted in the same place; it is
copied only where somebody needs it again: for retransmissions, for a tap, for a second listener. A `Line` is
what one listener's browser takes for one sender as long as his connection lasts: its numbers go on without a
seam when the source behind it changes, because an SRTP index that jumps back is never decrypted (RFC 3711
section 3.3.1) and a timestamp that jumps stalls the player.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media import rtp
from media.counts import COUNTS
from media.negotiation import CLOCK_RATE, VP8_RTX, Outgoing
from media.reception import Reception
from media.rtcp import ReportBlock, SenderReport, sender_report, source_description
from media.rtp import NUMBERS, NUMBERS_AT
from media.seats import Kind

#: Packets of video kept for whoever asks again: three seconds at 1.5 Mbit/s. A power of two.
CACHE = 512
#: Packets that one line sends again at once, and a second: a participant who names all that he can costs the
#: process two milliseconds. What is not sent is asked for again, or given up with a keyframe.
MOST_RESENT, RESENT_A_SECOND = CACHE // 4, CACHE // 2
#: Padding packets whose numbers were closed up, remembered while late packets may still come around them.
MOST_CLOSED = 64
#: Keyframes cost a burst: however many listeners ask, the sender is asked no more often.
KEYFRAME_EVERY_S = 0.3

_U32 = 0xFFFFFFFF
_NEVER = 1 << 62


class Output(Protocol):
    """Where a line's packets go: one participant's transport."""

    def forward(self, length: int) -> None: ...
    def send(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class Line:
    """One outgoing stream of a leg: what its participant hears or sees on one media line."""

    __slots__ = (
        "_closed", "_name", "_new", "_resends", "_resends_at", "_resent_at", "_start", "allowed",
        "clock_sent", "fraction_lost", "kind", "octets", "outgoing", "output", "packets", "plain_from",
        "rtx_sequence", "sequence", "sequence_offset", "source", "ssrc", "throttles", "timestamp",
        "timestamp_at", "timestamp_offset", "wait_for_keyframe",
    )  # fmt: skip

    def __init__(
        self, kind: Kind, outgoing: Outgoing, output: Output, *, name: str = "", throttles: bool = True
    ) -> None:
        self.kind = kind
        self.outgoing = outgoing
        self.ssrc = outgoing.ssrc
        self.throttles = throttles
        """Whether the sender heeds what this line's participant can take."""
        self.allowed: int | None = None
        """The bitrate that his link has for this line; None while he did not say."""
        self.clock_sent: tuple[int, float] | None = None
        """The last sender report: the middle bits of its NTP time, and when it was sent."""
        self._name = name
        self.output = output
        self.source: Stream | None = None
        self.sequence_offset = self.timestamp_offset = 0
        self.plain_from = _NEVER
        """Packets of the source from this extended number on need nothing but the two offsets."""
        self.sequence = self.timestamp = -1
        """Of the newest packet that was sent, when the source was settled; -1 before the first."""
        self.timestamp_at = 0.0
        self.packets = self.octets = 0
        self.rtx_sequence = 0
        self.wait_for_keyframe = False
        self.fraction_lost = 0
        """Of 256, as the participant reported it last."""
        self._new = True
        self._start = 0
        self._closed: list[int] = []
        self._resends, self._resends_at = float(MOST_RESENT), 0.0
        self._resent_at: list[float] = []
        """By place in the source's cache; empty before the first retransmission."""

    def begin(self) -> None:
        """The next packet is the first of another source."""
        self._new = True
        self.plain_from = _NEVER
        self._closed.clear()
        self._resent_at = []
        self.wait_for_keyframe = self.kind == "video"

    def settle(self, reception: Reception) -> None:
        """Remember where the line's numbers stand before its source goes."""
        if self._new or reception.expected < 0:
            return
        self.sequence = (reception.expected - 1 + self.sequence_offset) & 0xFFFF
        self.timestamp = (reception.timestamp + self.timestamp_offset) & _U32
        self.timestamp_at = reception.arrived_at

    def close_up(self, number: int) -> None:
        """Padding of this number, the newest, is not sent: what follows moves up, nobody misses it."""
        if not self._new:
            self.sequence_offset = (self.sequence_offset - 1) & 0xFFFF
            self._closed = [
                *(closed for closed in self._closed[-MOST_CLOSED:] if number - closed < CACHE),
                number,
            ]
            self.plain_from = number + 1

    def numbers(self, packet: rtp.Packet, number: int, timestamp: int, now: float) -> tuple[int, int] | None:
        """The line's sequence number and timestamp of a packet; None for one that is not for this line."""
        if self._new:
            if self.wait_for_keyframe and not starts_keyframe(packet):
                return None
            self._align(number, timestamp, now)
        elif number < self._start:
            return None  # a late packet from before the keyframe that this line began with
        shift = sum(closed > number for closed in self._closed)
        return (number + self.sequence_offset + shift) & 0xFFFF, (timestamp + self.timestamp_offset) & _U32

    def _align(self, number: int, timestamp: int, now: float) -> None:
        self._new = self.wait_for_keyframe = False
        self._start = self.plain_from = number
        if self.sequence < 0:
            self.sequence_offset = self.timestamp_offset = 0
            return
        passed = max(1, int((now - self.timestamp_at) * CLOCK_RATE[self.kind]))
        self.sequence_offset = (self.sequence + 1 - number) & 0xFFFF
        self.timestamp_offset = (self.timestamp + passed - timestamp) & _U32

    def original(self, sequence: int, newest: int) -> int:
        """The source's extended number of what this line sent under `sequence`; `newest` is the last one."""
        found = newest - ((newest + self.sequence_offset - sequence) & 0xFFFF)
        for closed in reversed(self._closed):
            if found > closed:
                break
            found -= 1
        return found

    def retransmit(self, sequences: tuple[int, ...], now: float, rtt: float) -> None:
        """Send again what the participant missed (RFC 4588), as far as it is there and the budget reaches.

        Nothing twice within `rtt` seconds: whoever asks so soon cannot know yet what was sent.
        """
        source, rtx = self.source, self.outgoing.rtx
        if source is None or rtx is None or self._new:
            return
        self._resends = min(MOST_RESENT, self._resends + (now - self._resends_at) * RESENT_A_SECOND)
        self._resends_at = now
        self._resent_at = self._resent_at or [float("-inf")] * CACHE
        for sequence in sequences:
            if self._resends < 1:
                COUNTS.not_resent += 1
                return
            number = self.original(sequence, source.reception.expected - 1)
            packet = source.cached(number) if number >= self._start else None
            place = number & (CACHE - 1)
            if packet is None or now - self._resent_at[place] < rtt:
                continue
            timestamp = (int.from_bytes(packet[4:8]) + self.timestamp_offset) & _U32
            renumbered = packet[:4] + timestamp.to_bytes(4) + packet[8:]
            again = rtp.wrap_rtx(renumbered, self.rtx_sequence, VP8_RTX, rtx, sequence)
            if again is not None:
                self.rtx_sequence = (self.rtx_sequence + 1) & 0xFFFF
                COUNTS.resent += 1
                self._resends -= 1
                self._resent_at[place] = now
                self.output.send(again)

    def reported(self, block: ReportBlock, now: float) -> float | None:
        """What the participant says of this line; the round trip in seconds where it can be told from it."""
        self.fraction_lost = block.fraction_lost
        if self.clock_sent is None or block.lsr != self.clock_sent[0]:
            return None
        return max(0.0, now - self.clock_sent[1] - block.dlsr / 65_536)

    def clock(self, report: SenderReport, now: float) -> None:
        """Tell the participant the source's clocks, in this line's numbers."""
        if self._new:
            return
        ssrc, stamp = self.outgoing.ssrc, report.rtp_timestamp + self.timestamp_offset & _U32
        self.clock_sent = report.ntp >> 16 & _U32, now
        self.output.send_rtcp(
            sender_report(ssrc, report.ntp, stamp, self.packets, self.octets)
            + source_description(ssrc, self._name)
        )


Tap = Callable[[bytes, float], None]


class Stream:
    """One incoming stream of a participant, and the lines that carry it on."""

    __slots__ = (
        "_ask", "_asked_at", "_cache", "keyframe_wanted", "kind", "lines", "packet",
        "reception", "ssrc", "tap",
    )  # fmt: skip

    def __init__(self, kind: Kind, packet: memoryview, ask: Callable[[], None]) -> None:
        self.kind: Kind = kind
        self.packet = packet
        """Where the packet at hand lies; all lines send from there."""
        self.ssrc: int | None = None
        self.reception = Reception(CLOCK_RATE[kind], frames=kind == "video")
        self.lines: list[Line] = []
        self.tap: Tap | None = None
        self._ask = ask
        self.keyframe_wanted = False
        self._asked_at = float("-inf")
        self._cache: list[bytes | None] = [None] * CACHE if kind == "video" else []

    def begin(self, ssrc: int) -> None:
        """Packets of another SSRC follow."""
        for line in self.lines:
            line.settle(self.reception)
            line.begin()
        self.ssrc = ssrc
        self.reception = Reception(self.reception.rate, self.reception.frames)
        self._cache = [None] * len(self._cache)

    def attach(self, line: Line) -> None:
        """From the next packet, with video from the next keyframe, the line carries this stream."""
        self.detach(line)
        if line.source is not None:
            line.source.detach(line)
        line.source = self
        line.begin()
        self.lines = [*self.lines, line]
        self.want_keyframe()

    def detach(self, line: Line) -> None:
        """The line is silent until another stream is attached. Not attached is harmless."""
        if line.source is self:
            line.settle(self.reception)
            line.source = None
            self.lines = [kept for kept in self.lines if kept is not line]

    def received(self, length: int, sequence: int, timestamp: int, now: float) -> None:
        """Carry on the decrypted packet that lies in `packet`."""
        number = self.reception.received(sequence, timestamp, length, now)
        if number < 0:
            return
        packet, lines, data = self.packet, self.lines, b""
        if self._cache or self.tap is not None or len(lines) > 1:
            data = bytes(packet[:length])
        if self._cache:
            self._cache[number & (CACHE - 1)] = data
        if self.tap is not None:
            self.tap(data, now)
        encrypted = False
        for line in lines:
            if encrypted:
                packet[:length] = data
            if number >= line.plain_from:
                sequence, stamp = (
                    number + line.sequence_offset & 0xFFFF,
                    timestamp + line.timestamp_offset & _U32,
                )
            elif (numbers := line.numbers(packet[:length], number, timestamp, now)) is not None:
                sequence, stamp = numbers
            else:
                encrypted = False
                self.keyframe_wanted |= line.wait_for_keyframe
                continue
            NUMBERS.pack_into(packet, NUMBERS_AT, sequence, stamp, line.ssrc)
            line.packets += 1
            line.octets += length
            line.output.forward(length)
            encrypted = True

    def padded(self, length: int, sequence: int, timestamp: int, now: float) -> None:
        """A packet of padding alone: counted, and closed up where it is the newest."""
        number = self.reception.received(sequence, timestamp, length, now)
        if number >= 0 and number == self.reception.expected - 1:
            for line in self.lines:
                line.close_up(number)

    def cached(self, number: int) -> bytes | None:
        """The packet of this extended number, if it is still there."""
        found = self._cache[number & (CACHE - 1)] if self._cache else None
        return found if found is not None and int.from_bytes(found[2:4]) == number & 0xFFFF else None

    def want_keyframe(self) -> None:
        """Somebody needs a whole picture. Of a voice, nothing happens."""
        if self.kind == "video":
            self.keyframe_wanted = True
            self._ask()

    def keyframe_due(self, now: float) -> bool:
        """Whether to ask the sender for a keyframe now. True is taken as asked."""
        if not self.keyframe_wanted or self.ssrc is None or now - self._asked_at < KEYFRAME_EVERY_S:
            return False
        self.keyframe_wanted = False
        COUNTS.keyframes_asked += 1
        self._asked_at = now
        return True


def starts_keyframe(packet: rtp.Packet) -> bool:
    """Whether the first bytes of a VP8 keyframe are in this packet (RFC 7741 sections 4.2 and 4.3)."""
    length = len(packet)
    at = rtp.payload_offset(packet, length)
    if at is None or at >= length:
        return False
    first = packet[at]
    if not first & 0x10 or first & 0x0F:  # not the start of the first partition
        return False
    at += 1
    if first & 0x80:
        if at >= length:
            return False
        extension = packet[at]
        at += 1
        if extension & 0x80:
            if at >= length:
                return False
            at += 2 if packet[at] & 0x80 else 1
        at += bool(extension & 0x40)
        at += bool(extension & 0x30)
    return at < length and not packet[at] & 1
