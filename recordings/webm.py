"""WebM in pieces that can be appended: a head, then whole clusters (RFC 9559, RFC 8794, the WebM guidelines).

The segment has no known size and no index, so nothing that was written changes later: a file is hashed while
it grows, plays up to its last whole cluster whenever its writer dies, and `scan` finds that place. Times are
whole milliseconds from the beginning of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

VIDEO, AUDIO = 1, 2
"""Track numbers."""

_EBML, _SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TIMESTAMP, _SIMPLE_BLOCK, _DATE = 0xE7, 0xA3, 0x4461
_DATE_ZERO_MS = 978_307_200_000  # dates count from the beginning of 2001
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_TICK_NS = 1_000_000
_SEEK_PRE_ROLL_NS = 80_000_000  # what an Opus decoder needs to hear before a place that was jumped to
_KEY = 0x80
_BLOCK_HEAD = struct.Struct(">BHBhB")

# A block tells its time as 16 bits relative to its cluster.
BLOCK_SPAN_MS = 32_767


class Block(NamedTuple):
    """One frame: the track, its time, the bytes, and whether decoding can begin here."""

    track: int
    at_ms: int
    data: bytes
    key: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a file holds up to its last whole cluster.

    `size`: bytes that are whole; 0 when not even the head is. `frames` and `end_ms` are per track number:
    how many, and the time of the last one. `utc_ms` is the wall clock at the file's zero.
    """

    size: int
    utc_ms: int
    frames: dict[int, int]
    end_ms: dict[int, int]
    starts_with_key: bool


def head(picture: tuple[int, int] | None, sound: bool, utc_ms: int) -> bytes:
    """The beginning of a file: VP8 of that width and height as track 1, Opus as track 2, or one of them.

    `utc_ms` is the wall clock at its zero.
    """
    ebml = b"".join((
        _number(0x4286, 1), _number(0x42F7, 1), _number(0x42F2, 4), _number(0x42F3, 8),
        _element(0x4282, b"webm"), _number(0x4287, 4), _number(0x4285, 2),
    ))  # fmt: skip
    date = struct.pack(">q", (utc_ms - _DATE_ZERO_MS) * 1_000_000)
    info = _number(0x2AD7B1, _TICK_NS) + _element(_DATE, date)
    info += _element(0x4D80, b"livedesk") + _element(0x5741, b"livedesk")
    tracks = b""
    if picture is not None:
        size = _number(0xB0, picture[0]) + _number(0xBA, picture[1])
        tracks += _element(0xAE, _track(VIDEO, 1, b"V_VP8") + _element(0xE0, size))
    if sound:
        # Two channels, nothing to skip: the stream was joined while it ran.
        private = b"OpusHead" + struct.pack("<BBHIHB", 1, 2, 0, 48_000, 0, 0)
        rate = _element(0xB5, struct.pack(">d", 48_000.0)) + _number(0x9F, 2)
        more = _element(0x63A2, private) + _number(0x56BB, _SEEK_PRE_ROLL_NS) + _element(0xE1, rate)
        tracks += _element(0xAE, _track(AUDIO, 2, b"A_OPUS") + more)
    segment = _SEGMENT.to_bytes(4, "big") + _UNKNOWN_SIZE
    return _element(_EBML, ebml) + segment + _element(_INFO, info) + _element(_TRACKS, tracks)


def cluster(blocks: Sequence[Block]) -> bytes:
    """One cluster of at least one block, in order of time. Raises ValueError when it spans too much."""
    ordered = sorted(blocks, key=attrgetter("at_ms"))
    begin = ordered[0].at_ms
    if begin < 0 or ordered[-1].at_ms - begin > BLOCK_SPAN_MS:
        raise ValueError("a cluster begins at zero or later and spans less than 33 s")
    parts = [b"", _number(_TIMESTAMP, begin)]
    for track, at_ms, data, key in ordered:
        size, flags = len(data) + 4, _KEY if key else 0
        if 127 <= size < 16_383:
            # The name, a size of two bytes as `_size` makes it, the block's head: nearly every one.
            parts.append(_BLOCK_HEAD.pack(_SIMPLE_BLOCK, size | 0x4000, 0x80 | track, at_ms - begin, flags))
        else:
            parts.append(b"\xa3" + _size(size) + struct.pack(">BhB", 0x80 | track, at_ms - begin, flags))
        parts.append(data)
    parts[0] = _CLUSTER.to_bytes(4, "big") + _size(sum(map(len, parts)))
    return b"".join(parts)


