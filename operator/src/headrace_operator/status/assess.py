"""The status of a pipeline: every condition computed, then written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace_contract.reasons import ConditionType, Reason
from headrace_operator.errors import PermanentError
from headrace_operator.model.observed import scaler_of, workers_of
from headrace_operator.model.resource import DEPLOYMENTS, SCALED_OBJECTS
from headrace_operator.status import checks
from headrace_operator.status.conditions import Verdict, merge, progress

if TYPE_CHECKING:
    from datetime import datetime

    from headrace_operator.model.observed import Scaler, Workers
    from headrace_operator.model.seen import PipelineSeen
    from headrace_operator.plan.judge import Judgement
    from headrace_operator.status.outcome import Blocked, Outcome


def assess(
    seen: PipelineSeen, judgement: Judgement, outcome: Outcome, now: datetime
) -> dict[str, Any]:
    """Say how a pipeline is."""
    workers, scalers = _workers(seen), _scalers(seen)
    verdicts = [
        checks.accepted(judgement),
        checks.resolved(judgement),
        checks.scaler_ready(seen, scalers, workers, now),
        checks.workers_available(workers, outcome.kubelet),
    ]
    ready, permanent = _ready(seen, verdicts, outcome)
    verdicts += [ready, *progress(ready, permanent=permanent)]
    if outcome.draining and ready.status == "True":
        pools = ", ".join(f"'{pool}'" for pool in outcome.draining)
        message = f"Pool {pools} left the spec and stays until no unfinished task names it."
        verdicts.append(Verdict(ConditionType.RECONCILING, "True", Reason.DRAINING_POOL, message))
    held = checks.paused(seen)
    if held is not None:
        verdicts.append(held)
    return _status(seen, judgement, verdicts, now)


def assess_deletion(
    seen: PipelineSeen, judgement: Judgement, blocked: Blocked, now: datetime
) -> dict[str, Any]:
    """Say what keeps a pipeline from going."""
    if blocked.failure is not None:
        reason, message = blocked.failure.reason, str(blocked.failure)
    else:
        reason = Reason.RUNS_IN_FLIGHT
        message = f"{blocked.running} steps run, {blocked.unfinished} runs are not finished."
    ready = Verdict(ConditionType.READY, "False", reason, f"Deletion waits: {message}")
    verdicts = [
        checks.accepted(judgement),
        checks.resolved(judgement),
        Verdict(ConditionType.DELETION_BLOCKED, "True", reason, message),
        ready,
        *progress(ready, permanent=False),
    ]
    return _status(seen, judgement, verdicts, now)


def _ready(seen: PipelineSeen, verdicts: list[Verdict], outcome: Outcome) -> tuple[Verdict, bool]:
    """Sum up: the first thing that is wrong, and whether only a person can mend it."""
    accepted, refs, scaler, workers = verdicts
    for verdict in (accepted, refs):
        if verdict.status == "False":
            return _as_ready(verdict, "False"), True
    if outcome.failure is not None:
        failure = outcome.failure
        told = Verdict(ConditionType.READY, "False", failure.reason, str(failure))
        return told, isinstance(failure, PermanentError)
    if workers.reason == Reason.WORKERS_CANNOT_START:
        return _as_ready(workers, "False"), True
    if scaler.reason == Reason.SCALER_NOT_READY:
        return _as_ready(scaler, "False"), False
    if workers.status == "Unknown" or (workers.status == "False" and _wants_workers(seen)):
        return _as_ready(workers, "False"), False
    return _as_ready(workers, "True"), False


def _wants_workers(seen: PipelineSeen) -> bool:
    """Say whether workers should be there even without work: then their absence counts."""
    if not seen.keda or seen.spec is None:
        return True
    minimum = {pool.name: pool.scaling.min_replicas for pool in seen.spec.pools}
    return any(minimum.get(one.pool, 0) > 0 and one.ready == 0 for one in _workers(seen))


def _as_ready(verdict: Verdict, status: Any) -> Verdict:
    return Verdict(ConditionType.READY, status, verdict.reason, verdict.message)


def _status(
    seen: PipelineSeen, judgement: Judgement, verdicts: list[Verdict], now: datetime
) -> dict[str, Any]:
    workers = _workers(seen)
    old = seen.status
    compiled = judgement.compiled
    backlog = seen.backlog
    counted = backlog.model_dump(by_alias=True) if backlog else old.get("backlog")
    status = {
        "observedGeneration": seen.identity.generation,
        "conditions": merge(verdicts, old, seen.identity.generation, now),
        # What serves on: a spec that is refused changes neither.
        "tenant": compiled.tenant if compiled else old.get("tenant"),
        "digest": compiled.digest if compiled else old.get("digest"),
        "effective": [one.model_dump(by_alias=True) for one in seen.effective],
        "backlog": counted,
        "workers": {
            "desired": sum(one.desired for one in workers),
            "ready": sum(one.ready for one in workers),
        },
    }
    return {name: value for name, value in status.items() if value is not None}


def _workers(seen: PipelineSeen) -> tuple[Workers, ...]:
    return tuple(workers_of(one) for one in seen.children if one["kind"] == DEPLOYMENTS.kind)


def _scalers(seen: PipelineSeen) -> tuple[Scaler, ...]:
    return tuple(scaler_of(one) for one in seen.children if one["kind"] == SCALED_OBJECTS.kind)
