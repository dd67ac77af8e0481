"""A tenant's quota in its namespaces: made, mended and removed, in a world in memory."""

from __future__ import annotations

import make
from headrace_contract.names import quota_name
from headrace_operator.errors import ForbiddenError
from headrace_operator.reconcile.hear import hear
from worlds import TENANT, settled

HARD = {"pods": "20", "limits.memory": "64Gi"}
BOTH = ("team-a", "team-b")


def quota(one, namespace="team-a"):
    uid = one.cluster.find(*TENANT)["metadata"]["uid"]
    return one.cluster.find("ResourceQuota", namespace, quota_name(uid))


def asking(**quota):
    return {"isolation": {"resourceQuota": {"hard": HARD, **quota}}}


async def held(**changes):
    one = await settled()
    one.applies(make.tenant(**{"namespaces": BOTH, **asking(), **changes}))
    await one.settle()
    return one


async def test_each_namespace_has_the_quota_as_it_is_asked_for():
    one = await held(**asking(scopes=["NotTerminating"]))
    assert quota(one)["spec"] == {"hard": HARD, "scopes": ["NotTerminating"]}
    assert quota(one, "team-b")["spec"] == quota(one)["spec"]
    assert quota(one)["metadata"]["ownerReferences"][0]["kind"] == "AgentTenant"
    before = list(one.cluster.writes)
    one.world.queue.add(TENANT)
    await one.settle()
    assert one.cluster.writes == before


async def test_it_is_changed_mended_and_removed():
    one = await held()
    one.applies(make.tenant(namespaces=BOTH, isolation={"resourceQuota": {"hard": {"pods": "5"}}}))
    await one.settle()
    assert quota(one)["spec"] == {"hard": {"pods": "5"}}
    edited = {**quota(one), "spec": {"hard": {"pods": "500"}}}
    hear(one.cluster.user_applies(edited), one.world, gone=False)
    await one.settle()
    assert quota(one)["spec"] == {"hard": {"pods": "5"}}
    one.applies(make.tenant(namespaces=BOTH))
    await one.settle()
    assert quota(one) is quota(one, "team-b") is None


async def test_a_namespace_that_leaves_loses_it():
    one = await held()
    one.applies(make.tenant(**asking()))
    await one.settle()
    assert quota(one) is not None
    assert quota(one, "team-b") is None


async def test_a_quota_of_somebody_else_is_left_alone():
    one = await settled()
    theirs = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "headrace-quota", "namespace": "team-a"},
        "spec": {"hard": {"pods": "1"}},
    }
    one.cluster.user_applies(theirs)
    for changes in (asking(), {}):
        one.applies(make.tenant(**changes))
        await one.settle()
        kept = one.cluster.find("ResourceQuota", "team-a", "headrace-quota")
        assert kept["spec"] == theirs["spec"]


async def test_a_quota_that_may_not_be_made_is_told():
    one = await settled()
    one.cluster.failures = [ForbiddenError("no rights on resourcequotas")]
    one.applies(make.tenant(**asking()))
    await one.settle()
    assert one.conditions(TENANT)["Provisioned"] == ("False", "Forbidden")


async def test_workers_run_as_accounts_with_the_annotations_of_their_tenant():
    one = await settled()
    one.applies(make.pipeline())
    await one.settle()
    for wanted in ({"cloud.example/role": "reader"}, {}):
        isolation = {"serviceAccount": {"annotations": wanted}}
        one.applies(make.tenant(isolation=isolation))
        await one.settle()
        [account] = [
            body
            for _, entry in one.world.cache.of_kind("ServiceAccount")
            for body in [entry.body()]
        ]
        kept = account["metadata"]["annotations"]
        kept = {name: value for name, value in kept.items() if "headrace.dev/" not in name}
        assert kept == wanted
        assert account["automountServiceAccountToken"] is False
