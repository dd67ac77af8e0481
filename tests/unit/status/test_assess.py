"""The status of a pipeline, as people, kubectl, Flux and Argo read it."""

from __future__ import annotations

from datetime import timedelta

import pytest

import make
from headrace_contract.reasons import MEANING, ConditionType, Reason
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.errors import ForbiddenError, LedgerUnavailableError
from headrace_operator.model.counted import Cap
from headrace_operator.plan.judge import judge
from headrace_operator.status.assess import assess, assess_deletion
from headrace_operator.status.outcome import Blocked, Outcome


def deployment(pool="writers", desired=0, ready=0, **more):
    return {
        "kind": "Deployment",
        "metadata": {"name": pool, "labels": {"headrace.dev/pool": pool}},
        "spec": {"replicas": desired},
        "status": {"readyReplicas": ready, **more},
    }


def scaled(pool="writers", ready="True", annotations=None, **conditions):
    states = {"Ready": ready} | conditions
    return {
        "kind": "ScaledObject",
        "metadata": {
            "name": pool,
            "labels": {"headrace.dev/pool": pool},
            "annotations": annotations or {},
        },
        "status": {
            "conditions": [{"type": k, "status": v, "message": "words"} for k, v in states.items()]
        },
    }


def status_of(*children, outcome=None, now=make.NOW, **changes):
    raw = changes.pop("raw", None)
    known = make.seen(raw, children=children, **changes)
    return assess(known, judge(known), outcome or Outcome(), now)


def conditions(status):
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def kstatus(status, generation=1):
    """Read a status as kstatus does, in its order."""
    found = conditions(status)
    if status["observedGeneration"] != generation:
        return "InProgress"
    if found.get("Reconciling", ("",))[0] == "True":
        return "InProgress"
    if found.get("Stalled", ("",))[0] == "True":
        return "Failed"
    return "Current" if found["Ready"][0] == "True" else "InProgress"


WARM = make.pipeline(pools=[{"name": "writers", "scaling": {"minReplicas": 1}}])
CASES = {
    "idle at zero is ready": (
        [deployment(), scaled()],
        {},
        {"Ready": ("True", "ScaledToZero"), "WorkersAvailable": ("True", "ScaledToZero")},
        "Current",
    ),
    "workers at work are ready": (
        [deployment(desired=2, ready=2), scaled()],
        {},
        {"Ready": ("True", "Active"), "ScalerReady": ("True", "ScalerReady")},
        "Current",
    ),
    "waking up does not make it unready": (
        [deployment(desired=1), scaled()],
        {},
        {"WorkersAvailable": ("False", "WorkersStarting"), "Ready": ("True", "WorkersStarting")},
        "Current",
    ),
    "a warm pool without its worker is not ready yet": (
        [deployment(desired=1), scaled()],
        {"raw": WARM},
        {"Ready": ("False", "WorkersStarting"), "Reconciling": ("True", "WorkersStarting")},
        "InProgress",
    ),
    "an image that cannot be pulled needs a person": (
        [deployment(desired=1), scaled()],
        {"outcome": Outcome(kubelet="ImagePullBackOff: no such image")},
        {"Ready": ("False", "WorkersCannotStart"), "Stalled": ("True", "WorkersCannotStart")},
        "Failed",
    ),
    "a quota that is used up needs a person": (
        [
            deployment(
                desired=1,
                conditions=[{"type": "ReplicaFailure", "status": "True", "message": "quota"}],
            ),
            scaled(),
        ],
        {},
        {"Ready": ("False", "WorkersCannotStart")},
        "Failed",
    ),
    "without KEDA it is ready when its workers are": (
        [deployment(desired=1, ready=1)],
        {"keda": False},
        {"ScalerReady": ("False", "KedaMissing"), "Ready": ("True", "Active")},
        "Current",
    ),
    "a pause by annotation is shown and not fought": (
        [deployment(), scaled(annotations={"autoscaling.keda.sh/paused": "true"})],
        {},
        {"ScalerReady": ("False", "ScalingPausedByUser"), "Ready": ("True", "ScaledToZero")},
        "Current",
    ),
    "KEDA that cannot read the signal holds": (
        [deployment(desired=1, ready=1), scaled(Fallback="True")],
        {},
        {"ScalerReady": ("False", "NoSignalHolding")},
        "Current",
    ),
    "a fallback at zero is an old story": (
        [deployment(), scaled(Fallback="True")],
        {},
        {"ScalerReady": ("True", "ScalerReady")},
        "Current",
    ),
    "a ledger that is away mends itself": (
        [deployment(), scaled()],
        {"outcome": Outcome(failure=LedgerUnavailableError("away"))},
        {"Ready": ("False", "LedgerUnavailable"), "Reconciling": ("True", "LedgerUnavailable")},
        "InProgress",
    ),
    "a permission that is missing needs a person": (
        [deployment(), scaled()],
        {"outcome": Outcome(failure=ForbiddenError("deployments"))},
        {"Ready": ("False", "Forbidden"), "Stalled": ("True", "Forbidden")},
        "Failed",
    ),
    "a tenant that does not exist needs a person": (
        [],
        {"tenant": None},
        {
            "Accepted": ("False", "TenantNotFound"),
            "ResolvedRefs": ("Unknown", "Progressing"),
            "Ready": ("False", "TenantNotFound"),
            "Stalled": ("True", "TenantNotFound"),
        },
        "Failed",
    ),
    "a pool that drains is work in progress": (
        [deployment(), scaled()],
        {"outcome": Outcome(draining=("old",))},
        {"Ready": ("True", "ScaledToZero"), "Reconciling": ("True", "DrainingPool")},
        "InProgress",
    ),
    "a hold is a wish that is fulfilled": (
        [deployment(), scaled()],
        {"raw": make.pipeline(stopPolicy="Hold")},
        {"Paused": ("True", "StopPolicyHold"), "Ready": ("True", "ScaledToZero")},
        "Current",
    ),
    "the stricter of two holds is told": (
        [deployment(), scaled()],
        {
            "raw": make.pipeline(stopPolicy="Hold"),
            "tenant_body": make.tenant(stopPolicy="HoldAndDrain"),
        },
        {"Paused": ("True", "StopPolicyHoldAndDrain")},
        "Current",
    ),
}


