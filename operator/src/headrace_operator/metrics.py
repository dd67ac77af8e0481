"""Every metric of the operator, declared once; labels are closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Counters and gauges that watch, reconcile and apply write to."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.passes = Histogram(
            "headrace_operator_reconcile_seconds",
            "Duration of passes by kind.",
            ["kind"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.failures = Counter(
            "headrace_operator_reconcile_failures_total",
            "Passes that ended in a failure, by kind and reason.",
            ["kind", "reason"],
            registry=self.registry,
        )
        self.writes = Counter(
            "headrace_operator_api_writes_total",
            "Writes to the API server by verb, plural and status code (0: no answer).",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        self.queue_keys = Gauge(
            "headrace_operator_queue_keys", "Keys that are due now.", registry=self.registry
        )
        self.queue_age = Gauge(
            "headrace_operator_queue_age_seconds",
            "How long the oldest due key has waited.",
            registry=self.registry,
        )
        self.watch_age = Gauge(
            "headrace_operator_watch_age_seconds",
            "Seconds since a watch last heard anything, bookmarks included.",
            ["resource"],
            registry=self.registry,
        )
        self.objects = Gauge(
            "headrace_operator_objects", "Objects known, by kind.", ["kind"], registry=self.registry
        )
        self.resyncs = Counter(
            "headrace_operator_resync_found_total",
            "Objects and rows that a resync found and a watch had missed.",
            ["kind"],
            registry=self.registry,
        )
        self.leading = Gauge(
            "headrace_operator_leading", "1 while the Lease is ours.", registry=self.registry
        )
