"""The child that opens a stranger's picture: bytes on stdin, a JPEG made anew on stdout, then it ends.

Run by path with `-I`; it imports nothing of the product. Before it reads a byte of the picture it has given
up the right to open anything (a file, a socket, another process's pipe) and to use more than its share of
memory and time. `server.files.pictures` starts it and believes its exit code and its first line only.
"""

import io
import json
import resource
import struct
import sys
import warnings

# Loaded now: later nothing can be opened. TIFF is how EXIF is written, not a format that is read.
from PIL import (  # noqa: F401
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

FORMATS = ("JPEG", "PNG", "WEBP")
LONG_SIDE = 2_560
"""Pixels of the longer side that are kept: a waybill's small print stays readable, a megabyte is enough."""
QUALITY = 88
GREY = (9, 8)
"""The small grey picture from which likeness is told (aftersales.likeness)."""
NOT_A_PICTURE, TOO_MANY_PIXELS = 3, 4


def confine(memory: int, seconds: int) -> None:
    """No new descriptor, no file, no process; so much address space and processor time."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def made_anew(content: bytes, pixels: int) -> tuple[dict[str, object], bytes]:
    """What is told of the picture, and its JPEG. Upright, in sRGB, on white, without any metadata."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
        if opened.width * opened.height > pixels:
            sys.exit(TOO_MANY_PIXELS)
        profile = opened.info.get("icc_profile")
        # Small before anything else: a JPEG is not even decoded larger than needed, and memory is bounded.
        small = opened.convert("RGBA") if opened.mode in ("P", "PA", "1") else opened
        small.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        upright = ImageOps.exif_transpose(small)
    flat = in_srgb(on_white(upright), profile)
    # A new picture of the bare pixels: nothing of what the file said beside them can go on.
    bare = Image.frombytes("RGB", flat.size, flat.tobytes())
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=QUALITY, optimize=True)
    grey = bare.convert("L").resize(GREY, Image.Resampling.BOX)
    told = {"width": bare.width, "height": bare.height, "grey": grey.tobytes().hex()}
    return told, written.getvalue()


def on_white(picture: Image.Image) -> Image.Image:
    """Without transparency, in RGB."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def in_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Phones write wide colours: they would look pale without the profile, and colour is argued about."""
    if not isinstance(profile, bytes) or not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return picture if turned is None else turned


def main() -> None:
    pixels, memory, seconds = (int(word) for word in sys.argv[1:4])
    Image.MAX_IMAGE_PIXELS = None  # our own cap, told apart from a broken file
    warnings.simplefilter("ignore")
    Image.preinit()  # it loads modules at the first picture, and from here on nothing can be opened
    confine(memory, seconds)
    content = sys.stdin.buffer.read()
    try:
        told, jpeg = made_anew(content, pixels)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, KeyError, IndexError, TypeError):
        sys.exit(NOT_A_PICTURE)
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + jpeg)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
