"""Every limit and duration of the door that may be turned, with what it is on a laptop."""

from __future__ import annotations

from dataclasses import dataclass

from headrace_contract.names import MODEL_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Options:
    """Handed down from the composition root; seconds and bytes."""

    body_bytes: int = 1024 * 1024
    model_body_bytes: int = MODEL_BODY_BYTES
    answer_bytes: int = 16 * 1024 * 1024
    requests_at_once: int = 10_000
    submits_at_once: int = 4096
    wait_seconds: float = 60.0
    event_beat_seconds: float = 15.0
    event_poll_seconds: float = 2.0
    event_retry_ms: int = 1000
    listeners_at_once: int = 2000
    claim_poll_seconds: float = 5.0
    claims_at_once: int = 4000
    ledger_patience_seconds: float = 75.0  # a model call outlasts a fail-over of the ledger
    fence_check_seconds: float = 2.0
    short_wait_seconds: float = 3.0
    park_seconds: float = 30.0
    sweep_seconds: float = 1.0
    sweep_gap_seconds: float = 5.0
    counts_seconds: float = 0.5
    webhook_seconds: float = 2.0
