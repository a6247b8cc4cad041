"""What an Opus packet says about itself (RFC 6716, section 3.1), and the silence that fills a hole."""

from __future__ import annotations

RATE = 48_000

# A frame of 20 ms that decodes to silence in any decoder state: CELT, full band, one frame, nothing coded.
SILENCE = b"\xf8\xff\xfe"
SILENCE_MS = 20

# RFC 6716, section 3.2.5: no packet holds more than this, whatever its frames add up to.
PACKET_MS_MAX = 120

_SILK_MS = (10.0, 20.0, 40.0, 60.0)
_HYBRID_MS = (10.0, 20.0)
_CELT_MS = (2.5, 5.0, 10.0, 20.0)


def _frame_ms(first: int) -> float:
    """How long one frame sounds in a packet with this first byte."""
    configuration = first >> 3
    if configuration < 12:
        return _SILK_MS[configuration & 3]
    if configuration < 16:
        return _HYBRID_MS[configuration & 1]
    return _CELT_MS[configuration & 3]


_COUNTED = 3
# By the first byte. The last two bits tell how many frames: one, two, two, or what the second byte counts.
_FRAME_MS = tuple(map(_frame_ms, range(256)))
_WHOLE_MS = tuple(one * (1 if first & 3 == 0 else 2) for first, one in enumerate(_FRAME_MS))


def duration_ms(packet: bytes) -> float | None:
    """How long a packet sounds; None when it is empty or breaks the bounds of the format."""
    if not packet:
        return None
    first = packet[0]
    if first & 3 != _COUNTED:
        return _WHOLE_MS[first]
    if len(packet) < 2:
        return None
    whole = _FRAME_MS[first] * (packet[1] & 0x3F)
    return whole if 0 < whole <= PACKET_MS_MAX else None
