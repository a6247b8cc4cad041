"""One participant's UDP socket, ICE, DTLS and SRTP: the only place that knows the insides of the libraries.

aiortc and aioice do ICE and DTLS; their receivers, senders and jitter buffers are never built. This module
puts its own socket under them and takes the SRTP keys from them. What it touches is private there, so the
three libraries are pinned, and `tests/media/test_ice.py` fails when something is not where it is looked for.

What a stranger on the network can do is decided here. By the first byte (RFC 7983) a datagram is

* STUN: looked at only if it names our user fragment or answers a request of ours;
* DTLS: only from an address that ICE has authenticated, and after ICE has chosen, only from the chosen one
  (F8: aioice would hand any ClientHello of anybody to OpenSSL);
* SRTP: only from the chosen address, and decrypted in place by libsrtp;
* anything else, empty or longer than `LONGEST` bytes: dropped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol
from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport
from pylibsrtp._binding import ffi, lib

from media.counts import COUNTS
from media.errors import MediaError
from media.negotiation import VP8, Answer, Local

log = logging.getLogger(__name__)

#: The versions whose insides this module knows.
PINNED: Final = {"aiortc": "1.16.0", "aioice": "0.13.0", "pylibsrtp": "1.0.0"}

#: Longer than any packet of the internet's usual 1500 bytes; SRTP adds at most 144 when one is sent on.
LONGEST: Final = 1_600
#: Datagrams taken in one wake-up, so that one flooded socket does not starve the others.
BATCH: Final = 32
#: Handshake datagrams waiting for DTLS. A whole flight is three or four.
MOST_QUEUED: Final = 64
#: Addresses of one participant that may prove themselves; each costs the server a check.
MOST_SOURCES: Final = 32
#: From the answer to agreed keys. The scenario of a spoofed handshake allows ten.
CONNECT_WITHIN_S: Final = 10.0
#: A burst of a picture's packets waits in the kernel while the loop is busy elsewhere.
SOCKET_BUFFER: Final = 1 << 20

Address = tuple[Any, ...]

_unprotect, _protect = lib.srtp_unprotect, lib.srtp_protect
_unprotect_rtcp, _protect_rtcp = lib.srtp_unprotect_rtcp, lib.srtp_protect_rtcp
_SIZE = 2_048
_length = ffi.new("int *")
_packet = ffi.new("char[]", _SIZE)
_other = ffi.new("char[]", _SIZE)
_other_view = memoryview(ffi.buffer(_other)).cast("B")

#: The packet at hand: received, decrypted, renumbered, encrypted and sent from here, without a copy. All
#: sockets share it, because one loop handles one packet at a time.
PACKET: Final = memoryview(ffi.buffer(_packet)).cast("B")
_RECEIVE_INTO = PACKET[: LONGEST + 1]


class Ports:
    """Sockets on one address from a range of UDP ports, in turn: a port rests before it is used again.

    `announced` is the address in the offer, where it differs from `bind` (1:1 NAT).
    """

    def __init__(self, bind: str, ports: range, announced: str | None = None) -> None:
        self.bind = bind
        self.announced = announced or bind
        self._ports = ports
        self._next = 0

    def open(self) -> socket.socket:
        """A bound socket that does not block. Raises `no_port` when the whole range is taken."""
        family = socket.AF_INET6 if ":" in self.bind else socket.AF_INET
        found = socket.socket(family, socket.SOCK_DGRAM)
        found.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            found.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        for _ in self._ports:
            port = self._ports[self._next % len(self._ports)]
            self._next += 1
            try:
                found.bind((self.bind, port))
            except OSError:
                continue
            return found
        found.close()
        raise MediaError("no_port")


class Transport:
    """The connection to one participant.

    `on_rtp(length)` and `on_rtcp(length)` are called for each authentic packet from the chosen address, which
    then lies in `PACKET`, decrypted. `on_closed(code)` is called once if the connection ends by itself.
    """

    def __init__(
        self,
        ports: Ports,
        on_rtp: Callable[[int], None],
        on_rtcp: Callable[[int], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp
        self._on_closed = on_closed
        self._closed = False
        self._rx: Any = None
        self._tx: Any = None
        self._sessions: tuple[Any, Any] | None = None
        self._remote: Address | None = None
        self.alive_at = float("-inf")
        """When the participant's browser last showed that it is there, beside the media that it sends."""
        self._gatherer = RTCIceGatherer(
            iceServers=[],
            # Four characters, the library's own, would be guessed by a flood.
            local_username=secrets.token_hex(8),
            local_password=secrets.token_hex(16),
        )
        self._connection: Connection = self._gatherer._connection
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])
        self._dtls._set_role("server")
        self._socket = _Socket(ports, self._connection, self._readable)
        self._recv = self._socket.socket.recvfrom_into
        self._sendto = self._socket.socket.sendto
        self._mark = f"{self._connection.local_username}:".encode()
        self._connection.get_component_candidates = self._socket.candidates  # type: ignore[method-assign]
        self._connection.data_received = self._not_stun  # type: ignore[method-assign]

    async def open(self) -> Local:
        """Start listening. What is returned is the server's part of the offer."""
        await self._gatherer.gather()
        (fingerprint,) = (
            fingerprint.value
            for fingerprint in self._dtls.getLocalParameters().fingerprints
            if fingerprint.algorithm == "sha-256"
        )
        candidate = self._socket.protocol.local_candidate
        return Local(
            candidate.host,
            candidate.port,
            self._connection.local_username,
            self._connection.local_password,
            fingerprint,
        )

    async def connect(self, answer: Answer) -> None:
        """ICE, DTLS, keys. Raises `never_connected` or `handshake_failed`; the caller then closes."""
        fingerprints = [RTCDtlsFingerprint(name, value) for name, value in answer.fingerprints]
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._ice.start(RTCIceParameters(answer.ufrag, answer.password))
                if self._ice.state != "completed":
                    raise MediaError("never_connected")
                self._resume_checks()
                await self._dtls.start(RTCDtlsParameters(fingerprints))
        except TimeoutError:
            raise MediaError("never_connected") from None
        if self._dtls.state != "connected" or self._closed:
            raise MediaError("handshake_failed")
        self._sessions = self._dtls._rx_srtp, self._dtls._tx_srtp
        self._rx, self._tx = (session._srtp[0] for session in self._sessions)
        self._remote = self._raw(self._chosen())
        self.alive_at = monotonic()
        self._ice.on("statechange", self._changed)
        self._dtls.on("statechange", self._changed)

    def _resume_checks(self) -> None:
        """Begin the checks anew that aioice broke off when a first path was chosen.

        Left so, each counts as under way for ever, and the browser that moves to such a path, as it does when
        it finds a better one, is answered there and yet not followed: all it sends from there is dropped.
        """
        for pair in self._connection._check_list:
            if pair.task is not None:
                pair.task = None
                self._connection.check_start_task(pair)

    async def close(self) -> None:
        """End the connection, with a word to the other side if it is up. Twice is harmless."""
        self._closed = True
        self._remote = self._rx = self._tx = None
        await self._dtls.stop()
        await self._ice.stop()
        self._socket.close()

    def _changed(self) -> None:
        ended = self._dtls.state in ("closed", "failed") or self._ice.state in ("closed", "failed")
        if ended and not self._closed:
            self._closed = True
            self._remote = self._rx = self._tx = None
            # A peer that says goodbye closes DTLS alone; one that is gone has lost the consent to be sent to.
            self._on_closed("connection_lost" if self._connection._closing else "left")

    # What comes in.

    def _readable(self) -> None:
        recv, packet = self._recv, PACKET
        try:
            for _ in range(BATCH):
                length, source = recv(_RECEIVE_INTO)
                # What follows the end of a picture, or a voice, is hardly ever there yet: to look costs more
                # than to be called again.
                goes_on = packet[1] == VP8
                familiar = source == self._remote and 127 < packet[0] < 192 and 0 < length <= LONGEST
                if familiar or self._is_media(length, source):
                    rtcp = 192 <= packet[1] <= 223
                    _length[0] = length
                    if (_unprotect_rtcp if rtcp else _unprotect)(self._rx, _packet, _length):
                        COUNTS.undecipherable += 1
                    else:
                        (self._on_rtcp if rtcp else self._on_rtp)(_length[0])
                if self._closed or not goes_on:
                    return
        except BlockingIOError:
            return
        except OSError as fault:  # an error that an earlier datagram left in the socket
            log.debug("a UDP socket reported %s", fault)

    def _is_media(self, length: int, source: Address) -> bool:
        """Whether a datagram that is not media of the known address is such of a new one of his.

        What else it is goes where it belongs.
        """
        first = PACKET[0] if 0 < length <= LONGEST else 255
        if first < 4:
            self._stun(bytes(PACKET[:length]), source[:2])
        elif 19 < first < 64:
            self._handshake(bytes(PACKET[:length]), source[:2])
        elif 127 < first < 192 and self._rx is not None and source[:2] == self._chosen():
            # The participant has moved to another of his addresses.
            self._remote = source
            return True
        else:
            COUNTS.ignored += 1
        return False

    def _stun(self, data: bytes, source: Address) -> None:
        protocol, known = self._socket.protocol, self._sources()
        ours = data[8:20] in protocol.transactions
        if not ours and (self._mark not in data or (source not in known and len(known) >= MOST_SOURCES)):
            COUNTS.ignored += 1
            return
        try:
            protocol.datagram_received(data, source)
        except Exception as fault:  # the parser indexes its way through a stranger's bytes
            COUNTS.ignored += 1
            log.debug("a STUN message could not be handled: %r", fault)
        else:
            if source == self._chosen():
                self.alive_at = monotonic()

    def _handshake(self, data: bytes, source: Address) -> None:
        chosen = self._chosen()
        trusted = source == chosen if chosen is not None else source in self._sources()
        if trusted and self._connection._queue.qsize() < MOST_QUEUED:
            self._connection._queue.put_nowait((data, 1))
        else:
            COUNTS.ignored += 1

    def _not_stun(self, data: bytes, component: int) -> None:
        """What aioice could not read as STUN goes nowhere: only `_handshake` feeds DTLS."""
        COUNTS.ignored += 1

    def _chosen(self) -> Address | None:
        pair = self._connection._nominated.get(1)
        return pair.remote_addr if pair is not None else None

    def _sources(self) -> set[Address]:
        """The addresses that have shown our password. None comes from an answer: candidates are not read."""
        known = {(found._network_host, found.port) for found in self._connection._remote_candidates}
        return known | {source for _, source, _ in self._connection._early_checks}

    def _raw(self, address: Address | None) -> Address | None:
        """An address as `recvfrom` says it: IPv6 has four parts."""
        if address is None or ":" not in address[0]:
            return address
        return (*address, 0, 0)

    # What goes out, encrypted in place.

    def forward(self, length: int) -> None:
        """Encrypt the RTP packet in `PACKET` for this participant and send it; it is unreadable then."""
        remote = self._remote
        if remote is None:
            return
        _length[0] = length
        if _protect(self._tx, _packet, _length):
            COUNTS.unsent += 1
            return
        try:
            self._sendto(PACKET[: _length[0]], remote)
        except OSError:
            COUNTS.unsent += 1

    def send(self, packet: bytes) -> None:
        """Send an RTP packet from elsewhere; `PACKET` stays as it is."""
        self._send(packet, _protect)

    def send_rtcp(self, packet: bytes) -> None:
        """Send an RTCP compound."""
        self._send(packet, _protect_rtcp)

    def _send(self, packet: bytes, protect: Callable[..., int]) -> None:
        remote = self._remote
        if remote is None or len(packet) > LONGEST:
            return
        _length[0] = len(packet)
        _other_view[: len(packet)] = packet
        if protect(self._tx, _other, _length):
            COUNTS.unsent += 1
            return
        try:
            self._sendto(_other_view[: _length[0]], remote)
        except OSError:
            COUNTS.unsent += 1


