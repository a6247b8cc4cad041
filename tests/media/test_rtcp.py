"""RTCP, built and read: aiortc reads what we build, we read what aiortc builds, and nothing raises."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from hypothesis import example, given
from hypothesis import strategies as st

from media import rtcp

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
BLOCKS = st.lists(
    st.builds(
        rtcp.ReportBlock,
        ssrc=U32,
        fraction_lost=st.integers(0, 255),
        packets_lost=st.integers(-0x800000, 0x7FFFFF),
        highest_sequence=U32,
        jitter=U32,
        lsr=U32,
        dlsr=U32,
    ),
    max_size=rtcp.MOST_BLOCKS,
)


def theirs(block: rtcp.ReportBlock) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(
        ssrc=block.ssrc,
        fraction_lost=block.fraction_lost,
        packets_lost=block.packets_lost,
        highest_sequence=block.highest_sequence,
        jitter=block.jitter,
        lsr=block.lsr,
        dlsr=block.dlsr,
    )


@given(U32, st.integers(0, 2**64 - 1), U32, U32, U32, BLOCKS)
def test_a_sender_report_is_the_same_both_ways(
    ssrc: int, ntp: int, timestamp: int, packets: int, octets: int, blocks: list[rtcp.ReportBlock]
) -> None:
    data = rtcp.sender_report(ssrc, ntp, timestamp, packets, octets, blocks)
    (read,) = RtcpPacket.parse(data)
    expected = RtcpSrPacket(
        ssrc=ssrc,
        sender_info=RtcpSenderInfo(
            ntp_timestamp=ntp, rtp_timestamp=timestamp, packet_count=packets, octet_count=octets
        ),
        reports=[theirs(block) for block in blocks],
    )
    assert read == expected
    assert rtcp.read(bytes(expected)) == [rtcp.SenderReport(ssrc, ntp, timestamp, packets, octets), *blocks]


@given(U32, BLOCKS)
def test_a_receiver_report_is_the_same_both_ways(ssrc: int, blocks: list[rtcp.ReportBlock]) -> None:
    expected = RtcpRrPacket(ssrc=ssrc, reports=[theirs(block) for block in blocks])
    assert RtcpPacket.parse(rtcp.receiver_report(ssrc, blocks)) == [expected]
    assert rtcp.read(bytes(expected)) == blocks


@given(U32, U32, st.lists(U16, min_size=1, max_size=40, unique=True).map(sorted))
def test_a_nack_is_the_same_both_ways(sender: int, ssrc: int, lost: list[int]) -> None:
    (read,) = RtcpPacket.parse(rtcp.nack(sender, ssrc, lost))
    expected = RtcpRtpfbPacket(fmt=1, ssrc=sender, media_ssrc=ssrc, lost=lost)
    assert read == expected
    assert rtcp.read(bytes(expected)) == [rtcp.Nack(ssrc, tuple(lost))]


def test_a_nack_goes_around_the_end_of_the_numbers() -> None:
    (read,) = rtcp.read(rtcp.nack(1, 2, [65534, 65535, 0, 3, 200]))
    assert read == rtcp.Nack(2, (65534, 65535, 0, 3, 200))


def test_a_nack_names_no_more_than_its_bound() -> None:
    every = list(range(rtcp.MOST_NACKED + 1))
    (read,) = rtcp.read(rtcp.nack(1, 2, every))
    assert read == rtcp.Nack(2, tuple(range(rtcp.MOST_NACKED)))


def test_all_nacks_of_a_compound_together_name_no_more_than_the_bound() -> None:
    half = list(range(rtcp.MOST_NACKED // 2 + 1))
    said = rtcp.read(rtcp.nack(1, 2, half) * 3 + rtcp.picture_loss(1, 2))
    assert said == [
        rtcp.Nack(2, tuple(half)),
        rtcp.Nack(2, tuple(half[: rtcp.MOST_NACKED - len(half)])),
        rtcp.KeyframeRequest(2),
    ]


@given(U32, st.integers(0, (1 << 18) - 1), st.integers(0, 20), st.lists(U32, max_size=4))
def test_a_remb_is_the_same_both_ways(sender: int, mantissa: int, exponent: int, ssrcs: list[int]) -> None:
    bitrate = mantissa << exponent
    (read,) = RtcpPacket.parse(rtcp.remb(sender, bitrate, ssrcs))
    assert isinstance(read, RtcpPsfbPacket)
    assert unpack_remb_fci(read.fci) == (bitrate, ssrcs)
    packed = bytes(RtcpPsfbPacket(fmt=15, ssrc=sender, media_ssrc=0, fci=pack_remb_fci(bitrate, ssrcs)))
    assert rtcp.read(packed) == [rtcp.Remb(bitrate, tuple(ssrcs))]


@given(U32, U32)
def test_both_ways_to_ask_for_a_keyframe_are_understood(sender: int, ssrc: int) -> None:
    (pli,) = RtcpPacket.parse(rtcp.picture_loss(sender, ssrc))
    assert pli == RtcpPsfbPacket(fmt=1, ssrc=sender, media_ssrc=ssrc)
    assert rtcp.read(bytes(pli)) == [rtcp.KeyframeRequest(ssrc)]
    fir = RtcpPsfbPacket(fmt=4, ssrc=sender, media_ssrc=0, fci=struct.pack("!IB3x", ssrc, 3))
    assert rtcp.read(bytes(fir)) == [rtcp.KeyframeRequest(ssrc)]


@given(st.lists(U32, max_size=rtcp.MOST_BLOCKS))
def test_a_goodbye_is_the_same_both_ways(ssrcs: list[int]) -> None:
    expected = RtcpByePacket(sources=ssrcs)
    assert RtcpPacket.parse(rtcp.bye(ssrcs)) == [expected]
    assert rtcp.read(bytes(expected)) == [rtcp.Bye(tuple(ssrcs))]


@given(U32, st.text("abc-é", max_size=30))
def test_the_name_of_a_source_is_read_by_aiortc(ssrc: int, name: str) -> None:
    (read,) = RtcpPacket.parse(rtcp.source_description(ssrc, name))
    assert isinstance(read, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in read.chunks] == [(ssrc, [(1, name.encode())])]
    assert rtcp.read(rtcp.source_description(ssrc, name)) == []


def test_a_compound_is_read_in_order_and_up_to_its_first_fault() -> None:
    good = rtcp.receiver_report(1) + rtcp.picture_loss(1, 2)
    assert rtcp.read(good + rtcp.bye([3])) == [rtcp.KeyframeRequest(2), rtcp.Bye((3,))]
    assert rtcp.read(good + b"\x00" + rtcp.bye([3])) == [rtcp.KeyframeRequest(2)]
    assert rtcp.read(good + rtcp.bye([3])[:-2]) == [rtcp.KeyframeRequest(2)]


@pytest.mark.parametrize("padding", [0, 5, 255])
def test_a_padding_that_is_longer_than_its_packet_ends_the_reading(padding: int) -> None:
    data = bytearray(rtcp.bye([3]))
    data[0] |= 0x20
    data[-1] = padding
    assert rtcp.read(data) == []


@given(st.binary(max_size=120))
@example(b"\x9f\xc9\x00\x00")
@example(b"\x9f\xc8\x00\x06" + bytes(24))
@example(b"\x8f\xce\x00\x04" + bytes(8) + b"REMB\xff\x00\x00\x00")
@example(b"\x81\xcd\x00\x00")
@example(b"\x84\xce\x00\x02" + bytes(8))
def test_no_bytes_of_a_stranger_raise(data: bytes) -> None:
    rtcp.read(data)
    rtcp.read(memoryview(bytearray(b"\x81\xcd" + data)))
