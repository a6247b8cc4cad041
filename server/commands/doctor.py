"""`livedesk doctor`: looks at all that a server needs, and says of each thing whether it is well."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import socket
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import typer

from server.cluster import Cluster
from server.commands import volumes
from server.commands.desk import WRONG, out, run, settings_or_refuse, table
from server.config import Settings
from server.files.shelf import FOLDER
from server.http.admin import DISK_FLOOR_BYTES
from server.http.files import BuildMissing
from server.http.pages import read_console, read_widget
from server.identifiers import epoch_ms
from server.media.turn import Turn
from server.storage.database import Database
from server.storage.inspection import inspect
from server.storage.refusal import StorageRefused

FILES_FLOOR = 4_096
"""Open files that a process must be allowed: a socket is one."""
CLOCKS_APART_MS = 2_000
"""How far this machine's clock may be from the database's: deadlines are compared across nodes."""
PROBE_SECONDS = 2.0
_EARLIEST_MS = 1_767_225_600_000  # 2026-01-01: a clock before it was never set


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    ok: bool
    why: str


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor() -> None:
    """Look at configuration, disks, database, clock, Redis, ports, calls and builds. Changes nothing."""
    settings = settings_or_refuse()
    findings = run(examine(settings))
    table(
        ("", "what", "why"),
        (("ok" if each.ok else "NO", each.what, each.why) for each in findings),
        empty="",
    )
    if not all(each.ok for each in findings):
        raise typer.Exit(WRONG)
    out.print("All is well.")


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order of the report."""
    return [
        Finding("configuration", True, f"serves {settings.origin}, data in {settings.data.absolute()}"),
        _disk(settings.data),
        _at_rest(settings),
        *await _database(settings),
        *await _redis(settings),
        await _port("port", settings.bind, settings.port),
        *await _admin_port(settings),
        await asyncio.to_thread(_calls, settings),
        *await _relays(settings),
        _files(),
        _build("widget"),
        _build("console"),
    ]


def _disk(folder: Path) -> Finding:
    there = _there(folder)
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("disk", False, f"{there} cannot be written to")
    ok = free >= DISK_FLOOR_BYTES
    need = "" if ok else f", at least {DISK_FLOOR_BYTES // 1_048_576} are needed"
    return Finding("disk", ok, f"{free // 1_048_576} MiB free{need}")


def _at_rest(settings: Settings) -> Finding:
    """What can be seen of it, never a fault: a disk or a cloud encrypts below what this machine sees."""
    folder = f"data {volumes.under(_there(settings.data))}"
    if settings.files_url is None:
        return Finding("at rest", True, folder)
    asked = settings.files_encryption
    bucket = "no encryption is asked for" if asked == "none" else f"{asked} is asked for with each file"
    return Finding("at rest", True, f"{folder}; bucket: {bucket}")


def _there(folder: Path) -> Path:
    """The folder, or the one in which it will be made."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return there


async def _database(settings: Settings) -> list[Finding]:
    try:
        found = await inspect(settings.database)
    except StorageRefused as refused:
        return [Finding("database", False, str(refused)), _clock(None)]
    clock = _clock(found.clock_ms)
    if found.newer:
        why = f"schema {found.found} is newer than this program ({found.known})"
        return [Finding("database", False, why), clock]
    if found.found is None:
        return [Finding("database", True, f"{found.place}: empty; the first start makes it"), clock]
    if not found.current:
        why = f"{found.place}: schema {found.found}; the next start migrates to {found.known}"
        return [Finding("database", True, why), clock]
    # The schema is today's, so opening changes nothing, and reads the durability settings back.
    try:
        database = await Database.open(settings.database, clock=epoch_ms)
    except StorageRefused as refused:
        return [Finding("database", False, str(refused)), clock]
    await database.close()
    return [
        Finding("database", True, f"{found.place}: schema {found.found}, durable ({found.durable})"),
        clock,
    ]


def _clock(database_ms: int | None) -> Finding:
    now = int(time.time() * 1_000)
    if now < _EARLIEST_MS:
        return Finding("clock", False, "this machine's clock was never set")
    if database_ms is None:
        return Finding("clock", True, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now / 1_000)))
    apart = abs(now - database_ms)
    return Finding("clock", apart <= CLOCKS_APART_MS, f"{apart} ms from the database's")


async def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return [Finding("redis", True, "not set: this process serves alone")]
    cluster = Cluster(settings.redis_url, "doctor")
    try:
        async with asyncio.timeout(PROBE_SECONDS + 1):
            reachable = await cluster.reachable()
    except TimeoutError:
        reachable = False
    finally:
        await cluster.close()
    if not reachable:
        return [Finding("redis", False, "LIVEDESK_REDIS_URL does not answer")]
    shared = (
        "" if settings.files_url else f"; every node must see the folder {FOLDER} of the data folder, too"
    )
    return [Finding("redis", True, f"answers{shared}")]


async def _admin_port(settings: Settings) -> list[Finding]:
    if settings.admin_bind is None:
        return [Finding("admin port", True, "not set: /readyz and /metrics are served nowhere")]
    host, _, port = settings.admin_bind.rpartition(":")
    return [await _port("admin port", host.strip("[]"), int(port))]


async def _port(what: str, host: str, port: int) -> Finding:
    if await asyncio.to_thread(_livedesk_answers, host, port):
        return Finding(what, True, f"{host}:{port}: a livedesk serves here already")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return Finding(what, False, f"{host}:{port} cannot be used: {error.strerror or error}")
    return Finding(what, True, f"{host}:{port} is free")


def _calls(settings: Settings) -> Finding:
    if settings.no_calls is not None:
        return Finding("calls", not settings.media, f"not carried: {settings.no_calls}")
    address, ports = settings.media_address, settings.media_port_range
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    free, error = 0, ""
    for port in ports:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
                free += 1
            except OSError as taken:
                error = taken.strerror or str(taken)
    if not free:
        return Finding("calls", False, f"no UDP port of {settings.media_ports} on {address}: {error}")
    announced = f", announced as {settings.media_announce}" if settings.media_announce else ""
    return Finding("calls", True, f"{free} of {len(ports)} UDP ports free on {address}{announced}")


async def _relays(settings: Settings) -> list[Finding]:
    """Each TURN server, asked as a browser would, at the same time."""
    if settings.turn_secret is None or settings.no_calls is not None:
        return []
    # Imported here: it loads what carries calls, and most commands do not need that.
    from media import relay

    (own,) = Turn(settings.turn_urls, settings.turn_secret).servers("doctor", epoch_ms())
    media = settings.media_announce or settings.media_address
    faults = await asyncio.gather(
        *(relay.examined(relay.relay_of(url), own.username, own.credential, media) for url in own.urls)
    )
    well = "relays to the media process and nowhere else"
    return [
        Finding("relay", fault is None, f"{url} {well if fault is None else relay.SENTENCES[fault]}")
        for url, fault in zip(own.urls, faults, strict=True)
    ]


def _livedesk_answers(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return bool(json.loads(connection.getresponse().read(1_000)) == {"ok": True})
    except (OSError, ValueError, HTTPException):
        return False
    finally:
        connection.close()


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = soft == resource.RLIM_INFINITY or soft >= FILES_FLOOR
    need = "" if ok else f"; at least {FILES_FLOOR} are needed (ulimit -n)"
    return Finding("open files", ok, f"{soft} allowed{need}")


def _build(name: str) -> Finding:
    try:
        build = read_widget() if name == "widget" else read_console()
    except BuildMissing as missing:
        return Finding(name, False, str(missing))
    return Finding(name, True, f"built ({build.size // 1_024} KiB)")
