"""The stream's frames: three products in turn on the set, each with its price and one figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops

from server.demo.studio.drawing import (
    SCALE,
    Colour,
    Layer,
    arc,
    blur,
    ellipse,
    fill,
    layer,
    lettering,
    mix,
    place,
    polygon,
    spot,
    stroke,
)
from server.demo.studio.dress import Dress
from server.demo.studio.fryer import Fryer
from server.demo.studio.room import HEIGHT, MIDDLE, TOP_OF_PLINTH, WIDTH, Theme, backdrop, bulb_light, bulbs
from server.demo.studio.thermos import Thermos

FRAMES_A_SECOND = 20
TURN_S = 16
"""How long each product is shown; the stream loops after the last."""
LENGTH_S = 3 * TURN_S
CHANGE_S = 0.7
"""A product comes on in this time before its turn, so that the first frame already shows one."""

_ON_STAGE = 0.5 / SCALE
"""From the size in which goods turn to their size on the stage."""


@dataclass(frozen=True)
class Act:
    """One product's turn: its set, price and figure, and how it looks `t` seconds after its turn began."""

    theme: Theme
    price: str
    before: str
    figure: str
    accent: Colour
    picture: Callable[[float], Layer]
    size: float
    closer: float
    shadow: float
    below: float = 0


def ease(t: float) -> float:
    """From 0 to 1, slow at both ends."""
    t = max(0.0, min(1.0, t))
    return t * t * (3 - 2 * t)


def between(t: float, start: float, end: float, ramp_s: float = 1.0) -> float:
    """1 between two times, eased from and to 0 outside."""
    return ease((t - start) / ramp_s) * (1 - ease((t - end + ramp_s) / ramp_s))


def _acts() -> tuple[Act, ...]:
    thermos, dress, fryer = Thermos(), Dress(), Fryer()

    def cup(t: float) -> Layer:
        # One and a half turns, slower while it is close.
        return thermos.picture(round(0.94 + 0.09 * t + 0.05 * math.sin(math.tau * t / TURN_S), 3))

    @lru_cache(maxsize=4 * FRAMES_A_SECOND)
    def swaying(phase: int) -> Layer:
        t = phase / FRAMES_A_SECOND
        return dress.picture(0.05 * math.sin(math.tau * t / 4), -7 * math.cos(math.tau * (t - 0.35) / 4))

    def cloth(t: float) -> Layer:
        # The same four seconds again and again are drawn once.
        return swaying(round(t * FRAMES_A_SECOND) % (4 * FRAMES_A_SECOND))

    def pan(t: float) -> Layer:
        opened = between(t, 5.2, 12.2, 1.1)
        turn = 0.032 * math.sin(math.tau * t / 5) * (1 - between(t, 3.9, 13.4, 1.2))
        return fryer.picture(round(turn, 4), round(opened, 3))

    return (
        Act(
            Theme("#a9bda6", "#dfe6d4", "#ffe3b0", "#5d8463", "#b5765a"),
            "¥129", "¥199", "12 h", "#2f6a58", cup, 1.0, 0.19, 82,
        ),
        Act(
            Theme("#e0b3a6", "#f4dcd2", "#ffdcc0", "#7d9471", "#a85a4c"),
            "¥269", "¥399", "S-XL", "#8c2f43", cloth, 1.0, 0.07, 64,
        ),
        Act(
            Theme("#dcb889", "#f3dfbf", "#ffdf9e", "#7f9260", "#9a5b3a"),
            "¥399", "¥599", "5 L", "#b5672f", pan, 1.12, 0.13, 124, Fryer.below,
        ),
    )  # fmt: skip


