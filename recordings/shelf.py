"""Where finished recordings are kept: what they ask of a folder or a bucket. The roof gives the real one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class Measured(NamedTuple):
    """What lies at the destination, by reading it there."""

    bytes: int
    sha256: str


class ShelfUnavailable(Exception):
    """The shelf cannot be reached or refuses now; the same call may succeed later."""


class Shelf(Protocol):
    """Whole files by name. Both methods may raise `ShelfUnavailable`, and may be repeated."""

    async def keep(self, name: str, source: Path, sha256: str) -> None:
        """Keep a copy of `source` durably, in place of what may lie under `name`."""

    async def measure(self, name: str) -> Measured | None:
        """Size and hash of what lies under `name` now, not of what was sent there; None when nothing does."""
