"""An operator keeps a copy of the database and puts it back; what is not in it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Type


def test_what_was_backed_up_is_there_again_after_a_restore(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "云朵生活馆")
    copy, data = tmp_path / "copy.db", tmp_path / "data"
    told = type_("backup", str(copy)).stdout
    assert told.startswith(f"{copy}: ")
    assert "MiB, schema " in told
    assert f"Pictures are not in it: copy {data / 'files'} after this" in told
    type_("shop", "create", "shop-b", "--name", "B")
    assert "not overwritten" in type_("restore", str(copy), fails=True).stderr
    (data / "livedesk.db").unlink()
    told = type_("restore", str(copy)).stdout
    assert told.startswith(f"{data / 'livedesk.db'}: ")
    assert "Agents sign in anew" in told
    listed = type_("shop", "list").stdout
    assert "云朵生活馆" in listed
    assert "shop-b" not in listed


def test_a_restore_by_other_means_gives_another_epoch(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    assert "another epoch" in type_("restored").stdout


@pytest.mark.parametrize(("verb", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_on_postgresql_its_own_tool_is_named(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, tool: str
) -> None:
    monkeypatch.setenv("LIVEDESK_DATABASE_URL", "postgresql://desk:hunter2@127.0.0.1/desk")
    said = type_(verb, str(tmp_path / "copy.db"), fails=True).stderr
    assert tool in said
    assert "hunter2" not in said
    assert said.count("\n") == 1


def test_pictures_in_a_bucket_are_named_by_its_address(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    monkeypatch.setenv("LIVEDESK_FILES_URL", "s3://pictures/desk")
    assert "copy s3://pictures/desk after this" in type_("backup", str(tmp_path / "copy.db")).stdout
