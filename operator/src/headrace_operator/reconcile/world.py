"""Everything outside of a pass, as one argument."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from headrace_operator.apply.execute import Objects, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime, timedelta
    from decimal import Decimal

    from headrace_contract.priced import PricedProvider
    from headrace_contract.problem import Problem
    from headrace_contract.resources.model_provider import ModelProviderSpec
    from headrace_operator.metrics import Metrics
    from headrace_operator.model.counted import Counted
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.ready_workers import ReadyWorkers
    from headrace_operator.model.resource import Key, Resource
    from headrace_operator.model.spend import MonthSpend
    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.model.usage import Cooldown, Usage
    from headrace_operator.plan.context import Site
    from headrace_operator.reconcile.cache import Cache
    from headrace_operator.reconcile.queue import WorkQueue

Body = dict[str, Any]


class Cluster(Objects, Protocol):
    """The API server, beyond the making of children."""

    async def finalize(self, identity: Identity, *, present: bool) -> Body | None: ...
    async def apply_status(self, identity: Identity, status: Body) -> Body: ...
    async def listing(self, resource: Resource) -> list[Body]: ...
    async def pods(self, namespace: str, pipeline: str) -> list[Body]: ...
    async def serves(self, resource: Resource) -> bool: ...


class Ledger(Rows, Protocol):
    """The ledger's rows, beyond those of a plan."""

    async def put_tenant(self, tenant: Tenant, held: Sequence[str]) -> None: ...
    async def put_provider(self, identity: Identity, offer: PricedProvider) -> None: ...
    async def drain_pipeline(self, uid: str, tenant: str) -> tuple[int, int]: ...
    async def delete_pipeline(self, uid: str, tenant: str) -> None: ...
    async def delete_tenant(self, name: str, uid: str) -> None: ...
    async def delete_provider(self, name: str, uid: str) -> None: ...
    async def pipelines(self) -> set[tuple[str, str]]: ...
    async def tenants(self) -> set[tuple[str, str]]: ...
    async def providers(self) -> set[tuple[str, str]]: ...
    async def counts(self) -> dict[tuple[str, str], Counted]: ...
    async def usage(self, tenant: str) -> list[Usage]: ...
    async def cooldowns(self) -> list[Cooldown]: ...
    async def month_costs(self, tenant: str, day: date) -> Mapping[str, Decimal]: ...
    async def count_workers(
        self, tenant: str, workers: Sequence[ReadyWorkers], currency: str
    ) -> None: ...
    async def draining(self, namespace: str, pipeline: str) -> set[str]: ...
    def forget(self, uid: str) -> None: ...


class Recorder(Protocol):
    """Where Events go."""

    async def record(
        self, about: Identity, kind: str, words: tuple[str, str], now: datetime
    ) -> None: ...


@dataclass(slots=True)
class Board:
    """What loops find out and passes read; each field has one writer."""

    keda: bool = False
    counts: dict[tuple[str, str], Counted] | None = None
    """None until they could be counted once."""
    usages: dict[Key, tuple[Usage, ...]] = field(default_factory=dict)
    """How the limits of a tenant or provider last stood, where they declare any (`measure`)."""
    learnt: dict[Key, tuple[Usage, ...]] = field(default_factory=dict)
    """How the limits that a provider says itself last stood, where it does (`measure`)."""
    cooldowns: dict[str, Cooldown] = field(default_factory=dict)
    """Providers that nobody may call, by name, or of which a model may not be (`measure`)."""
    spends: dict[Key, tuple[MonthSpend, ...]] = field(default_factory=dict)
    """What the month costs each tenant (`look_at_costs`)."""
    workers: dict[Key, set[tuple[str, str]]] = field(default_factory=dict)
    """Pools of a tenant that had ready workers when they were last counted (`count_workers`)."""
    judged: dict[str, tuple[int, tuple[Problem, ...]]] = field(default_factory=dict)
    """Problems of a spec by UID, and the generation that they were found in."""
    judging: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a spec is judged."""
    written: dict[Key, datetime] = field(default_factory=dict)
    """When a status was last written."""
    grants: dict[Key, str] = field(default_factory=dict)
    """What tenants and providers last meant to their pipelines."""
    leans: dict[Key, frozenset[Key]] = field(default_factory=dict)
    """Which tenants and providers a pipeline counts for."""
    holds: dict[Key, frozenset[str]] = field(default_factory=dict)
    """Which namespaces a tenant last claimed."""
    tenants: dict[str, tuple[int, Tenant | None]] = field(default_factory=dict)
    """Tenants that were read, by UID and version; None where the spec does not parse."""
    providers: dict[str, tuple[int, ModelProviderSpec | None]] = field(default_factory=dict)
    """Likewise for providers."""
    rows: dict[Key, str] = field(default_factory=dict)
    """UIDs of providers that the ledger was told of."""
    heard: dict[Key, list[tuple[Mapping[str, Any], bool]]] = field(default_factory=dict)
    """What was said of a key during its pass, and whether it said that an object is gone."""


@dataclass(frozen=True, slots=True)
class World:
    """Where a pass reads and writes."""

    cluster: Cluster
    ledger: Ledger
    recorder: Recorder
    cache: Cache
    queue: WorkQueue
    board: Board
    site: Site
    metrics: Metrics
    now: Callable[[], datetime]
    between_counts: timedelta
