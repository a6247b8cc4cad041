"""The set of the live room: wall, niche, lights, plant, table, plinth, in the colours of each product."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from PIL import Image, ImageChops

from server.demo.studio.drawing import (
    Colour,
    Layer,
    arc,
    blur,
    ellipse,
    fill,
    glow,
    lay,
    lay_at,
    layer,
    mix,
    polygon,
    ramp,
    rounded,
    spot,
    stroke,
)

WIDTH, HEIGHT = 540, 960
MIDDLE = WIDTH / 2
TOP_OF_PLINTH = 648
"""Where products stand."""
PLINTH = (158, 36)
"""Half width and half depth of the plinth's top."""
NICHE = (70, 176, 470, 640)
BULBS = 11


@dataclass(frozen=True)
class Theme:
    """The colours of the set while one product is shown: wall, niche, light, and what the plants stand in."""

    wall: Colour
    niche: Colour
    light: Colour
    leaf: Colour
    clay: Colour


def bulbs() -> list[tuple[float, float]]:
    """Where the bulbs hang, from left to right."""
    places = []
    for n in range(BULBS):
        along = (n + 0.5) / BULBS
        sag = math.sin(math.pi * ((along * 2) % 1))
        places.append((along * WIDTH, 66 + 30 * sag + (10 if along < 0.5 else 0) * (1 - along)))
    return places


def backdrop(theme: Theme) -> Image.Image:
    """Everything that does not move, without bulbs' light, as an opaque picture."""
    size = (WIDTH, HEIGHT)
    wall = ramp(
        size,
        [(0, mix(theme.wall, "#3a2c26", 0.16)), (0.28, theme.wall), (0.7, mix(theme.wall, "#ffffff", 0.2))],
    )
    scene = wall.convert("RGBA")
    fill(scene, spot(size, (MIDDLE, 420), (430, 520)), mix(theme.light, "#ffffff", 0.4), 0.5)
    _panelling(scene, theme)
    _niche(scene, theme)
    _table(scene, theme)
    _plant(scene, theme)
    _gifts(scene, theme)
    _plinth(scene, theme)
    _lamp_cord(scene)
    fill(scene, ImageChops.invert(spot(size, (MIDDLE, 430), (560, 760))), "#2a1c16", 0.34)
    return ImageChops.add(scene.convert("RGB"), _grain(), 1, -128)


def _grain() -> Image.Image:
    """Still noise around 128: it keeps soft gradients from showing steps in an 8-bit video."""
    noise = hashlib.shake_128(b"grain").digest(WIDTH * HEIGHT)
    faint = [round(128 + (value - 127.5) / 127.5 * 2.6) for value in range(256)]
    return Image.frombytes("L", (WIDTH, HEIGHT), noise).point(faint).convert("RGB")


def _panelling(scene: Layer, theme: Theme) -> None:
    """Slim mouldings on the wall at both sides."""
    for left, right in ((-120, 44), (WIDTH - 44, WIDTH + 120)):
        outer = rounded(scene.size, (left, 150, right, 610), 10)
        frame = ImageChops.subtract(outer, rounded(scene.size, (left + 2, 152, right - 2, 608), 9))
        fill(scene, ImageChops.offset(frame, 1, 2), mix(theme.wall, "#000000", 0.35), 0.35)
        fill(scene, frame, mix(theme.wall, "#ffffff", 0.5), 0.6)


def _niche_shape(scene: Layer, grow: float) -> Image.Image:
    left, top, right, bottom = NICHE
    radius = (right - left) / 2
    box = (left - grow, top - grow, right + grow, top + 2 * radius + grow)
    sides = [
        (left - grow, top + radius),
        (right + grow, top + radius),
        (right + grow, bottom),
        (left - grow, bottom),
    ]
    return ImageChops.lighter(ellipse(scene.size, box), polygon(scene.size, sides))


