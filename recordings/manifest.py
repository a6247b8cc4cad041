"""What a recording is, in plain data: who agreed, what was written, what is missing and why, how it ended.

A recording is a folder with a journal, one JSON record a line, and its segments. The records below are all
that a journal holds; `Manifest` is what they add up to. Times named `*_ms` are milliseconds from the
recording's beginning on the clock that only goes forward; `utc_ms` are epoch milliseconds. The beginning
carries both, so each can be turned into the other.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from types import NoneType
from typing import Any, Literal

Kind = Literal["video", "audio"]
GapReason = Literal["lost", "restarted"]
"""`lost`: packets that never came; `restarted`: the sender came back with another stream or clock."""

SIDES_MAX = 8
"""All who are ever written in one recording: twice those who can be in a call at once, and as many pictures
as one MP4 has beside each other. A call in which more come, each after another, goes on in another one."""

PauseReason = Literal["consent_withdrawn", "unasked", "refused", "not_all_here"]
"""`consent_withdrawn`: somebody took it back. `unasked`, `refused`: somebody is heard who has not answered,
or has not agreed. `not_all_here`: all agreed, and buyer or agent is away."""

EndCode = Literal[
    "call_ended", "stopped", "consent_withdrawn", "disk_full", "disk_error", "files_exhausted", "disk_slow",
    "too_long", "killed",
]  # fmt: skip

SENTENCES: Mapping[EndCode, tuple[str, str]] = {
    "call_ended": ("通话结束，录制完成。", "The call ended and the recording with it."),
    "stopped": ("录制已停止。", "The recording was stopped."),
    "consent_withdrawn": ("对方撤回同意，录制已停止。", "Consent was withdrawn and the recording ended."),
    "disk_full": ("录制已停止：磁盘已满。", "Recording stopped: the disk is full."),
    "disk_error": ("录制已停止：磁盘读写出错。", "Recording stopped: the disk reported an error."),
    "files_exhausted": ("录制已停止：打开的文件过多。", "Recording stopped: too many files are open."),
    "disk_slow": ("录制已停止：磁盘写入太慢。", "Recording stopped: the disk is too slow."),
    "too_long": ("录制已停止：达到时长上限。", "Recording stopped: it reached the longest time allowed."),
    "killed": ("录制中断，已保存中断前的内容。", "The recording broke off; what was there before is kept."),
}
"""Chinese and English, for the line on the case."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks."""

    monotonic_ns: int
    utc_ms: int


