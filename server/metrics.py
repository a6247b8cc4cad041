"""What this node counts and measures, in Prometheus' words.

Labels are declared names, codes and ids of groups; never a person, an address or a path. The hot path adds to
objects that are looked up once; everything that is a state is read when it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from signaling.ports import Census

ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_EVERY_S = 0.5
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group's line as of now."""

    shop_id: str
    group_id: str
    waiting: int
    longest_wait_s: float
    in_service: int
    ready: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The states of a node as of one moment. `http`: answers by (method, pattern, code)."""

    census: Census
    lines: Sequence[GroupLine] = ()
    writes: Mapping[str, int] = field(default_factory=dict)
    writes_waiting: int = 0
    deciding: bool = False
    redis: bool | None = None
    http: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    http_seconds: Mapping[str, tuple[int, float]] = field(default_factory=dict)


class Metrics:
    """Fulfils `signaling.ports.Meter`, and prints everything."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._snapshot: Snapshot | None = None
        registry.register(_Snapshots(self))
        self._commands = Counter(
            "livedesk_commands",
            "Commands that were answered.",
            ("namespace", "command", "outcome"),
            registry=registry,
        )
        self._acks = Histogram(
            "livedesk_ack_seconds",
            "From a command's arrival to its acknowledgement.",
            ("namespace", "command"),
            buckets=ACK_BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "livedesk_refusals", "Connections and frames that were refused.", ("code",), registry=registry
        )
        self._told = Counter(
            "livedesk_events_told", "Events given to sockets.", ("event",), registry=registry
        )
        self._opened = Counter(
            "livedesk_sockets_opened", "Sockets admitted.", ("namespace",), registry=registry
        )
        self._closed = Counter(
            "livedesk_sockets_closed",
            "Sockets gone; slow_consumer: their messages were not read.",
            ("namespace", "reason"),
            registry=registry,
        )
        self._relay_lost = Counter(
            "livedesk_relay_lost",
            "Events that did not reach the other nodes (clients catch up).",
            registry=registry,
        )
        self._lag = Histogram(
            "livedesk_loop_lag_seconds", "How late the event loop is.", buckets=LAG_BUCKETS, registry=registry
        )
        self.newest_lag_s = 0.0
        self._answers: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._events: dict[str, Counter] = {}

    def answered(self, namespace: str, command: str, outcome: str, seconds: float) -> None:
        key = (namespace, command, outcome)
        found = self._answers.get(key)
        if found is None:
            found = (self._commands.labels(*key), self._acks.labels(namespace, command))
            self._answers[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def refused(self, code: str) -> None:
        self._refusals.labels(code).inc()

    def told(self, event: str, sockets: int) -> None:
        found = self._events.get(event)
        if found is None:
            found = self._events[event] = self._told.labels(event)
        found.inc(sockets)

    def opened(self, namespace: str) -> None:
        self._opened.labels(namespace).inc()

    def closed(self, namespace: str, reason: str) -> None:
        self._closed.labels(namespace, reason).inc()

    def relay_lost(self, events: int) -> None:
        self._relay_lost.inc(events)

    async def watch_loop(self) -> None:
        """Measures the event loop until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.newest_lag_s = max(0.0, loop.time() - due)
            self._lag.observe(self.newest_lag_s)

    def render(self, snapshot: Snapshot) -> bytes:
        """Everything in Prometheus' text format."""
        self._snapshot = snapshot
        try:
            return generate_latest(self._registry)
        finally:
            self._snapshot = None


class _Snapshots(Collector):
    """Turns the snapshot that is being rendered into metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        snapshot = self._metrics._snapshot
        return iter(()) if snapshot is None else _families(snapshot)


def _families(now: Snapshot) -> Iterator[Metric]:
    census = now.census
    yield _gauge("livedesk_sockets", "Admitted sockets.", ("namespace",), census.sockets.items())
    plain = {
        "livedesk_connections": ("WebSocket connections, admitted or not.", census.connections),
        "livedesk_pending_messages": ("Messages that wait for slow readers.", census.pending_messages),
        "livedesk_pending_bytes": ("Bytes that wait for slow readers.", census.pending_bytes),
        "livedesk_commands_in_flight": ("Commands at work.", census.in_flight),
        "livedesk_relay_waiting": ("Events that wait to be told to other nodes.", census.relay_waiting),
        "livedesk_writes_waiting": ("Appends that wait for their commit.", now.writes_waiting),
        "livedesk_deciding": ("1 on the node that decides the line.", int(now.deciding)),
    }
    for name, (about, value) in plain.items():
        yield GaugeMetricFamily(name, about, value)
    if now.redis is not None:
        yield GaugeMetricFamily("livedesk_redis_reachable", "1 while Redis answers.", int(now.redis))
    writes = CounterMetricFamily("livedesk_writes", "What the batching writer did.", labels=("outcome",))
    for outcome, count in now.writes.items():
        writes.add_metric((outcome,), count)
    yield writes
    by_group: dict[str, tuple[str, list[float]]] = {
        "livedesk_line_waiting": ("Buyers who wait.", [group.waiting for group in now.lines]),
        "livedesk_line_longest_wait_seconds": (
            "The longest wait of now.",
            [group.longest_wait_s for group in now.lines],
        ),
        "livedesk_line_in_service": ("Conversations that are served.", [g.in_service for g in now.lines]),
        "livedesk_line_ready": ("Agents who are ready and there.", [group.ready for group in now.lines]),
    }
    for name, (about, values) in by_group.items():
        family = GaugeMetricFamily(name, about, labels=("shop", "group"))
        for group, measured in zip(now.lines, values, strict=True):
            family.add_metric((group.shop_id, group.group_id), measured)
        yield family
    answers = CounterMetricFamily("livedesk_http", "HTTP answers.", labels=("method", "route", "code"))
    for labels, count in now.http.items():
        answers.add_metric(labels, count)
    yield answers
    seconds = SummaryMetricFamily("livedesk_http_seconds", "Time of HTTP answers.", labels=("route",))
    for route, (count, total) in now.http_seconds.items():
        seconds.add_metric((route,), count_value=count, sum_value=total)
    yield seconds


def _gauge(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[str, float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for label, value in values:
        family.add_metric((label,), value)
    return family
