"""Workers that are ready, and what each of them costs an hour."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from headrace_operator.model.observed import workers_of
from headrace_operator.model.quantity import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace_contract.resources.budgets import WorkerPrice

GIB: Final = Decimal(1024**3)


@dataclass(frozen=True, slots=True)
class ReadyWorkers:
    """The workers of one pool at this moment."""

    pipeline: str
    """The pipeline's UID."""
    pool: str
    ready: int
    hourly: Decimal
    """What one of them costs an hour, by what it requests."""


def ready_workers(
    deployments: Iterable[Mapping[str, Any]], price: WorkerPrice
) -> list[ReadyWorkers]:
    """Read the Deployments of pools; those of nobody are left out."""
    return [
        ReadyWorkers(owner["uid"], workers.pool, workers.ready, hourly(deployment, price))
        for deployment in deployments
        for workers in [workers_of(deployment)]
        for owner in deployment["metadata"].get("ownerReferences", [])[:1]
        if workers.pool
    ]


def hourly(deployment: Mapping[str, Any], price: WorkerPrice) -> Decimal:
    """Add up what the containers of one worker request, at these prices."""
    cores = memory = Decimal(0)
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        requests = (container.get("resources") or {}).get("requests") or {}
        cores += amount(str(requests.get("cpu", "0"))) or 0
        memory += amount(str(requests.get("memory", "0"))) or 0
    return cores * Decimal(price.cpu_hour) + memory / GIB * Decimal(price.memory_gib_hour)
