"""One participant's frames into files of at most ten seconds, each of which begins with a key frame if the
sender lets it.

Pure: what is to be written goes to a `Lane`, piece by piece, and each piece is a whole cluster. A file tells
which tracks it has in its first bytes; these wait for the first cluster, and a track that begins later, or
begins anew with another clock, begins another file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from recordings import webm
from recordings.manifest import Gap, Kind, Written
from recordings.tracks import MediaClock, Sample
from recordings.webm import Block

CUT_FROM_MS = 7_000
"""From this age on a key frame that comes by itself begins the next file."""
ASK_KEY_MS = 8_500
"""At this age one is asked for: a second and a half for the wish to arrive and the frame to come."""
CUT_AT_MS = 9_860
"""At this age the next frame begins a file whatever it is. The last one may sound 120 ms: no file is longer
than ten seconds, and no kill and no damaged file costs more."""

CLUSTER_MS = 400
CLUSTER_BYTES = 512 * 1024
"""A cluster is written when it spans or weighs this much. What is in memory is what a kill loses."""

SEGMENT_BYTES_MAX = 32 * 1024 * 1024
"""Ten seconds of 25 Mbit/s; a sender who sends more gets shorter files."""
SEGMENTS_MAX = 4_096
"""Files of one side: four hours of ten seconds, and room for cuts. Afterwards the recording ends."""
GAPS_MAX = 32
"""Gaps that a file tells apart; further ones are joined to the last."""
OTHER_TRACK_MS = 1_000
"""How far behind the other track may be when a file begins, so that its next frame still fits in."""

# As in `rtp`: a tuple of names without a call in Python.
_made = tuple.__new__

TRACKS: dict[Kind, int] = {"video": webm.VIDEO, "audio": webm.AUDIO}


class Lane(Protocol):
    """Where one recording's bytes go. Neither call waits or raises."""

    def append(self, file: str, piece: bytes) -> None:
        """Whole clusters for the end of `file`, which is made by its first piece."""

    def close_segment(self, written: Written) -> None:
        """Nothing more comes for `written.file`."""


@dataclass(slots=True)
class _Open:
    number: int
    file: str
    begin_ms: int
    picture: tuple[int, int] | None
    sound: bool
    headed: bool = False
    blocks: list[Block] = field(default_factory=list)
    blocks_bytes: int = 0
    bytes: int = 0
    end_ms: int = 0
    counts: dict[Kind, int] = field(default_factory=lambda: {"video": 0, "audio": 0})
    last_ms: dict[Kind, int] = field(default_factory=lambda: {"video": -1, "audio": -1})
    clocks: dict[Kind, MediaClock] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    key: bool = False
    asked: bool = False

    def holds(self, kind: Kind) -> bool:
        """Whether the file, by its first bytes, may have frames of this kind."""
        return self.picture is not None if kind == "video" else self.sound