def _niche(scene: Layer, theme: Theme) -> None:
    inside = _niche_shape(scene, 0)
    rim = ImageChops.subtract(_niche_shape(scene, 9), inside)
    glow(scene, _niche_shape(scene, 14), theme.light, 26, 0.85)
    inner = ramp(
        scene.size,
        [
            (0.15, mix(theme.niche, "#20140e", 0.22)),
            (0.45, theme.niche),
            (0.67, mix(theme.niche, "#ffffff", 0.3)),
        ],
    )
    lay(scene, inner, inside)
    shadow = ImageChops.multiply(blur(ImageChops.invert(ImageChops.offset(inside, 26, 16)), 22), inside)
    fill(scene, shadow, mix(theme.niche, "#1d0f08", 0.75), 0.55)
    lit = ImageChops.multiply(spot(scene.size, (MIDDLE, 470), (250, 300)), inside)
    fill(scene, lit, "#fffaf0", 0.62)
    fill(scene, rim, mix(theme.light, "#ffffff", 0.75))
    glow(scene, rim, "#ffffff", 5, 0.8)


def _table(scene: Layer, theme: Theme) -> None:
    size = scene.size
    top = polygon(size, [(0, 640), (WIDTH, 640), (WIDTH, 822), (0, 822)])
    wood = ramp(size, [(0.66, "#d9b48c"), (0.74, "#c99f73"), (0.855, "#b98a5d")])
    lay(scene, wood, top)
    for n, y in enumerate((662, 690, 726, 770)):
        seam = stroke(size, [(0, y), (WIDTH, y)], 1.4)
        fill(scene, ImageChops.multiply(seam, top), "#7b5331", 0.28 - n * 0.02)
    for n in range(34):
        y = 644 + (n * 53) % 174
        left = (n * 197) % 620 - 60
        grain = stroke(size, [(left, y), (left + 40 + (n * 37) % 110, y + (n % 3) - 1)], 1)
        fill(scene, grain, "#8a5e39" if n % 2 else "#f0d2ac", 0.22)
    shine = ImageChops.multiply(spot(size, (MIDDLE, 680), (330, 120)), top)
    fill(scene, shine, mix(theme.light, "#ffffff", 0.5), 0.55)
    fill(scene, polygon(size, [(0, 640), (WIDTH, 640), (WIDTH, 646), (0, 646)]), "#5c3b22", 0.35)
    edge = polygon(size, [(0, 822), (WIDTH, 822), (WIDTH, 840), (0, 840)])
    lay(scene, ramp(size, [(0.856, "#e6c39b"), (0.864, "#a97848"), (0.875, "#8d6038")]), edge)
    front = polygon(size, [(0, 840), (WIDTH, 840), (WIDTH, HEIGHT), (0, HEIGHT)])
    cloth = ramp(size, [(0.875, mix(theme.clay, "#20110a", 0.55)), (1, mix(theme.clay, "#20110a", 0.3))])
    lay(scene, cloth, front)
    for n in range(15):
        x = n * 39 + 8
        fold = stroke(size, [(x, 842), (x + 5, HEIGHT)], 9)
        fold = ImageChops.multiply(blur(fold, 6), front)
        fill(scene, fold, "#ffffff" if n % 2 else "#000000", 0.13 if n % 2 else 0.22)
    fill(scene, ImageChops.multiply(spot(size, (MIDDLE, 838), (420, 40)), front), "#120804", 0.5)


def _plinth(scene: Layer, theme: Theme) -> None:
    size = scene.size
    half, deep = PLINTH
    top = TOP_OF_PLINTH + 4
    foot = top + 66
    glow(
        scene,
        ellipse(size, (MIDDLE - half - 26, foot - deep + 8, MIDDLE + half + 26, foot + deep + 16)),
        "#4a2c17",
        12,
        0.6,
    )
    body = ImageChops.lighter(
        polygon(
            size, [(MIDDLE - half, top), (MIDDLE + half, top), (MIDDLE + half, foot), (MIDDLE - half, foot)]
        ),
        ellipse(size, (MIDDLE - half, foot - deep, MIDDLE + half, foot + deep)),
    )
    stone = mix(theme.niche, "#ffffff", 0.62)
    left = (MIDDLE - half) / WIDTH
    right = (MIDDLE + half) / WIDTH
    round_light = ramp(
        size,
        [
            (left, mix(stone, "#5a3f30", 0.42)),
            (left + 0.2, mix(stone, "#ffffff", 0.25)),
            (left + 0.36, stone),
            (right, mix(stone, "#4a3226", 0.6)),
        ],
        across=True,
    )
    lay(scene, round_light, body)
    for down, opacity in ((20, 0.2), (34, 0.2), (48, 0.2)):
        box = (MIDDLE - half, top - deep + down, MIDDLE + half, top + deep + down)
        fill(scene, arc(size, box, 0, 180, 2), mix(stone, "#40291c", 0.7), opacity)
    lid = ellipse(size, (MIDDLE - half, top - deep, MIDDLE + half, top + deep))
    lay(scene, ramp(size, [(0.62, mix(stone, "#b79a86", 0.25)), (0.72, mix(stone, "#ffffff", 0.7))]), lid)
    rim = ImageChops.subtract(
        lid, ellipse(size, (MIDDLE - half, top - deep - 2.5, MIDDLE + half, top + deep - 2.5))
    )
    fill(scene, rim, "#ffffff", 0.8)


