"""One participant's connection: his packets to his streams, his RTCP to whom it concerns, his lines.

The server ends RTCP on every leg (RFC 7667 section 3.7 calls it a selective forwarding middlebox): it asks
for what it misses, answers for what it sent, and reports for itself. Sender reports go on with their clock,
so that voice and lips stay together across the server.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from media import bandwidth, ice, rtcp, rtp
from media.errors import MediaError
from media.forwarder import Line, Stream
from media.ice import PACKET
from media.negotiation import (
    EXTENSIONS,
    OPUS,
    VP8,
    VP8_RTX,
    Outgoing,
    cname,
    offer,
    read_answer,
)
from media.reception import SHORTEST_RETRY_S
from media.seats import KINDS, SEATS, Kind, mid

#: Another SSRC of the same kind is taken for the participant's own new start after such a silence.
NEW_SSRC_AFTER_S = 1.0
#: A source tells its clocks each second; what comes quicker is not sent on to everybody.
CLOCKS_EVERY_S = 0.1
#: A listener's browser may ask for keyframes only so often: each costs everybody.
LISTENER_KEYFRAME_EVERY_S = 1.0

_NEVER = 0, float("-inf")
_KIND_OF = {OPUS: KINDS[0], VP8: KINDS[1]}
_FAMILIAR = {b"\xbe\xde\x00\x01\x20", b"\xbe\xde\x00\x01\x32"}
"""A lone audio level (id 2, one byte) and a lone send time (id 3, three): what browsers send."""


class Leg:
    """A connection that is offered, answered, up and closed once. `on_connected` and `on_closed` say so.

    `listens_only`: its network and its wishes slow nobody down.
    """

    def __init__(
        self,
        ports: ice.Ports,
        *,
        listens_only: bool,
        on_connected: Callable[[], None],
        on_closed: Callable[[str], None],
        on_report: Callable[[Kind, int, int], None],
    ) -> None:
        self.listens_only = listens_only
        self.connected = False
        self.closed: str | None = None
        self.streams: dict[Kind, Stream] = {kind: Stream(kind, PACKET, self._ask) for kind in KINDS}
        self.rtt_s: float | None = None
        self.link = bandwidth.Link()
        self.loss = self.sent_bitrate = 0.0
        self._remb: int | None = None
        self._on_connected, self._on_closed, self._on_report = on_connected, on_closed, on_report
        self.transport = ice.Transport(ports, self._rtp, self._rtcp, self._ended)
        self._by_ssrc: dict[int, Stream] = {}
        self._clocks: dict[Kind, tuple[int, float]] = {}
        self._octets_before = 0
        self._keyframe_asked_at = float("-inf")
        self._given_up = 0
        self._repairing: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._answered = False
        self._receives: frozenset[str] = frozenset()
        ssrcs = _distinct(3 * SEATS)
        self.lines: dict[str, Line] = {}
        for seat in range(SEATS):
            for kind in KINDS:
                outgoing = Outgoing(ssrcs.pop(), ssrcs.pop() if kind == "video" else None)
                self.lines[mid(seat, kind)] = Line(
                    kind, outgoing, self.transport, name=cname(seat), throttles=not listens_only
                )
        self._line_by_ssrc = {line.outgoing.ssrc: line for line in self.lines.values()}
        self._ssrc = self.lines[mid(0, "audio")].outgoing.ssrc
        """Under which the server speaks RTCP to this participant."""

    async def offer(self) -> str:
        """Listen, and say how to connect."""
        local = await self.transport.open()
        return offer(local, {name: line.outgoing for name, line in self.lines.items()})

    def answer(self, sdp: str) -> None:
        """Connect as the answer says; how that ends is told. Raises `MediaError` for a wrong answer."""
        if self._answered or self.closed is not None:
            raise MediaError("already_answered")
        answer = read_answer(sdp)
        self._answered = True
        self._receives = answer.receives

        async def connect() -> None:
            try:
                await self.transport.connect(answer)
            except MediaError as fault:
                self._ended(fault.code)
                return
            self.connected = True
            self._on_connected()

        self._connecting = asyncio.create_task(connect())

    async def close(self, code: str) -> None:
        """End the connection and everything that depends on it. Twice is harmless; the first code stays."""
        self.closed = self.closed or code
        self.connected = False
        if self._repairing is not None:
            self._repairing.cancel()
            self._repairing = None
        if self._connecting is not None and self._connecting is not asyncio.current_task():
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        for line in self.lines.values():
            if line.source is not None:
                line.source.detach(line)
        for stream in self.streams.values():
            stream.tap = None
            for line in stream.lines:
                stream.detach(line)
        await self.transport.close()

    def listen(self, only: bool) -> None:
        """From now on his network and his wishes slow nobody down (`only`), or they count."""
        self.listens_only = only
        for line in self.lines.values():
            line.throttles = not only

    def wants(self, name: str) -> bool:
        """Whether the participant's answer asked for anything on this media line."""
        return name in self._receives

    def _ended(self, code: str) -> None:
        if self.closed is None:
            self.closed = code
            self._on_closed(code)

    # RTP.

    def _rtp(self, length: int) -> None:
        packet = PACKET
        flags, _, sequence, timestamp, ssrc = rtp.HEADER.unpack_from(packet)
        stream = self._by_ssrc.get(ssrc)
        now = monotonic()
        familiar = flags == 0x80 or (flags == 0x90 and bytes(packet[12:17]) in _FAMILIAR)
        if stream is None or not familiar:
            self._unusual(length, now)
            return
        stream.received(length, sequence, timestamp, now)
        if stream.keyframe_wanted:
            self._ask()
        if stream.reception.missing and self._repairing is None and stream.kind == "video":
            self._repair()

    def _unusual(self, length: int, now: float) -> None:
        """A packet that is the first of its SSRC, a retransmission, padded, or has extensions to look at."""
        packet = PACKET
        kind = packet[1] & 0x7F
        if kind == VP8_RTX:
            video = self.streams["video"]
            original = rtp.unwrap_rtx(packet[:length], VP8, video.ssrc) if video.ssrc is not None else None
            if original is None:
                return
            length = len(original)
            packet[:length] = original
        elif kind not in _KIND_OF:
            return
        kept = rtp.keep_extensions(packet, length, EXTENSIONS)
        end = rtp.payload_end(packet, kept) if kept is not None else None
        if kept is None or end is None:
            return
        flags, kind, sequence, timestamp, ssrc = rtp.HEADER.unpack_from(packet)
        stream = self._stream(_KIND_OF[kind & 0x7F], ssrc, now)
        if stream is None:
            return
        if flags & rtp.PADDING and end == rtp.payload_offset(packet, kept):
            stream.padded(kept, sequence, timestamp, now)
        else:
            stream.received(kept, sequence, timestamp, now)
        if stream.keyframe_wanted:
            self._ask()
        if stream.kind == "video" and stream.reception.missing and self._repairing is None:
            self._repair()

    def _stream(self, kind: Kind, ssrc: int, now: float) -> Stream | None:
        stream = self.streams[kind]
        if stream.ssrc == ssrc:
            return stream
        if stream.ssrc is not None and now - stream.reception.arrived_at < NEW_SSRC_AFTER_S:
            return None
        self._by_ssrc.pop(stream.ssrc or 0, None)
        if ssrc in self._by_ssrc:
            return None  # one SSRC cannot be both voice and picture
        stream.begin(ssrc)
        self._by_ssrc[ssrc] = stream
        self._clocks.pop(kind, None)
        return stream

    def _ask(self) -> None:
        """Send the keyframe request that somebody wished for, unless one went out a moment ago.

        Then the wish stays, and the next packet looks again.
        """
        video = self.streams["video"]
        if video.keyframe_due(monotonic()) and video.ssrc is not None:
            self._feedback(rtcp.picture_loss(self._ssrc, video.ssrc))

    def _repair(self) -> None:
        """Ask for what is missing, now and again a round trip later, until it is there or given up."""
        self._repairing = None
        video = self.streams["video"]
        reception, now = video.reception, monotonic()
        asked = reception.due(now)
        if asked and video.ssrc is not None:
            self._feedback(rtcp.nack(self._ssrc, video.ssrc, asked))
        if reception.given_up > self._given_up:
            video.want_keyframe()
        self._given_up = reception.given_up
        due = reception.next_due()
        if due is not None and self.closed is None:
            self._repairing = asyncio.get_running_loop().call_later(max(0.005, due - now), self._repair)

    def _feedback(self, packet: bytes) -> None:
        self.transport.send_rtcp(rtcp.receiver_report(self._ssrc) + packet)

    # RTCP.

    def _rtcp(self, length: int) -> None:
        now = self.transport.alive_at = monotonic()
        for said in rtcp.read(bytes(PACKET[:length])):
            if isinstance(said, rtcp.ReportBlock):
                self._reported(said, now)
            elif isinstance(said, rtcp.SenderReport):
                self._sender_report(said, now)
            elif isinstance(said, rtcp.Nack):
                line = self._line_by_ssrc.get(said.ssrc)
                if line is not None:
                    line.retransmit(said.sequences, now, self.rtt_s or SHORTEST_RETRY_S)
            elif isinstance(said, rtcp.KeyframeRequest):
                self._keyframe_request(said.ssrc, now)
            elif isinstance(said, rtcp.Remb):
                self._remb = said.bitrate
            # A BYE stops here: the line goes on when the participant comes back.

    def _reported(self, block: rtcp.ReportBlock, now: float) -> None:
        line = self._line_by_ssrc.get(block.ssrc)
        rtt = line.reported(block, now) if line is not None else None
        if rtt is not None:
            self.rtt_s = rtt if self.rtt_s is None else self.rtt_s + (rtt - self.rtt_s) / 4

    def _sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        stream = self._by_ssrc.get(report.ssrc)
        if stream is None or now - self._clocks.get(stream.kind, _NEVER)[1] < CLOCKS_EVERY_S:
            return
        self._clocks[stream.kind] = report.ntp >> 16 & 0xFFFFFFFF, now
        for line in stream.lines:
            line.clock(report, now)
        self._on_report(stream.kind, report.ntp, report.rtp_timestamp)

    def _keyframe_request(self, ssrc: int, now: float) -> None:
        line = self._line_by_ssrc.get(ssrc)
        if line is None or line.source is None:
            return
        if self.listens_only:
            if now - self._keyframe_asked_at < LISTENER_KEYFRAME_EVERY_S:
                return
            self._keyframe_asked_at = now
        line.source.want_keyframe()

    # Once a second.

    def observe(self, seconds: float) -> None:
        """Judge the link to this participant by the last seconds, and give each picture its share of it."""
        video = [line for line in self.lines.values() if line.kind == "video" and line.source is not None]
        octets = sum(line.octets for line in self.lines.values())
        self.sent_bitrate = 8 * (octets - self._octets_before) / seconds
        self._octets_before = octets
        self.loss = max((line.fraction_lost / 256 for line in video), default=0.0)
        self.link = bandwidth.observed(
            self.link, remb=self._remb, sent=self.sent_bitrate, loss=self.loss, seconds=seconds
        )
        told = bandwidth.told(self.link)
        for line in video:
            line.allowed = told // len(video) if told is not None else None

    def report(self, now: float) -> None:
        """Tell this participant how his streams arrive, here and at his listeners, and what he may send.

        Also who sends and hears nothing is told so, twice: by that alone his browser knows that the path is
        there, and of single datagrams a loss of 10 % would take two in a row every few minutes.
        """
        blocks = []
        for kind, stream in self.streams.items():
            if stream.ssrc is None:
                continue
            lsr, at = self._clocks.get(kind, (0, now))
            block = stream.reception.report(stream.ssrc, lsr, int((now - at) * 65_536) if lsr else 0)
            worst = max((line.fraction_lost for line in stream.lines if line.throttles), default=0)
            blocks.append(replace(block, fraction_lost=max(block.fraction_lost, worst)))
        compound = rtcp.receiver_report(self._ssrc, blocks)
        video = self.streams["video"]
        allowed = [line.allowed for line in video.lines if line.throttles and line.allowed is not None]
        if allowed and video.ssrc is not None:
            compound += rtcp.remb(self._ssrc, min(allowed), [video.ssrc])
        for _ in range(1 if blocks or self.sent_bitrate else 2):
            self.transport.send_rtcp(compound)

    @property
    def heard_at(self) -> float | None:
        """When RTP last came from this participant; None if it never did."""
        return max(
            (s.reception.arrived_at for s in self.streams.values() if s.reception.packets), default=None
        )


def _distinct(count: int) -> list[int]:
    """So many different SSRCs, none of them zero."""
    found: set[int] = set()
    while len(found) < count:
        found.add(secrets.randbits(32) or 1)
    return list(found)