class Stage:
    """Draws any frame of the stream; frames are the same whenever and in whatever order they are drawn."""

    def __init__(self) -> None:
        self.acts = _acts()
        self._sets = [backdrop(act.theme) for act in self.acts]
        light = bulb_light()
        self._lights = [_faded(light, 0.5 + 0.5 * n / 7) for n in range(8)]
        self._shadows = [_shadow(act.shadow) for act in self.acts]
        self._tags = [_tag(act) for act in self.acts]
        self._puffs = [_puff(10 + 3 * n) for n in range(8)]
        self._hanging = lru_cache(maxsize=256)(self._hanging_tag)
        self._rings = lru_cache(maxsize=128)(self._badge)

    def frame(self, number: int) -> Image.Image:
        """The frame at `number / FRAMES_A_SECOND` seconds, 540 by 960 pixels in RGB."""
        number %= LENGTH_S * FRAMES_A_SECOND
        now = (number / FRAMES_A_SECOND + CHANGE_S) % LENGTH_S
        which = int(now // TURN_S)
        # `t` runs from -CHANGE_S, when the product comes on, to TURN_S - CHANGE_S.
        t = now - which * TURN_S - CHANGE_S
        picture = self._set(which, t)
        self._light_bulbs(picture, number)
        left = TURN_S - CHANGE_S - t
        here = ease((t + CHANGE_S) / CHANGE_S) * ease((left - 0.1) / 0.4)
        if here > 0.01:
            self._show(picture, which, t, here)
        if which == 2:
            self._steam(picture, t)
        self._price(picture, which, t, left)
        shown = between(t, 3.4, 12.6, 0.6)
        if shown > 0:
            ring = self._rings(which, round(ease((t - 3.8) / 2.6), 2))
            at = (146, 302 - round(14 * (1 - shown)))
            badge = ring if shown == 1 else _faded(ring, shown)
            picture.paste(badge, (at[0] - badge.width // 2, at[1] - badge.height // 2), badge)
        return picture

    def _set(self, which: int, t: float) -> Image.Image:
        share = ease((t + CHANGE_S) / (2 * CHANGE_S))
        if share == 1:
            return self._sets[which].copy()
        return Image.blend(self._sets[which - 1], self._sets[which], share)

    def _light_bulbs(self, picture: Image.Image, number: int) -> None:
        for n, (x, y) in enumerate(bulbs()):
            # Every bulb breathes a whole number of times in a loop, so that the loop has no seam.
            cycle = number / (LENGTH_S * FRAMES_A_SECOND) * (9 + 5 * n % 7) + n * 0.37
            light = self._lights[round(3.5 + 3.5 * math.sin(math.tau * cycle))]
            corner = (round(x) - light.width // 2, round(y) - light.height // 2)
            picture.paste(light, corner, light)

    def _show(self, picture: Image.Image, which: int, t: float, here: float) -> None:
        act = self.acts[which]
        closer = between(t, 4.2, 12.4, 1.6)
        size = act.size * (1 + act.closer * closer) * (0.86 + 0.14 * here) * _ON_STAGE
        good = act.picture(t)
        good = good.resize((round(good.width * size), round(good.height * size)), Image.Resampling.BILINEAR)
        foot = TOP_OF_PLINTH + 8 + round(8 * closer)
        below = round(act.below * SCALE * size)
        shadow = self._shadows[which]
        if here < 1:
            good, shadow = _faded(good, here), _faded(shadow, here)
        picture.paste(shadow, (round(MIDDLE) - shadow.width // 2, foot - 6 - shadow.height // 2), shadow)
        picture.paste(
            good, (round(MIDDLE - good.width / 2), foot + below - good.height + round(22 * (1 - here))), good
        )

    def _steam(self, picture: Image.Image, t: float) -> None:
        strength = between(t, 5.8, 12.4, 1.4)
        if strength == 0:
            return
        for n in range(7):
            age = (t / 2.8 + n / 7) % 1
            x = MIDDLE + 78 * math.sin(n * 2.4) + 12 * math.sin(math.tau * (age + n * 0.3))
            y = 486 - 190 * age
            puff = self._puffs[min(7, int(age * 8))]
            puff = _faded(puff, strength * math.sin(math.pi * age))
            picture.paste(puff, (round(x - puff.width / 2), round(y - puff.height / 2)), puff)

    def _price(self, picture: Image.Image, which: int, t: float, left: float) -> None:
        down = ease((t + 0.45) / 0.55) * ease((left - 0.2) / 0.5)
        if down == 0:
            return
        swing = 10 * math.exp(-0.9 * max(0.0, t + 0.2)) * math.cos(5.2 * (t + 0.2)) + 1.4 * math.sin(
            math.tau * t / 4
        )
        tag = self._hanging(which, round(swing * 2) / 2)
        # The string hangs from the niche; the picture's middle is its upper end.
        x, y = 412, 238 - round(150 * (1 - down))
        shown = tag if down == 1 else _faded(tag, down)
        picture.paste(shown, (x - tag.width // 2, y - tag.height // 2), shown)

    def _hanging_tag(self, which: int, angle: float) -> Layer:
        return self._tags[which].rotate(angle, Image.Resampling.BICUBIC)

    def _badge(self, which: int, filled: float) -> Layer:
        act = self.acts[which]
        badge = layer((104, 104))
        size = badge.size
        fill(badge, blur(ellipse(size, (10, 14, 94, 98)), 5), "#3d2413", 0.35)
        fill(badge, ellipse(size, (8, 8, 96, 96)), "#fffaf0", 0.94)
        for end, colour, opacity in ((1.0, act.accent, 0.16), (filled, act.accent, 1.0)):
            fill(badge, arc(size, (14, 14, 90, 90), -90, -90 + 360 * end, 6), colour, opacity)
        fill(
            badge,
            place(badge, lettering(act.figure, 22 if len(act.figure) < 4 else 19, 0.7), (52, 52)),
            act.accent,
        )
        return badge


def _faded(picture: Layer, share: float) -> Layer:
    faded = picture.copy()
    faded.putalpha(picture.getchannel("A").point([round(v * share) for v in range(256)]))
    return faded


def _shadow(half: float) -> Layer:
    """The contact shadow of a product on the plinth."""
    shadow = layer((round(half * 2 + 90), 74))
    middle = shadow.width / 2
    fill(
        shadow,
        blur(ellipse(shadow.size, (middle - half - 12, 18, middle + half + 26, 56)), 9),
        "#3a2518",
        0.36,
    )
    fill(shadow, blur(ellipse(shadow.size, (middle - half, 24, middle + half, 52)), 4), "#24140c", 0.5)
    return shadow


def _puff(half: int) -> Layer:
    puff = layer((4 * half, 4 * half))
    fill(puff, spot(puff.size, (2 * half, 2 * half), (2 * half, 2 * half)), "#ffffff", 0.42)
    return puff


def _tag(act: Act) -> Layer:
    """A price tag on its string; the string's upper end is in the middle, where it turns."""
    tag = layer((330, 330))
    size = tag.size
    fill(tag, ellipse(size, (160, 160, 170, 170)), "#b58a4a")
    fill(tag, ellipse(size, (161, 161, 167, 166)), "#f4dca6")
    fill(tag, stroke(size, [(165, 167), (165, 238)], 1.8), "#7a6146")
    paper = [(140, 232), (190, 232), (222, 256), (222, 316), (108, 316), (108, 256)]
    shape = polygon(size, paper)
    fill(tag, ImageChops.offset(blur(shape, 4), 2, 4), "#3d2413", 0.4)
    fill(tag, shape, "#fffaf0")
    fill(tag, ImageChops.subtract(shape, ImageChops.offset(shape, 0, -3)), mix(act.accent, "#fffaf0", 0.3))
    fill(tag, ellipse(size, (160, 236, 170, 246)), "#7a6146")
    fill(tag, place(tag, lettering(act.price, 36, 1.1), (165, 272)), "#d8352a")
    was = place(tag, lettering(act.before, 16, 0.2), (165, 301))
    fill(tag, was, "#8d7f70")
    fill(tag, stroke(size, [(143, 301), (187, 301)], 1.4), "#8d7f70")
    return tag


__all__ = ["FRAMES_A_SECOND", "HEIGHT", "LENGTH_S", "TURN_S", "WIDTH", "Stage"]
