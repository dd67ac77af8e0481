"""Every metric of the gateway, declared once; labels are closed sets, never ids."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters of one process; each gateway has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Counter(
            "headrace_http_requests",
            "Requests by route and status class.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.waiting = Gauge(
            "headrace_waiting_claims", "Claims that wait for work.", registry=registry
        )
        self.streams = Gauge(
            "headrace_event_streams", "Open streams of run events.", registry=registry
        )
        self.accepted = Counter("headrace_runs_accepted", "Runs accepted.", registry=registry)
        self.calls = Counter(
            "headrace_model_calls",
            "Model calls by provider and outcome.",
            ["provider", "outcome"],
            registry=registry,
        )
        self.tokens = Counter(
            "headrace_model_tokens",
            "Tokens that providers counted.",
            ["provider", "direction"],
            registry=registry,
        )
        self.cost = Counter(
            "headrace_model_cost",
            "What calls cost that this gateway recorded, estimates included; unpriced calls not.",
            ["provider", "currency"],
            registry=registry,
        )
        self.limited = Counter(
            "headrace_limited_calls",
            "Calls that a limit kept back (Blocked), or would have kept back (Shadow).",
            ["resource", "mode"],
            registry=registry,
        )
        self.circuits = Counter(
            "headrace_circuit_openings",
            "Times that this gateway has found a provider to fail once too often.",
            ["provider"],
            registry=registry,
        )
        self.estimates = Histogram(
            "headrace_estimated_input_ratio",
            "Input tokens as estimated before a call, by what the provider counted.",
            buckets=(0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2, 4),
            registry=registry,
        )
        self.first_token = Histogram(
            "headrace_model_first_byte_seconds",
            "Time from the call to the first byte of the provider's answer.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.sweeps = Counter(
            "headrace_swept_tasks", "Tasks that the sweep moved.", ["what"], registry=registry
        )
        self.webhooks = Counter(
            "headrace_webhook_tries",
            "Tries to tell a webhook of a budget, by outcome; 'Delivered' is a success.",
            ["outcome"],
            registry=registry,
        )
        self.tasks = Gauge(
            "headrace_tasks",
            "Tasks by pool and state, as the ledger counts them.",
            ["tenant", "namespace", "pipeline", "pool", "state"],
            registry=registry,
        )

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request; a status of 0 is a caller who went before the answer."""
        family = f"{status // 100}xx" if status else "gone"
        self._requests.labels(route, method, family).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
