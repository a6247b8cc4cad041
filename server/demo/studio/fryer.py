"""An air fryer (空气炸锅) that turns to both sides and opens its drawer on golden chips."""

from __future__ import annotations

import math

from PIL import Image, ImageChops

from server.demo.studio.drawing import (
    SCALE,
    Layer,
    Solid,
    blur,
    curve,
    ellipse,
    endless,
    fill,
    glow,
    lay,
    lay_at,
    layer,
    lettering,
    mix,
    place,
    polygon,
    ramp,
    rounded,
    sheen,
    shrunk,
    stroke,
)

BODY, INK, COPPER, EMBER = "#39424f", "#20262e", "#c98a5b", "#ffb04a"
AROUND, HEIGHT = 1400, 520
SOLID = Solid(
    HEIGHT,
    curve(
        [
            (0, 92),
            (12, 124),
            (40, 164),
            (96, 202),
            (180, 224),
            (300, 230),
            (430, 220),
            (500, 204),
            (HEIGHT, 192),
        ]
    ),
)
DRAWER_TOP, DRAWER_BOTTOM = 236, 446
REACH = 215
"""Half the drawer's width on the skin."""
OUT = 46
"""How far the open drawer comes down in the picture: it comes towards the viewer, who looks down a little."""


def _drawer_shape(size: tuple[int, int]) -> Image.Image:
    middle = AROUND / 2
    return rounded(size, (middle - REACH, DRAWER_TOP, middle + REACH, DRAWER_BOTTOM), 30)


def _skin() -> Layer:
    skin = layer((AROUND, HEIGHT))
    size = skin.size
    lay(
        skin,
        ramp(size, [(0, mix(BODY, "#ffffff", 0.1)), (0.5, BODY), (1, INK)]),
        polygon(size, [(0, 0), (AROUND, 0), (AROUND, HEIGHT), (0, HEIGHT)]),
    )
    for y, tall in ((206, 7), (474, 4)):
        band = polygon(size, [(0, y), (AROUND, y), (AROUND, y + tall), (0, y + tall)])
        fill(skin, band, COPPER)
        fill(skin, polygon(size, [(0, y), (AROUND, y), (AROUND, y + 2), (0, y + 2)]), "#ffe3c4", 0.7)
    fill(skin, polygon(size, [(0, 486), (AROUND, 486), (AROUND, HEIGHT), (0, HEIGHT)]), INK)
    for n in range(9):
        x = n * AROUND / 9 + 10
        for k in range(5):
            if abs(x + 24 * k - AROUND / 2) > 330:
                fill(skin, rounded(size, (x + 24 * k, 270, x + 24 * k + 9, 330), 4), "#14181d", 0.55)
    _panel(skin)
    return skin


def _panel(skin: Layer) -> None:
    """The dark glass with its display, above the drawer."""
    size = skin.size
    middle = AROUND / 2
    glass = rounded(size, (middle - 150, 92, middle + 150, 184), 40)
    fill(skin, glass, "#0d1116")
    fill(
        skin,
        ImageChops.subtract(glass, rounded(size, (middle - 147, 95, middle + 147, 181), 38)),
        COPPER,
        0.9,
    )
    figures = place(skin, lettering("200", 52, 1.2), (middle - 12, 138))
    fill(skin, blur(figures, 5), EMBER, 0.75)
    fill(skin, figures, "#ffe2b0")
    fill(skin, place(skin, lettering("°C", 24, 0.6), (middle + 62, 128)), "#ffe2b0")
    for side, text in ((-1, "-"), (1, "+")):
        x = middle + side * 112
        ring = ImageChops.subtract(
            ellipse(size, (x - 21, 117, x + 21, 159)), ellipse(size, (x - 18, 120, x + 18, 156))
        )
        fill(skin, ring, "#8b98a8")
        fill(skin, place(skin, lettering(text, 28, 0.8), (x, 138)), "#dfe7ef")


