"""The part of an RTP packet that a recording needs (RFC 3550, section 5.1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

VERSION = 2
FIXED_HEADER_BYTES = 12

_FIXED_HEADER = Struct("!BBHII")
# A tuple of names is made by a call in Python otherwise, and this is done for each packet.
_made = tuple.__new__


class Packet(NamedTuple):
    """One packet without its header.

    `payload` is empty for a packet of padding alone, which still has its place in the sequence.
    """

    ssrc: int
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes


def parse(packet: bytes) -> Packet | None:
    """Read a decrypted packet; None when it is not RTP or says more than it holds."""
    size = len(packet)
    if size < FIXED_HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED_HEADER.unpack_from(packet)
    start = FIXED_HEADER_BYTES
    if first != VERSION << 6:
        if first >> 6 != VERSION:
            return None
        start += 4 * (first & 0x0F)
        if first & 0x10:
            if start + 4 > size:
                return None
            start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
        if first & 0x20:
            padding = packet[size - 1]
            if padding == 0:
                return None
            size -= padding
        if start > size:
            return None
    return _made(Packet, (ssrc, sequence, timestamp, second >= 0x80, packet[start:size]))
