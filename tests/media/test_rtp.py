"""RTP headers, read and rewritten in place, as aiortc reads them, and no faith in strangers."""

from __future__ import annotations

from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket, unpack_header_extensions
from aiortc.rtp import unwrap_rtx as their_unwrap
from aiortc.rtp import wrap_rtx as their_wrap
from hypothesis import example, given
from hypothesis import strategies as st

from media import rtp

ANY_BYTES = st.binary(max_size=200)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)


def packet(
    payload: bytes = b"picture",
    *,
    sequence: int = 7,
    timestamp: int = 90_000,
    ssrc: int = 0xAAAA,
    padding: int = 0,
    csrc: int = 0,
    marker: int = 0,
) -> RtpPacket:
    made = RtpPacket(
        payload_type=97,
        sequence_number=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=payload,
        marker=marker,
    )
    made.padding_size = padding
    made.csrc = list(range(csrc))
    return made


@st.composite
def packets(draw: st.DrawFn) -> RtpPacket:
    return packet(
        draw(st.binary(max_size=60)),
        sequence=draw(U16),
        timestamp=draw(U32),
        ssrc=draw(U32),
        padding=draw(st.sampled_from([0, 0, 1, 4, 255])),
        csrc=draw(st.integers(0, 15)),
        marker=draw(st.integers(0, 1)),
    )


@given(packets())
def test_the_payload_lies_where_aiortc_finds_it(made: RtpPacket) -> None:
    data = made.serialize()
    start, end = rtp.payload_offset(data, len(data)), rtp.payload_end(data, len(data))
    assert data[start:end] == made.payload


@given(packets(), U16, U32, U32)
def test_new_numbers_are_written_in_place_and_change_nothing_else(
    made: RtpPacket, sequence: int, timestamp: int, ssrc: int
) -> None:
    data = bytearray(made.serialize())
    rtp.NUMBERS.pack_into(data, rtp.NUMBERS_AT, sequence, timestamp, ssrc)
    read = RtpPacket.parse(bytes(data))
    assert (read.sequence_number, read.timestamp, read.ssrc) == (sequence, timestamp, ssrc)
    assert (read.payload, read.marker, read.csrc) == (made.payload, made.marker, made.csrc)


@given(packets(), U16, U32)
def test_a_retransmission_is_wrapped_as_aiortc_wraps_it(made: RtpPacket, sequence: int, ssrc: int) -> None:
    made.csrc = []
    made.padding_size = 0
    ours = rtp.wrap_rtx(made.serialize(), sequence, 98, ssrc, made.sequence_number)
    theirs = their_wrap(made, payload_type=98, sequence_number=sequence, ssrc=ssrc)
    assert ours == theirs.serialize()


@given(packets(), U16, U32)
def test_a_retransmission_is_unwrapped_to_the_packet_that_was_lost(
    made: RtpPacket, sequence: int, ssrc: int
) -> None:
    made.csrc = []
    data = their_wrap(made, payload_type=98, sequence_number=sequence, ssrc=ssrc).serialize()
    ours = rtp.unwrap_rtx(data, 97, made.ssrc)
    if not made.payload:
        assert ours is None, "nothing in it: a probe of the link"
        return
    theirs = their_unwrap(RtpPacket.parse(data), payload_type=97, ssrc=made.ssrc)
    assert ours == theirs.serialize()


def test_padding_alone_is_no_retransmission() -> None:
    probe = packet(b"", padding=200).serialize()
    assert rtp.unwrap_rtx(probe, 97, 1) is None


EXTENSIONS = HeaderExtensionsMap()


def with_extensions(*elements: tuple[int, bytes], profile: int = 0xBEDE) -> bytearray:
    if profile == 0xBEDE:
        body = b"".join(bytes((name << 4 | len(value) - 1,)) + value for name, value in elements)
    else:
        body = b"".join(bytes((name, len(value))) + value for name, value in elements)
    body += bytes(-len(body) % 4)
    plain = packet().serialize()
    head = bytes((plain[0] | rtp.EXTENSION,)) + plain[1:12]
    return bytearray(head + profile.to_bytes(2) + (len(body) // 4).to_bytes(2) + body + plain[12:])


def elements_of(data: bytes | bytearray) -> list[tuple[int, bytes]]:
    profile = int.from_bytes(data[12:14])
    words = int.from_bytes(data[14:16])
    return [
        (name, bytes(value))
        for name, value in unpack_header_extensions(profile, bytes(data[16 : 16 + 4 * words]))
    ]


def test_extensions_that_were_not_negotiated_are_blanked_where_they_lie() -> None:
    for profile in (0xBEDE, 0x1000):
        data = with_extensions((2, b"\x10"), (3, b"abc"), (7, b"secret"), profile=profile)
        length = rtp.keep_extensions(data, len(data), frozenset({2, 3}))
        assert length == len(data)
        assert elements_of(data) == [(2, b"\x10"), (3, b"abc")]
        assert b"secret" not in data
        assert data.endswith(b"picture")


def test_an_extension_of_an_unknown_profile_is_cut_out() -> None:
    data = with_extensions((2, b"ab"), profile=0x4242)
    length = rtp.keep_extensions(data, len(data), frozenset({2}))
    assert length is not None
    assert RtpPacket.parse(bytes(data[:length])).payload == b"picture"
    assert not data[0] & rtp.EXTENSION


@given(ANY_BYTES)
@example(b"\x90" + bytes(11))
@example(b"\xb0" + bytes(11))
@example(b"\x90" + bytes(11) + b"\xbe\xde\xff\xff")
@example(b"\x90" + bytes(11) + b"\x10\x00\x00\x01\x05\xff\x00\x00")
@example(b"\x90" + bytes(11) + b"\xbe\xde\x00\x01\xf0\x01\x02\x03")
def test_no_bytes_of_a_stranger_raise(data: bytes) -> None:
    rtp.is_rtcp(data)
    start, end = rtp.payload_offset(data, len(data)), rtp.payload_end(data, len(data))
    assert start is None or start <= len(data)
    assert end is None or start is None or start <= end <= len(data)
    rtp.unwrap_rtx(data, 97, 1)
    rtp.wrap_rtx(data, 1, 98, 2, 3)
    length = rtp.keep_extensions(bytearray(data), len(data), frozenset({3}))
    assert length is None or length <= len(data)


def test_header_extensions_of_aiortc_survive_the_blanking() -> None:
    values = HeaderExtensions(abs_send_time=15_846_540)
    assert values.abs_send_time == 15_846_540
    data = with_extensions((3, (15_846_540).to_bytes(3)))
    before = bytes(data)
    rtp.keep_extensions(data, len(data), frozenset({2, 3}))
    assert bytes(data) == before