def _front() -> Layer:
    """The drawer's front on its own: window and frame."""
    front = layer((AROUND, HEIGHT))
    size = front.size
    middle = AROUND / 2
    shape = _drawer_shape(size)
    lay(
        front,
        ramp(size, [(0.44, mix(BODY, "#ffffff", 0.16)), (0.6, BODY), (0.88, mix(INK, BODY, 0.4))]),
        shape,
    )
    fill(front, ImageChops.subtract(shape, ImageChops.offset(shape, 0, 3)), "#ffffff", 0.35)
    window = rounded(size, (middle - 158, DRAWER_TOP + 24, middle + 158, DRAWER_TOP + 116), 26)
    fill(
        front,
        ImageChops.subtract(
            rounded(size, (middle - 163, DRAWER_TOP + 19, middle + 163, DRAWER_TOP + 121), 30), window
        ),
        COPPER,
    )
    lay(front, ramp(size, [(0.5, "#2c1206"), (0.6, "#a8480f"), (0.68, "#f39a35")]), window)
    chips = layer(size)
    _chips(chips, middle - 150, middle + 150, DRAWER_TOP + 104, 34)
    lay(front, chips, window)
    fill(
        front,
        ImageChops.multiply(
            blur(ellipse(size, (middle - 130, DRAWER_TOP + 60, middle + 130, DRAWER_TOP + 130)), 16), window
        ),
        EMBER,
        0.4,
    )
    glare = polygon(
        size,
        [
            (middle - 120, DRAWER_TOP + 20),
            (middle - 74, DRAWER_TOP + 20),
            (middle - 112, DRAWER_TOP + 120),
            (middle - 158, DRAWER_TOP + 120),
        ],
    )
    fill(front, ImageChops.multiply(glare, window), "#ffffff", 0.14)
    return front


def _chips(on: Layer, left: float, right: float, foot: float, count: int) -> None:
    """Golden chips in a heap, the nearer ones later."""
    for n in range(count):
        along = n * 0.618034 % 1
        x = left + (right - left) * along
        heap = 1 - (2 * along - 1) ** 2
        lean = math.sin(n * 2.4) * 24
        tall = 30 + 26 * (n * 0.37 % 1) + 12 * heap
        y = foot - 10 * heap + 10 * n / count
        colour = mix("#f7c45c", "#d9822b", n * 0.29 % 1)
        chip = [(x, y), (x + lean, y - tall)]
        fill(on, stroke(on.size, [(px + 2, py + 2) for px, py in chip], 13), "#8f4a12", 0.55)
        fill(on, stroke(on.size, chip, 12), colour)
        fill(on, stroke(on.size, [(px - 2.5, py) for px, py in chip], 4), mix(colour, "#fff3c4", 0.7), 0.9)


def _basket() -> Layer:
    """What shows between the body and the open drawer: a dark cave, the basket's rim and the chips in it."""
    basket = layer(SOLID.size)
    size = basket.size
    middle, top = SOLID.middle, SOLID.head + DRAWER_TOP
    fill(basket, rounded(size, (middle - 176, top + 26, middle + 176, top + 136), 20), "#0b0d10")
    glow(basket, ellipse(size, (middle - 140, top + 56, middle + 140, top + 116)), EMBER, 18, 0.5)
    _chips(basket, middle - 138, middle + 138, top + 108, 44)
    return basket


def _handle() -> Layer:
    """The grip, seen from the front."""
    grip = layer((200, 110))
    size = grip.size
    glow(grip, rounded(size, (24, 52, 176, 96), 20), "#0b0d10", 7, 0.7)
    bar = rounded(size, (18, 30, 182, 76), 23)
    lay(
        grip,
        ramp(
            size, [(0.26, mix(COPPER, "#ffffff", 0.55)), (0.45, COPPER), (0.7, mix(COPPER, "#4a2412", 0.6))]
        ),
        bar,
    )
    fill(grip, rounded(size, (34, 35, 166, 43), 4), "#fff1de", 0.7)
    for x in (40, 160):
        fill(grip, ellipse(size, (x - 7, 46, x + 7, 60)), mix(COPPER, "#3a1b0c", 0.55))
    return grip


