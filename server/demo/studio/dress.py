"""A summer dress (连衣裙) on a tailor's form: it turns to both sides and its skirt swings behind the turn."""

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
    lay,
    lay_at,
    layer,
    mix,
    polygon,
    ramp,
    sheen,
    shrunk,
    stroke,
)

WINE, BLOSSOM, HEART, GOLD, LINEN = "#8c2f43", "#f6dcd2", "#e8b34f", "#d3ae66", "#e6d6bf"
AROUND, HEIGHT = 900, 560
WAIST, HEM = 190, 536
FORM_HEIGHT = 790
"""From the top of the form's neck to its foot."""
SHOULDER = 96
"""Where the dress begins below the top of the neck."""
PLEATS = 26
SOLID = Solid(
    HEIGHT,
    curve(
        [
            (0, 68),
            (34, 84),
            (84, 88),
            (150, 68),
            (WAIST, 61),
            (WAIST + 24, 68),
            (300, 108),
            (430, 160),
            (HEIGHT, 200),
        ]
    ),
    margin=46,
)


def _flower(on: Layer, x: float, y: float, size: float, turn: float, stretch: float = 1) -> None:
    """Five petals around a heart; `stretch` makes up for what wrapping does to widths."""
    box = math.ceil(size * 1.4 * max(1.0, stretch))
    bloom = layer((2 * box, 2 * box))

    def dot(dx: float, dy: float, half: float, colour: str) -> None:
        cx, cy = box + dx * stretch, box + dy
        fill(
            bloom,
            ellipse(bloom.size, (cx - half * stretch, cy - half, cx + half * stretch, cy + half)),
            colour,
        )

    for petal in range(5):
        angle = math.tau * (petal / 5 + turn)
        dot(size * 0.62 * math.cos(angle), size * 0.62 * math.sin(angle), size * 0.5, BLOSSOM)
    dot(0, 0, size * 0.34, HEART)
    lay_at(on, bloom, (round(x) - box, round(y) - box))


def _texture() -> Layer:
    """The cloth once around: pleats below the waist, flowers all over, a V in front, a hem in waves."""
    skin = layer((AROUND, HEIGHT))
    size = skin.size
    fill(skin, polygon(size, [(0, 0), (AROUND, 0), (AROUND, HEIGHT), (0, HEIGHT)]), WINE)
    for n in range(150):
        # The golden ratio spreads the flowers without a pattern; rows get closer where the cloth gets wider.
        x, y = (n * 0.618034 % 1) * AROUND, HEIGHT * ((n + 0.5) / 150) ** 0.8
        stretch = AROUND / (math.tau * SOLID.radius(y))
        _flower(skin, x, y, 9.5 if n % 3 else 7, n * 0.37, stretch)
        if n % 3 == 0:
            leaf = [(14, 9), (20, 4), (26, 8), (20, 13)]
            fill(skin, polygon(size, [(x + dx * stretch, y + dy) for dx, dy in leaf]), "#8aa274", 0.9)
    for n in range(PLEATS):
        x = n * AROUND / PLEATS
        wide = AROUND / PLEATS
        fold = polygon(size, [(x, WAIST + 10), (x + wide * 0.34, HEIGHT), (x - wide * 0.1, HEIGHT)])
        light = polygon(
            size, [(x + wide * 0.5, WAIST + 40), (x + wide * 0.72, HEIGHT), (x + wide * 0.5, HEIGHT)]
        )
        fill(skin, blur(fold, 4), "#3d0d1b", 0.5)
        fill(skin, blur(light, 4), "#ffd9d4", 0.2)
    for side in (-1, 1):
        for k in range(3):
            dart = stroke(
                size,
                [
                    (AROUND / 2 + side * (60 + 26 * k), 60 + 8 * k),
                    (AROUND / 2 + side * (36 + 12 * k), WAIST - 6),
                ],
                7,
            )
            fill(skin, blur(dart, 4), "#3d0d1b", 0.3)
    fill(
        skin,
        polygon(size, [(0, WAIST - 13), (AROUND, WAIST - 13), (AROUND, WAIST + 11), (0, WAIST + 11)]),
        mix(WINE, "#2d0812", 0.55),
    )
    fill(
        skin,
        polygon(size, [(0, WAIST - 11), (AROUND, WAIST - 11), (AROUND, WAIST - 8), (0, WAIST - 8)]),
        "#ffffff",
        0.18,
    )
    buckle = (AROUND / 2 - 40, WAIST - 15, AROUND / 2 + 40, WAIST + 13)
    fill(
        skin,
        ImageChops.subtract(
            ellipse(size, buckle),
            ellipse(size, (buckle[0] + 14, buckle[1] + 6, buckle[2] - 14, buckle[3] - 7)),
        ),
        GOLD,
    )
    middle = AROUND / 2
    neck = polygon(
        size, [(middle - 112, -2), (middle - 60, 46), (middle, 92), (middle + 60, 46), (middle + 112, -2)]
    )
    trim = polygon(
        size, [(middle - 124, -2), (middle - 66, 52), (middle, 103), (middle + 66, 52), (middle + 124, -2)]
    )
    fill(skin, ImageChops.subtract(trim, neck), mix(BLOSSOM, WINE, 0.08))
    hem = [
        (x, HEM + 12 + 9 * math.sin(math.tau * (x / AROUND * PLEATS / 2 + 0.1)))
        for x in range(0, AROUND + 1, 3)
    ]
    below = polygon(size, [*hem, (AROUND, HEIGHT + 2), (0, HEIGHT + 2)])
    edge = stroke(size, [(x, y - 7) for x, y in hem], 4)
    fill(skin, edge, BLOSSOM, 0.85)
    skin.putalpha(ImageChops.subtract(ImageChops.subtract(skin.getchannel("A"), neck), below))
    return skin


