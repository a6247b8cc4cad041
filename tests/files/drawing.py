"""Pictures made for tests: textured, so that their likeness says something, and hostile ones."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw, ImageFilter


def scene(seed: int = 1, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A made-up still life: the same seed draws the same."""
    width, height = size
    drawn = Image.new("RGB", size, (200 - seed * 13 % 90, 180, 150 + seed * 7 % 60))
    draw = ImageDraw.Draw(drawn)
    for number in range(1, 14):
        turn = (seed * 2_654_435_761 + number * 40_503) % 2**32
        x, y = turn % width, turn // 7 % height
        reach = width // 10 + turn // 11 % (width // 3)
        colour = (turn % 255, turn // 5 % 255, turn // 17 % 255)
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((x, y, x + reach, y + reach * 2 // 3), fill=colour)
    return drawn.filter(ImageFilter.GaussianBlur(2))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of a picture."""
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG that says it is 50 000 × 50 000, with a beginning of rows: a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * 40, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
