"""A thermos cup (保温杯) that turns once around: powder-coated steel with a landscape on it."""

from __future__ import annotations

import math

from PIL import ImageChops

from server.demo.studio.drawing import (
    SCALE,
    Layer,
    Solid,
    band,
    blur,
    curve,
    ellipse,
    endless,
    fill,
    lay_at,
    layer,
    lettering,
    mix,
    place,
    polygon,
    sheen,
    shrunk,
    stroke,
)

GREEN, CREAM, STEEL = "#2f6a58", "#f3e9d6", "#c9ced0"
AROUND, HEIGHT = 720, 700
LID, RING, BASE = 142, 160, 672
_PROFILE = curve(
    [
        (0, 82),
        (14, 92),
        (LID, 96),
        (LID + 1, 88),
        (RING, 88),
        (RING + 1, 96),
        (214, 116),
        (660, 112),
        (BASE, 108),
        (700, 102),
    ]
)
SOLID = Solid(HEIGHT, _PROFILE, margin=24)


def _texture() -> Layer:
    skin = layer((AROUND, HEIGHT))
    size = skin.size

    def stripe(top: float, bottom: float, colour: str) -> None:
        fill(skin, band(size, top, bottom), colour)

    stripe(0, LID, CREAM)
    for n in range(36):
        x = n * AROUND / 36
        fill(skin, stroke(size, [(x, 54), (x, 122)], 7), mix(CREAM, "#8a7556", 0.25), 0.8)
        fill(skin, stroke(size, [(x + 3, 54), (x + 3, 122)], 3), "#fffdf6", 0.8)
    stripe(LID - 8, LID, mix(CREAM, "#8a7556", 0.3))
    stripe(LID, RING, STEEL)
    stripe(LID + 6, LID + 8, mix(STEEL, "#3c4448", 0.5))
    stripe(RING, BASE, GREEN)
    stripe(BASE, HEIGHT, STEEL)
    stripe(BASE, BASE + 3, mix(STEEL, "#22282a", 0.6))
    _landscape(skin)
    return skin


def _landscape(skin: Layer) -> None:
    """Hills, a sun and flying birds once around the cup; the sun is in front at turn 0."""
    size = skin.size
    for base, tall, pieces, colour, phase in (
        (520, 92, 3, mix(GREEN, CREAM, 0.22), 0.1),
        (566, 70, 4, mix(GREEN, CREAM, 0.42), 0.45),
        (614, 46, 5, mix(GREEN, CREAM, 0.66), 0.8),
    ):
        ridge = []
        for x in range(0, AROUND + 1, 4):
            t = x / AROUND
            wave = math.sin(math.tau * (pieces * t + phase)) + 0.4 * math.sin(
                math.tau * ((pieces + 2) * t + phase * 3)
            )
            ridge.append((float(x), base - tall * 0.5 * (wave + 0.6)))
        hill = polygon(size, [*ridge, (AROUND, 650), (0, 650)])
        fill(skin, hill, colour)
        if base == 520:
            sun = ellipse(size, (312, 352, 408, 448))
            fill(skin, ImageChops.subtract(sun, hill), "#eda35b")
            halo = ImageChops.subtract(
                ellipse(size, (296, 336, 424, 464)), ellipse(size, (300, 340, 420, 460))
            )
            fill(skin, ImageChops.subtract(halo, hill), "#eda35b", 0.8)
    fill(skin, polygon(size, [(0, 640), (AROUND, 640), (AROUND, 646), (0, 646)]), CREAM)
    for x, y, wide in (
        (440, 336, 20),
        (474, 312, 15),
        (498, 330, 12),
        (86, 326, 19),
        (116, 306, 14),
        (640, 340, 16),
    ):
        wing = [
            (x - wide, y - wide * 0.3),
            (x - wide * 0.4, y - wide * 0.45),
            (x, y),
            (x + wide * 0.4, y - wide * 0.45),
            (x + wide, y - wide * 0.3),
        ]
        fill(skin, stroke(size, wing, 3.2), CREAM)
    fill(skin, place(skin, lettering("480 ml", 30, 0.4), (180, 262)), CREAM)
    fill(skin, place(skin, lettering("12 h", 42, 1), (360, 262)), CREAM)
    fill(skin, place(skin, lettering("316", 30, 0.4), (550, 262)), CREAM)


class Thermos:
    """Pictures of the cup at every angle."""

    size = SOLID.size

    def __init__(self) -> None:
        self._texture = endless(_texture())
        self._light = sheen(
            SOLID,
            [
                (0, "#0a1a15", 0.72),
                (0.1, "#0a1a15", 0.42),
                (0.2, "#ffffff", 0.0),
                (0.27, "#ffffff", 0.42),
                (0.34, "#ffffff", 0.1),
                (0.5, "#ffffff", 0.02),
                (0.68, "#0a1a15", 0.16),
                (0.88, "#0a1a15", 0.56),
                (0.95, "#cfe0d8", 0.2),
                (1, "#0a1a15", 0.7),
            ],
        )
        self._light.alpha_composite(shrunk(_still_parts()))
        self._straps = [shrunk(_strap(n / STRAPS)) for n in range(STRAPS)]

    def picture(self, turn: float) -> Layer:
        cup = SOLID.wrapped(self._texture, turn)
        cup.alpha_composite(self._light)
        strap = self._straps[round(turn * STRAPS) % STRAPS]
        angle = math.tau * (turn + 0.5)
        at = (SOLID.middle + 92 * math.sin(angle), SOLID.head + 76 + 15 * math.cos(angle))
        corner = (round(at[0] * SCALE - strap.width / 2), round(at[1] * SCALE - strap.height / 2))
        whole = layer(cup.size)
        if math.cos(angle) < 0:
            lay_at(whole, strap, corner)
            whole.alpha_composite(cup)
        else:
            whole.alpha_composite(cup)
            lay_at(whole, strap, corner)
        return whole


def _still_parts() -> Layer:
    """The lid's flat top and the shadow under the lid, which do not turn."""
    parts = layer(SOLID.size)
    neck = ellipse(parts.size, SOLID.flat(RING + 4, 1.1))
    fill(parts, ImageChops.multiply(blur(neck, 5), SOLID.outline), "#06120e", 0.4)
    fill(parts, ellipse(parts.size, SOLID.flat(0)), mix(CREAM, "#ffffff", 0.5))
    fill(parts, ellipse(parts.size, SOLID.flat(0, 0.8)), mix(CREAM, "#a48c66", 0.35))
    fill(parts, ellipse(parts.size, SOLID.flat(0, 0.77)), mix(CREAM, "#ffffff", 0.15))
    return parts


STRAPS = 64


def _strap(turn: float) -> Layer:
    """The leather loop at the lid, opposite the sun, at a turn of the cup."""
    loop = layer((90, 150))
    angle = math.tau * (turn + 0.5)
    side = math.sin(angle)
    wide = 9 + 9 * abs(math.cos(angle))
    path = [(45 + side * 26 * math.sin(math.pi * t / 20), 20 + 110 * t / 20) for t in range(21)]
    fill(loop, stroke(loop.size, path, wide), "#8f5632")
    fill(loop, stroke(loop.size, [(x - 1.5, y - 1) for x, y in path], wide * 0.45), "#c58a5c", 0.8)
    for x, y in (path[0], path[-1]):
        fill(loop, ellipse(loop.size, (x - 7, y - 7, x + 7, y + 7)), "#d9b76c")
        fill(loop, ellipse(loop.size, (x - 3, y - 5, x + 3, y + 1)), "#fff6d8")
    return loop
