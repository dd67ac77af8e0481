"""From what a spec declares to the rows by which the ledger limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from headrace_contract.names import OF_BUDGET, PLATFORM_TENANT
from headrace_operator.plan.stamp import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec, PerRun
    from headrace_contract.resources.agent_tenant import AgentTenantSpec
    from headrace_contract.resources.budgets import Budget
    from headrace_contract.resources.limits import Limit, TenantLimit
    from headrace_contract.resources.model_provider import ModelProviderSpec
    from headrace_contract.resources.steps import StepLimits
    from headrace_operator.model.identity import Identity

COST: Final = "cost"
OF_TENANT: Final = "tenant"
BILLIONTHS: Final = 10**9
# No name that a user gives has a dot, so that none of theirs can be one of these.
OF_RUN: Final = "perRun."
OF_STEP: Final = "steps."
_PLACES: Final = frozenset({"runs", "workers"})


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """One limit; a cost in billionths of its currency, everything else in what it counts."""

    name: str
    resource: str
    window: str
    capacity: int
    zone: str
    enforced: bool
    spec: str
    """JSON for the gateway: whom it concerns, and what happens at it."""
    cohort: str | None = None
    """Limits with the same word here lend to one another."""
    borrowing: int | None = None
    lending: int | None = None


@dataclass(frozen=True, slots=True)
class LimitsPlan:
    """Everything that one object declares; without limits there is nothing in the ledger."""

    uid: str
    """Of the object that declares it."""
    tenant: str
    owner: str
    limits: tuple[LimitPlan, ...] = ()

    @property
    def digest(self) -> str:
        """Name the limits by their content; empty where there are none."""
        return digest([asdict(limit) for limit in self.limits]) if self.limits else ""


def tenant_limits(tenant: Identity, spec: AgentTenantSpec | None) -> LimitsPlan:
    """Plan a tenant's limits and budgets; none without a spec."""
    rows: list[LimitPlan] = []
    if spec is not None:
        rows += [_of_tenant(limit, spec.cohort) for limit in spec.limits]
        rows += [_budget(budget) for budget in spec.budgets]
    return LimitsPlan(tenant.uid, tenant.name, OF_TENANT, tuple(rows))


def provider_limits(provider: Identity, spec: ModelProviderSpec | None) -> LimitsPlan:
    """Plan what all tenants share of a provider; none without a spec."""
    limits = spec.limits if spec else ()
    rows = tuple(_limit(limit, [provider.name]) for limit in limits)
    return LimitsPlan(provider.uid, PLATFORM_TENANT, provider_owner(provider.name), rows)


def pipeline_limits(uid: str, tenant: str, spec: AgentPipelineSpec | None) -> LimitsPlan:
    """Plan what each run of a pipeline may use, and each step in it; none without a spec."""
    rows: list[LimitPlan] = []
    if spec is not None:
        rows += _per_run(OF_RUN, spec.limits.per_run, pipeline=uid)
        for step in spec.steps:
            rows += _per_step(uid, step.name, step.limits) if step.limits else ()
    return LimitsPlan(uid, tenant, pipeline_owner(uid), tuple(rows))


def provider_owner(name: str) -> str:
    return f"provider/{name}"


def learnt_owner(name: str) -> str:
    """Name whose the limits are that a provider says itself; only gateways write them."""
    return f"learnt/{name}"


def pipeline_owner(uid: str) -> str:
    return f"pipeline/{uid}"


def billionths(amount: str) -> int:
    """Count an amount of money in whole numbers; its pattern allows nine decimals and no more."""
    return int(Decimal(amount) * BILLIONTHS)


def _of_tenant(limit: TenantLimit, cohort: str | None) -> LimitPlan:
    """Plan a limit; one of calls that is in force lends and borrows in its tenant's cohort."""
    more = {"accuracy": limit.accuracy} if limit.accuracy != "Exact" else {}
    row = _limit(limit, limit.selector.providers, **more)
    if cohort is None or limit.mode == "Shadow" or limit.resource in _PLACES:
        return row
    return replace(
        row,
        cohort=f"{cohort}/{_alike(limit)}",
        borrowing=limit.borrowing_limit,
        lending=limit.lending_limit,
    )


def _alike(limit: TenantLimit) -> str:
    """Name what makes two tenants' limits the same one: they count the same, in the same time."""
    chosen = limit.selector
    counted = [sorted(chosen.providers), sorted(chosen.models), sorted(chosen.classes)]
    return digest([limit.name, limit.resource, limit.window, limit.time_zone, counted])


def _limit(limit: Limit, providers: Iterable[str], **more: str) -> LimitPlan:
    chosen = limit.selector
    spec = _spec(limit.on_exceed, providers, models=chosen.models, classes=chosen.classes, **more)
    return LimitPlan(
        name=limit.name,
        resource=limit.resource,
        window=limit.window,
        capacity=limit.limit,
        zone=limit.time_zone,
        enforced=limit.mode == "Enforce",
        spec=spec,
    )


def _budget(budget: Budget) -> LimitPlan:
    more: dict[str, Any] = {"currency": budget.currency}
    if budget.degrade_to is not None:
        more |= {"degradeAt": min(budget.soft_percents), "degradeTo": budget.degrade_to}
    if budget.webhook is not None:
        more |= {
            "softPercents": sorted(budget.soft_percents),
            "webhook": budget.webhook.model_dump(mode="json"),
        }
    return LimitPlan(
        name=OF_BUDGET + budget.name,
        resource=COST,
        window=budget.window,
        capacity=billionths(budget.amount),
        zone=budget.time_zone,
        enforced=budget.mode == "Enforce",
        spec=_spec(budget.on_hard, **more),
    )


def _per_run(of: str, most: PerRun | StepLimits, **whose: str) -> Iterator[LimitPlan]:
    """Refuse rather than park: what a run has used up never comes back."""
    spec = _spec("Reject", **whose)
    if most.max_tokens is not None:
        yield _enforced(f"{of}maxTokens", "tokens", "Run", most.max_tokens, spec)
    if most.max_cost is not None:
        cost = most.max_cost
        costly = _spec("Reject", **whose, currency=cost.currency)
        yield _enforced(f"{of}maxCost", COST, "Run", billionths(cost.amount), costly)
    if most.max_llm_calls is not None:
        yield _enforced(f"{of}maxLLMCalls", "llmCalls", "Run", most.max_llm_calls, spec)


def _per_step(uid: str, step: str, most: StepLimits) -> Iterator[LimitPlan]:
    """Name its limits by the step; calls at once are parked, since a place comes back."""
    of = f"{OF_STEP}{step}."
    yield from _per_run(of, most, pipeline=uid, step=step)
    at_once = most.max_concurrent_llm_calls
    if at_once is not None:
        spec = _spec("Park", pipeline=uid, step=step)
        yield _enforced(f"{of}maxConcurrentLLMCalls", "llmCalls", "None", at_once, spec)


def _enforced(name: str, resource: str, window: str, capacity: int, spec: str) -> LimitPlan:
    return LimitPlan(name, resource, window, capacity, "UTC", enforced=True, spec=spec)


def _spec(on_exceed: str, providers: Iterable[str] = (), **more: Any) -> str:
    everything: dict[str, Any] = {"models": [], "classes": []}
    chosen = {"onExceed": on_exceed, "providers": list(providers), **everything, **more}
    return orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS).decode()
