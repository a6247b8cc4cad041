"""RTCP on the wire: reports (RFC 3550 section 6), feedback (RFC 4585, RFC 5104) and REMB.

REMB is draft-alvestrand-rmcat-remb-03. `read` takes any bytes; what does not hold together ends the reading
where it stands, as RFC 3550 appendix A.2 asks, and what came before it is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from media.rtp import Packet

SR, RR, SDES, BYE = 200, 201, 202, 203
RTPFB, PSFB = 205, 206
_NACK = 1
_PLI, _FIR, _AFB = 1, 4, 15
_CNAME = 1

#: Blocks that one report can carry (five bits count them).
MOST_BLOCKS = 31
#: Sequence numbers that the NACKs of one received compound can name before the rest is not looked at.
MOST_NACKED = 512

_HEAD = Struct("!BBH")
_HEAD_SSRC = Struct("!BBHI")
_SSRC = Struct("!I")
_FEEDBACK = Struct("!BBHII")
_SENDER = Struct("!QIII")
_BLOCK = Struct("!IIIIII")
_ITEM = Struct("!HH")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one stream (RFC 3550 section 6.4.1); jitter in units of the clock rate."""

    ssrc: int
    fraction_lost: int = 0
    """Lost of 256 since the last report."""
    packets_lost: int = 0
    """24 bits, signed."""
    highest_sequence: int = 0
    jitter: int = 0
    lsr: int = 0
    """The middle 32 bits of the NTP time of the last sender report."""
    dlsr: int = 0
    """Since its arrival, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A source's clocks: `ntp` (64 bits) and `rtp_timestamp` name the same moment."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Nack:
    """Packets of `ssrc` that did not arrive (RFC 4585 section 6.2.1)."""

    ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A PLI (RFC 4585 section 6.3.1) or FIR (RFC 5104 section 4.3.1) for `ssrc`."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class Remb:
    """The bitrate that a receiver says it can take for these streams, in bit/s."""

    bitrate: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources that say they end (RFC 3550 section 6.6)."""

    ssrcs: tuple[int, ...]


Read = SenderReport | ReportBlock | Nack | KeyframeRequest | Remb | Bye


def read(packet: Packet) -> list[Read]:
    """What a compound packet says, in its order. Types that nobody here acts on are passed over."""
    found: list[Read] = []
    position, end, nacked = 0, len(packet), 0
    while position + 4 <= end:
        first, kind, words = _HEAD.unpack_from(packet, position)
        after = position + 4 + 4 * words
        if first >> 6 != 2 or after > end:
            break
        stop = after
        if first & 0x20:  # padding; only the last packet of a compound may have it
            padding = packet[after - 1]
            if not 0 < padding <= after - position - 4:
                break
            stop = after - padding
        if kind == RTPFB and first & 31 == _NACK:
            if stop - position >= 16 and nacked < MOST_NACKED:
                found.append(said := _nack(packet, position + 4, stop, MOST_NACKED - nacked))
                nacked += len(said.sequences)
        else:
            _read_one(found, packet, kind, first & 31, position + 4, stop)
        position = after
    return found


def _read_one(found: list[Read], packet: Packet, kind: int, count: int, at: int, stop: int) -> None:
    if kind in (SR, RR):
        if kind == SR:
            if stop - at < 24:
                return
            ntp, rtp_timestamp, packets, octets = _SENDER.unpack_from(packet, at + 4)
            (ssrc,) = _SSRC.unpack_from(packet, at)
            found.append(SenderReport(ssrc, ntp, rtp_timestamp, packets, octets))
            at += 20
        for block in range(at + 4, min(at + 4 + 24 * count, stop - 23), 24):
            found.append(_block(packet, block))
    elif kind == BYE:
        sources = range(at, min(at + 4 * count, stop - 3), 4)
        found.append(Bye(tuple(_SSRC.unpack_from(packet, source)[0] for source in sources)))
    elif kind == PSFB and count == _PLI and stop - at >= 8:
        found.append(KeyframeRequest(_SSRC.unpack_from(packet, at + 4)[0]))
    elif kind == PSFB and count == _FIR:
        # The media source of a FIR is zero; its entries name the streams.
        found += [KeyframeRequest(_SSRC.unpack_from(packet, item)[0]) for item in range(at + 8, stop - 7, 8)]
    elif kind == PSFB and count == _AFB and stop - at >= 16 and bytes(packet[at + 8 : at + 12]) == b"REMB":
        found.append(_remb(packet, at, stop))


