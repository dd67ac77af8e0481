"""What raw bodies mean, also when people wrote nonsense into them."""

from __future__ import annotations

import pytest

import make
from headrace_operator.model.identity import Identity
from headrace_operator.model.observed import cannot_start, scaler_of, workers_of
from headrace_operator.model.parse import judge_pipeline, parse_pipeline
from headrace_operator.model.resource import DEPLOYMENTS, PIPELINES, SERVICE_ACCOUNTS, TENANTS, Key

PATHS = {
    "of a group, all namespaces": (PIPELINES.path(), "/apis/headrace.dev/v1alpha1/agentpipelines"),
    "of the core group": (
        SERVICE_ACCOUNTS.path("a", "b"),
        "/api/v1/namespaces/a/serviceaccounts/b",
    ),
    "of a cluster's own": (TENANTS.path(None, "b"), "/apis/headrace.dev/v1alpha1/agenttenants/b"),
    "of one namespace": (DEPLOYMENTS.path("a"), "/apis/apps/v1/namespaces/a/deployments"),
}


@pytest.mark.parametrize(("path", "want"), PATHS.values(), ids=PATHS)
def test_path(path, want):
    assert path == want


def test_identity_is_read_although_the_spec_is_nonsense():
    raw = make.pipeline() | {"spec": {"steps": "none"}}
    assert Identity.of(raw).key == Key("AgentPipeline", "team-a", "essay")
    assert str(Identity.of(raw).key) == "AgentPipeline/team-a/essay"


NONSENSE = {
    "a list that is none": {"spec": {"steps": "none"}},
    "no spec at all": {"spec": None},
    "a name too long for a label": {
        "metadata": make.pipeline()["metadata"] | {"name": "x" * 64},
    },
    "a name with a dot": {"metadata": make.pipeline()["metadata"] | {"name": "a.b"}},
}


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_answered_and_raises_nothing(change):
    problems = parse_pipeline(make.pipeline() | change)
    assert isinstance(problems, list)
    assert all(str(one) for one in problems)


def test_a_good_pipeline_has_no_problems():
    spec = parse_pipeline(make.pipeline())
    assert not isinstance(spec, list)
    assert judge_pipeline(spec) == []


def deployment(**status):
    return {
        "metadata": {"labels": {"headrace.dev/pool": "writers"}},
        "spec": {"replicas": 2},
        "status": status,
    }


def test_workers_are_counted():
    workers = workers_of(deployment(readyReplicas=1))
    assert (workers.pool, workers.desired, workers.ready) == ("writers", 2, 1)


def test_the_words_of_a_refusal_are_kept():
    told = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert workers_of(deployment(conditions=[told])).refusal == "exceeded quota"


def test_a_scaled_object_that_keda_has_not_seen_is_unknown():
    scaler = scaler_of({"metadata": {"labels": {"headrace.dev/pool": "writers"}}})
    assert (scaler.ready, scaler.paused, scaler.fallback) == ("Unknown", False, False)


def test_the_users_emergency_brake_is_seen():
    metadata = {"annotations": {"autoscaling.keda.sh/paused-replicas": "0"}}
    assert scaler_of({"metadata": metadata}).paused
    off = {"annotations": {"autoscaling.keda.sh/paused": "false"}}
    assert not scaler_of({"metadata": off}).paused


def test_the_kubelets_words_are_repeated():
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    pod = {"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}
    assert cannot_start([{"status": {}}, pod]) == "ImagePullBackOff: no such image"


def test_a_pod_that_is_being_made_is_no_failure():
    waiting = {"reason": "ContainerCreating"}
    pod = {"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}
    assert cannot_start([pod]) is None
