"""Packets back into frames: order, patience, assembly and what is kept after a loss."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import rtp
from recordings.depacketizer import (
    ASK_AGAIN_NS,
    FRAME_BYTES_MAX,
    HELD_PACKETS_MAX,
    PATIENCE_NS,
    RESTARTED_AFTER,
    Arrived,
    AudioAssembler,
    Frame,
    Lost,
    Reordering,
    VideoAssembler,
)
from recordings.rtp import Packet
from tests.recordings import material
from tests.rounds import rounds

MS = 1_000_000


def numbered(sequence: int) -> Packet:
    return Packet(1, sequence & 0xFFFF, sequence, False, b"x")


def told(items: Iterable[Arrived | Lost]) -> list[int | str]:
    return [f"lost {item.packets}" if isinstance(item, Lost) else item.packet.sequence for item in items]


def frames_of(
    arrivals: Iterable[tuple[int, bytes]], assembler: VideoAssembler | AudioAssembler
) -> list[Frame]:
    """What comes out of packets that arrive at those milliseconds."""
    reordering, made, last_ns = Reordering(), list[Frame](), 0
    for at_ms, packet in arrivals:
        read = rtp.parse(packet)
        if read is None:
            continue
        last_ns = max(last_ns, at_ms * MS)
        for item in reordering.push(read, last_ns):
            made += assembler.push(item)
    for item in reordering.drain():
        made += assembler.push(item)
    return made


def in_time(sent: Iterable[material.Sent]) -> list[tuple[int, bytes]]:
    return [(one.at_ms, one.packet) for one in sent]


# Order and patience.


@given(st.permutations(range(20)), st.integers(0, 65_535))
def test_packets_leave_in_order_and_each_once_whatever_their_order_of_arrival(
    order: list[int], first: int
) -> None:
    reordering, left = Reordering(), list[int | str]()
    left += told(reordering.push(numbered(first), 0))
    for number in [*order, *order]:
        left += told(reordering.push(numbered(first + 1 + number), 0))
    assert left == [(first + number) & 0xFFFF for number in range(21)]


def test_a_missing_packet_is_waited_for_and_then_counted_as_lost() -> None:
    reordering = Reordering()
    assert told(reordering.push(numbered(1), 0)) == [1]
    assert told(reordering.push(numbered(4), 10)) == []
    assert told(reordering.tick(10 + PATIENCE_NS - 1)) == []
    assert told(reordering.tick(10 + PATIENCE_NS)) == ["lost 2", 4]
    assert told(reordering.push(numbered(3), PATIENCE_NS + 20)) == [], "too late"
    assert told(reordering.push(numbered(5), PATIENCE_NS + 30)) == [5]


def test_a_repaired_packet_releases_what_waited_behind_it() -> None:
    reordering = Reordering()
    reordering.push(numbered(65_534), 0)
    assert told(reordering.push(numbered(65_536), 0)) == []
    assert told(reordering.push(numbered(65_538), 5)) == []
    assert told(reordering.push(numbered(65_535), PATIENCE_NS - 1)) == [65_535, 0]
    assert told(reordering.tick(PATIENCE_NS)) == [], "the second hole is younger"
    assert told(reordering.tick(5 + PATIENCE_NS)) == ["lost 1", 2]


def test_no_more_packets_are_held_than_the_limit() -> None:
    reordering = Reordering()
    reordering.push(numbered(0), 0)
    for number in range(HELD_PACKETS_MAX):
        assert told(reordering.push(numbered(2 + number), 0)) == []
    left = told(reordering.push(numbered(2 + HELD_PACKETS_MAX), 0))
    assert left[:2] == ["lost 1", 2]
    assert len(left) == 2 + HELD_PACKETS_MAX


def test_a_sender_that_counts_anew_is_followed_after_a_while() -> None:
    reordering = Reordering()
    reordering.push(numbered(40_000), 0)
    left = [told(reordering.push(numbered(10_000 + number), 0)) for number in range(RESTARTED_AFTER + 1)]
    assert left[: RESTARTED_AFTER - 1] == [[]] * (RESTARTED_AFTER - 1)
    assert left[-2:] == [
        ["lost 1", 10_000 + RESTARTED_AFTER - 1],
        [10_000 + RESTARTED_AFTER],
    ]


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 10**9)), max_size=200))
def test_any_sequence_numbers_at_all_lose_no_packet_twice(arrivals: list[tuple[int, int]]) -> None:
    reordering, left, now = Reordering(), 0, 0
    for sequence, later in arrivals:
        now += later
        left += sum(isinstance(item, Arrived) for item in reordering.push(numbered(sequence), now))
    left += sum(isinstance(item, Arrived) for item in reordering.drain())
    assert left <= len(arrivals)


# Assembly.


@pytest.mark.parametrize("picture_ids", [True, False])
def test_a_stream_comes_out_as_it_was_encoded(picture_ids: bool) -> None:
    encoded = material.video(2)
    made = frames_of(in_time(material.packets(encoded, picture_ids=picture_ids)), VideoAssembler())
    assert [frame.data for frame in made] == [frame.data for frame in encoded]
    assert [frame.key for frame in made] == [frame.key for frame in encoded]
    assert made[0].size == (160, 120)
    assert not any(frame.lost for frame in made)
    ticks = [(frame.timestamp - made[0].timestamp) & 0xFFFFFFFF for frame in made]
    assert ticks == [frame.at_ms * 90 for frame in encoded]


def test_nothing_is_kept_before_the_first_key_frame_and_one_is_asked_for() -> None:
    encoded = material.video(3)
    assembler = VideoAssembler()
    made = frames_of(in_time(material.packets(encoded[10:])), assembler)
    assert [frame.data for frame in made] == [frame.data for frame in encoded[50:]]
    assert made[0].key


def test_a_wish_for_a_key_frame_is_said_once_a_second() -> None:
    assembler = VideoAssembler()
    delta = material.video(1)[1].data
    sent = next(iter(material.packets([material.Encoded(0, delta, False)])))
    packet = rtp.parse(sent.packet)
    assert packet is not None

    def wants_at(at_ns: int) -> bool:
        assembler.push(Arrived(packet, at_ns))
        return assembler.wants_key()

    assert [wants_at(at) for at in (5, 6, ASK_AGAIN_NS + 4, ASK_AGAIN_NS + 5)] == [True, False, False, True]


def test_a_frame_whose_end_is_not_marked_ends_where_the_next_begins() -> None:
    encoded = material.video(1)
    unmarked = [
        (sent.at_ms, bytes([sent.packet[0], sent.packet[1] & 0x7F]) + sent.packet[2:])
        for sent in material.packets(encoded)
    ]
    made = frames_of(unmarked, VideoAssembler())
    assert [frame.data for frame in made] == [frame.data for frame in encoded[:-1]]


def test_padding_in_between_is_no_loss_whether_it_arrives_or_not() -> None:
    encoded = material.video(1)
    for arrives in (True, False):
        sequence, arrivals = 0, []
        for sent in material.packets(encoded):
            numbers = sequence.to_bytes(2, "big")
            arrivals.append((sent.at_ms, sent.packet[:2] + numbers + sent.packet[4:]))
            sequence += 1
            if sent.packet[1] & 0x80:
                padding = bytearray(material.rtp(sequence, 0, b"\x01"))
                padding[0] |= 0x20
                arrivals += [(sent.at_ms, bytes(padding))] if arrives else []
                sequence += 1
        made = frames_of(arrivals, VideoAssembler())
        assert [frame.data for frame in made] == [frame.data for frame in encoded], f"{arrives=}"


def test_an_endless_frame_is_dropped_at_the_limit_and_the_next_key_frame_goes_on() -> None:
    encoded = material.video(1)[0]
    for size, kept in ((FRAME_BYTES_MAX, 2), (FRAME_BYTES_MAX + 1, 1)):
        frame = encoded.data + bytes(size - len(encoded.data))
        stream = [material.Encoded(0, frame, True), material.Encoded(40, encoded.data, True)]
        made = frames_of(in_time(material.packets(stream)), VideoAssembler())
        assert len(made) == kept


# What is kept after a loss.


def without(sent: Iterable[material.Sent], *frames: int) -> list[tuple[int, bytes]]:
    return [(one.at_ms, one.packet) for one in sent if one.frame not in frames]


def test_after_a_lost_reference_frames_wait_for_the_next_key_frame_and_say_so() -> None:
    encoded = material.video(3)
    assembler = VideoAssembler()
    made = frames_of(without(material.packets(encoded), 20), assembler)
    assert [frame.data for frame in made] == [frame.data for frame in (*encoded[:20], *encoded[50:])]
    after = made[20]
    assert after.key
    assert after.lost
    assert after.dropped >= 29
    assert not made[21].lost


def test_a_part_of_a_frame_is_never_kept() -> None:
    encoded = material.video(3, width=320, height=240, keys_every=45)
    sent = list(material.packets(encoded))
    key = [number for number, one in enumerate(sent) if one.frame == 45]
    assert len(key) >= 3
    for hole in (key[0], key[1], key[-1]):
        arrivals = [(one.at_ms, one.packet) for number, one in enumerate(sent) if number != hole]
        made = frames_of(arrivals, VideoAssembler())
        assert [frame.data for frame in made] == [frame.data for frame in encoded[:45]]


def described(frames: list[tuple[bytes, bytes]]) -> list[tuple[int, bytes]]:
    """Packets of one-packet frames, each given as its descriptor and its data."""
    return [
        (40 * number, material.rtp(number, 3600 * number, head + data, marker=True))
        for number, (head, data) in enumerate(frames)
    ]


def test_a_lost_frame_that_none_refers_to_costs_only_itself() -> None:
    key, delta = material.video(1)[0].data[:1000], material.video(1)[1].data[:1000]
    heads = [b"\x90\x80\x01", b"\xb0\x80\x02", b"\x90\x80\x03", b"\x90\x80\x04"]
    arrivals = described([(head, key if number == 0 else delta) for number, head in enumerate(heads)])
    # The discardable frame consists of two packets, and only its first arrives.
    half = (40, arrivals[1][1][:1] + bytes([arrivals[1][1][1] & 0x7F]) + arrivals[1][1][2:])
    shifted = [
        (at, packet[:2] + (number + 1).to_bytes(2, "big") + packet[4:])
        for number, (at, packet) in enumerate(arrivals)
        if number > 1
    ]
    made = frames_of([arrivals[0], half, *shifted], VideoAssembler())
    assert [frame.timestamp for frame in made] == [0, 7200, 10800]
    assert made[1].lost
    assert made[1].dropped == 1


def test_a_lost_frame_of_a_higher_layer_costs_only_its_layer() -> None:
    key, delta = material.video(1)[0].data[:1000], material.video(1)[1].data[:1000]

    def head(picture: int, base: int, layer: int, sync: bool = False) -> bytes:
        return bytes([0x90, 0xE0, picture, base, layer << 6 | sync << 5])

    frames = [
        (head(0, 0, 0), key),
        (head(1, 0, 1, sync=True), delta),  # lost
        (head(2, 0, 1), delta),  # refers to the lost one
        (head(3, 1, 0), delta),
        (head(4, 1, 1), delta),
        (head(5, 2, 0), delta),  # lost: a base frame
        (head(6, 2, 1, sync=True), delta),
        (head(7, 3, 0), delta),
        (head(8, 4, 0), key),
    ]
    arrivals = described(frames)
    assembler = VideoAssembler()
    made = frames_of([one for number, one in enumerate(arrivals) if number not in (1, 5)], assembler)
    assert [frame.timestamp // 3600 for frame in made] == [0, 3, 4, 8]


# A lossy network, with the repair that the bridge does upstream.


@pytest.mark.parametrize("seed", range(rounds(reduced=3, full=40)))
def test_at_three_per_cent_loss_with_repair_almost_every_frame_is_kept(seed: int) -> None:
    encoded = material.video(10)
    arrivals = material.through_a_lossy_line(list(material.packets(encoded)), 0.03, seed)
    made = frames_of(arrivals, VideoAssembler())
    # Who lost the first packet of all knows nothing of it: then it begins with the next key frame.
    begun = [frame.data for frame in encoded].index(made[0].data)
    assert len(made) >= 0.97 * (len(encoded) - begun)
    assert begun in (0, 50)
    assert material.is_decodable([frame.data for frame in made]) == len(made)


@pytest.mark.parametrize("seed", range(rounds(reduced=5, full=100)))
def test_whatever_is_lost_without_repair_the_rest_decodes_without_an_error(seed: int) -> None:
    encoded = material.video(10)
    arrivals = material.through_a_lossy_line(list(material.packets(encoded)), 0.05, seed, tries=0)
    made = frames_of(arrivals, VideoAssembler())
    kept = {frame.data for frame in encoded}
    assert all(frame.data in kept for frame in made), "no frame is made of parts of two"
    corrupt: list[str] = []
    assert material.is_decodable([frame.data for frame in made], corrupt.append) == len(made)
    assert not corrupt


def test_lost_sound_is_counted_and_the_rest_is_kept() -> None:
    encoded = material.audio(2)
    made = frames_of(without(material.sounds(encoded), 10, 11, 40), AudioAssembler())
    assert [frame.data for frame in made] == [
        frame.data for number, frame in enumerate(encoded) if number not in (10, 11, 40)
    ]
    assert [(frame.timestamp, frame.dropped) for frame in made if frame.lost] == [
        (made[10].timestamp, 2),
        (made[38].timestamp, 1),
    ]


@given(
    st.lists(
        st.tuples(st.binary(max_size=40), st.integers(0, 70_000), st.integers(0, 8), st.booleans()),
        max_size=60,
    ),
    st.sampled_from([VideoAssembler, AudioAssembler]),
)
def test_no_payload_at_all_raises(
    hostile: list[tuple[bytes, int, int, bool]], assembler: type[VideoAssembler | AudioAssembler]
) -> None:
    arrivals = [
        (number * 30, material.rtp(sequence, timestamp, payload, marker=marker))
        for number, (payload, sequence, timestamp, marker) in enumerate(hostile)
    ]
    for frame in frames_of(arrivals, assembler()):
        assert frame.data


@pytest.mark.parametrize("seed", range(rounds(reduced=5, full=200)))
def test_flipped_bits_in_real_packets_never_raise(seed: int) -> None:
    chance = random.Random(seed)
    arrivals = []
    for at_ms, packet in in_time(material.packets(material.video(2))):
        flipped = bytearray(packet)
        if chance.random() < 0.2:
            flipped[chance.randrange(min(len(flipped), 24))] ^= 1 << chance.randrange(8)
        arrivals.append((at_ms, bytes(flipped)))
    frames_of(arrivals, VideoAssembler())
