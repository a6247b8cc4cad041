"""Bytes are kept durably under names of ours, in a folder or in a bucket."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from protocol.errors import ErrorCode, Refused
from server.files.shelf import FOLDER, Shelf


async def test_what_was_put_is_read_whole_and_in_parts_until_it_is_removed(tmp_path: Path) -> None:
    shelf = Shelf(None, tmp_path)
    await shelf.put("cloud/f1", b"0123456789")
    assert await shelf.read("cloud/f1", 0, 10) == b"0123456789"
    assert await shelf.read("cloud/f1", 3, 6) == b"345"
    await shelf.remove("cloud/f1")
    await shelf.remove("cloud/f1")
    with pytest.raises(Refused) as refusal:
        await shelf.read("cloud/f1", 0, 1)
    assert refusal.value.code is ErrorCode.not_found


async def test_a_name_is_used_once(tmp_path: Path) -> None:
    shelf = Shelf(None, tmp_path)
    await shelf.put("cloud/f1", b"first")
    with pytest.raises(Refused) as refusal:
        await shelf.put("cloud/f1", b"second")
    assert refusal.value.code is ErrorCode.retry
    assert await shelf.read("cloud/f1", 0, 5) == b"first"


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
