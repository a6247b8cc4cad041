"""Brushes of the demo's pictures: smooth shapes, gradients, glows, and solids of revolution that can turn."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont

Colour = str
Point = tuple[float, float]
Layer = Image.Image
"""An RGBA picture that lies over others."""

SMOOTH = 3
"""Shapes are drawn this many times larger and made small again, which smooths their edges."""


def layer(size: tuple[int, int]) -> Layer:
    return Image.new("RGBA", size, (0, 0, 0, 0))


def rgb(colour: Colour) -> tuple[int, int, int]:
    return ImageColor.getrgb(colour)[:3]


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two: `share` of the other one."""
    return "#" + "".join(
        f"{round(a + (b - a) * share):02x}" for a, b in zip(rgb(one), rgb(other), strict=True)
    )


Pen = ImageDraw.ImageDraw
Box = tuple[float, float, float, float]


def mask(
    size: tuple[int, int], draw: Callable[[Pen, Callable[..., list[float]]], None], box: Box
) -> Image.Image:
    """A smooth mask of what `draw(pen, at)` paints in a box; `at(x, y, ...)` turns places into the pen's."""
    left, top = max(0, math.floor(box[0]) - 1), max(0, math.floor(box[1]) - 1)
    right, bottom = min(size[0], math.ceil(box[2]) + 1), min(size[1], math.ceil(box[3]) + 1)
    whole = Image.new("L", size)
    if right <= left or bottom <= top:
        return whole
    large = Image.new("L", ((right - left) * SMOOTH, (bottom - top) * SMOOTH))

    def at(*places: float) -> list[float]:
        return [(v - (top if n % 2 else left)) * SMOOTH for n, v in enumerate(places)]

    draw(ImageDraw.Draw(large), at)
    whole.paste(large.resize((right - left, bottom - top), Image.Resampling.BOX), (left, top))
    return whole


def _bounds(points: Sequence[Point], margin: float = 0) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def polygon(size: tuple[int, int], points: Sequence[Point]) -> Image.Image:
    flat = [v for point in points for v in point]
    return mask(size, lambda pen, at: pen.polygon(at(*flat), fill=255), _bounds(points))


def band(size: tuple[int, int], top: float, bottom: float) -> Image.Image:
    """A stripe across the whole width."""
    return polygon(size, [(0, top), (size[0], top), (size[0], bottom), (0, bottom)])


def ellipse(size: tuple[int, int], box: Box) -> Image.Image:
    return mask(size, lambda pen, at: pen.ellipse(at(*box), fill=255), box)


def rounded(size: tuple[int, int], box: Box, radius: float) -> Image.Image:
    return mask(size, lambda pen, at: pen.rounded_rectangle(at(*box), radius * SMOOTH, fill=255), box)


def arc(size: tuple[int, int], box: Box, start: float, end: float, width: float) -> Image.Image:
    """Part of an ellipse's line, in degrees clockwise from the right."""
    wide = round(width * SMOOTH)
    return mask(size, lambda pen, at: pen.arc(at(*box), start, end, fill=255, width=wide), box)


def stroke(size: tuple[int, int], points: Sequence[Point], width: float) -> Image.Image:
    """A line with round ends."""

    def draw(pen: Pen, at: Callable[..., list[float]]) -> None:
        pen.line(
            at(*[v for point in points for v in point]), fill=255, width=round(width * SMOOTH), joint="curve"
        )
        half = width / 2
        for x, y in (points[0], points[-1]):
            pen.ellipse(at(x - half, y - half, x + half, y + half), fill=255)

    return mask(size, draw, _bounds(points, width))


def fill(on: Layer, where: Image.Image, colour: Colour, opacity: float = 1) -> None:
    """Paint a colour through a mask."""
    box = where.getbbox()
    if box is None:
        return
    part = where.crop(box)
    if opacity < 1:
        part = part.point([round(v * opacity) for v in range(256)])
    paint = Image.new("RGBA", part.size, (*rgb(colour), 0))
    paint.putalpha(part)
    on.alpha_composite(paint, box[:2])


def lay(on: Layer, picture: Image.Image, where: Image.Image) -> None:
    """Paint a picture of the same size through a mask."""
    paint = picture.convert("RGBA")
    paint.putalpha(ImageChops.multiply(paint.getchannel("A"), where))
    on.alpha_composite(paint)


def lay_at(on: Layer, what: Layer, corner: tuple[int, int]) -> None:
    """Lay a smaller picture over another, cut off where it sticks out."""
    left, top = max(0, -corner[0]), max(0, -corner[1])
    if left < what.width and top < what.height:
        on.alpha_composite(what, (max(0, corner[0]), max(0, corner[1])), (left, top))


