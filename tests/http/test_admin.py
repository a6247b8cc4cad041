"""The admin side says whether a node can serve, and measures it without naming anybody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from prometheus_client.parser import text_string_to_metric_families

from media.counts import Counts
from server.config import Settings, load_settings
from server.http import admin
from server.http.admin import build_admin
from server.metrics import Metrics
from server.storage.database import Database
from server.storage.shops import Group
from signaling.ports import Census
from tests.auth.desk import World
from tests.http.site import Site


class Floor:
    def census(self) -> Census:
        return Census(
            sockets=Counter({"/buyer": 3, "/agent": 1}),
            connections=5,
            pending_messages=2,
            pending_bytes=700,
            in_flight=1,
            relay_waiting=0,
        )


@dataclass
class Decider:
    deciding: bool = True


@dataclass
class Others:
    answers: bool = True
    deaf: asyncio.Event = field(default_factory=asyncio.Event)

    async def reachable(self) -> bool:
        return self.answers


@dataclass
class Carrier:
    async def stats(self) -> list[dict[str, Any]]:
        load = {"rooms": 2, "connections": 4, "cpu": 0.25, "lag_s": 0.001, "places": 40, "unmeasured": 0}
        return [load | asdict(Counts(ignored=5))]


@dataclass
class Node:
    settings: Settings
    db: Database
    metrics: Metrics = field(default_factory=Metrics)
    signaling: Floor = field(default_factory=Floor)
    dispatcher: Decider = field(default_factory=Decider)
    cluster: Others | None = None
    media: Carrier = field(default_factory=Carrier)


@pytest.fixture
async def node(desk: World, tmp_path: Path) -> Node:
    return Node(load_settings({}, data=tmp_path), desk.database)


@pytest.fixture
async def client(site: Site, node: Node) -> AsyncIterator[ClientSession]:
    runner = web.AppRunner(build_admin(node, site.door), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def ready(client: ClientSession) -> tuple[int, dict[str, Any]]:
    async with client.get("/readyz") as response:
        return response.status, await response.json()


async def test_a_node_that_can_serve_is_ready(client: ClientSession) -> None:
    status, body = await ready(client)
    assert (status, body["ready"], body["degraded"]) == (200, True, False)
    assert {check["name"] for check in body["checks"]} == {"database", "disk", "loop"}
    assert body["sockets"] == {"/buyer": 3, "/agent": 1}
    assert (await client.get("/healthz")).status == 200


async def test_a_node_without_its_database_or_disk_is_not_ready(
    client: ClientSession, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "DISK_FLOOR_BYTES", 2**62)
    status, body = await ready(client)
    assert (status, [c["name"] for c in body["checks"] if not c["ok"]]) == (503, ["disk"])
    await node.db.close()
    monkeypatch.setattr(admin, "DISK_FLOOR_BYTES", 0)
    status, body = await ready(client)
    assert (status, [c["name"] for c in body["checks"] if not c["ok"]]) == (503, ["database"])


async def test_a_late_event_loop_is_not_ready(client: ClientSession, node: Node) -> None:
    node.metrics.newest_lag_s = admin.LAG_CEILING_S
    status, body = await ready(client)
    assert (status, [c["name"] for c in body["checks"] if not c["ok"]]) == (503, ["loop"])


async def test_without_redis_a_node_is_degraded_and_deaf_it_is_not_ready(
    client: ClientSession, node: Node
) -> None:
    node.cluster = Others(answers=False)
    status, body = await ready(client)
    assert (status, body["ready"], body["degraded"]) == (200, True, True)
    node.cluster.deaf.set()
    assert (await ready(client))[0] == 503


async def test_everything_that_is_counted_is_printed(client: ClientSession, node: Node, site: Site) -> None:
    async with node.db.write() as unit:
        await unit.shops.create_group(Group("g-1", "shop-a", "售后", "auto", 20, True))
    metrics = node.metrics
    metrics.answered("/buyer", "chat.send", "ok", 0.004)
    metrics.answered("/buyer", "chat.send", "ok", 0.2)
    metrics.answered("/buyer", "chat.send", "rate_limited", 0.0)
    metrics.refused("origin_refused")
    metrics.told("chat.posted", 3)
    metrics.told("chat.posted", 2)
    metrics.opened("/buyer")
    metrics.closed("/buyer", "slow_consumer")
    metrics.relay_lost(7)
    node.cluster = Others()
    await site.client.get("/c/13800000000")
    async with client.get("/metrics") as response:
        assert response.content_type == "text/plain"
        text = await response.text()
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["livedesk_commands_total", "/buyer", "chat.send", "ok"] == 2
    assert found["livedesk_commands_total", "/buyer", "chat.send", "rate_limited"] == 1
    assert found["livedesk_ack_seconds_bucket", "/buyer", "0.005", "chat.send"] == 2
    assert found["livedesk_ack_seconds_count", "/buyer", "chat.send"] == 3
    assert found["livedesk_refusals_total", "origin_refused"] == 1
    assert found["livedesk_events_told_total", "chat.posted"] == 5
    assert found["livedesk_sockets_opened_total", "/buyer"] == 1
    assert found["livedesk_sockets_closed_total", "/buyer", "slow_consumer"] == 1
    assert found["livedesk_relay_lost_total",] == 7
    assert found["livedesk_sockets", "/buyer"] == 3
    assert found["livedesk_pending_bytes",] == 700
    assert found["livedesk_deciding",] == 1
    assert found["livedesk_redis_reachable",] == 1
    assert found["livedesk_line_waiting", "g-1", "shop-a"] == 0
    assert found["livedesk_writes_total", "stored"] == 0
    assert found["livedesk_http_total", "/c/{shop}", "GET", "not_found"] == 1
    assert found["livedesk_http_seconds_count", "/c/{shop}"] == 1
    assert found["livedesk_media_rooms", "0"] == 2 and found["livedesk_media_places", "0"] == 40
    assert found["livedesk_media_packets_total", "0", "ignored"] == 5
    assert found["livedesk_recordings", "finishing"] == found["livedesk_recordings", "failed"] == 0
    assert found["livedesk_call_rejoins_total",] == 0
    assert "process_resident_memory_bytes" in text
    assert "13800000000" not in text


async def test_the_event_loop_is_measured_while_the_admin_side_runs(
    client: ClientSession, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = asyncio.Event()
    observe = node.metrics._lag.observe

    def noted(amount: float) -> None:
        observe(amount)
        measured.set()

    monkeypatch.setattr(node.metrics._lag, "observe", noted)
    async with asyncio.timeout(30):
        await measured.wait()
    text = await (await client.get("/metrics")).text()
    (count,) = [line for line in text.splitlines() if line.startswith("livedesk_loop_lag_seconds_count")]
    assert float(count.split()[1]) >= 1


async def test_a_database_that_hangs_does_not_hang_the_admin_side(
    client: ClientSession, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        class Hanging:
            async def __aenter__(self) -> None:
                await asyncio.Event().wait()

            async def __aexit__(self, *_: object) -> None:
                return None

        return Hanging()

    monkeypatch.setattr(admin, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(node.db, "read", never)
    status, _ = await ready(client)
    assert status == 503
    assert (await client.get("/metrics")).status == 200