class Segmenter:
    """Cuts one participant's frames. `ask_key` is called when a key frame is wanted for a cut; `utc_ms` is
    the wall clock at the recording's beginning."""

    def __init__(self, participant: str, utc_ms: int, lane: Lane, ask_key: Callable[[], None]) -> None:
        self._participant = participant
        self._utc_ms = utc_ms
        self._lane = lane
        self._ask_key = ask_key
        self._open: _Open | None = None
        self._number = 0
        self._last_ms: dict[Kind, int] = {}
        self._last_clock: dict[Kind, MediaClock] = {}
        self._size: tuple[int, int] | None = None
        self._alive: dict[Kind, bool] = {"video": False, "audio": False}

    @property
    def full(self) -> bool:
        """Whether no further file may be begun."""
        return self._number >= SEGMENTS_MAX

    def add(self, sample: Sample) -> None:
        """Take the next frame of a track; frames of both tracks come in any order between them."""
        kind, at_ms, data, key, size, lost, _, clock = sample
        segment = self._open
        if (
            segment is not None
            and segment.clocks.get(kind) is clock
            and not lost
            and size is None
            and at_ms - segment.begin_ms < CUT_FROM_MS
            and segment.bytes + segment.blocks_bytes < SEGMENT_BYTES_MAX
        ):
            # Nothing about it is new to the file: nearly every frame.
            segment.counts[kind] += 1
            self._last_ms[kind] = at_ms
        else:
            segment = self._noted(sample)
            if segment is None:
                return
        if at_ms > segment.end_ms:
            segment.end_ms = at_ms
        # A track that was far behind when the file began catches up within it.
        at_ms = max(at_ms - segment.begin_ms, segment.last_ms[kind] + 1)
        segment.last_ms[kind] = at_ms
        segment.blocks.append(_made(Block, (TRACKS[kind], at_ms, data, key)))
        segment.blocks_bytes += len(data)
        if at_ms - segment.blocks[0].at_ms >= CLUSTER_MS or segment.blocks_bytes >= CLUSTER_BYTES:
            self._flush(segment)
        if at_ms >= ASK_KEY_MS and not segment.asked and segment.counts["video"]:
            segment.asked = True
            self._ask_key()

    def _noted(self, sample: Sample) -> _Open | None:
        """The file that this frame belongs to, which knows of it now; None when no file may be begun."""
        segment = self._open
        if segment is not None and self._ends(segment, sample):
            self.close()
            segment = None
        if segment is None:
            if self.full:
                return None
            segment = self._begin(sample)
        self._note(segment, sample)
        return segment

    def tick(self, now_ms: float) -> None:
        """Hand over what has waited as long as a cluster is: perhaps nothing comes after it."""
        segment = self._open
        if segment and segment.blocks and now_ms - segment.begin_ms - segment.blocks[0].at_ms >= CLUSTER_MS:
            self._flush(segment)

    def close(self) -> None:
        """End the open file, if there is one. The next frame begins another."""
        segment, self._open = self._open, None
        if segment is None:
            return
        self._flush(segment)
        # The next file is headed as if the tracks that were alive in this one go on.
        self._alive = {kind: count > 0 for kind, count in segment.counts.items()}
        clocks = {kind: clock.measured() for kind, clock in segment.clocks.items()}
        self._lane.close_segment(
            Written(
                participant=self._participant,
                number=segment.number,
                file=segment.file,
                begin_ms=segment.begin_ms,
                end_ms=segment.end_ms,
                frames=segment.counts["video"],
                sounds=segment.counts["audio"],
                key=segment.key,
                gaps=tuple(segment.gaps),
                video=clocks.get("video"),
                audio=clocks.get("audio"),
            )
        )

    def _ends(self, segment: _Open, sample: Sample) -> bool:
        kind, age_ms = sample.kind, sample.at_ms - segment.begin_ms
        if segment.headed and not segment.holds(kind):
            return True
        if segment.clocks.get(kind, sample.clock) is not sample.clock:
            return True
        if age_ms >= CUT_AT_MS or segment.bytes + segment.blocks_bytes >= SEGMENT_BYTES_MAX:
            return True
        return kind == "video" and sample.key and age_ms >= CUT_FROM_MS

    def _begin(self, sample: Sample) -> _Open:
        begin_ms = sample.at_ms
        other = self._last_ms.get("audio" if sample.kind == "video" else "video")
        if other is not None and begin_ms - OTHER_TRACK_MS < other + 1 < begin_ms:
            begin_ms = other + 1
        self._number += 1
        file = f"{self._participant}-{self._number:04}.webm"
        picture = self._size if self._alive["video"] else None
        self._open = _Open(self._number, file, begin_ms, picture, self._alive["audio"], end_ms=begin_ms)
        return self._open

    def _note(self, segment: _Open, sample: Sample) -> None:
        kind, last_ms = sample.kind, self._last_ms.get(sample.kind)
        if kind == "audio":
            segment.sound = True
        else:
            self._size = sample.size or self._size
            if not segment.headed:
                segment.picture = self._size
            if not segment.counts[kind]:
                segment.key = sample.key
        if last_ms is not None:
            if self._last_clock[kind] is not sample.clock:
                self._gap(segment, Gap(kind, last_ms, sample.at_ms, "restarted", sample.dropped))
            elif sample.lost:
                self._gap(segment, Gap(kind, last_ms, sample.at_ms, "lost", sample.dropped))
        segment.clocks[kind] = self._last_clock[kind] = sample.clock
        segment.counts[kind] += 1
        self._last_ms[kind] = sample.at_ms

    def _gap(self, segment: _Open, gap: Gap) -> None:
        if len(segment.gaps) < GAPS_MAX:
            segment.gaps.append(gap)
            return
        last = segment.gaps[-1]
        segment.gaps[-1] = replace(last, to_ms=max(last.to_ms, gap.to_ms), frames=last.frames + gap.frames)

    def _flush(self, segment: _Open) -> None:
        if not segment.blocks:
            return
        piece = webm.cluster(segment.blocks)
        if not segment.headed:
            piece = webm.head(segment.picture, segment.sound, self._utc_ms + segment.begin_ms) + piece
            segment.headed = True
        segment.blocks, segment.blocks_bytes = [], 0
        segment.bytes += len(piece)
        self._lane.append(segment.file, piece)
