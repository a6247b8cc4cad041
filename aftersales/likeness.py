"""Whether two pictures are the same one: a 64-bit difference hash of the picture as it looks. Pure.

A picture is made small and grey (9 × 8), and each bit says whether a pixel is darker than its right
neighbour (dHash). Another size, format or quality, a little more light or a stamp in a corner change few
bits; another picture changes about half of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, HEIGHT = 9, 8
"""Grey pixels that are looked at: eight differences in each of eight rows."""
ALIKE_BITS = 6
"""Bits of 64 that may differ. Re-encoded, resized and brightened pictures differ in 0 to 5, others in 12 and
more (tests/aftersales/test_likeness.py and tests/files measure both)."""
FLAT_BITS = 8
"""Fewer bits set, or unset, say nothing: a wall or a black picture is like every other one."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A picture of before, with its hash."""

    file_id: str
    hash: int


def difference_hash(grey: bytes) -> int:
    """The hash of 9 × 8 grey values, row by row. Raises ValueError for any other number of them."""
    if len(grey) != WIDTH * HEIGHT:
        raise ValueError(f"{WIDTH} × {HEIGHT} values are needed")
    found = 0
    for row in range(HEIGHT):
        for column in range(WIDTH - 1):
            place = row * WIDTH + column
            found = found << 1 | (grey[place] < grey[place + 1])
    return found


def distance(one: int, other: int) -> int:
    """Bits in which two hashes differ."""
    return (one ^ other).bit_count()


def nearest(hash: int, earlier: Iterable[Earlier]) -> tuple[Earlier, int] | None:
    """The most alike of earlier pictures and the distance to it; the first of equals. None where none is."""
    if not FLAT_BITS <= hash.bit_count() <= 64 - FLAT_BITS:
        return None
    best: tuple[Earlier, int] | None = None
    for one in earlier:
        bits = distance(hash, one.hash)
        if bits <= ALIKE_BITS and (best is None or bits < best[1]):
            best = one, bits
    return best
