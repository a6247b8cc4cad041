"""The adapter to the pinned libraries: its contract with their insides, and what strangers can do."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import aioice.ice
import pytest
from aioice import stun
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from benchmarks.caller import Caller
from media import ice
from media.counts import COUNTS
from media.errors import MediaError
from media.negotiation import Outgoing, offer, read_answer
from media.seats import KINDS, SEATS, mid

LINES = {
    mid(seat, kind): Outgoing(100 + seat * 10 + index, 200 + seat if kind == "video" else None)
    for seat in range(SEATS)
    for index, kind in enumerate(KINDS)
}
PORTS = range(42_000, 44_000)


def ports() -> ice.Ports:
    return ice.Ports("127.0.0.1", PORTS)


class Leg:
    """A transport whose media is kept."""

    def __init__(self, given: ice.Ports | None = None) -> None:
        self.received: list[bytes] = []
        self.closed: list[str] = []
        self.replies = 0
        self.heard = asyncio.Event()
        self.ended = asyncio.Event()
        self.transport = ice.Transport(given or ports(), self._media, self._media, self._closed)

    def _media(self, length: int) -> None:
        self.received.append(bytes(ice.PACKET[:length]))
        self.heard.set()

    def _closed(self, code: str) -> None:
        self.closed.append(code)
        self.ended.set()

    @property
    def address(self) -> tuple[str, int]:
        name = self.transport._socket.socket.getsockname()
        return str(name[0]), int(name[1])


class Moving(Caller):
    """A browser with two networks: the quick one is chosen first, then it moves to the better one.

    Nothing arrives by the better one before the server has chosen the quick one, as on a longer way.
    """

    BETTER, QUICK = "127.0.0.2", "127.0.0.1"

    def __init__(self, leg: Leg) -> None:
        super().__init__()
        self._addresses = [self.BETTER, self.QUICK]
        self._server = leg.transport._ice
        self._changed = asyncio.Event()
        self._server.on("statechange", self._changed.set)

    def _on_the_loopback(self) -> None:
        super()._on_the_loopback()
        connection = self.peer.getTransceivers()[0].receiver.transport.transport._connection
        connect = connection.connect

        async def connect_and_move() -> None:
            (better,) = (p for p in connection._protocols if p.local_candidate.host == self.BETTER)
            receive = better.datagram_received

            def received(data: bytes, source: tuple[str, int]) -> None:
                if self._server.state == "completed":
                    receive(data, source)

            better.datagram_received = received  # type: ignore[method-assign,assignment]
            await connect()
            while self._server.state != "completed":
                await self._changed.wait()
                self._changed.clear()
            pair = aioice.ice.CandidatePair(better, connection.remote_candidates[0])
            check = connection.build_request(pair, nominate=True)
            key = str(connection.remote_password).encode()
            await better.request(check, pair.remote_addr, integrity_key=key)
            connection._nominated[1] = pair

        connection.connect = connect_and_move  # type: ignore[method-assign]


@asynccontextmanager
async def connected(
    before: Callable[[Leg], None] = lambda leg: None,
    calling: Callable[[Leg], Caller] = lambda leg: Caller(),
) -> AsyncIterator[tuple[Leg, Caller]]:
    leg = Leg()
    async with calling(leg) as caller:
        try:
            answer = read_answer(await caller.answer(offer(await leg.transport.open(), LINES)))
            before(leg)
            await asyncio.gather(leg.transport.connect(answer), caller.connected())
            yield leg, caller
        finally:
            await leg.transport.close()


async def still_speaks(leg: Leg, caller: Caller) -> None:
    """A packet of the caller arrives, and one from the server reaches him."""
    leg.heard.clear()
    caller.send("audio", b"voice", timestamp=caller.tracks["audio"].timestamp + 960)
    await asyncio.wait_for(leg.heard.wait(), 5)
    back: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    caller.on_rtp = lambda packet, now: None if back.done() else back.set_result(packet)
    leg.replies += 1
    leg.transport.send(b"\x80\x6f" + leg.replies.to_bytes(2) + bytes(8) + b"reply")
    assert (await asyncio.wait_for(back, 5)).endswith(b"reply")


# The contract with the pinned libraries.


def test_the_versions_are_those_whose_insides_are_known() -> None:
    assert {name: version(name) for name in ice.PINNED} == ice.PINNED


def test_every_private_part_that_the_adapter_touches_is_there() -> None:
    for owner, names in (
        (
            aioice.ice.Connection,
            ("check_start_task", "data_received", "get_component_candidates", "local_username"),
        ),
        (aioice.ice.StunProtocol, ("connection_made", "connection_lost", "datagram_received")),
        (RTCDtlsTransport, ("_set_role",)),
    ):
        for name in names:
            assert hasattr(owner, name), name
    parameters = inspect.signature(aioice.ice.Connection.get_component_candidates).parameters
    assert list(parameters) == ["self", "component", "addresses", "timeout"]
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert callable(getattr(lib, name)), name


async def test_every_private_attribute_of_an_instance_is_there() -> None:
    gatherer = RTCIceGatherer(iceServers=[])
    connection = gatherer._connection
    for name in (
        "_nominated",
        "_remote_candidates",
        "_early_checks",
        "_check_list",
        "_queue",
        "_protocols",
        "_closing",
    ):
        assert hasattr(connection, name), name
    assert connection.ice_controlling is False, "an ICE-lite server is controlled"
    assert connection._queue.qsize() == 0
    dtls = RTCDtlsTransport(RTCIceTransport(gatherer), [RTCCertificate.generateCertificate()])
    assert hasattr(dtls, "_rx_srtp")
    assert hasattr(dtls, "_tx_srtp")
    assert aioice.ice.StunProtocol(connection).transactions == {}


def test_a_session_of_the_library_can_be_used_in_place() -> None:
    key = os.urandom(30)
    policies = [
        Policy(key=key, ssrc_type=kind) for kind in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND)
    ]
    outbound, inbound = (Session(policy) for policy in policies)
    protected = outbound.protect(b"\x80\x6f" + bytes(10) + b"voice")
    buffer, length = ffi.new("char[]", 2048), ffi.new("int *")
    ffi.buffer(buffer)[0 : len(protected)] = protected
    length[0] = len(protected)
    assert lib.srtp_unprotect(inbound._srtp[0], buffer, length) == 0
    assert bytes(ffi.buffer(buffer, length[0])) == b"\x80\x6f" + bytes(10) + b"voice"


# A connection.


async def test_media_goes_both_ways_over_a_port_of_the_range() -> None:
    async with connected() as (leg, caller):
        assert leg.address[1] in PORTS
        assert caller.server == leg.address
        await still_speaks(leg, caller)


async def test_a_browser_may_move_to_a_path_whose_check_was_under_way_when_another_was_chosen() -> None:
    async with connected(calling=Moving) as (leg, caller):
        assert caller.protocol.local_candidate.host == Moving.BETTER
        await still_speaks(leg, caller)


async def test_the_announced_address_stands_in_the_offer_and_the_bound_one_does_not() -> None:
    leg = Leg(ice.Ports("127.0.0.1", PORTS, announced="198.51.100.9"))
    try:
        text = offer(await leg.transport.open(), LINES)
        assert "198.51.100.9" in text
        assert "127.0.0.1" not in text
    finally:
        await leg.transport.close()


async def test_a_range_without_a_free_port_is_said_so() -> None:
    only = ice.Ports("127.0.0.1", range(44_100, 44_101))
    held = only.open()
    try:
        with pytest.raises(MediaError) as refused:
            only.open()
        assert refused.value.code == "no_port"
    finally:
        held.close()


async def test_a_port_rests_before_it_is_used_again() -> None:
    found = ports()
    seen = []
    for _ in range(3):
        with found.open() as held:
            seen.append(held.getsockname()[1])
    assert len(set(seen)) == 3


async def test_the_goodbye_of_the_other_side_is_told_once() -> None:
    async with connected() as (leg, caller):
        await caller.close()
        await asyncio.wait_for(leg.ended.wait(), 5)
        await leg.transport.close()
        assert leg.closed == ["left"]


async def test_closing_twice_and_at_any_stage_is_harmless() -> None:
    new = Leg()
    await new.transport.close()
    await new.transport.close()
    opened = Leg()
    await opened.transport.open()
    await opened.transport.close()
    await opened.transport.close()
    assert new.closed == opened.closed == []


async def test_a_certificate_of_another_than_the_answer_said_is_refused() -> None:
    leg = Leg()
    async with Caller() as caller:
        try:
            text = await caller.answer(offer(await leg.transport.open(), LINES))
            good = read_answer(text)
            wrong = tuple(
                (name, value[:-2] + ("00" if value[-2:] != "00" else "11"))
                for name, value in good.fingerprints
            )
            with pytest.raises(MediaError) as refused:
                await leg.transport.connect(type(good)(good.ufrag, good.password, wrong, good.receives))
            assert refused.value.code == "handshake_failed"
        finally:
            await leg.transport.close()


# Strangers.


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made


def client_hello() -> bytes:
    """A real ClientHello of somebody else."""
    context = SSL.Context(SSL.DTLS_METHOD)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    return bytes(connection.bio_read(1500))


async def test_a_spoofed_client_hello_before_the_handshake_changes_nothing(stranger: socket.socket) -> None:
    hello = client_hello()
    assert hello[0] == 22

    def attack(leg: Leg) -> None:
        for _ in range(100):
            stranger.sendto(hello, leg.address)

    before = COUNTS.ignored
    async with connected(before=attack) as (leg, caller):
        for _ in range(100):
            stranger.sendto(hello, leg.address)
        await still_speaks(leg, caller)
        assert COUNTS.ignored - before >= 200
        assert leg.closed == []


@pytest.mark.parametrize("length", [0, 1, 11, 1402, 1602, 9_000])
async def test_a_datagram_of_any_length_closes_nothing(stranger: socket.socket, length: int) -> None:
    datagram = (b"\x80\x60" + bytes(9_000))[:length]
    async with connected() as (leg, caller):
        stranger.sendto(datagram, leg.address)
        caller.send_raw(datagram)
        await still_speaks(leg, caller)
        assert leg.closed == []


async def test_datagrams_of_every_kind_from_the_participant_himself_close_nothing() -> None:
    async with connected() as (leg, caller):
        for first in range(256):
            for length in (1, 20, 200):
                caller.send_raw(bytes((first,)) + os.urandom(length - 1))
        caller.send_raw(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12))
        caller.send_raw(leg.transport._mark + bytes(20))
        await still_speaks(leg, caller)
        assert leg.closed == []


async def test_a_stranger_gets_no_answer_to_his_checks(stranger: socket.socket) -> None:
    async with connected() as (leg, caller):
        check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        check.attributes["USERNAME"] = "guess:guess"
        check.add_message_integrity(b"guess")
        stranger.sendto(bytes(check), leg.address)
        await still_speaks(leg, caller)
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(100)


async def test_media_from_another_address_is_not_even_decrypted(stranger: socket.socket) -> None:
    async with connected() as (leg, caller):
        packet = caller.dtls._tx_srtp.protect(b"\x80\x6f\x00\x01" + bytes(8) + b"replayed")
        stranger.sendto(packet, leg.address)
        await still_speaks(leg, caller)
        assert [found[-5:] for found in leg.received] == [b"voice"]


async def test_no_more_addresses_than_the_limit_may_prove_themselves() -> None:
    async with connected() as (leg, caller):
        connection = leg.transport._connection
        known = len(leg.transport._sources())
        theirs = caller.dtls.transport._connection
        for _ in range(ice.MOST_SOURCES - known + 1):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.bind(("127.0.0.1", 0))
                check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
                check.attributes["USERNAME"] = f"{connection.local_username}:{theirs.local_username}"
                check.attributes["PRIORITY"] = 1
                check.add_message_integrity(connection.local_password.encode())
                one.sendto(bytes(check), leg.address)
                await still_speaks(leg, caller)
        assert len(leg.transport._sources()) == ice.MOST_SOURCES
