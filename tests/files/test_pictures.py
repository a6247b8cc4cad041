"""What a stranger's picture becomes: made anew without anything beside its pixels, or refused with a code."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageEnhance

from aftersales.likeness import ALIKE_BITS, distance
from protocol.errors import ErrorCode, Refused
from server.files import pictures
from server.files.pictures import Picture, Pictures
from tests.files.drawing import bomb, encoded, scene


async def made(content: bytes, **options: int) -> Picture:
    return await Pictures(**options).make_anew(content)


async def refused(content: bytes, **options: int) -> ErrorCode:
    with pytest.raises(Refused) as refusal:
        await made(content, **options)
    return refusal.value.code


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_becomes_a_jpeg_of_ours_with_its_hash(kind: str) -> None:
    found = await made(encoded(scene(), kind))
    assert opened(found).format == "JPEG"
    assert (found.width, found.height) == opened(found).size == (640, 480)
    assert found.sha256 == hashlib.sha256(found.content).hexdigest()


async def test_place_camera_and_words_are_not_kept_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (31.0, 14.0, 3.0)
    content = encoded(scene(), "JPEG", exif=exif.tobytes(), comment=b"to be forgotten")
    found = await made(content)
    assert (found.width, found.height) == (480, 640)
    assert dict(opened(found).getexif()) == {}
    assert b"SecretCamera" not in found.content
    assert b"forgotten" not in found.content


async def test_what_hides_behind_a_picture_does_not_go_on() -> None:
    script = b"<script>alert(1)</script><?php system($_GET[0]); ?>PK\x03\x04"
    for content in (encoded(scene()) + script, encoded(scene(), "PNG") + script):
        assert not re.search(rb"script|php|PK\x03", (await made(content)).content)


NOT_PICTURES = {
    "nothing": b"",
    "zeros": b"\0" * 2_000,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "gif": b"GIF89a" + b"\1" * 500,
    "pdf": b"%PDF-1.7\n" + b"x" * 500,
    "head of a JPEG": b"\xff\xd8\xff\xe0" + b"\0" * 500,
    "head of a WebP": b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 200,
    "SVG in a PNG": b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
    "cut JPEG": encoded(scene())[:3_000],
    "cut PNG": encoded(scene(), "PNG")[:-2_000],
    "bmp": encoded(Image.new("RGB", (8, 8)), "BMP"),
    "tiff": encoded(Image.new("RGB", (8, 8)), "TIFF"),
}


@pytest.mark.parametrize("content", NOT_PICTURES.values(), ids=NOT_PICTURES)
async def test_what_is_no_whole_picture_is_refused(content: bytes) -> None:
    assert await refused(content) is ErrorCode.not_a_picture


async def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    assert await refused(bomb()) is ErrorCode.too_many_pixels


async def test_the_limit_of_pixels_is_exact() -> None:
    content = encoded(Image.new("RGB", (100, 100)), "PNG")
    assert (await made(content, pixels=10_000)).width == 100
    assert await refused(content, pixels=9_999) is ErrorCode.too_many_pixels


async def test_transparency_lies_on_white_and_wide_colours_come_home() -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert opened(await made(encoded(clear, "PNG"))).getpixel((5, 5)) == (255, 255, 255)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = opened(await made(encoded(scene(), "JPEG", icc_profile=profile)))
    assert "icc_profile" not in found.info


async def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time\nwhile True: time.sleep(60)\n")
    monkeypatch.setattr(pictures, "_CHILD", sleeper)
    with pytest.raises(Refused) as refusal:
        await Pictures(wall_s=0.3).make_anew(encoded(scene()))
    assert refusal.value.code is ErrorCode.not_a_picture


async def test_one_more_than_may_wait_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time\nwhile True: time.sleep(60)\n")
    monkeypatch.setattr(pictures, "_CHILD", sleeper)
    few = Pictures(waiting=1, wall_s=30)
    content = encoded(scene())
    at_work = [asyncio.create_task(few.make_anew(content)) for _ in range(pictures.CHILDREN + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refusal:
        await few.make_anew(content)
    assert refusal.value.code is ErrorCode.retry
    for task in at_work:
        task.cancel()
    await asyncio.gather(*at_work, return_exceptions=True)


def test_the_confined_child_opens_nothing_and_starts_nothing() -> None:
    probe = """
import runpy, sys, os, socket
decoder = runpy.run_path(sys.argv[1])
decoder["confine"](768 * 1024 * 1024, 10)
tried = {
    "file": lambda: open("/etc/passwd"),
    "socket": lambda: socket.socket(),
    "memory": lambda: bytearray(1024 * 1024 * 1024),
}
for name, attempt in tried.items():
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    print(name)
"""
    child = Path(pictures._CHILD)
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe, str(child)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


async def test_a_picture_sent_again_is_alike_and_another_one_is_not() -> None:
    first = await made(encoded(scene(1, (1_600, 1_200))))
    variants = {
        "smaller": encoded(scene(1, (1_600, 1_200)).resize((800, 600))),
        "worse": encoded(scene(1, (1_600, 1_200)), quality=35),
        "another format": encoded(scene(1, (1_600, 1_200)), "WEBP", quality=60),
        "brighter": encoded(ImageEnhance.Brightness(scene(1, (1_600, 1_200))).enhance(1.15)),
    }
    for name, content in variants.items():
        assert distance((await made(content)).likeness, first.likeness) <= ALIKE_BITS, name
    others = [await made(encoded(scene(seed))) for seed in range(2, 12)]
    assert min(distance(other.likeness, first.likeness) for other in others) > 2 * ALIKE_BITS
