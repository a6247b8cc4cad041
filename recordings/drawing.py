"""What was drawn on a picture, drawn on it again: marks become a board, and a board a transparent picture.

A mark is plain data: `at_ms` on the recording's time line, `by` whose hand, `of` whose picture, and `shape`
with what it needs, as a call's track of marks has it. Places are parts of the picture's width and
height. Runs in a confined child.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageDraw, ImageFont

POINTER_MS = 1_500
"""A pointer is seen this long after the hand rested."""
INKS = {True: (255, 216, 77, 255), False: (111, 224, 255, 255)}
"""Of whoever guides, and of the other."""
EDGE = (0, 0, 0, 165)
"""Around every line: it must be seen on any picture."""

Mark = Mapping[str, Any]
Xy = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Board:
    """What lies on one picture. `held_ms`: since when it was held; None while it goes on."""

    shapes: tuple[Mark, ...] = ()
    pointers: tuple[Mark, ...] = ()
    held_ms: int | None = None

    def after(self, mark: Mark) -> Board:
        """The board after one more mark; they come in their order."""
        match mark["shape"]:
            case "pointer":
                others = tuple(one for one in self.pointers if one["by"] != mark["by"])
                return replace(self, pointers=(*others, mark))
            case "undo":
                kept = (
                    one for one in self.shapes if (one["mark_id"], one["by"]) != (mark["undone"], mark["by"])
                )
                return replace(self, shapes=tuple(kept))
            case "clear":
                return replace(self, shapes=(), pointers=())
            case "freeze":
                return replace(self, held_ms=mark["at_ms"])
            case "unfreeze":
                return replace(self, held_ms=None)
        known = next((one for one in self.shapes if one["mark_id"] == mark["mark_id"]), None)
        if known is None:
            return replace(self, shapes=(*self.shapes, mark))
        if mark["shape"] != "freehand" or known["by"] != mark["by"]:
            return self
        longer = {**known, "points": [*known["points"], *mark["points"]]}
        return replace(self, shapes=tuple(longer if one is known else one for one in self.shapes))

    def at(self, now_ms: int) -> Board:
        """Without the pointers that rested too long ago."""
        seen = tuple(one for one in self.pointers if now_ms - one["at_ms"] < POINTER_MS)
        return self if len(seen) == len(self.pointers) else replace(self, pointers=seen)


def drawn(
    board: Board, size: tuple[int, int], guides: frozenset[str], font: str | None
) -> Image.Image | None:
    """The board on nothing, for a picture of this size; None where there is nothing to see.

    `font`: a file with the letters that are written; without one words are left out.
    """
    if not board.shapes and not board.pointers:
        return None
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    thick = max(2, round(size[1] / 110))
    for mark in board.shapes:
        _shape(pen, mark, size, INKS[mark["by"] in guides], thick, font)
    for mark in board.pointers:
        x, y = _place(mark["points"][-1], size)
        radius = 2 * thick
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=INKS[mark["by"] in guides], outline=EDGE, width=max(1, thick // 2))
    return layer


def _shape(
    pen: ImageDraw.ImageDraw,
    mark: Mark,
    size: tuple[int, int],
    ink: tuple[int, int, int, int],
    thick: int,
    font: str | None,
) -> None:
    for colour, width in ((EDGE, 2 * thick), (ink, thick)):
        match mark["shape"]:
            case "arrow":
                _arrow(pen, _place(mark["start"], size), _place(mark["end"], size), colour, width, thick)
            case "circle":
                x, y = _place(mark["centre"], size)
                rx, ry = mark["rx"] * size[0], mark["ry"] * size[1]
                grown = width / 2
                box = (x - rx - grown, y - ry - grown, x + rx + grown, y + ry + grown)
                pen.ellipse(box, outline=colour, width=width)
            case "freehand":
                points = [_place(point, size) for point in mark["points"]]
                pen.line(points if len(points) > 1 else points * 2, fill=colour, width=width, joint="curve")
    if mark["shape"] == "text" and font is not None:
        letters = ImageFont.truetype(font, max(14, round(size[1] * 0.045)))
        place = _place(mark["at"], size)
        pen.text(place, mark["text"], font=letters, fill=ink, anchor="lm", stroke_width=2, stroke_fill=EDGE)


def _arrow(
    pen: ImageDraw.ImageDraw, start: Xy, end: Xy, colour: tuple[int, ...], width: int, thick: int
) -> None:
    along = math.atan2(end[1] - start[1], end[0] - start[0])
    head = 4.5 * thick + (width - thick) / 2

    def at(back: float, aside: float) -> Xy:
        return (
            end[0] - back * math.cos(along) + aside * math.sin(along),
            end[1] - back * math.sin(along) - aside * math.cos(along),
        )

    pen.line([start, at(head * 0.8, 0)], fill=colour, width=width)
    pen.polygon([end, at(head, head * 0.55), at(head, -head * 0.55)], fill=colour)


def _place(point: Mark, size: tuple[int, int]) -> Xy:
    return point["x"] * size[0], point["y"] * size[1]
