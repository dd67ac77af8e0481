"""Who a worker is and how much it takes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headrace_contract.names import HEARTBEAT_SECONDS

STEP_TYPES: Final = ("LLM", "HTTP", "Python")  # what this worker can run, told with each claim


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that makes one worker differ from another."""

    namespace: str
    pipeline: str
    pool: str
    worker: str
    """Unique among all workers: the pod's name, or a made-up one on a laptop."""
    concurrency: int = 4
    drain_seconds: float = 10.0
    """How long running steps may go on after a drain has begun."""
    hand_back_seconds: float = 2.0
    """How long it may take after that to give the late ones back."""
    poll_seconds: float = 30.0
    """How long the gateway may hold a claim open while there is no work."""
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    node_cidrs: tuple[str, ...] = ()
    """Where the nodes are, which HTTP steps may not reach."""
    allow_loopback: bool = False
    """Lets HTTP steps reach this machine: for `headrace dev`, never in a cluster."""