def ramp(
    size: tuple[int, int], stops: Sequence[tuple[float, Colour]], *, across: bool = False
) -> Image.Image:
    """A gradient from top to bottom, or from left to right; stops are (place from 0 to 1, colour)."""
    length = size[0] if across else size[1]
    places = [stop[0] for stop in stops]
    line = Image.new("RGB", (length, 1))
    colours = []
    for n in range(length):
        place = min(max(n / max(1, length - 1), places[0]), places[-1])
        above = min(max(1, bisect_right(places, place)), len(stops) - 1)
        (low, one), (high, other) = stops[above - 1], stops[above]
        colours.append(rgb(mix(one, other, (place - low) / (high - low))))
    line.putdata(colours)
    return line.resize(size) if across else line.transpose(Image.Transpose.ROTATE_270).resize(size)


def blur(where: Image.Image, radius: float) -> Image.Image:
    """A mask with soft edges."""
    box = where.getbbox()
    if box is None:
        return where
    reach = math.ceil(radius * 3)
    left, top = max(0, box[0] - reach), max(0, box[1] - reach)
    part = where.crop((left, top, min(where.width, box[2] + reach), min(where.height, box[3] + reach)))
    soft = Image.new("L", where.size)
    soft.paste(part.filter(ImageFilter.GaussianBlur(radius)), (left, top))
    return soft


def glow(on: Layer, where: Image.Image, colour: Colour, radius: float, opacity: float = 1) -> None:
    """Soft light or, in a dark colour, a soft shadow of a shape."""
    fill(on, blur(where, radius), colour, opacity)


def spot(size: tuple[int, int], centre: Point, radii: Point) -> Image.Image:
    """A mask that fades from its centre to nothing at the radii."""
    # Pillow's gradient is 255 in its corners, so 180 at the middles of its edges.
    fade = [round(255 * (1 - v / 180) ** 2 * (1 + 2 * v / 180)) if v < 180 else 0 for v in range(256)]
    disc = Image.radial_gradient("L").point(fade)
    disc = disc.resize((round(radii[0] * 2), round(radii[1] * 2)), Image.Resampling.BICUBIC)
    found = Image.new("L", size)
    found.paste(disc, (round(centre[0] - radii[0]), round(centre[1] - radii[1])))
    return found


