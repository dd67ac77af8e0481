"""Everything that the routes share, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headrace_gateway.metrics import Metrics
from headrace_gateway.models.metering import Estimator
from headrace_gateway.options import Options

if TYPE_CHECKING:
    from headrace_gateway.clock import Chance, Clock
    from headrace_gateway.identity.caller import Identity
    from headrace_gateway.models.ports import SecretReader, Upstream
    from headrace_gateway.models.watch import Calls
    from headrace_gateway.pools import PoolBook, Versions
    from headrace_gateway.runs.deltas import Deltas
    from headrace_gateway.wake import Wakes
    from headrace_ledger.client import Ledger


@dataclass(frozen=True, slots=True)
class World:
    """The outside (ledger, identity, secrets, upstream, clock, chance) and what we keep inside."""

    ledger: Ledger
    identity: Identity
    secrets: SecretReader
    upstream: Upstream
    clock: Clock
    chance: Chance
    wakes: Wakes
    pools: PoolBook
    versions: Versions
    deltas: Deltas
    calls: Calls
    options: Options = field(default_factory=Options)
    metrics: Metrics = field(default_factory=Metrics)
    estimator: Estimator = field(default_factory=Estimator)
