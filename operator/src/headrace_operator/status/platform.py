"""The status of what the platform team writes: tenants and providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace_contract.problem import Problem
from headrace_contract.reasons import ConditionType, Reason
from headrace_contract.resources.agent_tenant import MonthCost
from headrace_operator.errors import PermanentError
from headrace_operator.plan.limits import provider_limits, tenant_limits
from headrace_operator.plan.prices import LIST
from headrace_operator.status import limits
from headrace_operator.status.conditions import STOPS, Verdict, merge, progress, refusal, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from headrace_contract.resources.budgets import Budget
    from headrace_operator.errors import ReconcileError
    from headrace_operator.model.seen import ProviderSeen, TenantSeen
    from headrace_operator.model.usage import Cooldown, Usage
    from headrace_operator.plan.limits import LimitsPlan
    from headrace_operator.plan.prices import Priced

_STANDING: Final = ("limits", "budgets", "nearest")


def assess_tenant(
    seen: TenantSeen, failure: ReconcileError | None, now: datetime
) -> dict[str, Any]:
    """Say how a tenant is; namespaces lost to an older one are named."""
    problems = seen.problems or tuple(
        Problem(
            "spec.namespaces",
            f"must not list '{namespace}', which the older tenant '{winner}' claims",
            Reason.NAMESPACE_CONFLICT,
        )
        for namespace, winner in sorted(seen.lost.items())
    )
    accepted = _accepted(problems)
    provisioned = _provisioned(seen, failure)
    ready, permanent = _ready(accepted, provisioned, failure)
    plan = tenant_limits(seen.identity, seen.spec) if seen.spec else None
    budgets = seen.spec.budgets if seen.spec else []
    usages = _usages(seen, plan)
    verdicts = [
        accepted,
        provisioned,
        limits.limits_enforced(plan, usages, failure),
        limits.within_budget(budgets, usages),
        ready,
        *progress(ready, permanent=permanent),
    ]
    if seen.identity.deleted_at is not None and failure is not None:
        blocked = Verdict(ConditionType.DELETION_BLOCKED, "True", failure.reason, str(failure))
        verdicts.append(blocked)
    policy = seen.spec.stop_policy if seen.spec else "None"
    if policy != "None":
        message = f"`stopPolicy: {policy}` is in force for every pipeline of the tenant."
        verdicts.append(Verdict(ConditionType.PAUSED, "True", STOPS[policy], message))
    return {
        "observedGeneration": seen.identity.generation,
        "conditions": merge(verdicts, seen.status, seen.identity.generation, now),
        "namespaces": list(seen.held),
        "pipelines": seen.pipelines,
        **_standing(seen.status, usages, budgets),
        **_costs(seen),
    }


def assess_provider(
    seen: ProviderSeen, offered: Priced | None, failure: ReconcileError | None, now: datetime
) -> dict[str, Any]:
    """Say how a provider is; whether it answers is the gateway's to know."""
    accepted = _accepted(seen.problems)
    told = Verdict(ConditionType.READY, "True", Reason.READY, "Pipelines can use it.")
    ready, permanent = _ready(accepted, told, failure)
    plan = provider_limits(seen.identity, seen.spec) if seen.spec else None
    usages = _usages(seen, plan)
    enforced = limits.limits_enforced(plan, usages, failure)
    verdicts = [accepted, enforced, ready, *progress(ready, permanent=permanent)]
    standing: dict[str, Any] = (
        _kept(seen.status)
        if usages is None
        else {
            "limits": limits.provider_usages(usages, seen.learnt),
            "nearest": limits.nearest((*usages, *seen.learnt)),
        }
    )
    standing.pop("budgets", None)  # a provider has none
    if offered is not None:
        verdicts.append(_prices(offered))
    if seen.cooldown is not None:
        verdicts.append(_cooling(seen.cooldown))
        standing["cooldownUntil"] = stamp(seen.cooldown.until)
    policy = seen.spec.stop_policy if seen.spec else "None"
    if policy != "None":
        ends = ", and those under way end" if policy == "HoldAndDrain" else ""
        message = f"`stopPolicy: {policy}` is in force: no call to the provider begins{ends}."
        verdicts.append(Verdict(ConditionType.PAUSED, "True", STOPS[policy], message))
    return {
        "observedGeneration": seen.identity.generation,
        "conditions": merge(verdicts, seen.status, seen.identity.generation, now),
        "pipelines": seen.pipelines,
        **standing,
    }


