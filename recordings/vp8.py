"""What VP8 says about itself: the payload descriptor of a packet (RFC 7741, section 4.2) and the head of a
frame (RFC 6386, section 9.1)."""

from __future__ import annotations

from typing import NamedTuple

KEY_FRAME_START_CODE = b"\x9d\x01\x2a"
KEY_FRAME_HEAD_BYTES = 10

# As in `rtp`: a tuple of names without a call in Python.
_made = tuple.__new__


class Descriptor(NamedTuple):
    """Where a packet belongs.

    `start`: it begins a frame. `discardable`: no other frame refers to its frame (the N bit). `picture_id`
    counts frames modulo `picture_ids` (128 or 32768). `base_index` (TL0PICIDX) counts frames of the base
    layer modulo 256, `layer` is the temporal layer, and a frame with `layer_sync` refers to the base layer
    alone. What the sender leaves out is None. `size` is the descriptor's own length in bytes.
    """

    start: bool
    discardable: bool
    picture_id: int | None
    picture_ids: int
    base_index: int | None
    layer: int | None
    layer_sync: bool
    size: int


def descriptor(payload: bytes) -> Descriptor | None:
    """Read the head of a payload; None when it ends before its descriptor does."""
    first = payload[0] if payload else 0
    start, discardable = first & 0x1F == 0x10, bool(first & 0x20)
    if not first & 0x80:
        return _made(Descriptor, (start, discardable, None, 128, None, None, False, 1)) if payload else None
    try:
        extension, at = payload[1], 2
        picture_id, picture_ids, base_index, layer, layer_sync = None, 128, None, None, False
        if extension & 0x80:
            picture_id = payload[at]
            at += 1
            if picture_id & 0x80:
                picture_id, picture_ids = (picture_id & 0x7F) << 8 | payload[at], 32768
                at += 1
        if extension & 0x40:
            base_index = payload[at]
            at += 1
        if extension & 0x30:
            if extension & 0x20:
                layer, layer_sync = payload[at] >> 6, bool(payload[at] & 0x20)
            at += 1
    except IndexError:
        return None
    if at > len(payload):
        return None
    read = (start, discardable, picture_id, picture_ids, base_index, layer, layer_sync, at)
    return _made(Descriptor, read)


def is_key(frame: bytes) -> bool:
    return bool(frame) and not frame[0] & 1


def key_frame_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height that a key frame declares; None when it is not one or its head is damaged."""
    if len(frame) < KEY_FRAME_HEAD_BYTES or not is_key(frame) or frame[3:6] != KEY_FRAME_START_CODE:
        return None
    width = (frame[6] | frame[7] << 8) & 0x3FFF
    height = (frame[8] | frame[9] << 8) & 0x3FFF
    return (width, height) if width and height else None
