"""What is counted of calls, in Prometheus' words: how they ended, and how their media fared.

Labels are words of the wire; nobody is named. A report is one measurement of one participant's browser, of
about a second.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from media.call import Call
from media.grading import Level
from protocol.call import QualityReport

LOSS_BUCKETS = (0.001, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5)
DELAY_BUCKETS = (0.02, 0.05, 0.1, 0.15, 0.3, 0.5, 0.8, 1.5, 3.0)
JITTER_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
KBPS_BUCKETS = (50, 150, 300, 600, 1_000, 1_500, 2_500, 5_000)
LENGTH_BUCKETS = (10, 30, 60, 180, 300, 600, 1_200, 3_600)


class CallMetrics:
    """Fulfils `server.desk.world.CallMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "livedesk_calls_ended",
            "Calls that are over; connected: both sides had media.",
            ("reason", "connected"),
            registry=registry,
        )
        self._lasted = Histogram(
            "livedesk_call_seconds",
            "From media of both sides to the end.",
            buckets=LENGTH_BUCKETS,
            registry=registry,
        )
        self._reports = Counter(
            "livedesk_call_reports",
            "Measurements, about one a second, by the connection in a word and the step of the ladder.",
            ("level", "step"),
            registry=registry,
        )
        self._kbps = Histogram(
            "livedesk_call_kbps",
            "Bitrate of a participant's sound and picture.",
            ("direction",),
            buckets=KBPS_BUCKETS,
            registry=registry,
        )
        self._loss = Histogram(
            "livedesk_call_loss",
            "Share of packets lost.",
            ("direction",),
            buckets=LOSS_BUCKETS,
            registry=registry,
        )
        self._jitter = Histogram(
            "livedesk_call_jitter_seconds",
            "Jitter of what a participant receives.",
            buckets=JITTER_BUCKETS,
            registry=registry,
        )
        self._round_trip = Histogram(
            "livedesk_call_round_trip_seconds",
            "Round trip between a participant and the media process.",
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self._freezes = Counter(
            "livedesk_call_freezes", "Pauses of a picture that was seen.", registry=registry
        )
        self._frozen = Counter("livedesk_call_frozen_seconds", "Their length together.", registry=registry)
        self._steps = Counter(
            "livedesk_call_ladder_steps",
            "Changes of how somebody sends on a bad network, to this step.",
            ("step",),
            registry=registry,
        )
        self._rejoins = Counter(
            "livedesk_call_rejoins", "Participants whose media was lost and came back.", registry=registry
        )

    def measured(self, report: QualityReport, level: Level) -> None:
        """One measurement."""
        self._reports.labels(level, report.step).inc()
        for direction, flow in (("sent", report.sent), ("received", report.received)):
            self._kbps.labels(direction).observe(flow.kbps)
            self._loss.labels(direction).observe(flow.loss)
        self._jitter.observe(report.received.jitter_ms / 1_000)
        if report.round_trip_ms is not None:
            self._round_trip.observe(report.round_trip_ms / 1_000)
        self._freezes.inc(report.received.freezes)
        self._frozen.inc(report.received.frozen_ms / 1_000)

    def stepped(self, step: str) -> None:
        """Somebody sends on another step of the ladder."""
        self._steps.labels(step).inc()

    def rejoined(self, participants: int) -> None:
        """So many are back."""
        self._rejoins.inc(participants)

    def ended(self, call: Call) -> None:
        """A call is over."""
        connected = call.connected_at is not None
        self._ended.labels(call.reason or "", "yes" if connected else "no").inc()
        if call.connected_at is not None and call.ended_at is not None:
            self._lasted.observe((call.ended_at - call.connected_at) / 1_000)