@dataclass(frozen=True, slots=True)
class Consent:
    """A participant's yes to being recorded: which text he was shown, in which language, when he said it.

    `actor` is the person who answered, `participant` the seat in the call that is recorded from then on.
    """

    participant: str
    actor: str
    text_version: str
    locale: str
    utc_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Where something is missing within a segment; `frames` at least."""

    kind: Kind
    from_ms: int
    to_ms: int
    reason: GapReason
    frames: int


@dataclass(frozen=True, slots=True)
class TrackClock:
    """How one track's times relate to the clocks outside, for aligning tracks and sides.

    `lead_ms`: the least (arrival − time) of its frames: what must be added to bring the track as early as
    its quickest packet was. `ntp_offset_ms`: (the sender's own clock − time) by its last sender report; None
    when none came.
    """

    lead_ms: float
    ntp_offset_ms: float | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a segment holds, known when it closes.

    `key`: its pictures begin with a key frame, so it plays alone. `begin_ms` is zero of the file's own times.
    """

    participant: str
    number: int
    file: str
    begin_ms: int
    end_ms: int
    frames: int
    sounds: int
    key: bool
    gaps: tuple[Gap, ...] = ()
    video: TrackClock | None = None
    audio: TrackClock | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The first record. Its zero is `monotonic_ns`, which means something only within boot `boot_id`."""

    recording_id: str
    call_id: str
    boot_id: str
    monotonic_ns: int
    utc_ms: int


@dataclass(frozen=True, slots=True)
class Consented:
    """Somebody agreed; his packets are written from `at_ms` on."""

    at_ms: int
    consent: Consent


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing is written from `at_ms` on. `participant` is who withdrew; the other reasons name nobody."""

    at_ms: int
    participant: str | None
    reason: PauseReason


@dataclass(frozen=True, slots=True)
class Resumed:
    at_ms: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed file: synced, and with the hash of its bytes."""

    written: Written
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Ended:
    at_ms: int
    code: EndCode


@dataclass(frozen=True, slots=True)
class Damage:
    """A segment that is not what its record says, and so is left out of what is made of the recording."""

    file: str
    reason: Literal["missing", "size", "hash"]


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made of the segments, in the recording's folder."""

    file: str
    media_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Side:
    """One participant's whole file, decoded from beginning to end. `errors` are the times in ms at which
    the decoder complained."""

    participant: str
    frames: int
    sounds: int
    duration_ms: int
    errors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assembled:
    """All that the case needs was made of the segments but the damaged ones, and checked."""

    sides: tuple[Side, ...]
    made: tuple[Made, ...]
    damaged: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A made file lies on the shelf under `name`; size and hash were read back there."""

    name: str
    file: str
    media_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The sources are gone from the folder; everything that was made is on the shelf."""

    segments: int


Record = (
    Begun | Consented | Paused | Resumed | Segment | Ended | Assembled | Kept | Removed
)  # fmt: skip
RECORDS: Mapping[str, type[Any]] = {
    record.__name__.lower(): record
    for record in (Begun, Consented, Paused, Resumed, Segment, Ended, Assembled, Kept, Removed)
}


class Damaged(ValueError):
    """A journal holds something that this module did not write. The message names the line."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A span in which nothing was written; `to_ms` is None while it lasts."""

    from_ms: int
    to_ms: int | None
    participant: str | None
    reason: PauseReason


@dataclass(frozen=True, slots=True)
class Manifest:
    """A recording as its journal tells it."""

    begun: Begun
    consents: tuple[Consented, ...] = ()
    pauses: tuple[Pause, ...] = ()
    segments: tuple[Segment, ...] = ()
    ended: Ended | None = None
    assembled: Assembled | None = None
    kept: tuple[Kept, ...] = ()
    removed: Removed | None = None

    def participants(self) -> tuple[str, ...]:
        """Who was recorded, in the order of their first segment."""
        return tuple(dict.fromkeys(segment.written.participant for segment in self.segments))

    def of(self, participant: str) -> tuple[Segment, ...]:
        """One side's segments in order."""
        mine = (segment for segment in self.segments if segment.written.participant == participant)
        return tuple(sorted(mine, key=lambda segment: segment.written.number))

    def utc_ms(self, at_ms: int) -> int:
        """The wall clock at a moment of the recording, by the clock at its beginning."""
        return self.begun.utc_ms + at_ms


def encode(record: Record) -> bytes:
    """One line, with its end."""
    tagged = {"record": type(record).__name__.lower(), **asdict(record)}
    return json.dumps(tagged, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Record:
    """The record of one line. Raises `Damaged`."""
    try:
        found = json.loads(line)
        name = found.pop("record")
        record: Record = build(RECORDS[name], found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"not a record: {error}") from error
    return record


def add_up(records: Iterable[Record]) -> Manifest:
    """The manifest of a journal's records in their order. Raises `Damaged` when they do not begin one."""
    manifest: Manifest | None = None
    for number, record in enumerate(records, 1):
        if manifest is None:
            if not isinstance(record, Begun):
                raise Damaged(f"line {number}: a journal begins with its beginning")
            manifest = Manifest(record)
        else:
            manifest = _add(manifest, record, number)
    if manifest is None:
        raise Damaged("the journal is empty")
    return manifest


def _add(manifest: Manifest, record: Record, number: int) -> Manifest:
    match record:
        case Consented():
            return replace(manifest, consents=(*manifest.consents, record))
        case Paused():
            pause = Pause(record.at_ms, None, record.participant, record.reason)
            return replace(manifest, pauses=(*_over(manifest.pauses, record.at_ms), pause))
        case Resumed():
            return replace(manifest, pauses=_over(manifest.pauses, record.at_ms))
        case Segment():
            return replace(manifest, segments=(*manifest.segments, record))
        case Ended():
            return replace(manifest, ended=record)
        case Assembled():
            return replace(manifest, assembled=record, kept=())  # what was kept before is another file
        case Kept():
            return replace(manifest, kept=(*manifest.kept, record))
        case Removed():
            return replace(manifest, removed=record)
        case _:
            raise Damaged(f"line {number}: {type(record).__name__.lower()} is out of place")


def _over(pauses: tuple[Pause, ...], at_ms: int) -> tuple[Pause, ...]:
    """The pauses with the last one ended, if it still lasts."""
    if not pauses or pauses[-1].to_ms is not None:
        return pauses
    return (*pauses[:-1], replace(pauses[-1], to_ms=at_ms))


def build(expected: Any, value: Any) -> Any:
    """`value` as JSON gave it, as the type that a field declares; TypeError when it is another."""
    if is_dataclass(expected) and isinstance(value, dict):
        hints = typing.get_type_hints(expected)
        if unknown := value.keys() - hints.keys():
            raise TypeError(f"unknown fields {sorted(unknown)}")
        built: Any = expected
        return built(**{name: build(hints[name], part) for name, part in value.items()})
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is tuple and isinstance(value, list):
        return tuple(build(arguments[0], part) for part in value)
    if origin is Literal and value in arguments:
        return value
    if NoneType in arguments:
        return None if value is None else build(arguments[0], value)
    if expected is float and type(value) in (int, float):
        return float(value)
    if type(value) is expected:
        return value
    raise TypeError(f"{value!r} is no {expected}")
