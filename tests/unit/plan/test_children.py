"""What each child says, one sentence at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

import make

FLOOR = {
    "a pool scales to zero unless told otherwise": ({}, 0),
    "a pool may keep one worker warm": ({"minReplicas": 1}, 1),
}


@pytest.mark.parametrize(("scaling", "want"), FLOOR.values(), ids=FLOOR)
def test_floor(scaling, want):
    plan = make.plan(pools=[{"name": "draft", "scaling": scaling}])
    assert make.only(plan, "ScaledObject")["spec"]["minReplicaCount"] == want


FIXED = {
    "without KEDA an idle pool has one worker": ({}, 1),
    "without KEDA a pool has its minimum": ({"minReplicas": 3}, 3),
}


@pytest.mark.parametrize(("scaling", "want"), FIXED.values(), ids=FIXED)
def test_fixed(scaling, want):
    plan = make.plan(keda=False, pools=[{"name": "draft", "scaling": scaling}])
    assert plan.ledger.pools[0].fixed_replicas == want
    assert not [one for one in plan.manifests if one.resource.kind == "ScaledObject"]


def test_the_deployment_never_says_how_many():
    assert "replicas" not in make.only(make.plan(), "Deployment")["spec"]


GRACE = {
    "a drain time is given": ({"drain": {"timeout": "20s"}}, {}, 25),
    "the longest step decides otherwise": ({}, {"timeout": "2m"}, 125),
    "and five minutes are the most": ({}, {"timeout": "3h"}, 305),
}


@pytest.mark.parametrize(("pool", "step", "want"), GRACE.values(), ids=GRACE)
def test_grace(pool, step, want):
    steps = [{**make.pipeline_spec()["steps"][0], **step}]
    plan = make.plan(steps=steps, pools=[{"name": "writers", **pool}])
    pod = make.only(plan, "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == want


def test_the_pod_passes_pod_security_restricted():
    pod = make.only(make.plan(), "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {next(iter(set(one) - {"name"})) for one in pod["volumes"]} <= {"emptyDir", "projected"}
    assert all(one["emptyDir"]["sizeLimit"] for one in pod["volumes"] if "emptyDir" in one)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert "memory" in container["resources"]["limits"]


def test_the_only_token_in_the_pod_is_ours_and_short_lived():
    pod = make.only(make.plan(), "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    sources = [one["projected"]["sources"] for one in pod["volumes"] if "projected" in one]
    assert sources == [
        [
            {
                "serviceAccountToken": {
                    "audience": "headrace",
                    "expirationSeconds": 600,
                    "path": "token",
                }
            }
        ]
    ]


def test_no_label_of_the_parent_is_copied():
    theirs = {"app.kubernetes.io/instance": "argo", "team": "a"}
    seen = make.seen(make.pipeline(metadata={"labels": theirs}))
    plan = make.build_plan(make.context(seen))
    for manifest in plan.manifests:
        assert not theirs.keys() & manifest.body["metadata"]["labels"].keys()


EDITS = {
    "a prompt": {
        "steps": [
            {"name": "draft", "type": "LLM", "llm": {"class": "small", "prompt": "Otherwise."}}
        ]
    },
    "the retries": {"retry": {"maxAttempts": 7}},
    "a hold": {"stopPolicy": "Hold"},
    "the ceiling": {"pools": [{"name": "writers", "scaling": {"maxReplicas": 50}}]},
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_no_worker_is_restarted_for(change):
    before = make.only(make.plan(), "Deployment")
    after = make.only(make.plan(**change), "Deployment")
    assert before == after


METADATA = ["169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"]
NODES = ("10.128.0.0/20", "2001:db8:1::/64")
BLOCKS = {
    "a range outside of them is opened as it is": ("203.0.113.0/24", {"cidr": "203.0.113.0/24"}),
    "the whole world is opened but for them": (
        "0.0.0.0/0",
        {"cidr": "0.0.0.0/0", "except": [*METADATA, NODES[0]]},
    ),
    "a range inside of one is not opened": ("169.254.169.254/32", None),
    "nor is one inside of the nodes'": ("10.128.3.0/24", None),
    "the nodes' are cut out of a range around them": (
        "10.0.0.0/8",
        {"cidr": "10.0.0.0/8", "except": [NODES[0]]},
    ),
    "the whole world of the sixth version too": (
        "::/0",
        {"cidr": "::/0", "except": ["fd00:ec2::/32", "fd20:ce::254/128", NODES[1]]},
    ),
}


@pytest.mark.parametrize(("cidr", "want"), BLOCKS.values(), ids=BLOCKS)
def test_metadata_and_nodes_are_never_opened(cidr, want):
    rules = [{"cidr": cidr}]
    site = replace(make.SITE, node_cidrs=NODES)
    plan = make.plan(egress=rules, allowed_egress=rules, site=site)
    egress = make.only(plan, "NetworkPolicy")["spec"]["egress"]
    blocks = [to["ipBlock"] for rule in egress for to in rule["to"] if "ipBlock" in to]
    assert blocks == ([] if want is None else [want])


def test_workers_know_where_the_nodes_are():
    plan = make.plan(site=replace(make.SITE, node_cidrs=NODES))
    [container] = make.only(plan, "Deployment")["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one.get("value") for one in container["env"]}
    assert given["HEADRACE_NODE_CIDRS"] == "10.128.0.0/20,2001:db8:1::/64"


def test_a_pool_never_starts_work_that_keda_cannot_read():
    fallback = make.only(make.plan(), "ScaledObject")["spec"]["fallback"]
    assert fallback == {
        "failureThreshold": 3,
        "replicas": 1,
        "behavior": "currentReplicasIfHigher",
    }


def test_a_document_too_large_for_a_config_map_is_shown_by_its_digest():
    steps = [
        {
            "name": f"step{number}",
            "type": "LLM",
            "llm": {"class": "small", "prompt": "x" * 32000},
        }
        for number in range(40)
    ]
    data = make.only(make.plan(steps=steps), "ConfigMap")["data"]
    assert set(data) == {"digest"}
