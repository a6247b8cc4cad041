"""The media lines of a leg: the same on all legs, so that a packet is forwarded without negotiating."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["audio", "video"]
KINDS: Final[tuple[Kind, Kind]] = ("audio", "video")

#: Other participants that one can hear and see: agent or buyer, supervisor, third party.
SEATS: Final = 3


def mid(seat: int, kind: Kind) -> str:
    """The name of a media line (RFC 5888), the same on all legs."""
    return str(2 * seat + KINDS.index(kind))
