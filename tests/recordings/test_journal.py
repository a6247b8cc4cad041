"""The journal on disk: whole records, one owner, and a reason for a full disk to take."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recordings import journal, manifest
from recordings.journal import RESERVE_FILE, Busy, Journal
from recordings.manifest import Ended
from tests.recordings.test_manifest import BEGUN, CONSENT, segment


def begun(folder: Path) -> Journal:
    made = Journal.create(folder)
    made.append(BEGUN, CONSENT)
    return made


def test_what_was_appended_is_read_while_it_is_written_and_afterwards(tmp_path: Path) -> None:
    with begun(tmp_path) as open_one:
        assert journal.read(tmp_path).consents == (CONSENT,)
        open_one.append(segment("buyer", 1))
    with Journal.reopen(tmp_path) as again:
        again.append(Ended(9, "killed"))
    found = journal.read(tmp_path)
    assert found.segments == (segment("buyer", 1),)
    assert found.ended == Ended(9, "killed")


def test_a_torn_last_line_counts_as_not_written_and_is_taken_away_when_it_goes_on(tmp_path: Path) -> None:
    begun(tmp_path).close()
    whole = (tmp_path / journal.FILE).read_bytes()
    for cut in range(1, len(manifest.encode(CONSENT))):
        (tmp_path / journal.FILE).write_bytes(whole[:-cut])
        assert journal.read(tmp_path).consents == ()
    with Journal.reopen(tmp_path) as again:
        again.append(CONSENT)
    assert (tmp_path / journal.FILE).read_bytes() == whole


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    begun(tmp_path).close()
    path = tmp_path / journal.FILE
    path.write_bytes(path.read_bytes().replace(b'"locale"', b'"locals"'))
    with pytest.raises(manifest.Damaged, match="line 2"):
        journal.read(tmp_path)


def test_a_journal_has_one_owner_until_he_closes_it_or_dies(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from recordings.journal import Journal\n"
        f"held = Journal.create(Path({str(tmp_path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(Busy):
            Journal.reopen(tmp_path)
        child.kill()
        child.wait()
    Journal.reopen(tmp_path).close()


def test_a_journal_longer_than_any_of_ours_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path).close()
    size = (tmp_path / journal.FILE).stat().st_size
    monkeypatch.setattr(journal, "JOURNAL_BYTES_MAX", size)
    journal.read(tmp_path)
    monkeypatch.setattr(journal, "JOURNAL_BYTES_MAX", size - 1)
    with pytest.raises(manifest.Damaged, match="longer"):
        journal.read(tmp_path)


def test_on_a_full_disk_the_reserve_makes_room_for_the_last_word(tmp_path: Path, small_disk: Path) -> None:
    folder = small_disk / "rec"
    folder.mkdir()
    with begun(folder) as open_one:
        with open(folder / "fill", "wb", buffering=0) as fill, pytest.raises(OSError) as full:
            while True:
                fill.write(bytes(4096))
        assert full.value.errno == errno.ENOSPC
        for _ in range(20):  # the rest of the journal's own block
            open_one.append(segment("buyer", 1))
        assert not (folder / RESERVE_FILE).exists()
        assert os.statvfs(folder).f_bavail > 0
    assert len(journal.read(folder).segments) == 20
