"""What decides the conditions of a pipeline: small functions, each with its own reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from headrace_contract.reasons import ConditionType, Reason
from headrace_operator.model.identity import instant
from headrace_operator.status.conditions import STOPS, Verdict, condition, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from headrace_operator.model.observed import Scaler, Workers
    from headrace_operator.model.seen import PipelineSeen
    from headrace_operator.plan.judge import Judgement

SCALER_GRACE: Final = timedelta(seconds=120)
"""KEDA's own condition flaps for half a minute on each roll-out; ours does not."""


def accepted(judgement: Judgement) -> Verdict:
    if judgement.refused:
        return refusal(ConditionType.ACCEPTED, judgement.refused)
    return Verdict(
        ConditionType.ACCEPTED, "True", Reason.ACCEPTED, "The spec is valid and allowed."
    )


def resolved(judgement: Judgement) -> Verdict:
    kind = ConditionType.RESOLVED_REFS
    if judgement.refused:
        return Verdict(kind, "Unknown", Reason.PROGRESSING, "Looked at once the spec is accepted.")
    if judgement.unresolved:
        return refusal(kind, judgement.unresolved)
    return Verdict(kind, "True", Reason.RESOLVED, "Everything that the spec refers to exists.")


def scaler_ready(
    seen: PipelineSeen, scalers: tuple[Scaler, ...], workers: tuple[Workers, ...], now: datetime
) -> Verdict:
    kind = ConditionType.SCALER_READY
    if not seen.keda:
        message = "KEDA is not installed: each pool runs its `minReplicas`, at least one worker."
        return Verdict(kind, "False", Reason.KEDA_MISSING, message)
    if not scalers:
        return Verdict(kind, "Unknown", Reason.PROGRESSING, "No pool has a ScaledObject yet.")
    paused = [scaler.pool for scaler in scalers if scaler.paused]
    if paused:
        message = f"KEDA is paused by annotation on {_named(paused)}."
        return Verdict(kind, "False", Reason.SCALING_PAUSED, message)
    late = [scaler for scaler in scalers if scaler.ready != "True"]
    if late:
        return _not_ready(late, condition(seen.status, kind), now)
    return _scaling(seen, scalers, workers)


def _scaling(
    seen: PipelineSeen, scalers: tuple[Scaler, ...], workers: tuple[Workers, ...]
) -> Verdict:
    """Say how KEDA scales, now that it does."""
    kind = ConditionType.SCALER_READY
    running = {one.pool for one in workers if one.desired > 0}
    blind = [one.pool for one in scalers if one.fallback and one.pool in running]
    if blind:
        message = f"KEDA cannot read the signal of {_named(blind)} and holds the workers it has."
        return Verdict(kind, "False", Reason.NO_SIGNAL_HOLDING, message)
    if seen.caps:
        told = [
            f"Pool '{one.pool}' may have {one.granted} of the {one.wanted} workers that its work "
            f"would take, by {one.by}."
            for one in seen.caps
        ]
        return Verdict(kind, "True", seen.caps[0].reason, " ".join(told))
    return Verdict(kind, "True", Reason.SCALER_READY, "KEDA scales every pool.")


def _not_ready(late: list[Scaler], before: Mapping[str, Any] | None, now: datetime) -> Verdict:
    """Say Unknown for the time of grace, counted from when we began to say so."""
    kind = ConditionType.SCALER_READY
    message = f"Pool '{late[0].pool}': {late[0].message}"
    told = before or {"status": "True"}
    overdue = (
        told["status"] == "Unknown" and now - instant(told["lastTransitionTime"]) >= SCALER_GRACE
    )
    if overdue or (told["status"] == "False" and told["reason"] == Reason.SCALER_NOT_READY.value):
        return Verdict(kind, "False", Reason.SCALER_NOT_READY, message)
    return Verdict(kind, "Unknown", Reason.PROGRESSING, message)


def workers_available(workers: tuple[Workers, ...], kubelet: str | None) -> Verdict:
    kind = ConditionType.WORKERS_AVAILABLE
    if not workers:
        return Verdict(kind, "Unknown", Reason.PROGRESSING, "No pool has a Deployment yet.")
    refused = next((one for one in workers if one.refusal), None)
    if refused is not None:
        message = f"Pool '{refused.pool}': {refused.refusal}"
        return Verdict(kind, "False", Reason.WORKERS_CANNOT_START, message)
    waiting = [one.pool for one in workers if one.desired > 0 and one.ready == 0]
    if waiting and kubelet:
        return Verdict(kind, "False", Reason.WORKERS_CANNOT_START, kubelet)
    if waiting:
        message = f"Workers of {_named(waiting)} were asked for and are not ready yet."
        return Verdict(kind, "False", Reason.WORKERS_STARTING, message)
    if not any(one.desired for one in workers):
        return Verdict(kind, "True", Reason.SCALED_TO_ZERO, "No worker is asked for.")
    return Verdict(kind, "True", Reason.ACTIVE, "Every pool that should have workers has some.")


def paused(seen: PipelineSeen) -> Verdict | None:
    """Say that nothing runs because somebody wishes so; None while nobody does."""
    wishes = {
        "the pipeline": seen.spec.stop_policy if seen.spec else "None",
        "its tenant": seen.tenant.spec.stop_policy if seen.tenant else "None",
    }
    for policy, reason in STOPS.items():
        who = [name for name, wish in wishes.items() if wish == policy]
        if who:
            message = f"`stopPolicy: {policy}` of {' and '.join(who)} is in force."
            return Verdict(ConditionType.PAUSED, "True", reason, message)
    return None


def _named(pools: list[str]) -> str:
    return "pool " + ", ".join(f"'{pool}'" for pool in pools)