def _usages(seen: TenantSeen | ProviderSeen, plan: LimitsPlan | None) -> tuple[Usage, ...] | None:
    """Say how limits stand; nobody need ask about limits that there are not."""
    if seen.usages is None and plan is not None and not plan.limits:
        return ()
    return seen.usages


def _standing(
    status: Mapping[str, Any], usages: tuple[Usage, ...] | None, budgets: list[Budget]
) -> dict[str, Any]:
    """Tell how limits and budgets stand; while nobody could ask, that stays as it was told."""
    if usages is None:
        return _kept(status)
    return {
        "limits": limits.limit_usages(usages),
        "budgets": limits.budget_usages(usages, budgets),
        "nearest": limits.nearest(usages),
    }


def _kept(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: status[name] for name in _STANDING if name in status}


def _cooling(cooldown: Cooldown) -> Verdict:
    kind = ConditionType.COOLING_DOWN
    if cooldown.reason == Reason.CIRCUIT_OPEN:
        message = "It failed too often in a row; nobody calls it until `status.cooldownUntil`."
        return Verdict(kind, "True", Reason.CIRCUIT_OPEN, message)
    if cooldown.reason == Reason.PROVIDER_EXHAUSTED:
        message = (
            f"By its own figures nothing is left of '{cooldown.model}', which nobody calls until "
            "`status.cooldownUntil`."
        )
        return Verdict(kind, "True", Reason.PROVIDER_EXHAUSTED, message)
    message = "It answered 429; nobody calls it until `status.cooldownUntil`."
    return Verdict(kind, "True", Reason.RATE_LIMITED, message)


def _costs(seen: TenantSeen) -> dict[str, Any]:
    """Tell what the month costs; until somebody could ask, that stays as it was told."""
    if seen.spend is None:
        return {"costs": seen.status["costs"]} if "costs" in seen.status else {}
    return {
        "costs": [
            MonthCost(
                currency=one.currency,
                month=one.month,
                spent=f"{one.spent.normalize():f}",
                forecast=None if one.forecast is None else f"{one.forecast:f}",
            ).model_dump(by_alias=True, exclude_none=True)
            for one in seen.spend
        ]
    }


def _prices(offered: Priced) -> Verdict:
    known = f"{offered.written} from the spec, {offered.listed} from {LIST}"
    if offered.missing:
        message = f"No price: {', '.join(offered.missing)}; {known}."
        return Verdict(ConditionType.PRICES_KNOWN, "False", Reason.PRICES_MISSING, message)
    return Verdict(ConditionType.PRICES_KNOWN, "True", Reason.PRICES_KNOWN, f"Prices: {known}.")


def _accepted(problems: tuple[Problem, ...]) -> Verdict:
    if problems:
        return refusal(ConditionType.ACCEPTED, problems)
    return Verdict(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, "The spec is valid.")


def _provisioned(seen: TenantSeen, failure: ReconcileError | None) -> Verdict:
    kind = ConditionType.PROVISIONED
    if failure is not None:
        return Verdict(kind, "False", failure.reason, str(failure))
    if seen.spec is None:
        return Verdict(kind, "Unknown", Reason.PROGRESSING, "Done once the spec is accepted.")
    count = len(seen.held)
    message = f"{count} namespace{'' if count == 1 else 's'} and the ledger's rows are in place."
    return Verdict(kind, "True", Reason.PROVISIONED, message)


def _ready(
    accepted: Verdict, told: Verdict, failure: ReconcileError | None
) -> tuple[Verdict, bool]:
    if accepted.status == "False":
        return Verdict(ConditionType.READY, "False", accepted.reason, accepted.message), True
    if failure is not None:
        ready = Verdict(ConditionType.READY, "False", failure.reason, str(failure))
        return ready, isinstance(failure, PermanentError)
    return Verdict(ConditionType.READY, told.status, told.reason, told.message), False
