"""The admin side, on an address of its own (the loopback by default): `/readyz`, `/healthz`, `/metrics`.

It says nothing of any person, but how a shop is doing is nobody else's business: do not publish it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from aiohttp import web

from protocol.errors import Refused
from server.config import Settings
from server.http.answers import plain_json
from server.http.door import Door, common_headers
from server.metrics import GroupLine, Metrics, Snapshot
from server.storage.database import Database, Reader
from signaling.ports import Census

CHECK_SECONDS = 2.0
"""How long a check may take: who asks wants to know now, and slower is not well."""
DISK_FLOOR_BYTES = 256 * 1024 * 1024
"""Below so much free space the node says that it is not ready: the database's log must have room to grow."""
LAG_CEILING_S = 1.0
SHOPS_MEASURED = 200
"""Shops whose lines are measured one by one; a node with more is watched by other means."""


class Floor(Protocol):
    """What is asked of signaling."""

    def census(self) -> Census: ...


class Decider(Protocol):
    """What is asked of the dispatcher."""

    @property
    def deciding(self) -> bool: ...


class Others(Protocol):
    """What is asked of the cluster."""

    @property
    def deaf(self) -> asyncio.Event: ...
    async def reachable(self) -> bool: ...


class Carrier(Protocol):
    """What is asked of what carries calls."""

    async def stats(self) -> Sequence[Mapping[str, Any]]: ...


class Node(Protocol):
    """What the admin side must see of a node."""

    @property
    def settings(self) -> Settings: ...
    @property
    def db(self) -> Database: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def signaling(self) -> Floor: ...
    @property
    def dispatcher(self) -> Decider: ...
    @property
    def cluster(self) -> Others | None: ...
    @property
    def media(self) -> Carrier: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. What is not `needed` makes a node degraded, not unready."""

    name: str
    ok: bool
    detail: str
    needed: bool = True


def build_admin(node: Node, door: Door) -> web.Application:
    """The application. While it runs it measures the event loop."""

    async def readyz(request: web.Request) -> web.StreamResponse:
        checks = await check(node)
        ready = all(each.ok for each in checks if each.needed)
        body = {
            "ready": ready,
            "degraded": not all(each.ok for each in checks),
            "checks": [asdict(each) for each in checks],
            "sockets": dict(node.signaling.census().sockets),
        }
        return plain_json(body, 200 if ready else 503)

    async def healthz(request: web.Request) -> web.StreamResponse:
        return plain_json({"ok": True})

    async def metrics(request: web.Request) -> web.StreamResponse:
        text = node.metrics.render(await snapshot(node, door))
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def measure(app: web.Application) -> AsyncIterator[None]:
        measuring = asyncio.create_task(node.metrics.watch_loop())
        yield
        measuring.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await measuring

    app = web.Application()
    app.on_response_prepare.append(common_headers)
    app.cleanup_ctx.append(measure)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    return app


async def check(node: Node) -> list[Check]:
    """Looks at everything that this node needs to serve."""
    checks = [await _database(node.db), _disk(node.settings), _loop(node.metrics.newest_lag_s)]
    if node.cluster is not None:
        checks.append(await _redis(node.cluster))
        deaf = node.cluster.deaf.is_set()
        checks.append(Check("others", not deaf, "does not hear itself" if deaf else "hears the others"))
    return checks


async def snapshot(node: Node, door: Door) -> Snapshot:
    """The states of the node; what cannot be read now is left out."""
    tally = node.db.tally
    lines: list[GroupLine] = []
    recordings: Mapping[str, int] = {}
    # A metric that is missing says as much as an error here, and the others are still told.
    with contextlib.suppress(Refused, TimeoutError):
        async with asyncio.timeout(CHECK_SECONDS), node.db.read() as reader:
            lines = await _lines(reader, node.db.clock())
            recordings = await reader.recordings.unfinished()
    return Snapshot(
        census=node.signaling.census(),
        lines=lines,
        writes={
            "stored": tally.stored,
            "refused": tally.refused,
            "repeated": tally.repeated,
            "failed": tally.failed,
            "batch": tally.batches,
        },
        writes_waiting=node.db.waiting,
        deciding=node.dispatcher.deciding,
        redis=None if node.cluster is None else await node.cluster.reachable(),
        media=await node.media.stats(),
        recordings=recordings,
        http=door.tally.answered,
        http_seconds=door.tally.seconds,
    )


async def _lines(reader: Reader, now: int) -> list[GroupLine]:
    return [
        GroupLine(
            shop.id, row.group_id, row.waiting, row.longest_wait_ms / 1_000, row.in_service, len(row.ready)
        )
        for shop in (await reader.shops.all())[:SHOPS_MEASURED]
        for row in await reader.line.wall(shop.id, now)
    ]


async def _database(db: Database) -> Check:
    try:
        async with asyncio.timeout(CHECK_SECONDS), db.read() as reader:
            await reader.shops.count()
    except (Refused, TimeoutError):
        return Check("database", False, f"{db.dialect} does not answer within {CHECK_SECONDS:g} s")
    return Check("database", True, f"{db.dialect} answers; {db.waiting} writes wait")


def _disk(settings: Settings) -> Check:
    try:
        free = shutil.disk_usage(settings.data).free
    except OSError:
        return Check("disk", False, "the data folder cannot be read")
    return Check("disk", free >= DISK_FLOOR_BYTES, f"{free // 1_048_576} MiB free")


def _loop(lag_s: float) -> Check:
    return Check("loop", lag_s < LAG_CEILING_S, f"{lag_s * 1_000:.0f} ms late")


async def _redis(cluster: Others) -> Check:
    reachable = False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CHECK_SECONDS):
            reachable = await cluster.reachable()
    detail = "answers" if reachable else "does not answer: hints between nodes are lost, clients catch up"
    return Check("redis", reachable, detail, needed=False)
