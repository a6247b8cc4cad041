"""What a sender of video may use: his receivers' REMB, over a floor that believes in clean links.

A browser's REMB climbs from 300 kbit/s for half a minute although nothing is lost. So the sender is told a
floor instead, as long as the link to the receiver shows no trouble: when it loses much, or names less than
before, the floor falls at once to what it names, and climbs back slowly. Loss figures and steps are those of
Google's congestion control (draft-ietf-rmcat-gcc-02, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from media.negotiation import START_BITRATE

#: Of 1: up to here a link counts as clean, from there on as overloaded. Between them nothing changes.
CLEAN_LOSS, HEAVY_LOSS = 0.02, 0.10
#: A floor climbs by this factor a second on a clean link.
CLIMB = 1.08
#: A receiver that names less than this part of what it named before, sees its link fill up.
OVERUSE = 0.97
#: Voice and a picture now and then; below it the sender had better stop the video himself.
LOWEST_BITRATE = 60_000


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of one receiver's link. Bitrates in bit/s."""

    remb: int | None = None
    """What the receiver named last; None while it named nothing."""
    floor: float = START_BITRATE


def told(link: Link) -> int | None:
    """The bitrate to name to the sender for the sake of this link; None before the receiver spoke."""
    return None if link.remb is None else max(LOWEST_BITRATE, link.remb, int(link.floor))


def observed(link: Link, *, remb: int | None, sent: float, loss: float, seconds: float) -> Link:
    """The link after so many seconds in which it was sent `sent` bit/s and lost `loss` of 1."""
    if remb is None:
        return link
    overused = link.remb is not None and remb < OVERUSE * link.remb
    if loss > HEAVY_LOSS:
        return Link(remb, min(link.floor, remb, sent * (1 - loss / 2)))
    if overused:
        return Link(remb, min(link.floor, remb))
    if loss <= CLEAN_LOSS:
        return Link(remb, min(START_BITRATE, max(link.floor, LOWEST_BITRATE) * CLIMB**seconds))
    return replace(link, remb=remb)
