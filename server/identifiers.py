"""Makes ids: UUIDv7 (RFC 9562, section 5.7), so that rows made together lie together in an index."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """32 hexadecimal digits of a UUIDv7: 48 bits of milliseconds, then chance."""
    chance = int.from_bytes(os.urandom(10), "big")
    number = (
        (time.time_ns() // 1_000_000) << 80
        | 0x7 << 76
        | (chance >> 68 & 0xFFF) << 64
        | 0x2 << 62
        | chance & 0x3FFF_FFFF_FFFF_FFFF
    )
    return f"{number:032x}"


def new_client_id() -> str:
    """The same in the form that clients send (8-4-4-4-12)."""
    text = new_id()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def epoch_ms() -> int:
    """Now, in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000
