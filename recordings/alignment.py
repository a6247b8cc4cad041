"""Where each segment's pictures and sounds belong on the recording's one time line.

Tracks were placed by when their first packet arrived, which is late by whatever the network held it up. Two
measures correct that. The quickest packet of many (`lead_ms`) shows how late the first one was; a voice,
whose packets are small and steady, shows it best. And a sender's reports tie his picture and his sound to
one clock of his own, so the one can be placed exactly by the other. Senders' clocks are never compared with
each other: sides meet on the server's clock. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recordings.manifest import Kind, Segment, TrackClock

SMOOTHED_SEGMENTS = 3
"""The least lead is looked for this many segments before and after: half a minute each, in which no clock
drifts by more than a few milliseconds and some packet always travels undisturbed."""

DISTRUSTED_MS = 1_000.0
"""Reports that would move the picture further than this against its own arrival are not believed."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What is to be added to the times of a segment's frames, on top of its `begin_ms`."""

    video_ms: float
    audio_ms: float


def placements(segments: Sequence[Segment]) -> tuple[Placement, ...]:
    """One for each segment of one participant, given in order."""
    video, audio = _filled(segments, "video"), _filled(segments, "audio")
    placed = []
    for seen, heard in zip(video, audio, strict=True):
        audio_ms = heard.lead_ms if heard else seen.lead_ms if seen else 0.0
        video_ms = seen.lead_ms if seen else audio_ms
        if seen and heard and seen.ntp_offset_ms is not None and heard.ntp_offset_ms is not None:
            by_report_ms = audio_ms + seen.ntp_offset_ms - heard.ntp_offset_ms
            if abs(by_report_ms - video_ms) <= DISTRUSTED_MS:
                video_ms = by_report_ms
        placed.append(Placement(video_ms, audio_ms))
    return tuple(placed)


def _filled(segments: Sequence[Segment], kind: Kind) -> list[TrackClock | None]:
    """The clock of each segment, with smoothed leads; what a segment does not tell comes from the nearest
    one of the same stream."""
    clocks: list[TrackClock | None] = []
    for stream in _streams(segments, kind):
        told = [one.written.video if kind == "video" else one.written.audio for one in stream]
        for place in range(len(stream)):
            near = told[max(0, place - SMOOTHED_SEGMENTS) : place + SMOOTHED_SEGMENTS + 1]
            leads = [clock.lead_ms for clock in near if clock]
            by_distance = sorted(range(len(told)), key=lambda other: (abs(other - place), other))
            offsets = (clock.ntp_offset_ms for other in by_distance if (clock := told[other]))
            offset = next((offset for offset in offsets if offset is not None), None)
            known = leads or [clock.lead_ms for other in by_distance if (clock := told[other])][:1]
            clocks.append(TrackClock(min(known), offset) if known else None)
    return clocks


def _streams(segments: Sequence[Segment], kind: Kind) -> list[list[Segment]]:
    """The segments in runs between two restarts of the track: within one all times are of one clock."""
    streams: list[list[Segment]] = []
    for segment in segments:
        restarted = any(gap.kind == kind and gap.reason == "restarted" for gap in segment.written.gaps)
        if not streams or restarted:
            streams.append([])
        streams[-1].append(segment)
    return streams