def _form() -> Layer:
    """The tailor's form behind the dress: neck with its knob, chest, pole and foot."""
    form = layer((SOLID.size[0], FORM_HEIGHT + 40))
    size = form.size
    middle = SOLID.middle

    def upright(top: float, bottom: float, half: float, light: str, dark: str) -> None:
        shape = polygon(
            size,
            [(middle - half, top), (middle + half, top), (middle + half, bottom), (middle - half, bottom)],
        )
        left, right = (middle - half) / size[0], (middle + half) / size[0]
        lay(
            form,
            ramp(size, [(left, dark), (left + (right - left) * 0.3, light), (right, dark)], across=True),
            shape,
        )

    upright(640, FORM_HEIGHT - 6, 8, "#f3deb0", "#8a6a36")
    foot = ellipse(size, (middle - 92, FORM_HEIGHT - 26, middle + 92, FORM_HEIGHT + 6))
    lay(form, ramp(size, [(0.3, "#8a6a36"), (0.45, "#f6e3b8"), (0.75, "#7d5f30")], across=True), foot)
    fill(form, ellipse(size, (middle - 84, FORM_HEIGHT - 26, middle + 84, FORM_HEIGHT)), "#e9cf96", 0.75)
    body = [
        (middle - 27, 22),
        (middle - 28, 66),
        (middle - 42, 88),
        (middle - 76, 106),
        (middle - 70, 180),
        (middle - 50, 300),
    ]
    shape = polygon(size, body + [(2 * middle - x, y) for x, y in reversed(body)])
    linen = ramp(
        size,
        [
            (0.26, mix(LINEN, "#6b5238", 0.5)),
            (0.42, mix(LINEN, "#ffffff", 0.5)),
            (0.52, LINEN),
            (0.72, mix(LINEN, "#6b5238", 0.55)),
        ],
        across=True,
    )
    lay(form, linen, shape)
    fill(
        form,
        ImageChops.multiply(blur(ellipse(size, (middle - 30, 60, middle + 34, 84)), 6), shape),
        "#6b5238",
        0.4,
    )
    fill(form, stroke(size, [(middle, 88), (middle, 230)], 1.4), "#a38b69", 0.8)
    fill(form, ellipse(size, (middle - 27, 14, middle + 27, 30)), "#a8743f")
    fill(form, ellipse(size, (middle - 23, 14, middle + 23, 26)), "#c8955c")
    fill(form, ellipse(size, (middle - 9, 0, middle + 9, 20)), "#a8743f")
    fill(form, ellipse(size, (middle - 6, 2, middle + 2, 11)), "#e2b981")
    return form


