"""Recordings whose process was killed: brought to an end, and hardly anything lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recordings import integrity, journal, orphans
from recordings.journal import Busy
from recordings.manifest import Damaged, Manifest
from tests.recordings.calls import Desk, at, call, disturbed, play
from tests.recordings.test_webm import decoded
from tests.rounds import rounds
from tools.programs import ROOT


@contextmanager
def recording_child(root: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.recordings.recording_child", str(root), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        try:
            yield child
        finally:
            child.kill()


def plays(folder: Path, manifest: Manifest) -> None:
    assert integrity.damages(folder, manifest) == ()
    for segment in manifest.segments:
        counts = decoded((folder / segment.written.file).read_bytes())
        assert counts.get("video", 0) == segment.written.frames
        assert counts.get("audio", 0) == segment.written.sounds


@pytest.mark.parametrize("seed", range(rounds(reduced=3, full=30)))
def test_a_killed_process_loses_a_second_at_the_most_and_the_rest_decodes(tmp_path: Path, seed: int) -> None:
    kill_after_ms, told_ms = 1000 * next(disturbed(seed)), 0
    with recording_child(tmp_path) as child:
        assert child.stdout is not None
        for line in child.stdout:
            told_ms = int(line)
            if told_ms >= kill_after_ms:
                break
        folder = tmp_path / "rec-1"
        with pytest.raises(Busy):
            orphans.close(folder)
        child.send_signal(signal.SIGKILL)
        child.wait()
    manifest = orphans.close(folder)
    assert manifest is not None
    assert manifest.ended is not None
    assert manifest.ended.code == "killed"
    for participant in ("buyer", "agent"):
        last_ms = manifest.of(participant)[-1].written.end_ms
        assert told_ms - last_ms <= 1000
    plays(folder, manifest)
    assert orphans.close(folder) == manifest, "twice is harmless"


def test_a_process_without_a_file_left_to_open_ends_the_recording_with_its_code(tmp_path: Path) -> None:
    # It may open its journal, and one of the two segments.
    with recording_child(tmp_path, "2") as child:
        assert child.stdout is not None
        assert child.stdout.read().split()[-1] == "files_exhausted"
        assert child.wait() == 0
    manifest = journal.read(tmp_path / "rec-1")
    assert manifest.ended is not None
    assert manifest.ended.code == "files_exhausted"
    plays(tmp_path / "rec-1", manifest)


def abandoned(tmp_path: Path) -> Path:
    """A recording as a kill leaves it: an open file beside one that is closed, and no end."""
    desk = Desk(tmp_path)
    recording = desk.start("buyer")
    play(recording, call(11, "buyer"))
    recording.stop("call_ended", at(11_100))
    assert desk.recorder.close()
    path = desk.folder / journal.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    return desk.folder


def test_an_unfinished_file_keeps_its_place_in_the_recording(tmp_path: Path) -> None:
    folder = abandoned(tmp_path)
    with open(folder / "buyer-0002.webm", "ab") as file:
        file.write(b"\x1f\x43\xb6\x75\x88half")
    manifest = orphans.close(folder)
    assert manifest is not None
    first, second = manifest.of("buyer")
    assert second.written.begin_ms == first.written.end_ms + 1 == 8001
    assert second.written.end_ms == 11_000
    assert second.written.key
    plays(folder, manifest)


def test_bringing_to_an_end_may_be_killed_at_any_record_and_goes_on(tmp_path: Path) -> None:
    folder = abandoned(tmp_path)
    whole = orphans.close(folder)
    path = folder / journal.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    for torn in (lines[:-1], lines[:-2], [*lines[:-2], lines[-2][:40]]):
        path.write_bytes(b"".join(torn))
        assert orphans.close(folder) == whole


def test_a_recording_that_had_not_begun_leaves_nothing(tmp_path: Path) -> None:
    for number, content in enumerate([None, b"", b'{"record":"beg']):
        folder = tmp_path / f"rec-{number}"
        folder.mkdir()
        if content is not None:
            (folder / journal.FILE).write_bytes(content)
        assert orphans.close(folder) is None
        assert not folder.exists()


def test_a_journal_that_cannot_be_read_is_left_for_a_person(tmp_path: Path) -> None:
    folder = abandoned(tmp_path)
    (folder / journal.FILE).write_bytes(b"{}\n")
    before = sorted(folder.iterdir())
    with pytest.raises(Damaged):
        orphans.close(folder)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(("change", "reason"), [("remove", "missing"), ("cut", "size"), ("flip", "hash")])
def test_a_damaged_segment_is_named(tmp_path: Path, change: str, reason: str) -> None:
    folder = abandoned(tmp_path)
    manifest = orphans.close(folder)
    assert manifest is not None
    path = folder / "buyer-0001.webm"
    if change == "remove":
        path.unlink()
    elif change == "cut":
        os.truncate(path, path.stat().st_size - 1)
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    (damage,) = integrity.damages(folder, manifest)
    assert (damage.file, damage.reason) == ("buyer-0001.webm", reason)
