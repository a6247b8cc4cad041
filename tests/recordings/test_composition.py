"""One MP4 of a recording: what was drawn, as it stood at each moment, and a file that plays everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from recordings import child, finishing
from recordings.drawing import POINTER_MS, Board, drawn
from tests.recordings.calls import Desk, at, call, play
from tests.recordings.shelves import FolderShelf

GUIDES = frozenset({"agent"})


def mark(shape: str, at_ms: int = 0, **more: Any) -> dict[str, Any]:
    own = {"mark_id": f"{shape}-{at_ms}", "by": "agent", "of": "buyer", "at_ms": at_ms, "shape": shape}
    return own | more


def circle(at_ms: int = 0, **more: Any) -> dict[str, Any]:
    return mark("circle", at_ms, centre={"x": 0.5, "y": 0.5}, rx=0.25, ry=0.25, **more)


def after(*marks: dict[str, Any]) -> Board:
    board = Board()
    for one in marks:
        board = board.after(one)
    return board


def test_a_board_holds_what_was_neither_undone_nor_cleared() -> None:
    first, second = circle(1), circle(2)
    assert after(first, second, mark("undo", 3, undone=first["mark_id"])).shapes == (second,)
    strangers = mark("undo", 3, undone=first["mark_id"]) | {"by": "buyer"}
    assert after(first, strangers).shapes == (first,), "only one's own"
    assert after(first, first).shapes == (first,), "sent twice is drawn once"
    assert after(first, mark("clear", 3)) == Board()


def test_a_line_drawn_by_hand_goes_on_under_its_own_id() -> None:
    begun = mark("freehand", points=[{"x": 0, "y": 0}])
    longer = begun | {"points": [{"x": 1, "y": 1}]}
    (line,) = after(begun, longer).shapes
    assert line["points"] == [{"x": 0, "y": 0}, {"x": 1, "y": 1}]


def test_a_pointer_is_seen_for_a_moment_and_a_held_picture_until_it_is_let_go() -> None:
    board = after(mark("pointer", 100, points=[{"x": 0.5, "y": 0.5}]))
    assert board.at(99 + POINTER_MS).pointers and not board.at(100 + POINTER_MS).pointers
    assert after(mark("freeze", 7)).held_ms == 7
    assert after(mark("freeze", 7), mark("unfreeze", 9)).held_ms is None


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        (circle(), (150, 50)),
        (mark("arrow", start={"x": 0, "y": 0.5}, end={"x": 1, "y": 0.5}), (50, 50)),
        (mark("freehand", points=[{"x": 0.5, "y": 0}, {"x": 0.5, "y": 1}]), (100, 20)),
        (mark("pointer", points=[{"x": 0.5, "y": 0.5}]), (100, 50)),
    ],
)
def test_each_shape_lies_where_it_was_drawn_in_the_ink_of_its_hand(
    shape: dict[str, Any], place: tuple[int, int]
) -> None:
    layer = drawn(after(shape), (200, 100), GUIDES, None)
    assert layer is not None
    red, _, blue, solid = layer.getpixel(place)  # type: ignore[misc]
    assert solid == 255 and red > blue, "yellow: whoever guides"
    other = drawn(after(shape | {"by": "buyer"}), (200, 100), GUIDES, None)
    assert other is not None and other.getpixel(place)[2] > 200  # type: ignore[index]
    assert layer.getpixel((3, 97))[3] == 0  # type: ignore[index]


def test_nothing_drawn_and_words_without_letters_are_no_picture_and_an_empty_one() -> None:
    assert drawn(Board(), (200, 100), GUIDES, None) is None
    written = drawn(after(mark("text", at={"x": 0.5, "y": 0.5}, text="裂缝")), (200, 100), GUIDES, None)
    assert written is not None and written.getbbox() is None


async def test_a_recording_becomes_one_mp4_with_both_pictures_all_sound_and_the_marks(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "work")
    recording = desk.start("buyer", "agent")
    play(recording, call(2))
    recording.stop("call_ended", at(2050))
    assert desk.recorder.close(10)
    shelf = FolderShelf(tmp_path / "shelf")
    assert await finishing.finish(desk.folder, shelf, "shop") is not None
    files = shelf.folder / "shop/rec-1"
    sides = [
        {"participant": who, "file": str(files / f"{who}.webm"), "pictures": True}
        for who in ("buyer", "agent")
    ]
    out = tmp_path / "one.mp4"
    dark_ms = _first_dark(files / "buyer.webm")
    marks = [mark("freeze", dark_ms), mark("unfreeze", 400), circle(500), mark("clear", 1300)]
    argument = {
        "sides": sides, "marks": marks, "guides": ["agent"], "font": None,
        "pauses": [[950, 1200]], "duration_ms": 2000, "out": str(out),
    }  # fmt: skip
    assert await child.run("compose", argument, 120) == {"frames": 50, "duration_ms": 2000}
    with av.open(str(out)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        pictures, sounds_ms = [], 0.0
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append(frame.to_image())  # type: ignore[no-untyped-call]
            elif isinstance(frame, av.AudioFrame):
                sounds_ms += frame.samples * 1000 / frame.sample_rate
    assert len(pictures) == 50 and pictures[0].size == (1280, 480)
    assert abs(sounds_ms - 2000) < 150

    def yellow(number: int, x: int) -> bool:
        red, green, blue = pictures[number].getpixel((x, 240))
        return bool(red > 180 and green > 140 and blue < 150)

    on_it, beside = 480, 640 + 480
    assert [yellow(number, on_it) for number in (10, 15, 22, 40)] == [False, True, True, False]
    assert not yellow(15, beside), "on the buyer's picture alone"
    assert _lightest(pictures[1]) > 200 and _lightest(pictures[26]) < 60, (
        "of two flashes, the one in a pause is not shown"
    )
    held = [_lightest(pictures[number].crop((0, 0, 640, 480))) for number in range(dark_ms // 40 + 1, 10)]
    assert max(held) < 60, "the very frame that was held, not the white one before it"


def _lightest(picture: Image.Image) -> int:
    return max(int(high) for _, high in picture.getextrema())  # type: ignore[misc]


def _first_dark(file: Path) -> int:
    """When the first flash is over, in ms."""
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            if _lightest(frame.to_image()) < 60:  # type: ignore[no-untyped-call]
                return round(frame.pts * frame.time_base * 1000)  # type: ignore[operator]
    raise AssertionError("no dark picture")
