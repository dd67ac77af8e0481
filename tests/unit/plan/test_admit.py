"""What tenants and providers allow."""

from __future__ import annotations

import pytest

import make
from headrace_operator.plan.judge import judge

CASES = {
    "any image is allowed where no prefix is named": (
        {},
        {"pools": [{"name": "w", "image": "docker.io/x:1"}]},
        None,
    ),
    "an image must begin with a prefix where one is named": (
        {"imagePrefixes": ["registry.acme.example/"]},
        {"pools": [{"name": "w", "image": "docker.io/x:1"}]},
        "NotAllowedByTenant",
    ),
    "headrace's own image is always allowed": (
        {"imagePrefixes": ["registry.acme.example/"]},
        {},
        None,
    ),
    "a provider must be listed where some are": (
        {"modelProviders": ["other"]},
        {},
        "NotAllowedByTenant",
    ),
    "no egress is allowed by default": (
        {},
        {"egress": [{"cidr": "203.0.113.0/24"}]},
        "NotAllowedByTenant",
    ),
    "egress within an allowed range is allowed": (
        {"egress": [{"cidr": "203.0.0.0/16", "ports": [443, 80]}]},
        {"egress": [{"cidr": "203.0.113.0/24"}]},
        None,
    ),
    "egress to a port that is not allowed is refused": (
        {"egress": [{"cidr": "203.0.0.0/16"}]},
        {"egress": [{"cidr": "203.0.113.0/24", "ports": [22]}]},
        "NotAllowedByTenant",
    ),
    "egress wider than the allowed range is refused": (
        {"egress": [{"cidr": "203.0.113.0/24"}]},
        {"egress": [{"cidr": "203.0.0.0/16"}]},
        "NotAllowedByTenant",
    ),
    "a range of the other version is no part of it": (
        {"egress": [{"cidr": "0.0.0.0/0"}]},
        {"egress": [{"cidr": "2001:db8::/32"}]},
        "NotAllowedByTenant",
    ),
    "a namespace is allowed by its name": (
        {"egress": [{"namespace": "search"}]},
        {"egress": [{"namespace": "search"}]},
        None,
    ),
    "another namespace is refused": (
        {"egress": [{"namespace": "search"}]},
        {"egress": [{"namespace": "kube-system"}]},
        "NotAllowedByTenant",
    ),
}


@pytest.mark.parametrize(("allowed", "spec", "reason"), CASES.values(), ids=CASES)
def test_tenant(allowed, spec, reason):
    known = make.seen(make.pipeline(**spec), tenant_body=make.tenant(allowed=allowed))
    refused = judge(known).refused
    assert [one.reason for one in refused] == ([] if reason is None else [reason])


def test_a_strict_tenant_allows_no_egress_whatever_else_it_allows():
    rules = [{"namespace": "search"}, {"cidr": "203.0.113.0/24"}]
    owner = make.tenant(allowed={"egress": rules}, isolation={"networkPolicy": "Strict"})
    refused = judge(make.seen(make.pipeline(egress=rules), tenant_body=owner)).refused
    assert [one.path for one in refused] == ["spec.egress[0]", "spec.egress[1]"]
    assert {one.reason for one in refused} == {"NotAllowedByTenant"}
    assert refused[0].message == (
        "must be left out, and opens 'namespace search': tenant 'acme' has"
        " `isolation.networkPolicy: Strict`, by which workers reach the gateway and DNS only"
    )
    assert "'203.0.113.0/24'" in refused[1].message
    assert judge(make.seen(tenant_body=owner)).refused == ()


def test_a_provider_may_choose_its_tenants():
    chosen = make.provider(allowedTenants=["somebody-else"])
    assert [one.reason for one in judge(make.seen(provider_body=chosen)).refused] == [
        "NotAllowedByProvider"
    ]


def test_a_pipeline_without_a_tenant_is_told_what_to_do():
    [problem] = judge(make.seen(tenant=None)).refused
    assert problem.reason == "TenantNotFound"
    assert "must be listed by an AgentTenant" in problem.message


def test_a_model_that_nobody_serves_is_unresolved_and_not_refused():
    judgement = judge(make.seen(providers={}))
    assert judgement.refused == ()
    assert [one.reason for one in judgement.unresolved] == ["ProviderNotFound"]