class Fryer:
    """Pictures of the fryer turned a little to either side, and facing the viewer with its drawer open."""

    below = OUT
    """What its pictures have below its foot, for the open drawer."""

    def __init__(self) -> None:
        self._skin = endless(_skin())
        self._front = endless(_front())
        self._light = sheen(
            SOLID,
            [
                (0, "#05070a", 0.75), (0.12, "#05070a", 0.35), (0.2, "#ffffff", 0.04),
                (0.26, "#ffffff", 0.34), (0.33, "#ffffff", 0.08), (0.6, "#05070a", 0.02),
                (0.85, "#05070a", 0.5),
                (0.94, "#b9c7d6", 0.22),
                (1, "#05070a", 0.8),
            ],
        )  # fmt: skip
        self._light.alpha_composite(shrunk(_top()))
        self._handle = _handle()
        self._facing = self._parts(0)
        self._hollow = self._facing[0].copy()
        self._hollow.alpha_composite(SOLID.wrapped(endless(_hole()), 0))
        self._hollow.alpha_composite(shrunk(_basket()))

    def _parts(self, turn: float) -> tuple[Layer, Layer]:
        """The body and the drawer's front after a turn."""
        body = SOLID.wrapped(self._skin, turn)
        body.alpha_composite(self._light)
        front = SOLID.wrapped(self._front, turn)
        shade = self._light.copy()
        shade.putalpha(ImageChops.multiply(shade.getchannel("A"), front.getchannel("A")))
        front.alpha_composite(shade)
        return body, front

    def picture(self, turn: float, opened: float = 0) -> Layer:
        """The fryer after a turn, or with its drawer `opened` up to 1, only facing the viewer."""
        body, front = self._facing if turn == 0 or opened > 0 else self._parts(turn)
        if opened > 0:
            body = self._hollow
        whole = layer((body.width, body.height + round(OUT * SCALE)))
        whole.alpha_composite(body)
        nearer = 1 + 0.07 * opened
        if opened > 0:
            size = (round(front.width * nearer), round(front.height * nearer))
            front = front.resize(size, Image.Resampling.BILINEAR)
        down = OUT * opened - (SOLID.head + DRAWER_TOP) * (nearer - 1)
        lay_at(whole, front, (round(SOLID.middle * SCALE - front.width / 2), round(down * SCALE)))
        angle = math.tau * (0 if opened > 0 else turn)
        wide = round(self._handle.width * SCALE * nearer * math.cos(angle))
        tall = round(self._handle.height * SCALE * nearer)
        grip = self._handle.resize((wide, tall))
        x = SOLID.middle + 252 * math.sin(angle)
        y = SOLID.head + down + (DRAWER_BOTTOM - 24) * nearer + 6
        lay_at(whole, grip, (round(x * SCALE - wide / 2), round(y * SCALE - tall / 2)))
        return whole


def _hole() -> Layer:
    """The dark opening that the drawer leaves."""
    hole = layer((AROUND, HEIGHT))
    fill(hole, _drawer_shape(hole.size), "#0b0d10")
    return hole


def _top() -> Layer:
    top = layer(SOLID.size)
    size = top.size
    fill(top, ellipse(size, SOLID.flat(0)), mix(BODY, "#ffffff", 0.2))
    fill(top, ellipse(size, SOLID.flat(0, 0.86)), INK)
    fill(top, ellipse(size, SOLID.flat(1, 0.82)), mix(BODY, "#ffffff", 0.06))
    shine = ImageChops.multiply(
        blur(ellipse(size, (SOLID.middle - 130, SOLID.head + 22, SOLID.middle - 20, SOLID.head + 74)), 14),
        SOLID.outline,
    )
    fill(top, shine, "#ffffff", 0.22)
    return top
