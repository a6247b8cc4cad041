"""A call being recorded: consent, pauses, and every way in which it ends."""

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from recordings import integrity, journal, recorder, writer
from recordings.manifest import SIDES_MAX, Manifest
from recordings.recorder import RecordingRefused
from tests.recordings.calls import NTP_ZERO_S, Desk, at, call, consent, play
from tests.recordings.test_webm import decoded


def whole(desk: Desk) -> Manifest:
    """The manifest of a recording that has ended, each of whose segments decodes completely."""
    assert desk.recorder.close(10)
    manifest = journal.read(desk.folder)
    assert integrity.damages(desk.folder, manifest) == ()
    for segment in manifest.segments:
        written = segment.written
        expected = {"video": written.frames, "audio": written.sounds}
        counts = decoded((desk.folder / written.file).read_bytes())
        assert counts == {kind: count for kind, count in expected.items() if count}
    files = {path.name for path in desk.folder.glob("*.webm")}
    assert files == {segment.written.file for segment in manifest.segments}
    return manifest


def test_a_call_is_kept_whole_from_both_sides(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer", "agent")
    play(recording, call(12))
    recording.stop("call_ended", at(12_050))
    manifest = whole(desk)
    assert desk.ends == ["call_ended"]
    assert manifest.ended is not None
    assert (manifest.ended.at_ms, manifest.ended.code) == (12_050, "call_ended")
    assert [one.consent.participant for one in manifest.consents] == ["buyer", "agent"]
    for participant in ("buyer", "agent"):
        written = [segment.written for segment in manifest.of(participant)]
        assert sum(one.frames for one in written) == 300
        assert sum(one.sounds for one in written) == 600
        assert len(written) == 2
        assert all(one.key and not one.gaps for one in written)
    assert desk.keys == [], "it began with one"


def test_in_the_middle_of_a_call_a_key_frame_is_asked_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer", "agent")
    play(recording, [one for one in call(5) if one.at_ms >= 1000])
    recording.stop("call_ended", at(5_050))
    assert sorted(desk.keys) == ["agent", "buyer"]
    manifest = whole(desk)
    assert all(segment.written.key for segment in manifest.segments if segment.written.frames)


def test_a_lossy_line_keeps_ninety_seven_of_a_hundred_frames(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    play(recording, call(10, "buyer", loss=0.03))
    recording.stop("call_ended", at(10_500))
    assert sum(segment.written.frames for segment in whole(desk).segments) >= 0.97 * 250


def test_sender_reports_are_kept_with_the_segments(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    tapped = call(2, "buyer")
    play(recording, tapped[: len(tapped) // 2])
    recording.tap_report("buyer", "audio", NTP_ZERO_S << 32, 0xFFFF_F000)
    recording.tap_report("stranger", "audio", 1, 1)
    play(recording, tapped[len(tapped) // 2 :])
    recording.stop("call_ended", at(2100))
    clock = whole(desk).segments[-1].written.audio
    assert clock is not None
    assert clock.ntp_offset_ms == NTP_ZERO_S * 1000 - 20, "the first sound arrived 20 ms after the beginning"


# Consent.


def test_without_a_consent_nothing_is_begun_and_nothing_is_on_disk(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(RecordingRefused, match="agreed") as refused:
        desk.start()
    assert refused.value.code == "consent_missing"
    assert desk.recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_who_has_not_agreed_is_not_written_until_he_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    play(recording, call(2))
    recording.agree(consent("agent"), at(2000))
    play(recording, [one for one in call(4) if one.at_ms >= 2100])
    recording.stop("call_ended", at(4100))
    manifest = whole(desk)
    assert manifest.of("agent")[0].written.begin_ms >= 2000
    assert [(one.consent.participant, one.at_ms) for one in manifest.consents] == [
        ("buyer", 0),
        ("agent", 2000),
    ]


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.glob("*.webm")}


def settled(desk: Desk) -> None:
    """Until the thread has done what was handed to it."""
    done = threading.Event()
    desk.recorder._writer._queue.put(done.set)
    assert done.wait(10)


def test_a_withdrawn_consent_stops_the_writing_at_once_for_both_sides(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer", "agent")
    tapped = call(9)
    play(recording, [one for one in tapped if one.at_ms < 3000])
    recording.withdraw("buyer", at(3000))
    settled(desk)
    before = sizes(desk.folder)
    play(recording, [one for one in tapped if 3000 <= one.at_ms < 6000])
    settled(desk)
    assert sizes(desk.folder) == before
    recording.agree(consent("buyer"), at(6000))
    play(recording, [one for one in tapped if one.at_ms >= 6000])
    recording.stop("call_ended", at(9100))
    manifest = whole(desk)
    (pause,) = manifest.pauses
    assert (pause.from_ms, pause.to_ms, pause.participant) == (3000, 6000, "buyer")
    assert pause.reason == "consent_withdrawn"
    for segment in manifest.segments:
        written = segment.written
        assert written.end_ms < 3000 or written.begin_ms >= 6000, "nothing of the span between"


def test_a_pause_keeps_its_reason_names_nobody_and_ends_only_when_nobody_has_withdrawn(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer", "agent")
    recording.pause("not_all_here", at(1000))
    recording.pause("unasked", at(1100))
    recording.withdraw("buyer", at(2000))
    recording.withdraw("buyer", at(2100))
    recording.resume(at(3000))
    recording.agree(consent("buyer"), at(4000))
    recording.stop("stopped", at(5000))
    pauses = [(one.from_ms, one.to_ms, one.reason, one.participant) for one in whole(desk).pauses]
    assert pauses == [(1000, 2000, "not_all_here", None), (2000, 4000, "consent_withdrawn", "buyer")]


def test_participants_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start(*(f"p{number}" for number in range(SIDES_MAX)))
    recording.agree(consent("p0"), at(1))
    with pytest.raises(RecordingRefused) as refused:
        recording.agree(consent("one-more"), at(2))
    assert refused.value.code == "too_many"
    recording.stop("stopped", at(3))
    whole(desk)


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 65, "买家"])
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(ValueError, match="named in letters"):
        desk.start("buyer", recording_id=name)
    with pytest.raises(ValueError, match="named in letters"):
        desk.start(name)
    desk.recorder.close()


# The disk.


def test_below_the_floor_of_free_space_nothing_begins(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    desk = Desk(tmp_path, floor_bytes=2 * free)
    with pytest.raises(RecordingRefused) as refused:
        desk.start("buyer")
    assert refused.value.code == "disk_low"
    assert list(tmp_path.iterdir()) == []
    desk.recorder.close()


def ends_with(desk: Desk, code: str, seconds: float = 12) -> Manifest:
    """A call is tapped to its end, whatever happens to its recording; the case hears of it in time."""
    recording = desk.start("buyer", "agent")
    tapped = call(seconds)
    ended_ms = None
    for one in tapped:
        play(recording, [one])
        settled(desk)
        recording.tick(at(one.at_ms))
        if ended_ms is None and desk.ends:
            ended_ms = one.at_ms
    assert desk.ends == [code]
    assert ended_ms is not None
    assert ended_ms < seconds * 1000 - 100, "while the call went on"
    return whole(desk)


def test_a_full_disk_ends_the_recording_and_not_the_call_and_what_was_written_plays(small_disk: Path) -> None:
    manifest = ends_with(Desk(small_disk), "disk_full")
    assert manifest.ended is not None
    assert manifest.ended.code == "disk_full", "the reason found its place in the journal"
    assert sum(segment.written.frames for segment in manifest.segments) > 100
    last_ms = max(segment.written.end_ms for segment in manifest.segments)
    assert manifest.ended.at_ms - last_ms <= 1000


def test_a_disk_that_is_full_at_once_ends_the_recording_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        return opened("/dev/full", os.O_RDWR) if str(path).endswith(".webm") else opened(path, flags, mode)

    monkeypatch.setattr(os, "open", full)
    monkeypatch.setattr(os, "ftruncate", lambda handle, size: None)  # a device has no size to cut
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(os, "unlink", lambda path: None)
    desk = Desk(tmp_path)
    manifest = ends_with(desk, "disk_full", seconds=2)
    assert manifest.segments == ()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EIO, "disk_error"),
        (errno.EROFS, "disk_error"),
        (errno.EDQUOT, "disk_full"),
        (errno.EMFILE, "files_exhausted"),
    ],
)
def test_an_error_in_the_middle_ends_the_recording_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    write, pieces = os.write, 0

    def failing(handle: int, data: bytes) -> int:
        nonlocal pieces
        if bytes(data[:1]) == b"{":
            return write(handle, data)
        pieces += 1
        if pieces == 12:
            # A part of it arrives, as on a real disk.
            write(handle, bytes(data[: len(data) // 2]))
            raise OSError(number, "made up")
        return write(handle, data)

    monkeypatch.setattr(os, "write", failing)
    manifest = ends_with(Desk(tmp_path), code, seconds=4)
    assert sum(segment.written.sounds for segment in manifest.segments) >= 11 * 20


@pytest.mark.parametrize("from_the_beginning", [False, True])
def test_a_disk_that_is_too_slow_ends_the_recording_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_the_beginning: bool
) -> None:
    monkeypatch.setattr(writer, "LANE_BYTES_MAX", 200_000)
    desk = Desk(tmp_path)
    stalled = threading.Event()

    def stall() -> None:
        stalled.wait()

    if from_the_beginning:
        desk.recorder._writer._queue.put(stall)
    recording = desk.start("buyer", "agent")
    if not from_the_beginning:
        settled(desk)
        desk.recorder._writer._queue.put(stall)
    play(recording, call(6))
    assert desk.ends == ["disk_slow"]
    stalled.set()
    manifest = whole(desk)
    assert manifest.ended is not None
    assert manifest.ended.code == "disk_slow"
    assert {one.consent.participant for one in manifest.consents} == {"buyer", "agent"}
    assert 100_000 < sum(segment.bytes for segment in manifest.segments) <= 200_000 + 1000


def test_one_recording_that_fails_is_no_matter_to_the_next(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "rec-0").mkdir()
    failing = desk.start("buyer", recording_id="rec-0")
    recording = desk.start("buyer")
    for one in call(2, "buyer"):
        play(failing, [one])
        play(recording, [one])
    settled(desk)
    failing.tick(at(2100))
    recording.stop("call_ended", at(2100))
    assert desk.ends == ["disk_error", "call_ended"], "its folder was there already"
    assert len(whole(desk).segments) == 1
    assert list((tmp_path / "rec-0").iterdir()) == []


@pytest.mark.parametrize("unforeseen", [RuntimeError("unforeseen"), OSError(errno.EIO, "made up")])
@pytest.mark.parametrize("broken", ["write", "close"])
def test_whatever_goes_wrong_in_one_recording_the_thread_writes_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unforeseen: Exception, broken: str
) -> None:
    real = getattr(os, broken)
    desk = Desk(tmp_path)
    failing = desk.start("buyer", recording_id="rec-0")
    recording = desk.start("buyer")
    tapped = call(2, "buyer")
    play(failing, [one for one in tapped if one.at_ms < 1000])
    settled(desk)
    handles = {file.handle for file in failing._lane._files.values()}
    assert handles

    def breaks(handle: int, *arguments: object) -> object:
        if handle in handles:
            raise unforeseen
        return real(handle, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, breaks)
        play(failing, [one for one in tapped if one.at_ms >= 1000])
        play(recording, tapped)
        settled(desk)
        failing.tick(at(2100))
        # What was not closed for it is closed at the end of a recording, or cannot be.
        failing.stop("call_ended", at(2200))
        settled(desk)
    assert desk.ends == ["disk_error" if broken == "write" else "call_ended"]
    recording.stop("call_ended", at(2200))
    assert sum(segment.written.frames for segment in whole(desk).segments) == 50


def test_a_forgotten_call_is_not_recorded_for_ever(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    recording.tick(at(recorder.RECORDING_MS_MAX - 1))
    assert desk.ends == []
    recording.tick(at(recorder.RECORDING_MS_MAX))
    assert desk.ends == ["too_long"]
    whole(desk)


def test_the_end_comes_once_and_nothing_after_it_counts(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    recording.stop("stopped", at(100))
    recording.stop("call_ended", at(200))
    recording.withdraw("buyer", at(300))
    recording.pause("unasked", at(300))
    recording.agree(consent("agent"), at(300))
    recording.tick(at(400))
    play(recording, call(1))
    manifest = whole(desk)
    assert manifest.ended is not None
    assert manifest.ended.code == "stopped"
    assert manifest.segments == ()
    assert desk.ends == ["stopped"]
    assert desk.recorder.close(), "twice is harmless"
