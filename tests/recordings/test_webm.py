"""The files that a recording appends to, read back by a library that did not write them."""

import io
from collections.abc import Sequence
from itertools import groupby

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import opus, webm
from recordings.webm import AUDIO, VIDEO, Block
from tests.recordings import material

UTC_MS = 1_795_000_000_000


def blocks_of(
    pictures: Sequence[material.Encoded], sounds: Sequence[material.Encoded]
) -> list[Block]:  # in order of time
    blocks = [Block(VIDEO, frame.at_ms, frame.data, frame.key) for frame in pictures]
    blocks += [Block(AUDIO, frame.at_ms, frame.data, True) for frame in sounds]
    return sorted(blocks, key=lambda block: block.at_ms)


def clusters_of(blocks: Sequence[Block], span_ms: int = 400) -> list[bytes]:
    return [webm.cluster(list(group)) for _, group in groupby(blocks, lambda block: block.at_ms // span_ms)]


def file_of(pictures: Sequence[material.Encoded], sounds: Sequence[material.Encoded]) -> bytes:
    head = webm.head((160, 120) if pictures else None, bool(sounds), UTC_MS)
    return head + b"".join(clusters_of(blocks_of(pictures, sounds)))


def decoded(file: bytes) -> dict[str, int]:
    """How many pictures and sounds come out; a damaged one raises."""
    counts: dict[str, int] = {}
    with av.open(io.BytesIO(file), "r", format="matroska") as container:
        for packet in container.demux():
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                assert not frame.is_corrupt
                counts[packet.stream.type] = counts.get(packet.stream.type, 0) + 1
    return counts


def test_a_file_of_pictures_and_sound_decodes_completely() -> None:
    file = file_of(material.video(3), material.audio(3))
    assert decoded(file) == {"video": 75, "audio": 150}


def test_the_library_reads_the_same_packets_at_the_same_times() -> None:
    pictures, sounds = material.video(2), material.audio(2)
    with av.open(io.BytesIO(file_of(pictures, sounds)), "r", format="matroska") as container:
        assert container.metadata["creation_time"] == "2026-11-18T11:06:40.000000Z"
        read: dict[str, list[tuple[int, bytes, bool]]] = {"video": [], "audio": []}
        for packet in container.demux():
            if packet.size:
                assert packet.pts is not None
                at_ms = round(packet.pts * packet.time_base * 1000)
                read[packet.stream.type].append((at_ms, bytes(packet), packet.is_keyframe))
        video, audio = container.streams.video[0].codec_context, container.streams.audio[0].codec_context
        assert (video.name, video.width, video.height) == ("vp8", 160, 120)
        assert (audio.name, audio.sample_rate, audio.layout.name) == ("opus", 48_000, "stereo")
    assert read["video"] == [(frame.at_ms, frame.data, frame.key) for frame in pictures]
    assert read["audio"] == [(frame.at_ms, frame.data, True) for frame in sounds]


def test_one_side_alone_makes_a_file_with_one_track() -> None:
    assert decoded(file_of(material.video(1), ())) == {"video": 25}
    assert decoded(file_of((), material.audio(1))) == {"audio": 50}


def test_a_picture_that_changes_its_size_stays_in_its_track() -> None:
    small = material.video(1, width=80, height=60)
    changed = [material.Encoded(frame.at_ms + 1000, frame.data, frame.key) for frame in small]
    file = file_of([*material.video(1), *changed], ())
    assert decoded(file) == {"video": 50}


def test_blocks_of_two_tracks_that_arrive_crosswise_are_put_in_order() -> None:
    pictures, sounds = material.video(1), material.audio(1)
    crosswise = [
        *(Block(AUDIO, frame.at_ms, frame.data, True) for frame in sounds),
        *(Block(VIDEO, frame.at_ms, frame.data, frame.key) for frame in pictures),
    ]
    file = webm.head((160, 120), True, UTC_MS) + webm.cluster(crosswise)
    with av.open(io.BytesIO(file), "r", format="matroska") as container:
        times = [packet.pts for packet in container.demux() if packet.size]
    assert times == sorted(time for time in times if time is not None)


def test_a_cluster_that_spans_more_than_its_blocks_can_tell_is_refused() -> None:
    def two(apart_ms: int) -> bytes:
        return webm.cluster([Block(AUDIO, 0, b"x", True), Block(AUDIO, apart_ms, b"x", True)])

    two(webm.BLOCK_SPAN_MS)
    with pytest.raises(ValueError, match="spans"):
        two(webm.BLOCK_SPAN_MS + 1)
    with pytest.raises(ValueError, match="begins at zero"):
        webm.cluster([Block(AUDIO, -1, b"x", True)])


@pytest.mark.parametrize("size", [16, 122, 123, 16_378, 16_379, 2_097_146, 2_097_147])
def test_a_block_of_any_size_is_read_back(size: int) -> None:
    data = b"\x01" * size  # on both sides of where its length takes another byte
    file = webm.head((160, 120), True, UTC_MS) + webm.cluster([Block(VIDEO, 7, data, False)])
    with av.open(io.BytesIO(file), "r", format="matroska") as container:
        (read,) = [packet for packet in container.demux() if packet.size]
        assert (bytes(read), read.pts, read.is_keyframe) == (data, 7, False)


def test_a_scan_counts_what_is_there() -> None:
    file = file_of(material.video(3), material.audio(3))
    found = webm.scan(file)
    assert found == webm.Scanned(len(file), UTC_MS, {VIDEO: 75, AUDIO: 150}, {VIDEO: 2960, AUDIO: 2980}, True)
    assert not webm.scan(file_of(material.video(2)[10:], ())).starts_with_key


@given(st.data())
def test_a_file_cut_anywhere_is_whole_up_to_its_last_whole_cluster_and_decodes(data: st.DataObject) -> None:
    head = webm.head((160, 120), True, UTC_MS)
    clusters = clusters_of(blocks_of(material.video(3), material.audio(3)))
    file = head + b"".join(clusters)
    size = data.draw(st.integers(0, len(file)))
    found = webm.scan(file[:size])
    ends = [len(head) + sum(map(len, clusters[:number])) for number in range(len(clusters) + 1)]
    assert found.size == max((end for end in ends if end <= size), default=0)
    if sum(found.frames.values()):
        counts = decoded(file[: found.size])
        assert counts == {
            name: found.frames[track]
            for name, track in (("video", VIDEO), ("audio", AUDIO))
            if track in found.frames
        }


@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_scan_of_anything_never_raises(tail: bytes, cut: int) -> None:
    file = file_of((), material.audio(1)[:5])
    for hostile in (tail, file[:cut] + tail):
        found = webm.scan(hostile)
        assert 0 <= found.size <= len(hostile)
    assert webm.scan(file + tail).size >= len(file)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([VIDEO, AUDIO]), st.integers(0, 10_000), st.binary(min_size=1, max_size=300)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_blocks_are_read_back_by_the_library_as_they_were_written(
    drawn: list[tuple[int, int, bytes]],
) -> None:
    # The library asks a block of Opus for its length and leaves out what has none.
    blocks = [Block(track, at_ms, opus.SILENCE + data, True) for track, at_ms, data in drawn]
    file = webm.head((160, 120), True, UTC_MS) + webm.cluster(blocks)
    with av.open(io.BytesIO(file), "r", format="matroska") as container:
        read = [
            (packet.stream_index + 1, packet.pts, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]
    assert sorted(read) == sorted((block.track, block.at_ms, block.data) for block in blocks)
