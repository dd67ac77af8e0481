"""The ConfigMap of a tenant's limits: for people, who find the source of each."""

from __future__ import annotations

import json

import make
from headrace_operator.plan.limits import tenant_limits
from headrace_operator.plan.limits_map import limits_maps

TPM = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
MONTHLY = {"name": "monthly", "amount": "100"}


def test_each_limit_is_shown_with_its_source_in_every_namespace():
    lent = {**TPM, "name": "lent", "lendingLimit": 9}
    changes = {"cohort": "research", "limits": [TPM, lent], "budgets": [MONTHLY]}
    tenant = make.parsed_tenant(make.tenant(**changes))
    one, other = limits_maps(tenant, ("team-a", "team-b"))
    assert (one.namespace, one.name) == ("team-a", "headrace-limits")
    assert (other.namespace, other.body["data"]) == ("team-b", one.body["data"])
    assert one.body["data"]["digest"] == tenant_limits(tenant.identity, tenant.spec).digest
    shown = json.loads(one.body["data"]["limits.json"])
    assert shown["limits"][0]["source"] == "AgentTenant/acme spec.limits[0]"
    assert shown["limits"][0]["timeZone"] == "UTC"  # with its defaults
    assert shown["cohort"] == "research"
    assert [one.get("lendingLimit") for one in shown["limits"]] == [None, 9]
    assert shown["budgets"][0]["amount"] == "100"
    [owner] = one.body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("AgentTenant", "uid-of-acme")


def test_the_address_of_a_webhook_is_not_shown():
    hook = {"url": "https://acme.example/hook?token=x", "secretRef": {"name": "acme-hook"}}
    tenant = make.parsed_tenant(make.tenant(budgets=[{**MONTHLY, "webhook": hook}]))
    [shown] = limits_maps(tenant, ("team-a",))
    assert "hook" not in shown.body["data"]["limits.json"]


def test_without_limits_there_is_nothing_to_show():
    assert limits_maps(make.parsed_tenant(make.tenant()), ("team-a",)) == ()
