"""Where pictures and sounds belong: by reports within a side, by the quickest packets between sides."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from recordings.alignment import DISTRUSTED_MS, SMOOTHED_SEGMENTS, Placement, placements
from recordings.manifest import Gap, Kind, Segment, TrackClock, Written

NTP_MS = 3.9e12


def side(
    video: Sequence[TrackClock | None],
    audio: Sequence[TrackClock | None],
    restarts: dict[int, Kind] | None = None,
) -> list[Segment]:
    made = []
    for number, (seen, heard) in enumerate(zip(video, audio, strict=True)):
        kind = (restarts or {}).get(number)
        gaps = (Gap(kind, 0, 1, "restarted", 0),) if kind else ()
        written = Written("buyer", number, f"buyer-{number}.webm", 0, 0, 1, 1, True, gaps, seen, heard)
        made.append(Segment(written, 1, ""))
    return made


def clock(lead_ms: float, offset_ms: float | None = None) -> TrackClock:
    return TrackClock(lead_ms, None if offset_ms is None else NTP_MS + offset_ms)


def test_reports_place_the_picture_by_the_voice() -> None:
    # By the sender's clock the picture's zero is 130 ms before the voice's, however late it arrived.
    (placed,) = placements(side([clock(-5, 70)], [clock(-12, 200)]))
    assert placed == Placement(-142, -12)


def test_without_reports_each_track_is_as_early_as_its_quickest_packet() -> None:
    assert placements(side([clock(-5)], [clock(-12, 200)])) == (Placement(-5, -12),)


def test_reports_that_contradict_the_arrival_are_not_believed() -> None:
    for off_ms, video_ms in ((DISTRUSTED_MS, DISTRUSTED_MS), (DISTRUSTED_MS + 1, 0)):
        assert placements(side([clock(0, off_ms)], [clock(0, 0)])) == (Placement(video_ms, 0),)


def test_one_track_alone_stays_where_it_is() -> None:
    assert placements(side([None], [clock(-3)])) == (Placement(-3, -3),)
    assert placements(side([clock(-4, 9)], [None])) == (Placement(-4, -4),)
    assert placements(side([None], [None])) == (Placement(0, 0),)


def test_the_quickest_packet_is_looked_for_near_by() -> None:
    leads = [-9.0, *[-1.0] * (SMOOTHED_SEGMENTS + 3)]
    placed = placements(side([None] * len(leads), [clock(lead) for lead in leads]))
    assert [one.audio_ms for one in placed] == [-9] * (SMOOTHED_SEGMENTS + 1) + [-1] * 3


def test_what_a_killed_segment_did_not_tell_comes_from_its_neighbours() -> None:
    placed = placements(side([clock(-5, 70), None], [clock(-12, 200), None]))
    assert placed[1] == placed[0]


def test_another_stream_of_a_track_has_nothing_to_do_with_the_one_before() -> None:
    placed = placements(side([clock(-5), clock(-7)], [clock(-50), clock(-2)], {1: "audio"}))
    assert placed == (Placement(-7, -50), Placement(-7, -2))


clocks = st.none() | st.builds(TrackClock, st.floats(-5000, 5000), st.none() | st.floats(-1e13, 1e13))


@given(
    st.lists(st.tuples(clocks, clocks), max_size=20),
    st.dictionaries(st.integers(0, 19), st.sampled_from(["video", "audio"])),
)
def test_no_clock_moves_anything_further_than_its_arrival_and_a_second(
    drawn: list[tuple[TrackClock | None, TrackClock | None]], restarts: dict[int, Kind]
) -> None:
    placed = placements(side([one[0] for one in drawn], [one[1] for one in drawn], restarts))
    assert len(placed) == len(drawn)
    for one in placed:
        assert abs(one.video_ms) <= 5000 + DISTRUSTED_MS
        assert abs(one.audio_ms) <= 5000
