"""Lines and streams without sockets: what is sent again, how much of it, and how soon."""

from __future__ import annotations

from media.forwarder import CACHE, MOST_RESENT, RESENT_A_SECOND, Line, Stream
from media.negotiation import VP8, Outgoing
from media.rtp import HEADER, HEADER_LENGTH

KEY = b"\x10\x00"
RTT = 0.1


class Sent:
    """What a line gives to its participant's transport."""

    def __init__(self) -> None:
        self.again: list[bytes] = []

    def forward(self, length: int) -> None:
        """A packet of the stream."""

    def send(self, packet: bytes) -> None:
        self.again.append(packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Nothing here speaks RTCP."""

    def numbers(self) -> list[int]:
        """The original sequence numbers of what was sent again since the last time."""
        sent, self.again = self.again, []
        return [int.from_bytes(packet[HEADER_LENGTH : HEADER_LENGTH + 2]) for packet in sent]


def carried(packets: int) -> tuple[Line, Sent]:
    """A line that has carried so many packets of video, numbered from zero."""
    buffer = memoryview(bytearray(2_048))
    stream, sent = Stream("video", buffer, lambda: None), Sent()
    line = Line("video", Outgoing(ssrc=2, rtx=3), sent)
    stream.begin(1)
    stream.attach(line)
    for number in range(packets):
        HEADER.pack_into(buffer, 0, 0x80, VP8, number, 3_000 * number, 1)
        buffer[HEADER_LENGTH : HEADER_LENGTH + 2] = KEY
        stream.received(HEADER_LENGTH + 2, number, 3_000 * number, 0.0)
    return line, sent


def test_no_packet_is_sent_twice_within_a_round_trip() -> None:
    line, sent = carried(4)
    line.retransmit((1, 2, 2), 1.0, RTT)
    assert sent.numbers() == [1, 2]
    line.retransmit((1, 2, 3), 1.0 + RTT / 2, RTT)
    assert sent.numbers() == [3]
    line.retransmit((1,), 1.0 + 2 * RTT, RTT)
    assert sent.numbers() == [1]


def test_more_than_the_budget_is_sent_when_there_is_budget_again() -> None:
    line, sent = carried(CACHE)
    asked = tuple(range(MOST_RESENT + 1))
    line.retransmit(asked, 1.0, RTT)
    assert sent.numbers() == list(asked[:-1])
    line.retransmit(asked, 1.0, RTT)
    assert sent.numbers() == []
    line.retransmit(tuple(range(200, 220)), 1.0 + 10 / RESENT_A_SECOND, RTT)
    assert sent.numbers() == list(range(200, 210))
    line.retransmit(tuple(range(200, 400)), 1_000.0, RTT)
    assert len(sent.numbers()) == MOST_RESENT
