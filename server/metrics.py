"""What this node counts and measures, in Prometheus' words.

Labels are declared names, codes and ids of groups; never a person, an address or a path. What is counted at
every message is plain numbers (a locked counter of the library takes three times as long); they and all that
is a state are read when they are asked for.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from server.media.metrics import CallMetrics
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
    media: Sequence[Mapping[str, Any]] = ()
    """What each media process says of itself (`stats` of `media.control`)."""
    recordings: Mapping[str, int] = field(default_factory=dict)
    """How many are finished just now, and how many could not be, by their state."""


class _Times:
    """A histogram over `ACK_BUCKETS` and one beyond; `counts` are not summed up yet."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(ACK_BUCKETS) + 1)
        self.total = 0.0


class Metrics:
    """Fulfils `signaling.ports.Meter`, and prints everything."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._snapshot: Snapshot | None = None
        registry.register(_Snapshots(self))
        self._refusals = Counter(
            "livedesk_refusals", "Connections and frames that were refused.", ("code",), registry=registry
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
        self.calls = CallMetrics(registry)
        self.newest_lag_s = 0.0
        self._answers: Counts[tuple[str, str, str]] = Counts()
        self._acks: dict[tuple[str, str], _Times] = {}
        self._told: Counts[str] = Counts()

    def answered(self, namespace: str, command: str, outcome: str, seconds: float) -> None:
        self._answers[namespace, command, outcome] += 1
        times = self._acks.get((namespace, command))
        if times is None:
            times = self._acks[namespace, command] = _Times()
        times.counts[bisect_left(ACK_BUCKETS, seconds)] += 1
        times.total += seconds

    def refused(self, code: str) -> None:
        self._refusals.labels(code).inc()

    def told(self, event: str, sockets: int) -> None:
        self._told[event] += sockets

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

    def counted(self) -> Iterator[Metric]:
        """What was counted at every message, since the start."""
        commands = CounterMetricFamily(
            "livedesk_commands", "Commands that were answered.", labels=("namespace", "command", "outcome")
        )
        for labels, count in self._answers.items():
            commands.add_metric(labels, count)
        yield commands
        acks = HistogramMetricFamily(
            "livedesk_ack_seconds",
            "From a command's arrival to its acknowledgement.",
            labels=("namespace", "command"),
        )
        bounds = (*map(str, ACK_BUCKETS), "+Inf")
        for command, times in self._acks.items():
            upto = zip(bounds, accumulate(times.counts), strict=True)
            acks.add_metric(command, buckets=list(upto), sum_value=times.total)
        yield acks
        told = CounterMetricFamily("livedesk_events_told", "Events given to sockets.", labels=("event",))
        for event, count in self._told.items():
            told.add_metric((event,), count)
        yield told

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
        return iter(()) if snapshot is None else chain(self._metrics.counted(), _families(snapshot))


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
    about = "Recordings that are being finished, and that could not be."
    yield _gauge("livedesk_recordings", about, ("state",), now.recordings.items())
    answers = CounterMetricFamily("livedesk_http", "HTTP answers.", labels=("method", "route", "code"))
    for labels, count in now.http.items():
        answers.add_metric(labels, count)
    yield answers
    seconds = SummaryMetricFamily("livedesk_http_seconds", "Time of HTTP answers.", labels=("route",))
    for route, (count, total) in now.http_seconds.items():
        seconds.add_metric((route,), count_value=count, sum_value=total)
    yield seconds
    for name, (about, key) in _MEDIA.items():
        numbered = [(str(number), float(one[key])) for number, one in enumerate(now.media)]
        yield _gauge(name, about, ("process",), numbered)
    packets = CounterMetricFamily(
        "livedesk_media_packets", "Packets of calls, by their fate.", labels=("process", "fate")
    )
    for number, one in enumerate(now.media):
        for fate in _FATES:
            packets.add_metric((str(number), fate), float(one[fate]))
    yield packets


_FATES = ("ignored", "undecipherable", "unsent", "resent", "not_resent", "keyframes_asked")
"""As `media.counts` says."""
_MEDIA = {
    "livedesk_media_rooms": ("Calls that a media process carries.", "rooms"),
    "livedesk_media_connections": ("Connections to participants, up or coming up.", "connections"),
    "livedesk_media_cpu": ("Share of a core that a media process uses.", "cpu"),
    "livedesk_media_lag_seconds": ("How late its loop is, 95th percentile.", "lag_s"),
    "livedesk_media_places": ("Further participants that a media process takes now.", "places"),
}


def _gauge(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[str, float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for label, value in values:
        family.add_metric((label,), value)
    return family
