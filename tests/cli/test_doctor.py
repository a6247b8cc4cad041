"""`livedesk doctor` says of each thing whether it is well, and changes nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from server.commands import doctor, volumes
from server.commands.doctor import CLOCKS_APART_MS, Finding, examine
from server.config import Settings, load_settings
from server.http.files import BuildMissing
from server.identifiers import epoch_ms
from server.storage.database import Database
from server.storage.inspection import inspect
from server.storage.refusal import StorageRefused
from tests.cli.conftest import Type


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(tmp_path: Path, **given: object) -> Settings:
    return load_settings({}, **({"data": tmp_path, "port": free_port(), "admin_bind": ""} | given))


async def found(of: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in await examine(of)}


async def make(url: str) -> None:
    await (await Database.open(url, clock=epoch_ms)).close()


async def test_a_fresh_folder_is_well_and_stays_empty(tmp_path: Path) -> None:
    findings = await found(settings(tmp_path))
    bad = {what for what, finding in findings.items() if not finding.ok}
    # What this machine has not built or allowed is not the folder's fault.
    assert bad <= {"widget", "console", "open files"}
    assert "the first start makes it" in findings["database"].why
    assert not os.listdir(tmp_path)


async def test_a_database_of_today_is_durable_and_one_of_tomorrow_is_refused(tmp_path: Path) -> None:
    own = settings(tmp_path)
    await make(own.database)
    finding = (await found(own))["database"]
    assert finding.ok
    assert "durable" in finding.why
    connection = sqlite3.connect(tmp_path / "livedesk.db")
    connection.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    connection.commit()
    connection.close()
    finding = (await found(own))["database"]
    assert not finding.ok
    assert "newer than this program" in finding.why


async def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "livedesk.db").write_bytes(b"not a database" * 100)
    finding = (await found(settings(tmp_path)))["database"]
    assert not finding.ok
    assert "cannot be read" in finding.why


async def test_a_database_without_its_log_is_said(tmp_path: Path) -> None:
    own = settings(tmp_path)
    await make(own.database)
    connection = sqlite3.connect(tmp_path / "livedesk.db")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    with pytest.raises(StorageRefused, match="journal_mode = delete where wal is needed"):
        await inspect(own.database)


async def test_postgresql_is_looked_at_without_being_changed(postgres_database: str) -> None:
    empty = await inspect(postgres_database)
    assert (empty.found, empty.newer, empty.current) == (None, False, False)
    assert empty.clock_ms is not None
    assert abs(empty.clock_ms - epoch_ms()) < 60_000
    await make(postgres_database)
    whole = await inspect(postgres_database)
    assert whole.current
    assert "fsync" in whole.durable


async def test_a_database_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://desk:hunter2@127.0.0.1:{free_port()}/desk"
    finding = (await found(settings(tmp_path, database_url=url)))["database"]
    assert not finding.ok
    assert "cannot be reached" in finding.why
    assert "hunter2" not in finding.why


async def test_a_redis_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert (await found(settings(tmp_path)))["redis"].ok
    gone = settings(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}")
    assert not (await found(gone))["redis"].ok


async def test_a_redis_that_answers_is_well(tmp_path: Path, redis_url: str) -> None:
    assert (await found(settings(tmp_path, redis_url=redis_url)))["redis"].ok


async def test_a_port_of_somebody_else_is_said_and_one_of_a_livedesk_is_well(tmp_path: Path) -> None:
    async def talk(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()

    for body, ok in ((b'{"ok":true}', True), (b"<html>", False)):
        server = await asyncio.start_server(partial(talk, body), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        findings = await found(settings(tmp_path, port=port, admin_bind=f"127.0.0.1:{port}"))
        assert (findings["port"].ok, findings["admin port"].ok) == (ok, ok)
        server.close()
        await server.wait_closed()


async def test_calls_that_find_no_port_or_no_address_are_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        finding = (await found(settings(tmp_path, media_ports=f"{port}-{port}")))["calls"]
        assert not finding.ok and "no UDP port" in finding.why
    finding = (await found(settings(tmp_path, media_ports=f"{port}-{port}")))["calls"]
    assert finding.ok and "1 of 1 UDP ports free" in finding.why
    finding = (await found(settings(tmp_path, media_bind="::")))["calls"]
    assert not finding.ok and "LIVEDESK_MEDIA_ANNOUNCE" in finding.why
    finding = (await found(settings(tmp_path, public_url="https://desk.example")))["calls"]
    assert not finding.ok and "LIVEDESK_MEDIA_BIND" in finding.why
    finding = (await found(settings(tmp_path, media=False)))["calls"]
    assert finding.ok and "not carried" in finding.why


async def test_too_little_disk_too_few_files_and_missing_builds_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise BuildMissing("The front end is not built.")

    monkeypatch.setattr(doctor, "DISK_FLOOR_BYTES", 2**62)
    monkeypatch.setattr(doctor, "FILES_FLOOR", 2**40)
    monkeypatch.setattr("server.commands.doctor.resource.getrlimit", lambda _: (1_024, 1_024))
    monkeypatch.setattr(doctor, "read_widget", missing)
    monkeypatch.setattr(doctor, "read_console", missing)
    findings = await found(settings(tmp_path))
    assert {what for what, f in findings.items() if not f.ok} == {"disk", "open files", "widget", "console"}


@pytest.mark.parametrize(("apart", "ok"), [(CLOCKS_APART_MS, True), (CLOCKS_APART_MS + 1_000, False)])
def test_a_clock_that_differs_from_the_databases_is_said(
    monkeypatch: pytest.MonkeyPatch, apart: int, ok: bool
) -> None:
    now = 1_800_000_000_000
    monkeypatch.setattr("server.commands.doctor.time.time", lambda: now / 1_000)
    assert doctor._clock(now + apart).ok is ok
    monkeypatch.setattr("server.commands.doctor.time.time", lambda: 0.0)
    assert not doctor._clock(None).ok


def test_the_report_ends_with_one_word_or_with_an_error(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    async def well(_: Settings) -> list[Finding]:
        return [Finding("disk", True, "enough")]

    async def unwell(_: Settings) -> list[Finding]:
        return [Finding("disk", True, "enough"), Finding("redis", False, "does not answer")]

    monkeypatch.setattr(doctor, "examine", well)
    assert "All is well." in type_("doctor").stdout
    monkeypatch.setattr(doctor, "examine", unwell)
    result = type_("doctor", fails=True)
    assert result.exit_code == 1
    assert "NO" in result.stdout
    assert "does not answer" in result.stdout


def device(sys: Path, name: str, *slaves: Path, uuid: str | None = None) -> Path:
    """A block device as the kernel shows it."""
    node = sys / "devices" / name
    (node / "slaves").mkdir(parents=True)
    for each in slaves:
        (node / "slaves" / each.name).symlink_to(each)
    if uuid is not None:
        (node / "dm").mkdir()
        (node / "dm" / "uuid").write_text(f"{uuid}\n")
    return node


def holds(sys: Path, folder: Path, node: Path) -> None:
    """The folder lies on this device."""
    number = os.stat(folder).st_dev
    links = sys / "dev" / "block"
    links.mkdir(parents=True)
    (links / f"{os.major(number)}:{os.minor(number)}").symlink_to(node)


def test_what_is_seen_of_encryption_is_said_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()

    def said(name: str, build: Callable[[Path], Path | None]) -> str:
        sys = tmp_path / name
        if (node := build(sys)) is not None:
            holds(sys, folder, node)
        return volumes.under(folder, sys)

    def luks(sys: Path, disk: str) -> Path:
        return device(sys, f"crypt-{disk}", device(sys, disk), uuid="CRYPT-LUKS2-0123-data")

    assert "cannot be seen" in said("network", lambda sys: None)
    assert "without dm-crypt" in said("disk", lambda sys: device(sys, "vda"))
    assert said("luks", lambda sys: luks(sys, "vda")) == "on crypt-vda, encrypted by dm-crypt"
    lvm = {"uuid": "LVM-0123"}
    assert "encrypted by dm-crypt" in said("lvm", lambda sys: device(sys, "dm-1", luks(sys, "vda"), **lvm))
    half = said("raid", lambda sys: device(sys, "md0", luks(sys, "vda"), device(sys, "vdb")))
    assert "only a part" in half

    def partition(sys: Path) -> Path:
        part = luks(sys, "vda") / "p1"
        part.mkdir()
        (part / "partition").touch()
        return part

    assert said("partition", partition) == "on p1, encrypted by dm-crypt"


async def test_the_doctor_says_what_the_bucket_is_asked_for(tmp_path: Path) -> None:
    assert "bucket" not in (await found(settings(tmp_path)))["at rest"].why
    own = partial(settings, tmp_path, files_url="s3://pictures/desk")
    assert "AES256 is asked for" in (await found(own()))["at rest"].why
    assert "no encryption is asked for" in (await found(own(files_encryption="none")))["at rest"].why
