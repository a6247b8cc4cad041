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


def duration_ms(packet: bytes) -> float | None:
    """How long a packet sounds; None when it is empty or breaks the bounds of the format."""
    if not packet:
        return None
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame = _SILK_MS[configuration & 3]
    elif configuration < 16:
        frame = _HYBRID_MS[configuration & 1]
    else:
        frame = _CELT_MS[configuration & 3]
    if code == 0:
        count = 1
    elif code < 3:
        count = 2
    elif len(packet) > 1:
        count = packet[1] & 0x3F
    else:
        return None
    whole = frame * count
    return whole if 0 < whole <= PACKET_MS_MAX else None
