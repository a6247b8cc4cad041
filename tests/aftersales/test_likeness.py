"""When two pictures are the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersales.likeness import ALIKE_BITS, FLAT_BITS, Earlier, difference_hash, distance, nearest

HASHES = st.integers(0, 2**64 - 1)


def test_the_hash_says_where_it_gets_brighter() -> None:
    assert difference_hash(bytes(range(9)) * 8) == 2**64 - 1
    assert difference_hash(bytes(range(8, -1, -1)) * 8) == 0
    assert difference_hash(bytes([0, 9, *[0] * 7]) + bytes(63)) == 1 << 63
    with pytest.raises(ValueError, match="9 × 8"):
        difference_hash(bytes(71))


@given(st.binary(min_size=72, max_size=72), st.integers(0, 255))
def test_more_light_changes_nothing(grey: bytes, light: int) -> None:
    room = 255 - max(grey)
    assert difference_hash(bytes(each + min(light, room) for each in grey)) == difference_hash(grey)


@given(HASHES, HASHES, HASHES)
def test_distance_is_a_distance(one: int, other: int, third: int) -> None:
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one)
    assert distance(one, third) <= distance(one, other) + distance(other, third)


BUSY = 0x0F0F_33CC_5A5A_A5A5


def differing(bits: int) -> int:
    return BUSY ^ ((1 << bits) - 1)


def test_the_last_bit_that_may_differ_is_exact() -> None:
    assert nearest(BUSY, [Earlier("f1", differing(ALIKE_BITS))]) == (
        Earlier("f1", differing(ALIKE_BITS)),
        ALIKE_BITS,
    )
    assert nearest(BUSY, [Earlier("f1", differing(ALIKE_BITS + 1))]) is None


def test_the_most_alike_is_found_and_of_equals_the_first() -> None:
    rows = [Earlier("a", differing(3)), Earlier("b", differing(1)), Earlier("c", differing(1))]
    found = nearest(BUSY, rows)
    assert found is not None
    assert found[0].file_id == "b"


def test_a_wall_is_like_no_other_wall() -> None:
    flat = 2 ** (FLAT_BITS - 1) - 1
    assert nearest(flat, [Earlier("f1", flat)]) is None
    assert nearest(2**64 - 1, [Earlier("f1", 2**64 - 1)]) is None