@pytest.mark.parametrize(("children", "known", "want", "reading"), CASES.values(), ids=CASES)
def test_conditions(children, known, want, reading):
    status = status_of(*children, **known)
    found = conditions(status)
    assert want.items() <= found.items()
    assert kstatus(status) == reading
    for one in status["conditions"]:
        assert Reason(one["reason"]) in MEANING
        assert ConditionType(one["type"])
        assert one["observedGeneration"] == 1
    if "Paused" not in want:
        assert "Paused" not in found


def test_keda_may_be_silent_for_two_minutes():
    late = scaled(ready="False")
    first = status_of(deployment(), late)
    assert conditions(first)["ScalerReady"] == ("Unknown", "Progressing")
    assert conditions(first)["Ready"] == ("True", "ScaledToZero")
    raw = make.pipeline() | {"status": first}

    soon = status_of(deployment(), late, raw=raw, now=make.NOW + timedelta(seconds=119))
    assert conditions(soon)["ScalerReady"] == ("Unknown", "Progressing")

    later = status_of(deployment(), late, raw=raw, now=make.NOW + timedelta(seconds=121))
    assert conditions(later)["ScalerReady"] == ("False", "ScalerNotReady")
    assert conditions(later)["Ready"] == ("False", "ScalerNotReady")

    raw = make.pipeline() | {"status": later}
    still = status_of(deployment(), late, raw=raw, now=make.NOW + timedelta(seconds=122))
    assert conditions(still)["ScalerReady"] == ("False", "ScalerNotReady")
    healed = status_of(deployment(), scaled(), raw=raw, now=make.NOW + timedelta(seconds=123))
    assert conditions(healed)["Ready"] == ("True", "ScaledToZero")


def test_the_time_moves_only_when_the_status_flips():
    first = status_of(deployment(), scaled())
    raw = make.pipeline() | {"status": first}
    later = make.NOW + timedelta(hours=1)

    same = status_of(deployment(desired=1, ready=1), scaled(), raw=raw, now=later)
    since = {one["type"]: one["lastTransitionTime"] for one in same["conditions"]}
    assert since["Ready"] == "2026-01-02T03:04:05Z"

    flipped = status_of(deployment(), scaled(), raw=raw, tenant=None, now=later)
    since = {one["type"]: one["lastTransitionTime"] for one in flipped["conditions"]}
    assert since["Ready"] == "2026-01-02T04:04:05Z"


def test_the_last_good_version_is_still_told_when_the_spec_is_spoilt():
    first = status_of(deployment(), scaled())
    raw = make.pipeline(egress=[{"cidr": "203.0.113.0/24"}]) | {"status": first}
    spoilt = status_of(deployment(), scaled(), raw=raw)
    assert spoilt["digest"] == first["digest"]
    assert spoilt["tenant"] == "acme"


def test_counts_are_told_when_somebody_could_count():
    assert "backlog" not in status_of(deployment(), scaled())
    status = status_of(deployment(desired=3, ready=2), scaled(), backlog=Backlog(runnable=4))
    assert status["backlog"] == {"runnable": 4, "running": 0, "parked": 0, "dead": 0}
    assert status["workers"] == {"desired": 3, "ready": 2}


def test_a_pool_that_is_held_back_says_how_far_and_by_what():
    limit = "limit 'rpm' of tenant (requests)"
    status = status_of(
        deployment(desired=1, ready=1),
        scaled(),
        caps=(Cap("writers", 7, 1, Reason.CAPPED_BY_TOKEN_RATE, limit),),
    )
    assert conditions(status)["ScalerReady"] == ("True", "CappedByTokenRate")
    assert conditions(status)["Ready"] == ("True", "Active")
    [told] = [one for one in status["conditions"] if one["type"] == "ScalerReady"]
    assert told["message"] == (
        "Pool 'writers' may have 1 of the 7 workers that its work would take, "
        "by limit 'rpm' of tenant (requests)."
    )


def test_a_deletion_says_what_it_waits_for():
    known = make.seen(children=(deployment(),))
    status = assess_deletion(known, judge(known), Blocked(running=4, unfinished=312), make.NOW)
    assert conditions(status)["DeletionBlocked"] == ("True", "RunsInFlight")
    [told] = [one for one in status["conditions"] if one["type"] == "DeletionBlocked"]
    assert told["message"] == "4 steps run, 312 runs are not finished."
    assert kstatus(status) == "InProgress"
