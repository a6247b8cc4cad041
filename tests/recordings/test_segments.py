"""One participant's frames into files: where they are cut, what each tells about itself, and that together
they hold everything."""

import io
from collections.abc import Iterable

import av
from hypothesis import given
from hypothesis import strategies as st

from recordings import segments, webm
from recordings.manifest import Kind, Written
from recordings.segments import CUT_AT_MS, CUT_FROM_MS, GAPS_MAX, Segmenter
from recordings.tracks import MediaClock, Sample
from tests.recordings import material
from tests.recordings.test_webm import UTC_MS, decoded


class Shelfless:
    """A lane that keeps everything in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.pieces: list[tuple[str, int]] = []
        self.written: list[Written] = []
        self.keys_asked = 0

    def append(self, file: str, piece: bytes) -> None:
        assert file not in {written.file for written in self.written}, "nothing comes after the end"
        self.files[file] = self.files.get(file, b"") + piece
        self.pieces.append((file, len(piece)))

    def close_segment(self, written: Written) -> None:
        self.written.append(written)

    def ask_key(self) -> None:
        self.keys_asked += 1

    def segmenter(self) -> Segmenter:
        return Segmenter("buyer", UTC_MS, self, self.ask_key)


def clock() -> MediaClock:
    made = MediaClock(90, 0, 0, -1)
    made.place(0, 0)
    return made


def samples(kind: Kind, frames: Iterable[material.Encoded], shift_ms: int = 0) -> list[Sample]:
    one = clock()
    made = []
    for frame in frames:
        size = (160, 120) if frame.key and kind == "video" else None
        at_ms = frame.at_ms + shift_ms
        made.append(Sample(kind, at_ms, frame.data, frame.key, size, False, 0, one))
    return made


def mixed(*tracks: Iterable[Sample]) -> list[Sample]:
    return sorted((sample for track in tracks for sample in track), key=lambda sample: sample.at_ms)


def cut(frames: Iterable[Sample]) -> Shelfless:
    lane = Shelfless()
    segmenter = lane.segmenter()
    for sample in frames:
        segmenter.add(sample)
    segmenter.close()
    return lane


def test_files_are_cut_at_key_frames_are_short_and_hold_everything() -> None:
    lane = cut(mixed(samples("video", material.video(30)), samples("audio", material.audio(30))))
    assert [written.begin_ms for written in lane.written] == [0, 7981, 15981, 23981], (
        "with the sound that goes with the key frame"
    )
    assert all(written.key for written in lane.written)
    assert sum(written.frames for written in lane.written) == 750
    assert sum(written.sounds for written in lane.written) == 1500
    for written in lane.written:
        assert written.end_ms + 120 - written.begin_ms <= 10_000
        file = lane.files[written.file]
        assert decoded(file) == {"video": written.frames, "audio": written.sounds}
        assert webm.scan(file).utc_ms == UTC_MS + written.begin_ms
    assert lane.keys_asked == 0, "they came by themselves"


def test_a_key_frame_is_asked_for_and_without_one_the_file_ends_all_the_same() -> None:
    lane = cut(samples("video", material.video(25, keys_every=10_000)))
    assert [written.key for written in lane.written] == [True, False, False]
    assert lane.keys_asked == 2
    assert all(written.end_ms - written.begin_ms < CUT_AT_MS for written in lane.written)
    assert sum(written.frames for written in lane.written) == 625
    codec = av.CodecContext.create("libvpx", "r")
    assert isinstance(codec, av.VideoCodecContext)
    pictures = 0
    for file in lane.files.values():
        with av.open(io.BytesIO(file), "r", format="matroska") as container:
            for packet in container.demux():
                pictures += len(codec.decode(packet)) if packet.size else 0
    assert pictures == 625, "one after the other they decode as one"


def test_a_key_frame_before_the_cutting_age_does_not_cut() -> None:
    for keys_ms, files in ((CUT_FROM_MS - 40, 1), (CUT_FROM_MS, 2)):
        lane = cut(samples("video", material.video(keys_ms / 1000 + 0.4, keys_every=keys_ms // 40)))
        assert len(lane.written) == files


def test_sound_that_is_behind_at_a_cut_keeps_its_time_in_the_next_file() -> None:
    pictures, sounds = samples("video", material.video(9)), samples("audio", material.audio(9))
    late = sorted(
        [(sample.at_ms, sample) for sample in pictures] + [(sample.at_ms + 300, sample) for sample in sounds],
        key=lambda pair: pair[0],
    )
    lane = cut(sample for _, sample in late)
    second = lane.written[1]
    assert second.begin_ms == 7681, "where the sound that follows begins"
    with av.open(io.BytesIO(lane.files[second.file]), "r", format="matroska") as container:
        times = [
            packet.pts + second.begin_ms
            for packet in container.demux()
            if packet.pts is not None and packet.stream.type == "audio"
        ]
    assert times == [at_ms for at_ms in range(7700, 9000, 20)]


def test_a_voice_alone_makes_files_of_one_track_and_a_camera_switched_on_begins_another() -> None:
    lane = cut(mixed(samples("audio", material.audio(6)), samples("video", material.video(2), shift_ms=3990)))
    assert [(written.begin_ms, written.frames) for written in lane.written] == [(0, 0), (3981, 50)]
    assert decoded(lane.files["buyer-0001.webm"]) == {"audio": 200}
    assert decoded(lane.files["buyer-0002.webm"]) == {"video": 50, "audio": 100}


def test_pictures_that_go_on_after_a_long_pause_have_their_track() -> None:
    before, after = material.video(20, keys_every=10_000)[:25], material.video(20, keys_every=10_000)[25:50]
    resting = [material.Encoded(frame.at_ms + 25_000, frame.data, frame.key) for frame in after]
    lane = cut(mixed(samples("video", [*before, *resting]), samples("audio", material.audio(28))))
    assert sum(written.frames for written in lane.written) == 50
    for written in lane.written:
        assert webm.scan(lane.files[written.file]).frames.get(webm.VIDEO, 0) == written.frames
    assert any(written.frames == 0 for written in lane.written), "the camera rested for a whole file"


def test_another_clock_of_a_track_begins_a_file_and_marks_the_gap() -> None:
    lane = cut([*samples("video", material.video(2)), *samples("video", material.video(2), shift_ms=5000)])
    first, second = lane.written
    assert first.gaps == ()
    assert [(gap.kind, gap.from_ms, gap.to_ms, gap.reason) for gap in second.gaps] == [
        ("video", 1960, 5000, "restarted")
    ]
    assert first.video is not None, "each file tells its own clock"


def test_gaps_are_told_apart_up_to_a_number_and_then_joined() -> None:
    frames = samples("audio", material.audio(6))
    lossy = [frame._replace(lost=number % 2 == 1, dropped=1) for number, frame in enumerate(frames)]
    for count, told in ((2 * GAPS_MAX, GAPS_MAX), (2 * GAPS_MAX + 2, GAPS_MAX)):
        written = cut(lossy[:count]).written[0]
        assert len(written.gaps) == told
        assert sum(gap.frames for gap in written.gaps) == count // 2
        assert written.gaps[-1].to_ms == lossy[count - 1].at_ms


def test_a_heavy_stream_gets_shorter_files() -> None:
    heavy = [
        frame._replace(data=frame.data + bytes(300_000)) for frame in samples("video", material.video(8))
    ]
    lane = cut(heavy)
    assert len(lane.written) == 2
    assert len(lane.files["buyer-0001.webm"]) < segments.SEGMENT_BYTES_MAX + 400_000
    assert sum(written.frames for written in lane.written) == 200


def test_no_more_files_are_begun_than_the_limit() -> None:
    lane = Shelfless()
    segmenter = lane.segmenter()
    segmenter._number = segments.SEGMENTS_MAX - 1
    segmenter.add(samples("audio", material.audio(1))[0])
    assert segmenter.full
    segmenter.close()
    segmenter.add(samples("audio", material.audio(1))[1])
    segmenter.close()
    assert len(lane.written) == 1


def test_what_waits_is_handed_over_when_nothing_follows() -> None:
    lane = Shelfless()
    segmenter = lane.segmenter()
    segmenter.add(samples("audio", material.audio(1), shift_ms=100)[0])
    segmenter.tick(100 + segments.CLUSTER_MS - 1)
    assert lane.pieces == []
    segmenter.tick(100 + segments.CLUSTER_MS)
    assert len(lane.pieces) == 1


def test_no_more_than_a_cluster_is_ever_in_memory() -> None:
    lane = Shelfless()
    segmenter = lane.segmenter()
    for sample in mixed(samples("video", material.video(5)), samples("audio", material.audio(5))):
        segmenter.add(sample)
        there = webm.scan(lane.files.get("buyer-0001.webm", b""))
        assert sample.at_ms - max(there.end_ms.values(), default=0) <= segments.CLUSTER_MS + 40


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["video", "audio"]), st.integers(0, 4000), st.booleans(), st.integers(0, 30)
        ),
        max_size=120,
    )
)
def test_any_order_of_frames_is_kept_whole_in_short_files(
    drawn: list[tuple[Kind, int, bool, int]],
) -> None:
    times: dict[Kind, int] = {"video": 0, "audio": 0}
    clocks: dict[Kind, MediaClock] = {"video": clock(), "audio": clock()}
    fed, seen_picture = [], False
    for kind, later_ms, key, restart in drawn:
        times[kind] = max(times[kind] + 1, max(times.values()) - 4000) + later_ms
        if restart == 0:
            clocks[kind] = clock()
        size = (64, 48) if kind == "video" and (key or not seen_picture) else None
        seen_picture = seen_picture or kind == "video"
        data = b"\xf8\xff\xfe" if kind == "audio" else b"\x00" * 20
        fed.append(Sample(kind, times[kind], data, size is not None, size, False, 0, clocks[kind]))
    lane = cut(fed)
    assert sum(written.frames + written.sounds for written in lane.written) == len(fed)
    for written in lane.written:
        found = webm.scan(lane.files[written.file])
        assert found.size == len(lane.files[written.file])
        assert found.frames.get(webm.VIDEO, 0) == written.frames
        assert found.frames.get(webm.AUDIO, 0) == written.sounds
        assert max(found.end_ms.values()) < 14_000
