"""Reading the head of an RTP packet."""

from hypothesis import given
from hypothesis import strategies as st

from recordings import rtp
from recordings.rtp import Packet
from tests.recordings import material


def test_a_packet_is_read_with_its_numbers_and_without_its_head() -> None:
    packet = material.rtp(65_535, 0xFFFF_FFFF, b"payload", ssrc=0xDEADBEEF, marker=True)
    assert rtp.parse(packet) == Packet(0xDEADBEEF, 65_535, 0xFFFF_FFFF, True, b"payload")


def test_contributing_sources_extensions_and_padding_are_no_part_of_the_payload() -> None:
    plain = bytearray(material.rtp(1, 2, b""))
    plain[0] |= 0x20 | 0x10 | 2
    whole = bytes(plain) + b"csrc" * 2 + b"\xbe\xde\x00\x01" + b"exts" + b"payload" + b"\0\0\x03"
    read = rtp.parse(whole)
    assert read is not None
    assert read.payload == b"payload"


def test_a_packet_of_padding_alone_keeps_its_place_and_has_an_empty_payload() -> None:
    padding = bytearray(material.rtp(7, 2, b"\0" * 4 + b"\x05"))
    padding[0] |= 0x20
    read = rtp.parse(bytes(padding))
    assert read is not None
    assert (read.sequence, read.payload) == (7, b"")


def test_what_says_more_than_it_holds_is_no_packet() -> None:
    good = material.rtp(1, 2, b"x")
    for bad in (
        b"",
        good[:11],
        bytes([0x40]) + good[1:],  # version 1
        bytes([0x8F]) + good[1:],  # 15 contributing sources in one byte
        bytes([0x90]) + good[1:],  # an extension without its length
        bytes([0x90]) + good[1:12] + b"\xbe\xde\xff\xff",  # an extension longer than the packet
        bytes([0xA0]) + good[1:12] + b"\x00",  # no padding where some is said
        bytes([0xA0]) + good[1:12] + b"\xff",  # more padding than packet
    ):
        assert rtp.parse(bad) is None, bad


@given(st.binary(max_size=200))
def test_nothing_that_arrives_raises(packet: bytes) -> None:
    read = rtp.parse(packet)
    assert read is None or packet.find(read.payload) >= 0
