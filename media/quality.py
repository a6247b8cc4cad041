"""How a participant's media fared in the last second: plain figures, from differences of counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from media.leg import Leg
from media.reception import Reception


@dataclass(frozen=True, slots=True)
class Incoming:
    """One stream as it came from the participant. Bitrate in bit/s, loss of 1 and before repair."""

    bitrate: int
    loss: float
    jitter_ms: float
    frames: float
    """Pictures a second; of a voice, nothing."""
    freezes: int
    """Pauses of the picture in W3C's sense."""
    frozen_ms: int


@dataclass(frozen=True, slots=True)
class _Counts:
    packets: int
    octets: int
    lost: int
    pictures: int
    freezes: int
    frozen_s: float


def _counts(reception: Reception) -> _Counts:
    return _Counts(
        reception.packets,
        reception.octets,
        # What was repaired had been lost on the way.
        reception.lost + reception.repaired,
        reception.pictures,
        reception.freezes,
        reception.frozen_s,
    )


class Quality:
    """Measures one leg; `taken` once a second."""

    def __init__(self) -> None:
        self._before: dict[int, _Counts] = {}

    def taken(self, leg: Leg, seconds: float) -> dict[str, Any]:
        """The figures since the last time: `audio`, `video` where there were any, and the `link` to him."""
        figures: dict[str, Any] = {}
        for kind, stream in leg.streams.items():
            if stream.ssrc is not None:
                figures[kind] = asdict(self._incoming(stream.ssrc, stream.reception, seconds))
        figures["link"] = {
            "bitrate": round(leg.sent_bitrate),
            "loss": round(leg.loss, 4),
            "rtt_ms": round(1000 * leg.rtt_s, 1) if leg.rtt_s is not None else None,
            "allowed": leg.link.remb,
        }
        return figures

    def _incoming(self, ssrc: int, reception: Reception, seconds: float) -> Incoming:
        now = _counts(reception)
        before = self._before.get(ssrc, _Counts(0, 0, 0, 0, 0, 0.0))
        self._before[ssrc] = now
        lost, came = now.lost - before.lost, now.packets - before.packets
        return Incoming(
            bitrate=round(8 * (now.octets - before.octets) / seconds),
            loss=round(max(0, lost) / max(1, came + max(0, lost)), 4),
            jitter_ms=round(1000 * reception.jitter / reception.rate, 2),
            frames=round((now.pictures - before.pictures) / seconds, 1),
            freezes=now.freezes - before.freezes,
            frozen_ms=round(1000 * (now.frozen_s - before.frozen_s)),
        )
