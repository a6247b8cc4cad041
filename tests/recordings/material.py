"""Made-up pictures and sounds, encoded for real, and the packets in which a browser would send them."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

from recordings import vp8

VIDEO_RATE = 90_000
AUDIO_RATE = 48_000
FRAME_MS = 40
PACKET_MS = 20
PAYLOAD_BYTES = 1100


@dataclass(frozen=True)
class Encoded:
    """One frame of video or one packet of audio, `at_ms` from the beginning."""

    at_ms: int
    data: bytes
    key: bool


def flashing(at_ms: int) -> bool:
    """The picture is white in the first 80 ms of each second, and the tone sounds at the same time."""
    return at_ms % 1000 < 80


@cache
def video(
    seconds: float, width: int = 160, height: int = 120, keys_every: int = 50, shift_ms: int = 0
) -> tuple[Encoded, ...]:
    """VP8 at 25 frames a second: a moving texture, white where `flashing(at_ms + shift_ms)`."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, 1000), Fraction(25)
    codec.bit_rate, codec.gop_size, codec.thread_count = 1_500_000, keys_every, 1
    codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    texture = bytes(byte >> 3 for byte in random.Random(7).randbytes(width * height))
    made = []
    for number in range(round(seconds * 1000 / FRAME_MS)):
        at_ms = number * FRAME_MS
        frame = av.VideoFrame(width, height, "yuv420p")
        for index, plane in enumerate(frame.planes):
            size = plane.line_size * plane.height
            if index:
                plane.update(bytes([128]) * size)
            elif flashing(at_ms + shift_ms):
                plane.update(b"\xeb" * size)
            else:
                moved = texture[number * 3 % 1000 :][: size // 2]
                plane.update(moved + bytes([30]) * (size - len(moved)))
        frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
        made += codec.encode(frame)
    made += codec.encode(None)
    return tuple(Encoded(int(packet.pts or 0), bytes(packet), packet.is_keyframe) for packet in made)


@cache
def audio(seconds: float, shift_ms: int = 0) -> tuple[Encoded, ...]:
    """Opus in packets of 20 ms: a tone of 1 kHz where `flashing(at_ms + shift_ms)`, else silence."""
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = AUDIO_RATE, "stereo", "s16"
    codec.options = {"frame_duration": "20", "application": "lowdelay"}
    samples = AUDIO_RATE * PACKET_MS // 1000
    made = []
    for number in range(round(seconds * 1000 / PACKET_MS)):
        at_ms = number * PACKET_MS
        loud = 12_000 if flashing(at_ms + shift_ms) else 0
        tone = array("h")
        for sample in range(samples):
            value = int(loud * math.sin(2 * math.pi * 1000 * sample / AUDIO_RATE))
            tone.extend((value, value))
        frame = av.AudioFrame("s16", "stereo", samples)
        frame.sample_rate, frame.pts = AUDIO_RATE, number * samples
        frame.planes[0].update(tone.tobytes())
        made += codec.encode(frame)
    return tuple(Encoded(number * PACKET_MS, bytes(packet), True) for number, packet in enumerate(made))


def rtp(
    sequence: int, timestamp: int, payload: bytes, *, ssrc: int = 1, marker: bool = False, kind: int = 96
) -> bytes:
    """A packet as it is after decryption."""
    head = bytes([0x80, kind | marker << 7])
    numbers = (sequence & 0xFFFF).to_bytes(2, "big") + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
    return head + numbers + ssrc.to_bytes(4, "big") + payload


@dataclass(frozen=True)
class Sent:
    """A packet, its time from the beginning, and the number of the frame that it belongs to."""

    at_ms: int
    packet: bytes
    frame: int


def packets(
    frames: Sequence[Encoded],
    *,
    ssrc: int = 1,
    sequence: int = 65_500,
    timestamp: int = 0xFFFF_F000,
    picture_ids: bool = True,
) -> Iterator[Sent]:
    """The packets of a VP8 stream. The counters are near their end, so that every test sees them wrap."""
    for number, frame in enumerate(frames):
        parts = [frame.data[at : at + PAYLOAD_BYTES] for at in range(0, len(frame.data), PAYLOAD_BYTES)]
        for index, part in enumerate(parts):
            first = 0x10 if index == 0 else 0
            picture = 0x8000 | (number + 32_700) & 0x7FFF
            head = bytes([0x80 | first, 0x80]) + picture.to_bytes(2, "big") if picture_ids else bytes([first])
            at = timestamp + frame.at_ms * VIDEO_RATE // 1000
            whole = rtp(sequence, at, head + part, ssrc=ssrc, marker=index == len(parts) - 1)
            yield Sent(frame.at_ms, whole, number)
            sequence += 1


def sounds(
    encoded: Sequence[Encoded], *, ssrc: int = 2, sequence: int = 65_500, timestamp: int = 0xFFFF_F000
) -> Iterator[Sent]:
    """The packets of an Opus stream."""
    for number, frame in enumerate(encoded):
        at = timestamp + frame.at_ms * AUDIO_RATE // 1000
        yield Sent(frame.at_ms, rtp(sequence + number, at, frame.data, ssrc=ssrc, kind=111), number)


def through_a_lossy_line(
    sent: Sequence[Sent], loss: float, seed: int, round_trip_ms: int = 120, tries: int = 3
) -> Iterator[tuple[int, bytes]]:
    """(arrival in ms, packet) in order of arrival: each lost packet is sent again a round trip later, which
    may be lost again.

    The very first comes through: from it a receiver begins to count, wherever in a stream that is, and asks
    for a key frame, which nobody here would send.
    """
    chance = random.Random(seed)
    arrivals = []
    for number, one in enumerate(sent):
        for attempt in range(1 + tries):
            if chance.random() >= loss or number == 0:
                arrivals.append((one.at_ms + 20 + attempt * round_trip_ms, number, one.packet))
                break
    return ((at_ms, packet) for at_ms, _, packet in sorted(arrivals))


def is_decodable(frames: Sequence[bytes], report: Callable[[str], None] = lambda _: None) -> int:
    """How many pictures come out when these VP8 frames are decoded one after the other; errors raise."""
    codec = av.CodecContext.create("libvpx", "r")
    assert isinstance(codec, av.VideoCodecContext)
    count = 0
    for frame in frames:
        pictures = codec.decode(av.Packet(frame))
        count += len(pictures)
        for picture in pictures:
            if picture.is_corrupt:
                report("corrupt")
    assert vp8.is_key(frames[0])
    return count