def _plant(scene: Layer, theme: Theme) -> None:
    """A clay vase on the left whose branches reach into the picture."""
    size = scene.size
    glow(scene, ellipse(size, (-8, 700, 112, 734)), "#3d2413", 8, 0.65)
    stem = (44, 612)
    for n, (dx, dy, bend) in enumerate(
        [(-52, -250, -18), (-14, -320, -26), (30, -280, 12), (66, -190, 20), (-70, -150, -10)]
    ):
        path = []
        for step in range(15):
            t = step / 14
            path.append((stem[0] + dx * t**1.4 + bend * math.sin(math.pi * t), stem[1] + dy * t))
        fill(scene, stroke(size, path, 2.2), mix(theme.leaf, "#2b1d12", 0.5))
        for step in range(3, 15):
            x, y = path[step]
            for side in (-1, 1):
                lean = side * (0.9 - step * 0.02) + dx / 190
                length = 30 - step * 0.75
                _leaf(scene, (x, y), lean, length, mix(theme.leaf, "#ffffff", 0.05 + 0.06 * ((step + n) % 5)))
    vase = polygon(size, _vase())
    clay = ramp(
        size,
        [
            (0, mix(theme.clay, "#ffffff", 0.1)),
            (0.07, mix(theme.clay, "#ffffff", 0.32)),
            (0.18, mix(theme.clay, "#2a150b", 0.5)),
        ],
        across=True,
    )
    lay(scene, clay, vase)
    fill(scene, ellipse(size, (27, 604, 61, 614)), mix(theme.clay, "#1c0d06", 0.7))


def _vase() -> list[tuple[float, float]]:
    side: list[tuple[float, float]] = [
        (17, 608),
        (14, 616),
        (20, 628),
        (40, 650),
        (50, 676),
        (46, 702),
        (34, 718),
    ]
    return [(44 + x, y) for x, y in side] + [(44 - x, y) for x, y in reversed(side)]


def _leaf(scene: Layer, at: tuple[float, float], lean: float, length: float, colour: Colour) -> None:
    """An oval leaf that grows from a point; lean 0 is upright, positive to the right."""
    x, y = at
    across = (math.cos(lean), math.sin(lean))
    along = (math.sin(lean), -math.cos(lean))
    right, left = [], []
    for step in range(9):
        t = step / 8
        half = length * 0.26 * math.sin(math.pi * t**0.8)
        cx, cy = x + along[0] * length * t, y + along[1] * length * t
        right.append((cx + across[0] * half, cy + across[1] * half))
        left.append((cx - across[0] * half, cy - across[1] * half))
    shape = right + left[::-1]
    xs, ys = [p[0] for p in shape], [p[1] for p in shape]
    box = (math.floor(min(xs)) - 2, math.floor(min(ys)) - 2)
    small = layer((math.ceil(max(xs)) - box[0] + 3, math.ceil(max(ys)) - box[1] + 3))
    fill(small, polygon(small.size, [(px - box[0], py - box[1]) for px, py in shape]), colour)
    half_leaf = [(px - box[0], py - box[1]) for px, py in right]
    fill(small, polygon(small.size, half_leaf), mix(colour, "#16241a", 0.35), 0.5)
    lay_at(scene, small, box)


