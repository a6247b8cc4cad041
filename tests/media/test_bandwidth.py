"""What a sender is told to use, for links that are clean, full, lossy and getting better."""

from __future__ import annotations

import pytest

from media.bandwidth import LOWEST_BITRATE, Link, observed, told
from media.negotiation import START_BITRATE


def after(link: Link, remb: int, loss: float = 0.0, sent: float = 1_500_000.0, times: int = 1) -> Link:
    for _ in range(times):
        link = observed(link, remb=remb, sent=sent, loss=loss, seconds=1.0)
    return link


def test_nothing_is_said_before_the_receiver_spoke() -> None:
    assert told(observed(Link(), remb=None, sent=0.0, loss=0.0, seconds=1.0)) is None


def test_a_clean_link_is_given_the_floor_and_never_less_than_it_asks_for() -> None:
    assert told(after(Link(), 300_000)) == START_BITRATE
    assert told(after(Link(), 4_000_000)) == 4_000_000


@pytest.mark.parametrize("loss", [0.11, 0.5, 1.0])
def test_heavy_loss_takes_the_floor_away_at_once(loss: float) -> None:
    assert told(after(Link(), 300_000, loss)) == 300_000


def test_a_receiver_that_names_less_than_before_is_believed() -> None:
    link = after(Link(), 800_000)
    assert told(after(link, 250_000)) == 250_000


def test_light_loss_changes_nothing() -> None:
    link = after(Link(), 300_000)
    assert after(link, 300_000, 0.05).floor == link.floor


def test_the_floor_climbs_back_slowly_once_the_link_is_clean() -> None:
    low = after(after(Link(), 800_000), 200_000)
    soon, later = after(low, 200_000, times=5), after(low, 200_000, times=40)
    assert 200_000 < (told(soon) or 0) < 320_000
    assert told(later) == START_BITRATE


def test_no_link_is_told_less_than_a_voice_and_a_picture_now_and_then() -> None:
    assert told(after(Link(), 1_000, 0.9)) == LOWEST_BITRATE
