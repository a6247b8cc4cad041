"""The time of a frame in the recording: by the sender's own count, but never far from its arrival."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import rtp
from recordings.manifest import Kind
from recordings.tracks import CLOCK_APART_MS, RESTART_EVERY_NS, Sample, Track
from tests.recordings import material

MS = 1_000_000


def sound(number: int, *, ssrc: int = 2, timestamp: int | None = None) -> rtp.Packet:
    at = 0xFFFF_FF00 + number * 960 if timestamp is None else timestamp
    read = rtp.parse(material.rtp(number, at, material.audio(1)[number % 50].data, ssrc=ssrc))
    assert read is not None
    return read


def push(track: Track, packet: rtp.Packet, at_ms: float) -> list[Sample]:
    return list(track.push(packet, round(at_ms * MS)))


def test_times_follow_the_senders_count_and_not_the_jitter_of_the_network() -> None:
    track = Track("audio")
    arrivals = [100, 190, 195, 200, 205, 210]
    samples = [push(track, sound(number), at_ms)[0] for number, at_ms in enumerate(arrivals)]
    assert [sample.at_ms for sample in samples] == [100, 120, 140, 160, 180, 200]
    measured = samples[0].clock.measured()
    assert measured is not None
    assert measured.lead_ms == 0


def test_the_lead_says_how_much_earlier_the_quickest_packet_was_than_the_first() -> None:
    track = Track("audio")
    clock = push(track, sound(0), 100)[0].clock
    push(track, sound(1), 90)
    push(track, sound(2), 150)
    measured = clock.measured()
    assert measured is not None
    assert measured.lead_ms == -30
    assert clock.measured() is None, "nothing came since"


def test_a_report_ties_the_track_to_the_senders_own_clock() -> None:
    track = Track("audio")
    clock = push(track, sound(0), 100)[0].clock
    push(track, sound(1), 120)
    track.report(3_000_000_000 << 32 | 1 << 31, 0xFFFF_FF00 + 960 * 26)
    measured = clock.measured()
    assert measured is not None
    assert measured.ntp_offset_ms == 3_000_000_000_500 - 620
    track.report(0, 5)
    push(track, sound(2), 140)
    again = clock.measured()
    assert again is not None
    assert again.ntp_offset_ms == measured.ntp_offset_ms, "a sender without a clock says zero"


def test_another_source_goes_on_with_a_clock_of_its_own_and_the_old_one_is_over() -> None:
    track = Track("audio")
    first = push(track, sound(0), 100)[0]
    second = push(track, sound(900, ssrc=7, timestamp=5), 4000)[0]
    assert (second.at_ms, second.clock is first.clock) == (4000, False)
    assert push(track, sound(1), 9000) == []


def test_sources_that_change_in_quick_turn_are_not_followed() -> None:
    track = Track("audio")
    push(track, sound(0), 0)
    assert push(track, sound(0, ssrc=8), 1000)
    second = RESTART_EVERY_NS / MS
    assert push(track, sound(0, ssrc=9), 999 + second) == []
    assert push(track, sound(0, ssrc=9), 1000 + second)


def test_a_clock_that_jumps_is_anchored_anew_where_the_frame_arrived() -> None:
    track = Track("audio")
    push(track, sound(0, timestamp=0), 2000)
    within = push(track, sound(1, timestamp=48 * CLOCK_APART_MS), 2000)[0]
    assert within.at_ms == 2000 + CLOCK_APART_MS
    beyond = push(track, sound(2, timestamp=48 * (2 * CLOCK_APART_MS + 1001)), 3000)[0]
    assert beyond.clock is not within.clock
    assert beyond.at_ms == within.at_ms + 1, "never backwards"


def test_backwards_steps_are_clamped() -> None:
    track = Track("audio")
    times = [push(track, sound(number, timestamp=9600 - 480 * number), 100)[0].at_ms for number in range(5)]
    assert times == [100, 101, 102, 103, 104]


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 3000), st.integers(1, 4)), max_size=80),
    st.sampled_from(["audio", "video"]),
)
def test_whatever_the_sender_says_times_rise_and_stay_near_the_arrival(
    drawn: list[tuple[int, int, int]], kind: Kind
) -> None:
    track, now_ms, last_ms = Track(kind), 0, -1
    data = b"\x10" + material.video(1)[0].data[:1000] if kind == "video" else material.audio(1)[0].data
    for number, (timestamp, later_ms, ssrc) in enumerate(drawn):
        now_ms += later_ms
        read = rtp.parse(material.rtp(number, timestamp, data, ssrc=ssrc, marker=True))
        assert read is not None
        for sample in push(track, read, now_ms):
            assert sample.at_ms > last_ms
            assert sample.at_ms <= now_ms + CLOCK_APART_MS
            last_ms = sample.at_ms


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_track_wants_a_key_frame_only_of_pictures_it_cannot_decode(kind: Kind) -> None:
    track = Track(kind)
    frames = material.video(1) if kind == "video" else material.audio(1)
    sent = material.packets(frames[1:]) if kind == "video" else material.sounds(frames)
    read = rtp.parse(next(iter(sent)).packet)
    assert read is not None
    list(track.push(read, 0))
    assert track.wants_key() is (kind == "video")
    assert not track.wants_key()