def lettering(text: str, size: float, weight: float = 0) -> Image.Image:
    """A mask of digits and Latin letters in the font that comes with Pillow; captions in Chinese are the
    page's.

    The font has no ¥: it is a Y with two bars.
    """
    font = ImageFont.load_default(size * SMOOTH)
    heavy = round(weight * SMOOTH)
    plain = text.replace("¥", "Y")
    left, top, right, bottom = font.getbbox(plain, stroke_width=heavy)
    large = Image.new("L", (round(right - left) + 2, round(bottom - top) + 2))
    pen = ImageDraw.Draw(large)
    pen.text((1 - left, 1 - top), plain, fill=255, font=font, stroke_width=heavy)
    if text.startswith("¥"):
        _, _, wide, _ = font.getbbox("Y", stroke_width=heavy)
        for share in (0.54, 0.74):
            y = 1 + (bottom - top) * share
            pen.line(
                (wide * 0.14, y, wide * 0.86 - left, y),
                fill=255,
                width=max(2, round(size * SMOOTH * 0.07 + heavy / 2)),
            )
    return large.resize((max(1, large.width // SMOOTH), max(1, large.height // SMOOTH)), Image.Resampling.BOX)


def place(on: Image.Image, what: Image.Image, at: Point) -> Image.Image:
    """A mask of `on`'s size with a smaller mask centred at a point."""
    found = Image.new("L", on.size)
    found.paste(what, (round(at[0] - what.width / 2), round(at[1] - what.height / 2)))
    return found


CELL = (12, 20)
"""Size of the pieces in which a texture is wrapped around a solid; smaller ones look no rounder."""
TILT = 0.16
"""How much one looks down on things: the height of a circle that lies flat, as a share of its width."""
SCALE = 0.625
"""Goods are drawn twice as large as on the stage and turned at 1.25 of it, so that they may come closer."""


class Solid:
    """An upright solid of revolution, seen from slightly above: `radius(v)` is half its width at `v` below
    its top.

    It stands in the middle of a picture of `size` with its top rim `head` below the picture's upper edge.
    """

    def __init__(self, height: int, radius: Callable[[float], float], margin: int = 2) -> None:
        self.height = height
        self.radius = radius
        self.head = math.ceil(radius(0) * TILT) + 2
        widest = max(radius(v) for v in range(height + 1))
        foot = math.ceil(radius(height) * TILT) + 3
        self.size = (2 * math.ceil(widest + margin), self.head + height + foot)
        self.middle = self.size[0] / 2
        self.outline = polygon(self.size, self._outline())
        self.small_size = shrunk_size(self.size)
        self._small_outline = self.outline.resize(self.small_size, Image.Resampling.BOX)
        self._pieces = self._cut()

    def _outline(self) -> list[Point]:
        foot, last = self.head + self.height, self.radius(self.height)
        points: list[Point] = [(self.middle - self.radius(v), self.head + v) for v in range(self.height + 1)]
        for step in range(1, 40):
            angle = math.pi * step / 40
            points.append((self.middle - last * math.cos(angle), foot + TILT * last * math.sin(angle)))
        points += [(self.middle + self.radius(v), self.head + v) for v in range(self.height, -1, -1)]
        return points

    def flat(self, v: float, share: float = 1) -> tuple[float, float, float, float]:
        """The box of a circle that lies flat inside at a height."""
        half = self.radius(v) * share
        y = self.head + v
        return self.middle - half, y - half * TILT, self.middle + half, y + half * TILT

    def _cut(self) -> list[tuple[tuple[int, int, int, int], list[Point]]]:
        """Pieces of the picture, each with its corners' places on the skin, as shares of turn and height."""

        def skin(x: float, y: float) -> Point:
            v = y - self.head
            for _ in range(2):
                inside = max(0.0, min(float(self.height), v))
                reach = max(-1.0, min(1.0, (x - self.middle) / max(1.0, self.radius(inside))))
                v = y - self.head - TILT * self.radius(inside) * math.sqrt(1 - reach * reach)
            return math.asin(reach) / math.tau, max(0.0, min(1.0, v / self.height))

        pieces = []
        width, height = self.small_size
        for top in range(0, height, CELL[1]):
            for left in range(0, width, CELL[0]):
                right, bottom = min(width, left + CELL[0]), min(height, top + CELL[1])
                if self._small_outline.crop((left, top, right, bottom)).getbbox() is None:
                    continue
                corners = ((left, top), (left, bottom), (right, bottom), (right, top))
                places = [skin(x / SCALE, y / SCALE) for x, y in corners]
                pieces.append(((left, top, right, bottom), places))
        return pieces

    def wrapped(self, texture: Image.Image, turn: float) -> Layer:
        """The solid, `SCALE` large, in a texture made by `endless`.

        At turn 0 the texture's middle is in front, at 0.25 it is on the right.
        """
        around, tall = texture.width / 2, texture.height
        shift = (0.5 - turn) % 1
        shift += 1 if shift < 0.25 else 0
        mesh = [
            (box, tuple(value for u, v in places for value in ((u + shift) * around, v * tall)))
            for box, places in self._pieces
        ]
        solid = texture.transform(self.small_size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
        solid = solid.convert("RGBA")
        solid.putalpha(ImageChops.multiply(solid.getchannel("A"), self._small_outline))
        return solid


def shrunk_size(size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * SCALE), round(size[1] * SCALE)


def shrunk(picture: Layer) -> Layer:
    """A picture as large as the solids are wrapped."""
    return picture.resize(shrunk_size(picture.size), Image.Resampling.BOX)


def endless(texture: Layer) -> Image.Image:
    """A texture twice side by side, so that no piece of a solid has to wrap around its edge.

    Its colours are multiplied by their opacity once, which a transformation would otherwise do every time.
    """
    twice = layer((texture.width * 2, texture.height))
    twice.paste(texture, (0, 0))
    twice.paste(texture, (texture.width, 0))
    return twice.convert("RGBa")


def sheen(solid: Solid, lights: Sequence[tuple[float, Colour, float]]) -> Layer:
    """Light and shadow on a solid: (place from its left to its right edge in 0 to 1, colour, opacity), in
    between mixed.

    It stays where it is when the solid turns.
    """
    around = 720
    line = []
    for x in range(around):
        across = min(max((math.sin(math.tau * (x / around - 0.5)) + 1) / 2, lights[0][0]), lights[-1][0])
        above = min(max(1, bisect_right([light[0] for light in lights], across)), len(lights) - 1)
        (low, one, less), (high, other, more) = lights[above - 1], lights[above]
        share = (across - low) / (high - low)
        line.append((*rgb(mix(one, other, share)), round(255 * (less + (more - less) * share))))
    strip = Image.new("RGBA", (around, 1))
    strip.putdata(line)
    texture = strip.resize((around, 4))
    return solid.wrapped(endless(texture), 0)


def curve(points: Sequence[Point]) -> Callable[[float], float]:
    """A smooth function through points that rises and falls only where they do; flat beyond them."""
    steps = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)]
    slopes = [0.0]
    for one, other in pairwise(steps):
        slopes.append(2 * one * other / (one + other) if one * other > 0 else 0.0)
    slopes.append(0.0)

    def value(at: float) -> float:
        if at <= points[0][0]:
            return points[0][1]
        for n, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            if at <= x1:
                wide = x1 - x0
                t = (at - x0) / wide
                rest = 1 - t
                bend = wide * t * rest * (slopes[n] * rest - slopes[n + 1] * t)
                return y0 * rest * rest * (1 + 2 * t) + y1 * t * t * (3 - 2 * t) + bend
        return points[-1][1]

    return value
