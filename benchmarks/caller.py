"""A participant without a camera: aiortc for ICE and DTLS, RTP and RTCP built by hand, losses by a list.

It stands on the other side of `media` in tests and benchmarks, so it shares no code with it. The senders and
receivers of its peer connection are never started: it sends what it is told to and counts what comes.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from pylibsrtp import Error as SrtpError

CONNECTS_WITHIN_S = 15.0
NTP_EPOCH = 2_208_988_800
NOTHING_LOST: tuple[bool, ...] = (False,)


@dataclass(slots=True)
class Track:
    """One stream that a caller sends."""

    ssrc: int
    payload_type: int
    clock_rate: int
    rtx_payload_type: int | None = None
    rtx_ssrc: int = 0
    sequence: int = 0
    rtx_sequence: int = 0
    timestamp: int = 0
    packets: int = 0
    octets: int = 0
    sent: dict[int, bytes] = field(default_factory=dict)


async def _nothing(parameters: object) -> None:
    """In place of a sender's and a receiver's start."""


class Caller:
    """One side of a call. Close it, or use it as a context manager."""

    def __init__(
        self,
        loss_out: Iterable[bool] = NOTHING_LOST,
        loss_in: Iterable[bool] = NOTHING_LOST,
        *,
        address: str = "127.0.0.1",
        relay: Sequence[dict[str, Any]] = (),
    ) -> None:
        """`address`: one of the loopback's, from which it sends. `relay`: TURN servers (RTCIceServer);
        then it sends by them alone."""
        self._addresses = [] if relay else [address]
        self._loss_out: Iterator[bool] = itertools.cycle(loss_out)
        self._loss_in: Iterator[bool] = itertools.cycle(loss_in)
        self.peer = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(**server) for server in relay],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self.tracks: dict[str, Track] = {}
        self.on_rtp: Callable[[bytes, float], None] = lambda packet, now: None
        self.on_rtcp: Callable[[bytes], None] = lambda packet: None
        self.answers_nacks = True
        self.lost_out = self.lost_in = 0

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def answer(self, offer: str, *, sends: bool = True) -> str:
        """The SDP answer to an offer; a listener (`sends` False) only receives."""
        await self.peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self._on_the_loopback()
        for number, transceiver in enumerate(self.peer.getTransceivers()):
            transceiver.sender.send = _nothing  # type: ignore[method-assign]
            transceiver.receiver.receive = _nothing  # type: ignore[method-assign]
            if number < 2:
                transceiver.direction = "sendrecv" if sends else "recvonly"
                self._add(transceiver.kind, transceiver.sender._ssrc, transceiver._codecs)
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return str(self.peer.localDescription.sdp)

    async def offer(self) -> str:
        """An offer of this side, for servers that answer."""
        for kind in ("audio", "video"):
            transceiver = self.peer.addTransceiver(kind, "sendrecv")
            transceiver.sender.send = _nothing  # type: ignore[method-assign]
            transceiver.receiver.receive = _nothing  # type: ignore[method-assign]
        self._on_the_loopback()
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """The answer to `offer`."""
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for transceiver in self.peer.getTransceivers():
            self._add(transceiver.kind, transceiver.sender._ssrc, transceiver._codecs)

    def _on_the_loopback(self) -> None:
        """aioice leaves 127.0.0.1 out of its addresses; tests have no other."""
        connection = self.peer.getTransceivers()[0].receiver.transport.transport._connection
        gather = connection.get_component_candidates

        async def loopback(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:  # noqa: ASYNC109
            return list(await gather(component, self._addresses, timeout))

        connection.get_component_candidates = loopback  # type: ignore[method-assign]

    def _add(self, kind: str, ssrc: int, codecs: list[RTCRtpCodecParameters]) -> None:
        main = codecs[0]
        assert main.payloadType is not None  # noqa: S101
        rtx = next((codec.payloadType for codec in codecs if codec.name == "rtx"), None)
        self.tracks[kind] = Track(ssrc, main.payloadType, main.clockRate, rtx, ssrc ^ 0x5A5A5A5A)

    async def connected(self) -> None:
        """Return when keys are agreed on."""
        done = asyncio.Event()
        self.peer.on("connectionstatechange", done.set)
        async with asyncio.timeout(CONNECTS_WITHIN_S):
            while self.peer.connectionState != "connected":
                if self.peer.connectionState in ("failed", "closed"):
                    raise ConnectionError(self.peer.connectionState)
                await done.wait()
                done.clear()
        self.dtls = self.peer.getTransceivers()[0].receiver.transport
        pair = self.dtls.transport._connection._nominated[1]
        self.protocol, self.server = pair.protocol, pair.remote_addr
        self._to_ice = self.protocol.datagram_received
        self.protocol.datagram_received = self._received  # type: ignore[method-assign,assignment]

    @property
    def srtp(self) -> str:
        """The profile of SRTP that DTLS agreed on, by OpenSSL's name."""
        assert self.dtls._ssl is not None  # noqa: S101 - connected
        return bytes(self.dtls._ssl.get_selected_srtp_profile()).decode()

    def vanish(self) -> None:
        """From now on nothing leaves or arrives, and nobody is told: the network is gone."""

        def lost(data: bytes, address: object = None) -> None:
            """Neither sent nor received."""

        self.protocol.transport.sendto = lost  # type: ignore[method-assign,assignment]
        self.protocol.datagram_received = lost  # type: ignore[method-assign,assignment]

    async def close(self) -> None:
        for transceiver in self.peer.getTransceivers()[:1]:
            connection = transceiver.receiver.transport.transport._connection
            if connection._query_consent_task is None:
                # Closed while it connects, aioice would start consent checks that never end.
                connection.query_consent = partial(_nothing, None)  # type: ignore[method-assign]
        await self.peer.close()

    # Sending.

    def send(
        self,
        kind: str,
        payload: bytes,
        *,
        timestamp: int,
        marker: bool = False,
        extension: bytes = b"",
        padding: int = 0,
    ) -> int:
        """Send a packet with the next sequence number, which is returned. `extension`: as in RFC 8285."""
        track = self.tracks[kind]
        track.sequence = (track.sequence + 1) & 0xFFFF
        first = 0x80 | (0x10 if extension else 0) | (0x20 if padding else 0)
        second = track.payload_type | (0x80 if marker else 0)
        packet = struct.pack("!BBHII", first, second, track.sequence, timestamp & 0xFFFFFFFF, track.ssrc)
        packet += extension + payload
        if padding:
            packet += bytes(padding - 1) + bytes((padding,))
        track.packets += 1
        track.octets += len(payload)
        track.timestamp = timestamp & 0xFFFFFFFF
        track.sent[track.sequence] = packet
        track.sent.pop((track.sequence - 1_000) & 0xFFFF, None)
        self.send_packet(packet)
        return track.sequence

    def send_packet(self, packet: bytes) -> None:
        """Protect and send any RTP packet, unless the list says that it is lost."""
        self._send(self.dtls._tx_srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound."""
        self._send(self.dtls._tx_srtp.protect_rtcp(packet))

    def send_raw(self, data: bytes) -> None:
        """Send a datagram as it is, from the address of this caller."""
        self.protocol.transport.sendto(data, self.server)

    def _send(self, data: bytes) -> None:
        if next(self._loss_out):
            self.lost_out += 1
        else:
            self.protocol.transport.sendto(data, self.server)

    def report(self, kind: str) -> None:
        """A sender report of one track, for the moment of its last packet."""
        track = self.tracks[kind]
        ntp = int((time.time() + NTP_EPOCH) * (1 << 32)) & (1 << 64) - 1
        self.send_rtcp(
            struct.pack(
                "!BBHIQIII", 0x80, 200, 6, track.ssrc, ntp, track.timestamp, track.packets, track.octets
            )
        )

    # Receiving.

    def _received(self, data: bytes, source: tuple[Any, ...]) -> None:
        if not data or not 127 < data[0] < 192:
            self._to_ice(data, source)
            return
        if next(self._loss_in):
            self.lost_in += 1
            return
        now = time.perf_counter()
        try:
            if 192 <= data[1] <= 223:
                self._rtcp(self.dtls._rx_srtp.unprotect_rtcp(data))
            else:
                self.on_rtp(self.dtls._rx_srtp.unprotect(data), now)
        except SrtpError:
            return

    def _rtcp(self, packet: bytes) -> None:
        self.on_rtcp(packet)
        position = 0
        while position + 12 <= len(packet):
            first, kind, words = struct.unpack_from("!BBH", packet, position)
            if (kind, first & 31) == (205, 1) and self.answers_nacks:
                self._retransmit(packet[position : position + 4 + 4 * words])
            position += 4 + 4 * words

    def _retransmit(self, nack: bytes) -> None:
        track = self.tracks["video"]
        for first, following in struct.iter_unpack("!HH", nack[12:]):
            for sequence in [
                first,
                *((first + 1 + bit) & 0xFFFF for bit in range(16) if following >> bit & 1),
            ]:
                packet = track.sent.get(sequence)
                if packet is None or track.rtx_payload_type is None:
                    continue
                offset = 12
                if packet[0] & 0x10:
                    offset += 4 + 4 * int.from_bytes(packet[14:16])
                track.rtx_sequence = (track.rtx_sequence + 1) & 0xFFFF
                head = struct.pack(
                    "!BBH4sI",
                    0x80,
                    packet[1] & 0x80 | track.rtx_payload_type,
                    track.rtx_sequence,
                    packet[4:8],
                    track.rtx_ssrc,
                )
                self.send_packet(head + sequence.to_bytes(2) + packet[offset:])
