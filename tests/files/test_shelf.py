"""Bytes are kept durably under names of ours, in a folder or in a bucket."""

from __future__ import annotations

import hashlib
import random
import shutil
import stat
from pathlib import Path

import pytest

from protocol.errors import ErrorCode, Refused
from recordings.shelf import Measured, ShelfUnavailable
from server.files.shelf import FOLDER, UPLOAD_BYTES, Encryption, Shelf
from tests.services.s3_server import S3Server


@pytest.fixture(params=["folder", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """A shelf of each kind, with nothing on it."""
    return Shelf(request.getfixturevalue("bucket") if request.param == "bucket" else None, tmp_path)


async def test_what_was_put_is_read_whole_and_in_parts_until_it_is_removed(shelf: Shelf) -> None:
    await shelf.put("cloud/f1", b"0123456789")
    assert await shelf.read("cloud/f1", 0, 10) == b"0123456789"
    assert await shelf.read("cloud/f1", 3, 6) == b"345"
    for _ in ("there", "away already"):
        assert await shelf.remove("cloud/f1") is True
    with pytest.raises(Refused) as refusal:
        await shelf.read("cloud/f1", 0, 1)
    assert refusal.value.code is ErrorCode.not_found


async def test_a_name_is_used_once(shelf: Shelf) -> None:
    await shelf.put("cloud/f1", b"first")
    with pytest.raises(Refused) as refusal:
        await shelf.put("cloud/f1", b"second")
    assert refusal.value.code is ErrorCode.retry
    assert await shelf.read("cloud/f1", 0, 5) == b"first"


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms"])
async def test_a_bucket_is_asked_to_encrypt_small_and_large_files(
    encryption: Encryption, bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    shelf = Shelf(bucket, tmp_path, encryption)
    await shelf.put("cloud/f1", b"first")
    large = tmp_path / "large"
    large.write_bytes(bytes(UPLOAD_BYTES + 1))
    await shelf.keep("cloud/f2", large, hashlib.sha256(large.read_bytes()).hexdigest())
    for name in ("f1", "f2"):
        assert s3_server.encryption_of("shelf", f"livedesk/cloud/{name}") == encryption


async def test_a_bucket_that_cannot_be_asked_is_not(bucket: str, s3_server: S3Server, tmp_path: Path) -> None:
    await Shelf(bucket, tmp_path, "none").put("cloud/f1", b"first")
    assert s3_server.encryption_of("shelf", "livedesk/cloud/f1") is None


async def test_the_folder_is_nobody_elses(tmp_path: Path) -> None:
    Shelf(None, tmp_path)
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_written_is_a_refusal_and_no_fault(tmp_path: Path) -> None:
    shelf = Shelf(None, tmp_path)
    (tmp_path / FOLDER).rmdir()
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(Refused) as refusal:
        await shelf.put("cloud/f1", b"first")
    assert refusal.value.code is ErrorCode.retry


def names(data: Path) -> list[str]:
    """The files in the folder; none where a bucket has them."""
    return [path.name for path in (data / FOLDER).rglob("*") if path.is_file()]


def large(folder: Path) -> tuple[Path, str]:
    """More than one part of an upload, and a bit."""
    source = folder / "source"
    content = random.Random(7).randbytes(UPLOAD_BYTES + 4096)
    source.write_bytes(content)
    return source, hashlib.sha256(content).hexdigest()


async def test_a_large_file_is_kept_in_parts_and_measured_where_it_lies(shelf: Shelf, tmp_path: Path) -> None:
    source, sha256 = large(tmp_path)
    assert await shelf.measure("cloud/recordings/r1/buyer.webm") is None
    for _ in ("first", "again"):
        await shelf.keep("cloud/recordings/r1/buyer.webm", source, sha256)
        found = await shelf.measure("cloud/recordings/r1/buyer.webm")
        assert found == Measured(source.stat().st_size, sha256)
    assert source.exists()
    around = (UPLOAD_BYTES - 8, UPLOAD_BYTES + 8)
    read = await shelf.read("cloud/recordings/r1/buyer.webm", *around)
    assert read == source.read_bytes()[slice(*around)]
    assert names(tmp_path) in (["buyer.webm"], [])


async def test_a_file_that_changed_since_it_was_hashed_replaces_nothing(shelf: Shelf, tmp_path: Path) -> None:
    source, sha256 = large(tmp_path)
    await shelf.keep("cloud/r1", source, sha256)
    source.write_bytes(source.read_bytes()[:-1] + b"x")
    with pytest.raises(ShelfUnavailable):
        await shelf.keep("cloud/r1", source, sha256)
    with pytest.raises(ShelfUnavailable):
        await shelf.keep("cloud/r2", source, sha256)
    measured = await shelf.measure("cloud/r1")
    assert measured is not None
    assert measured.sha256 == sha256
    assert await shelf.measure("cloud/r2") is None
    assert names(tmp_path) in (["r1"], [])


async def test_what_is_not_there_is_told_as_a_shelf_that_cannot_and_may_be_tried_again(
    tmp_path: Path,
) -> None:
    shelf = Shelf(None, tmp_path)
    with pytest.raises(ShelfUnavailable):
        await shelf.keep("cloud/r1", tmp_path / "missing", "0" * 64)
    source, sha256 = large(tmp_path)
    shutil.rmtree(tmp_path / FOLDER)
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(ShelfUnavailable):
        await shelf.keep("cloud/r1", source, sha256)


async def test_a_bucket_that_is_not_there_keeps_nothing_and_says_so(bucket: str, tmp_path: Path) -> None:
    shelf = Shelf("s3://another/livedesk", tmp_path)
    with pytest.raises(Refused) as refusal:
        await shelf.put("cloud/f1", b"first")
    assert refusal.value.code is ErrorCode.retry
    source, sha256 = large(tmp_path)
    with pytest.raises(ShelfUnavailable):
        await shelf.keep("cloud/r1", source, sha256)
    assert not (tmp_path / FOLDER).exists()


async def test_what_a_killed_process_had_begun_to_write_goes_with_its_name_and_nothing_else(
    tmp_path: Path,
) -> None:
    shelf = Shelf(None, tmp_path)
    await shelf.put("cloud/f1", b"whole")
    await shelf.put("cloud/f10", b"another")
    (tmp_path / FOLDER / "cloud" / "f1#1").write_bytes(b"who")
    assert await shelf.remove("cloud/f1") is True
    assert names(tmp_path) == ["f10"]
