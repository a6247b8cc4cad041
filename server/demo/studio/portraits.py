"""Pictures of the products for cards and the shopping bag, and the stream's first frame for a player's
poster.

`python -m server.demo.studio.portraits` writes them to `server/demo/assets`, where they are kept: what
shows them needs no Pillow.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from server.demo.studio.drawing import blur, ellipse, fill, layer, mix, ramp, spot
from server.demo.studio.stage import Stage

ASSETS = Path(__file__).parent.parent / "assets"
SIDE = 360
NAMES = ("thermos", "dress", "fryer")


def portrait(stage: Stage, which: int) -> Image.Image:
    """A product alone, square, on a ground in the colours of its set."""
    act = stage.acts[which]
    size = (SIDE, SIDE)
    ground = ramp(
        size, [(0, mix(act.theme.niche, "#ffffff", 0.35)), (0.7, act.theme.niche), (1, act.theme.wall)]
    ).convert("RGBA")
    fill(ground, spot(size, (SIDE / 2, SIDE * 0.46), (SIDE * 0.5, SIDE * 0.5)), "#ffffff", 0.6)
    good = act.picture(1.0)
    box = good.getbbox()
    good = good.crop(box)
    share = min(SIDE * 0.84 / good.height, SIDE * 0.72 / good.width)
    good = good.resize((round(good.width * share), round(good.height * share)), Image.Resampling.LANCZOS)
    foot = SIDE * 0.93
    half = good.width * (0.3 if which == 1 else 0.5)
    shadow = layer(size)
    fill(
        shadow,
        blur(ellipse(size, (SIDE / 2 - half, foot - 17, SIDE / 2 + half + 8, foot + 9)), 6),
        "#2c1b11",
        0.5,
    )
    ground.alpha_composite(shadow)
    ground.alpha_composite(good, (round((SIDE - good.width) / 2), round(foot - good.height)))
    return ground.convert("RGB")


def pictures() -> dict[str, Image.Image]:
    """Every kept picture by its file name."""
    stage = Stage()
    kept = {f"{name}.png": portrait(stage, which) for which, name in enumerate(NAMES)}
    kept["poster.jpg"] = stage.frame(0)
    return kept


def main() -> None:
    ASSETS.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        if name.endswith(".png"):
            picture.save(ASSETS / name, optimize=True)
        else:
            picture.save(ASSETS / name, quality=82)
        print(f"{name}: {(ASSETS / name).stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
