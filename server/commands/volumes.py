"""What this machine shows of the encryption under a folder. It sees device-mapper's dm-crypt, and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_DEPTH = 16
"""Devices on devices: LVM on RAID on LUKS is three. An end to a tree that leads back to itself."""


def under(folder: Path, sys: Path = Path("/sys")) -> str:
    """One sentence about the device that holds `folder`; one that cannot be looked at is called so."""
    device = os.stat(folder).st_dev
    # The kernel's links name a device by its numbers; file systems without one of their own have major 0.
    node = (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve()
    if not node.is_dir():
        return "on a file system whose devices cannot be seen from here: see that it is encrypted"
    below = list(_ways_down(node, _DEPTH))
    if all(any(_is_crypt(each) for each in way) for way in below):
        return f"on {node.name}, encrypted by dm-crypt"
    if any(_is_crypt(each) for way in below for each in way):
        return f"on {node.name}, of which only a part is encrypted by dm-crypt"
    return f"on {node.name}, without dm-crypt: see that the disk or whoever lends it encrypts"


def _ways_down(node: Path, depth: int) -> Iterator[tuple[Path, ...]]:
    """Every way from a device to what it lies on at last."""
    whole = node.parent if (node / "partition").exists() else node
    slaves = whole / "slaves"
    lower = sorted(slaves.iterdir()) if depth > 0 and slaves.is_dir() else []
    if not lower:
        yield (whole,)
    for each in lower:
        for way in _ways_down(each.resolve(), depth - 1):
            yield (whole, *way)


def _is_crypt(node: Path) -> bool:
    """Whether it is a device of dm-crypt; cryptsetup writes so into its uuid, whatever the format."""
    try:
        return (node / "dm" / "uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False