def _gifts(scene: Layer, theme: Theme) -> None:
    """Two wrapped boxes on the right."""
    size = scene.size
    glow(scene, ellipse(size, (420, 694, 560, 736)), "#3d2413", 8, 0.65)
    _box(scene, (444, 640, 560, 722), mix(theme.clay, "#ffffff", 0.12), mix(theme.light, "#ffffff", 0.5))
    _box(scene, (458, 584, 536, 640), mix(theme.leaf, "#ffffff", 0.25), mix(theme.light, "#ffffff", 0.6))


def _box(scene: Layer, box: tuple[float, float, float, float], paper: Colour, ribbon: Colour) -> None:
    size = scene.size
    left, top, right, bottom = box
    front = polygon(size, [(left, top), (right, top), (right, bottom), (left, bottom)])
    lay(
        scene,
        ramp(
            size,
            [(left / WIDTH, mix(paper, "#ffffff", 0.22)), (right / WIDTH, mix(paper, "#1c0d06", 0.25))],
            across=True,
        ),
        front,
    )
    lid_bottom = top + (bottom - top) * 0.24
    lid = polygon(
        size, [(left - 4, top - 3), (right + 4, top - 3), (right + 4, lid_bottom), (left - 4, lid_bottom)]
    )
    under = polygon(
        size, [(left, lid_bottom), (right, lid_bottom), (right, lid_bottom + 6), (left, lid_bottom + 6)]
    )
    glow(scene, under, "#1c0d06", 2, 0.5)
    lay(
        scene,
        ramp(
            size,
            [(left / WIDTH, mix(paper, "#ffffff", 0.42)), (right / WIDTH, mix(paper, "#1c0d06", 0.1))],
            across=True,
        ),
        lid,
    )
    middle = (left + right) / 2
    band = polygon(
        size, [(middle - 7, top - 3), (middle + 7, top - 3), (middle + 7, bottom), (middle - 7, bottom)]
    )
    fill(scene, band, ribbon)
    fill(
        scene,
        polygon(
            size, [(middle + 3, top - 3), (middle + 7, top - 3), (middle + 7, bottom), (middle + 3, bottom)]
        ),
        mix(ribbon, "#5b3418", 0.5),
        0.4,
    )
    for side in (-1, 1):
        tail = [
            (middle, top - 4),
            (middle + side * 20, top + 14),
            (middle + side * 11, top + 17),
            (middle, top + 2),
        ]
        fill(scene, polygon(size, tail), mix(ribbon, "#5b3418", 0.22))
        loop = [(middle, top - 5)]
        for step in range(13):
            t = math.pi * step / 12
            loop.append(
                (middle + side * (15 - 13 * math.cos(t)), top - 9 - 9 * math.sin(t) - 4 * math.cos(t) * -1)
            )
        for step in range(13):
            t = math.pi * step / 12
            loop.append((middle + side * (15 + 13 * math.cos(t)), top - 5 + 5 * math.sin(t)))
        fill(scene, polygon(size, loop), mix(ribbon, "#5b3418", 0.08 if side < 0 else 0.2))
        hollow = ellipse(size, (middle + side * 16 - 7, top - 13, middle + side * 16 + 7, top - 5))
        fill(scene, hollow, mix(ribbon, "#5b3418", 0.5), 0.8)
    fill(scene, ellipse(size, (middle - 6, top - 10, middle + 6, top)), mix(ribbon, "#ffffff", 0.2))


def _lamp_cord(scene: Layer) -> None:
    """The cord and the sockets of the bulbs."""
    places = bulbs()
    cord = [(-10.0, 44.0), *[(x, y - 13) for x, y in places], (WIDTH + 10.0, 44.0)]
    fill(scene, stroke(scene.size, cord, 1.6), "#4b3a30", 0.85)
    for x, y in places:
        socket = polygon(
            scene.size, [(x - 3.2, y - 14), (x + 3.2, y - 14), (x + 2.6, y - 5), (x - 2.6, y - 5)]
        )
        fill(scene, socket, "#3b2c24")
        fill(scene, ellipse(scene.size, (x - 5.5, y - 7, x + 5.5, y + 6)), "#fff0cf", 0.9)


def bulb_light() -> Layer:
    """The light of one bulb, to be laid over it as bright as it is."""
    light = layer((72, 72))
    fill(light, spot(light.size, (36, 36), (35, 35)), "#ffd58a", 0.8)
    fill(light, spot(light.size, (36, 36), (17, 17)), "#fffbe8")
    return light
