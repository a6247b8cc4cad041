"""What VP8 says about itself: the descriptor of RFC 7741 and the head of a key frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import opus, vp8
from tests.recordings import material

# The examples of RFC 7741, section 4.6, and the fields that they do not show.
DESCRIPTORS = {
    "one octet, start of the first partition": (
        b"\x10\x00", vp8.Descriptor(True, False, None, 128, None, None, False, 1),
    ),
    "a later partition is no beginning": (
        b"\x11\x00", vp8.Descriptor(False, False, None, 128, None, None, False, 1),
    ),
    "a frame that none refers to, with a picture id of 7 bits": (
        b"\xb0\x80\x11\x00", vp8.Descriptor(True, True, 0x11, 128, None, None, False, 3),
    ),
    "a continued frame, extended without a field": (
        b"\x80\x00\x00", vp8.Descriptor(False, False, None, 128, None, None, False, 2),
    ),
    "a picture id of 15 bits": (
        b"\x90\x80\x92\x34\x00", vp8.Descriptor(True, False, 0x1234, 32768, None, None, False, 4),
    ),
    "every field": (
        b"\x90\xf0\x81\x02\x07\x60\x00", vp8.Descriptor(True, False, 0x102, 32768, 7, 1, True, 6),
    ),
    "a key index without a layer": (
        b"\x90\x10\x05\x00", vp8.Descriptor(True, False, None, 128, None, None, False, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_a_descriptor_is_read(name: str) -> None:
    payload, expected = DESCRIPTORS[name]
    assert vp8.descriptor(payload) == expected


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_a_payload_that_ends_within_its_descriptor_is_refused(name: str) -> None:
    payload, expected = DESCRIPTORS[name]
    assert all(vp8.descriptor(payload[:size]) is None for size in range(expected.size))


@given(st.binary(max_size=16))
def test_no_payload_raises_and_no_descriptor_is_longer_than_it(payload: bytes) -> None:
    read = vp8.descriptor(payload)
    assert read is None or 0 < read.size <= len(payload)


def test_a_key_frame_tells_its_size_and_others_do_not() -> None:
    frames = material.video(1, width=176, height=144)
    assert vp8.key_frame_size(frames[0].data) == (176, 144)
    assert [vp8.is_key(frame.data) for frame in frames] == [frame.key for frame in frames]
    assert vp8.key_frame_size(frames[1].data) is None
    assert vp8.key_frame_size(frames[0].data[:9]) is None
    assert vp8.key_frame_size(frames[0].data[:3] + b"\0\0\0" + frames[0].data[6:]) is None
    assert vp8.key_frame_size(frames[0].data[:6] + bytes(4)) is None


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"\x00x", 10),  # SILK, 10 ms
        (b"\x18x", 60),  # SILK, 60 ms
        (b"\x60x", 10),  # hybrid
        (b"\xe0x", 2.5),  # CELT
        (opus.SILENCE, opus.SILENCE_MS),
        (b"\xf9xx", 40),  # two frames
        (b"\xfb\x06x", 120),  # six frames, the most that is allowed
        (b"\xfb\x07x", None),  # seven
        (b"\xfb\x00x", None),  # none
        (b"\xfb", None),  # a count that is missing
        (b"", None),
    ],
)
def test_an_opus_packet_says_how_long_it_sounds(packet: bytes, expected: float | None) -> None:
    assert opus.duration_ms(packet) == expected