def scan(file: bytes) -> Scanned:
    """How much of a file of this module is whole, whatever comes after. Never raises."""
    frames, end_ms, whole, starts_with_key = dict[int, int](), dict[int, int](), 0, False
    utc_ms, place = _read_head(file)
    while place:
        whole = place
        read = _read_element(file, place)
        if read is None or read[0] != _CLUSTER:
            break
        _, begin, end = read
        blocks = list(_blocks(file[begin:end]))
        if not blocks:
            break
        for track, at_ms, key in blocks:
            if track == VIDEO and VIDEO not in frames:
                starts_with_key = key
            frames[track] = frames.get(track, 0) + 1
            end_ms[track] = max(at_ms, end_ms.get(track, 0))
        place = end
    return Scanned(whole, utc_ms, frames, end_ms, starts_with_key)


def _read_head(file: bytes) -> tuple[int, int]:
    """The date in the head, and where the head ends; zeros when it is not whole or not one of ours."""
    unknown = _SEGMENT.to_bytes(4, "big") + _UNKNOWN_SIZE
    ebml = _read_element(file, 0)
    if ebml is None or ebml[0] != _EBML or not file.startswith(unknown, ebml[2]):
        return 0, 0
    info = _read_element(file, ebml[2] + len(unknown))
    tracks = _read_element(file, info[2]) if info is not None and info[0] == _INFO else None
    if info is None or tracks is None or tracks[0] != _TRACKS:
        return 0, 0
    utc_ms, place = 0, info[1]
    while place < info[2] and (read := _read_element(file, place)) is not None:
        if read[0] == _DATE and read[2] - read[1] == 8:
            utc_ms = int.from_bytes(file[read[1] : read[2]], "big", signed=True) // 1_000_000 + _DATE_ZERO_MS
        place = read[2]
    return utc_ms, tracks[2]


def _blocks(body: bytes) -> Iterator[tuple[int, int, bool]]:
    """Track, time and key of each block; nothing when the cluster is not one of ours."""
    place, cluster_ms, found = 0, None, []
    while place < len(body):
        read = _read_element(body, place)
        if read is None:
            return
        name, begin, end = read
        if name == _TIMESTAMP:
            cluster_ms = int.from_bytes(body[begin:end], "big")
        elif name == _SIMPLE_BLOCK and cluster_ms is not None and end - begin > 4:
            track, relative_ms, flags = struct.unpack_from(">BhB", body, begin)
            found.append((track & 0x7F, cluster_ms + relative_ms, bool(flags & _KEY)))
        else:
            return
        place = end
    yield from found


def _read_element(data: bytes, place: int) -> tuple[int, int, int] | None:
    """(name, begin, end) of the whole element at `place`."""
    name_length = _length(data, place, 4)
    if name_length is None:
        return None
    size_at = place + name_length
    size_length = _length(data, size_at, 8)
    if size_length is None:
        return None
    begin = size_at + size_length
    size = int.from_bytes(data[size_at:begin], "big") & ((1 << 7 * size_length) - 1)
    if begin + size > len(data):
        return None
    return int.from_bytes(data[place:size_at], "big"), begin, begin + size


def _length(data: bytes, place: int, most: int) -> int | None:
    if place >= len(data):
        return None
    length = 9 - data[place].bit_length()
    return length if length <= most and place + length <= len(data) else None


def _track(number: int, kind: int, codec: bytes) -> bytes:
    no_lacing = _number(0x9C, 0)
    return (
        _number(0xD7, number)
        + _number(0x73C5, number)
        + no_lacing
        + _element(0x86, codec)
        + _number(0x83, kind)
    )


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(name: int, body: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + _size(len(body)) + body


def _size(value: int) -> bytes:
    """A length in as few bytes as hold it; all ones would mean unknown."""
    length = 1
    while value >= (1 << 7 * length) - 1:
        length += 1
    return (value | 1 << 7 * length).to_bytes(length, "big")