def _block(packet: Packet, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(packet, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(ssrc, loss >> 24, lost - (1 << 24) if lost >> 23 else lost, highest, jitter, lsr, dlsr)


def _nack(packet: Packet, at: int, stop: int, most: int) -> Nack:
    sequences: list[int] = []
    for item in range(at + 8, stop - 3, 4):
        first, following = _ITEM.unpack_from(packet, item)
        sequences.append(first)
        sequences += [(first + 1 + bit) & 0xFFFF for bit in range(16) if following >> bit & 1]
        if len(sequences) >= most:
            break
    return Nack(_SSRC.unpack_from(packet, at + 4)[0], tuple(sequences[:most]))


def _remb(packet: Packet, at: int, stop: int) -> Remb:
    count, (high,) = packet[at + 12], _SSRC.unpack_from(packet, at + 12)
    exponent, mantissa = high >> 18 & 63, high & 0x3FFFF
    sources = range(at + 16, min(at + 16 + 4 * count, stop - 3), 4)
    return Remb(mantissa << exponent, tuple(_SSRC.unpack_from(packet, source)[0] for source in sources))


def sender_report(
    ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int, blocks: Sequence[ReportBlock] = ()
) -> bytes:
    """A sender report with at most `MOST_BLOCKS` blocks."""
    body = _SENDER.pack(ntp, rtp_timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _report(SR, ssrc, body, blocks)


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock] = ()) -> bytes:
    """A receiver report with at most `MOST_BLOCKS` blocks. An empty one opens a compound of feedback."""
    return _report(RR, ssrc, b"", blocks)


def _report(kind: int, ssrc: int, body: bytes, blocks: Sequence[ReportBlock]) -> bytes:
    kept = blocks[:MOST_BLOCKS]
    lines = b"".join(
        _BLOCK.pack(
            block.ssrc,
            (block.fraction_lost & 0xFF) << 24
            | (max(-0x800000, min(block.packets_lost, 0x7FFFFF)) & 0xFFFFFF),
            block.highest_sequence & 0xFFFFFFFF,
            min(block.jitter, 0xFFFFFFFF),
            block.lsr,
            min(block.dlsr, 0xFFFFFFFF),
        )
        for block in kept
    )
    words = 1 + (len(body) + len(lines)) // 4
    return _HEAD_SSRC.pack(0x80 | len(kept), kind, words, ssrc) + body + lines


def source_description(ssrc: int, name: str) -> bytes:
    """The canonical name (CNAME, RFC 3550 section 6.5.1) of one source; each gets a packet of its own.

    Of several in one packet aiortc's peers read only the first right.
    """
    text = name.encode()[:255]
    chunk = _SSRC.pack(ssrc) + bytes((_CNAME, len(text))) + text
    chunk += bytes(4 - len(chunk) % 4)
    return _HEAD.pack(0x81, SDES, len(chunk) // 4) + chunk


def bye(ssrcs: Sequence[int]) -> bytes:
    """The end of up to 31 sources."""
    kept = ssrcs[:MOST_BLOCKS]
    return _HEAD.pack(0x80 | len(kept), BYE, len(kept)) + b"".join(_SSRC.pack(ssrc) for ssrc in kept)


def nack(sender: int, ssrc: int, sequences: Sequence[int]) -> bytes:
    """A NACK of these sequence numbers, given in their order; neighbours share an item."""
    items: list[tuple[int, int]] = []
    for sequence in sequences:
        if items:
            first, following = items[-1]
            ahead = (sequence - first) & 0xFFFF
            if ahead == 0:
                continue
            if ahead <= 16:
                items[-1] = first, following | 1 << (ahead - 1)
                continue
        items.append((sequence & 0xFFFF, 0))
    body = b"".join(_ITEM.pack(*item) for item in items)
    return _FEEDBACK.pack(0x80 | _NACK, RTPFB, 2 + len(items), sender, ssrc) + body


def picture_loss(sender: int, ssrc: int) -> bytes:
    """A PLI: the receiver wants a whole picture."""
    return _FEEDBACK.pack(0x80 | _PLI, PSFB, 2, sender, ssrc)


def remb(sender: int, bitrate: int, ssrcs: Sequence[int]) -> bytes:
    """A REMB of this bitrate (bit/s, rounded down to 18 significant bits)."""
    exponent = max(0, bitrate.bit_length() - 18)
    figure = len(ssrcs) << 24 | exponent << 18 | bitrate >> exponent
    body = b"REMB" + _SSRC.pack(figure) + b"".join(_SSRC.pack(ssrc) for ssrc in ssrcs)
    return _FEEDBACK.pack(0x80 | _AFB, PSFB, 2 + len(body) // 4, sender, 0) + body