class _Socket:
    """What aioice takes for its gathered socket: `asyncio.DatagramTransport` as far as it is used there."""

    def __init__(self, ports: Ports, connection: Connection, readable: Callable[[], None]) -> None:
        self.socket = ports.open()
        self._announced = ports.announced
        self._loop = asyncio.get_running_loop()
        self._readable = readable
        self._open = True
        self._connection = connection
        self.protocol = StunProtocol(connection)

    async def candidates(self, component: int, addresses: Sequence[str], timeout: int = 5) -> list[Candidate]:  # noqa: ASYNC109 - the replaced method's own signature
        """In place of `Connection.get_component_candidates`: this one socket, under its announced address."""
        self.protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", self._announced),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=self._announced,
            port=self.socket.getsockname()[1],
            type="host",
        )
        self._connection._protocols.append(self.protocol)
        self.protocol.connection_made(self)  # type: ignore[arg-type]
        self._loop.add_reader(self.socket.fileno(), self._readable)
        return [self.protocol.local_candidate]

    def get_extra_info(self, name: str, default: object = None) -> object:
        """As `asyncio.BaseTransport`."""
        return {"sockname": self.socket.getsockname(), "socket": self.socket}.get(name, default)

    def sendto(self, data: bytes, address: Address | None = None) -> None:
        """As `asyncio.DatagramTransport`; what the kernel does not take is lost like any datagram."""
        if self._open and address is not None:
            try:
                self.socket.sendto(data, address)
            except OSError as fault:
                log.debug("a datagram was not sent: %s", fault)

    def is_closing(self) -> bool:
        """As `asyncio.BaseTransport`."""
        return not self._open

    def close(self) -> None:
        """As `asyncio.BaseTransport`; twice is harmless."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()
            self._loop.call_soon(self.protocol.connection_lost, None)
