"""The status of what the platform team writes: tenants and providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace_contract.problem import Problem
from headrace_contract.reasons import ConditionType, Reason
from headrace_operator.errors import PermanentError
from headrace_operator.status.conditions import Verdict, merge, progress, refusal

if TYPE_CHECKING:
    from datetime import datetime

    from headrace_operator.errors import ReconcileError
    from headrace_operator.model.seen import ProviderSeen, TenantSeen


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
    verdicts = [accepted, provisioned, ready, *progress(ready, permanent=permanent)]
    policy = seen.spec.stop_policy if seen.spec else "None"
    if policy != "None":
        reason = Reason.STOP_POLICY_HOLD if policy == "Hold" else Reason.STOP_POLICY_HOLD_AND_DRAIN
        message = f"`stopPolicy: {policy}` is in force for every pipeline of the tenant."
        verdicts.append(Verdict(ConditionType.PAUSED, "True", reason, message))
    return {
        "observedGeneration": seen.identity.generation,
        "conditions": merge(verdicts, seen.status, seen.identity.generation, now),
        "namespaces": list(seen.held),
        "pipelines": seen.pipelines,
    }


def assess_provider(
    seen: ProviderSeen, failure: ReconcileError | None, now: datetime
) -> dict[str, Any]:
    """Say how a provider is; whether it answers is the gateway's to know."""
    accepted = _accepted(seen.problems)
    told = Verdict(ConditionType.READY, "True", Reason.READY, "Pipelines can use it.")
    ready, permanent = _ready(accepted, told, failure)
    verdicts = [accepted, ready, *progress(ready, permanent=permanent)]
    return {
        "observedGeneration": seen.identity.generation,
        "conditions": merge(verdicts, seen.status, seen.identity.generation, now),
        "pipelines": seen.pipelines,
    }


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
