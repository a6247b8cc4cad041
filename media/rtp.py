"""RTP on the wire (RFC 3550 section 5, RFC 8285, RFC 4588), read and rewritten where it lies.

Everything here takes bytes-like objects of any content. What is not RTP is answered with None, never with an
exception: these bytes came from a stranger.
"""

from __future__ import annotations

from struct import Struct

Packet = bytes | bytearray | memoryview

#: Version and flags, marker and payload type, sequence number, timestamp, SSRC (RFC 3550 section 5.1).
HEADER = Struct("!BBHII")
#: What differs from leg to leg: sequence number, timestamp, SSRC. It starts at byte 2.
NUMBERS = Struct("!HII")
NUMBERS_AT = 2
HEADER_LENGTH = 12

PADDING = 0x20
EXTENSION = 0x10
CSRC_COUNT = 0x0F
MARKER = 0x80

_U16 = Struct("!H")
_U32 = Struct("!I")
_ONE_BYTE = 0xBEDE  # RFC 8285 section 4.2
_TWO_BYTE = 0x1000  # RFC 8285 section 4.3; its lower four bits are free
_FIRST_RTCP, _LAST_RTCP = 192, 223  # RFC 5761 section 4


def is_rtcp(packet: Packet) -> bool:
    """Whether a datagram of the media range (RFC 7983: first byte 128 to 191) is RTCP and not RTP."""
    return len(packet) > 1 and _FIRST_RTCP <= packet[1] <= _LAST_RTCP


def payload_offset(packet: Packet, length: int) -> int | None:
    """Where the payload of these first `length` bytes starts; None if the header does not fit into them."""
    if length < HEADER_LENGTH or packet[0] >> 6 != 2:
        return None
    offset = HEADER_LENGTH + 4 * (packet[0] & CSRC_COUNT)
    if packet[0] & EXTENSION:
        if offset + 4 > length:
            return None
        offset += 4 + 4 * int(_U16.unpack_from(packet, offset + 2)[0])
    return offset if offset <= length else None


def payload_end(packet: Packet, length: int) -> int | None:
    """Where the payload ends: before the padding, if there is any. None for an impossible padding."""
    start = payload_offset(packet, length)
    if start is None:
        return None
    if not packet[0] & PADDING:
        return length
    padding = packet[length - 1] if length > start else 0
    return length - padding if 0 < padding <= length - start else None


def keep_extensions(packet: bytearray | memoryview, length: int, allowed: frozenset[int]) -> int | None:
    """Blank the header extensions whose ids were not negotiated, in place, and return the new length.

    In the two forms of RFC 8285 a blanked element becomes padding, so nothing moves. An extension of another
    profile is cut out. None if the header does not hold together.
    """
    start = payload_offset(packet, length)
    if start is None or not packet[0] & EXTENSION:
        return None if start is None else length
    at = HEADER_LENGTH + 4 * (packet[0] & CSRC_COUNT)
    profile = int(_U16.unpack_from(packet, at)[0])
    position = at + 4
    if profile != _ONE_BYTE and profile & 0xFFF0 != _TWO_BYTE:
        packet[0] &= ~EXTENSION & 0xFF
        packet[at : length - (start - at)] = bytes(packet[start:length])
        return length - (start - at)
    while position < start:
        if packet[position] == 0:
            position += 1
            continue
        if profile == _ONE_BYTE:
            name, end = packet[position] >> 4, position + 2 + (packet[position] & 15)
        elif position + 1 < start:
            name, end = packet[position], position + 2 + packet[position + 1]
        else:
            name, end = -1, start
        if name == 15 and profile == _ONE_BYTE:  # "stop here" (RFC 8285 section 4.2)
            end = start
        if end > start:
            name, end = -1, start
        if name not in allowed:
            packet[position:end] = bytes(end - position)
        position = end
    return length


def unwrap_rtx(packet: Packet, payload_type: int, ssrc: int) -> bytes | None:
    """The packet that a retransmission carries (RFC 4588 section 4), under the stream's own type and SSRC.

    None for padding alone, which browsers send to probe the link, and for what is no RTX packet. Header
    extensions stay behind: they speak of the retransmission, not of the original.
    """
    length = len(packet)
    start, end = payload_offset(packet, length), payload_end(packet, length)
    if start is None or end is None or end - start <= 2:
        return None
    (original,) = _U16.unpack_from(packet, start)
    marker = packet[1] & MARKER
    head = HEADER.pack(0x80, marker | payload_type, original, _U32.unpack_from(packet, 4)[0], ssrc)
    return head + bytes(packet[start + 2 : end])


def wrap_rtx(packet: Packet, sequence: int, payload_type: int, ssrc: int, original: int) -> bytes | None:
    """The retransmission (RFC 4588 section 4) of a packet that the receiver knows as number `original`.

    The timestamp is taken from the packet. Header extensions are left out: a send time of the first sending
    would look like a queue in the network. None if the packet is no RTP.
    """
    length = len(packet)
    start, end = payload_offset(packet, length), payload_end(packet, length)
    if start is None or end is None:
        return None
    marker = packet[1] & MARKER
    head = HEADER.pack(0x80, marker | payload_type, sequence, _U32.unpack_from(packet, 4)[0], ssrc)
    return head + _U16.pack(original) + bytes(packet[start:end])