def _sleeve() -> Layer:
    """A short puffed sleeve, as it looks at the left."""
    sleeve = layer((92, 112))
    size = sleeve.size
    puff = [(78, 4), (48, 8), (22, 26), (8, 56), (10, 88), (30, 104), (58, 106), (72, 92), (80, 60)]
    smooth = []
    for n, (x, y) in enumerate(puff):
        nx, ny = puff[(n + 1) % len(puff)]
        smooth += [(x, y), ((x + nx) / 2, (y + ny) / 2)]
    shape = polygon(size, smooth)
    shape = blur(shape, 3).point([0 if v < 96 else min(255, (v - 96) * 4) for v in range(256)])
    fill(sleeve, shape, WINE)
    blooms = layer(size)
    for n in range(11):
        _flower(blooms, 8 + (n * 0.618 % 1) * 74, 10 + n * 9.4, 8.5, n * 0.3)
    lay(sleeve, blooms, shape)
    for n in range(5):
        fold = stroke(size, [(70 - n * 4, 14), (22 + n * 12, 98)], 5)
        fill(sleeve, ImageChops.multiply(blur(fold, 4), shape), "#3d0d1b", 0.38)
    lit = ImageChops.multiply(blur(ellipse(size, (18, 22, 48, 62)), 9), shape)
    fill(sleeve, lit, "#ffd9d4", 0.45)
    dark = ImageChops.multiply(blur(polygon(size, [(60, 0), (92, 0), (92, 112), (64, 112)]), 9), shape)
    fill(sleeve, dark, "#30070f", 0.5)
    cuff = ImageChops.multiply(stroke(size, [(4, 86), (30, 101), (72, 101)], 6), shape)
    fill(sleeve, cuff, BLOSSOM, 0.9)
    return sleeve


class Dress:
    """Pictures of the dress turned by up to a tenth of a circle to either side."""

    size = (SOLID.size[0], FORM_HEIGHT + 8)

    def __init__(self) -> None:
        self._texture = endless(_texture())
        self._form = shrunk(_form())
        self._light = sheen(
            SOLID,
            [
                (0, "#26060e", 0.66),
                (0.14, "#26060e", 0.22),
                (0.28, "#ffe6df", 0.22),
                (0.4, "#ffe6df", 0.06),
                (0.62, "#26060e", 0.1),
                (0.86, "#26060e", 0.46),
                (1, "#26060e", 0.72),
            ],
        )
        left = _sleeve()
        self._sleeves = (left, left.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        inside = layer(SOLID.size)
        fill(inside, ellipse(inside.size, SOLID.flat(HEM, 0.985)), "#42101d")
        fill(inside, ellipse(inside.size, SOLID.flat(HEM + 5, 0.97)), "#2a0811")
        self._inside = shrunk(inside)

    def picture(self, turn: float, swing: float = 0) -> Layer:
        """The dress after a turn; `swing` is how far its hem is ahead of it, in pixels of the stage."""
        whole = layer((round(self.size[0] * SCALE), round(self.size[1] * SCALE)))
        whole.alpha_composite(self._form, (0, 0), (0, 0, *whole.size))
        top = round(SHOULDER * SCALE)
        cloth = layer((whole.width, self._light.height))
        cloth.alpha_composite(self._inside)
        front = SOLID.wrapped(self._texture, turn)
        shade = self._light.copy()
        shade.putalpha(ImageChops.multiply(shade.getchannel("A"), front.getchannel("A")))
        cloth.alpha_composite(front)
        cloth.alpha_composite(shade)
        angle = math.tau * turn
        for side, sleeve in zip((-1, 1), self._sleeves, strict=True):
            wide = round(sleeve.width * SCALE * (1 - 0.3 * abs(math.sin(angle))))
            puff = sleeve.resize((wide, round(sleeve.height * SCALE)))
            x = SOLID.middle + side * 92 * math.cos(angle) - 10 * math.sin(angle)
            y = SOLID.head + 54 + side * 12 * math.sin(angle)
            lay_at(cloth, puff, (round(x * SCALE - wide / 2), round(y * SCALE - puff.height / 2)))
        whole.alpha_composite(_swung(cloth, swing), (0, top - round(SOLID.head * SCALE)))
        return whole


def _swung(cloth: Layer, swing: float) -> Layer:
    """The cloth with its lower rows moved sideways, more towards the hem."""
    if abs(swing) < 0.2:
        return cloth
    width, height = cloth.size
    waist = round((SOLID.head + WAIST) * SCALE)
    mesh = [((0, 0, width, waist), (0, 0, 0, waist, width, waist, width, 0))]
    steps = 10
    edges = [waist + (height - waist) * n // steps for n in range(steps + 1)]
    moves = [swing * 1.25 * (n / steps) ** 1.6 for n in range(steps + 1)]
    for n in range(steps):
        top, bottom, above, under = edges[n], edges[n + 1], moves[n], moves[n + 1]
        corners = (-above, top, -under, bottom, width - under, bottom, width - above, top)
        mesh.append(((0, top, width, bottom), corners))
    return cloth.transform(cloth.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
