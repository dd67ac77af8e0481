"""Defaults lose to the pipeline, overrides win, and what is not the pipeline's own is told."""

from __future__ import annotations

import pytest

import make
from crdgen.structural import structural
from headrace_contract.effective import effective
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.agent_tenant import AgentTenantSpec
from headrace_contract.resources.overrides import PipelineFields

DEFAULT, OVERRIDE = "TenantDefault", "TenantOverride"
TTL, TRIES = "spec.results.ttl", "spec.retry.maxAttempts"
LEAST, MOST = "spec.pools[0].scaling.minReplicas", "spec.pools[0].scaling.maxReplicas"


URGENCY, CEILING = "spec.priority", "TenantCeiling"


def in_force(wish, **grants):
    tenant = AgentTenantSpec.model_validate({"namespaces": ["team-a"], **grants})
    return effective(AgentPipelineSpec.model_validate(make.pipeline_spec(**wish)), tenant)


def told(found):
    return [(one.field, one.value, one.source) for one in found.given]


def at(found, path):
    """Read a field of the effective spec by the path that status has."""
    value = found.spec.model_dump(by_alias=True)
    for part in path.removeprefix("spec.").replace("[", ".").replace("]", "").split("."):
        value = value[int(part) if part.isdigit() else part]
    return str(value)


def scaling(**fields):
    return {"pools": [{"name": "writers", "scaling": fields}]}


def pools(**fields):
    return {"pools": {"scaling": fields}}


CASES = {
    "without a wish of the tenant the built-in values hold": ({}, {}, {}, []),
    "a default fills in what is left out": (
        {}, {"results": {"ttl": "24h"}}, {}, [(TTL, "24h", DEFAULT)]),
    "a default loses to the pipeline": (
        {"results": {"ttl": "1h"}}, {"results": {"ttl": "24h"}}, {}, []),
    "a default loses to the built-in value when the pipeline says it": (
        {"results": {"ttl": "168h"}}, {"results": {"ttl": "24h"}}, {}, []),
    "a default fills in beside what the pipeline says of the same part": (
        {"retry": {"backoff": {"initial": "1s"}}}, {"retry": {"maxAttempts": 7}}, {},
        [(TRIES, "7", DEFAULT)]),
    "an override wins over the pipeline": (
        {"retry": {"maxAttempts": 9}}, {}, {"retry": {"maxAttempts": 2}},
        [(TRIES, "2", OVERRIDE)]),
    "an override wins over a default": (
        {}, {"retry": {"maxAttempts": 5}}, {"retry": {"maxAttempts": 2}},
        [(TRIES, "2", OVERRIDE)]),
    "an override is told although the pipeline says the same": (
        {"retry": {"maxAttempts": 2}}, {}, {"retry": {"maxAttempts": 2}},
        [(TRIES, "2", OVERRIDE)]),
    "limits have their place": (
        {}, {"limits": {"maxConcurrentRuns": 4}}, {"limits": {"perRun": {"maxDuration": "1h"}}},
        [("spec.limits.maxConcurrentRuns", "4", DEFAULT),
         ("spec.limits.perRun.maxDuration", "1h", OVERRIDE)]),
    "every pool is meant, and each for itself": (
        {"pools": [{"name": "a"}, {"name": "b", "scaling": {"idleAfter": "5s"}}]},
        pools(idleAfter="90s"), {}, [("spec.pools[0].scaling.idleAfter", "90s", DEFAULT)]),
    "an override of the most takes the least down": (
        scaling(minReplicas=8, maxReplicas=20), {}, pools(maxReplicas=5),
        [(MOST, "5", OVERRIDE), (LEAST, "5", OVERRIDE)]),
    "a default of the most gives way to the least": (
        scaling(minReplicas=8), pools(maxReplicas=5), {}, [(MOST, "8", DEFAULT)]),
    "an override of the most leaves a smaller least alone": (
        scaling(minReplicas=1), {}, pools(maxReplicas=5), [(MOST, "5", OVERRIDE)]),
}  # fmt: skip


@pytest.mark.parametrize(("wish", "defaults", "overrides", "want"), CASES.values(), ids=CASES)
def test_what_is_in_force(wish, defaults, overrides, want):
    found = in_force(wish, defaults=defaults, overrides=overrides)
    assert sorted(told(found)) == sorted(want)
    assert [at(found, path) for path, _, _ in want] == [value for _, value, _ in want]


CEILINGS = {
    "a pipeline's priority above the tenant's most is lowered": (
        {"priority": "High"}, {"maxPriority": "Normal"}, "Normal", CEILING),
    "the built-in priority is lowered too": ({}, {"maxPriority": "Low"}, "Low", CEILING),
    "one that is not above it stays the pipeline's own": (
        {"priority": "Low"}, {"maxPriority": "Normal"}, "Low", None),
    "a default above it is lowered": (
        {}, {"maxPriority": "Normal", "defaults": {"priority": "High"}}, "Normal", CEILING),
    "an override above it is lowered": (
        {"priority": "Low"}, {"maxPriority": "Normal", "overrides": {"priority": "High"}},
        "Normal", CEILING),
    "a default at it is the tenant's default": (
        {}, {"maxPriority": "Low", "defaults": {"priority": "Low"}}, "Low", DEFAULT),
}  # fmt: skip


@pytest.mark.parametrize(("wish", "grants", "want", "source"), CEILINGS.values(), ids=CEILINGS)
def test_no_priority_is_above_the_tenants_most(wish, grants, want, source):
    found = in_force(wish, **grants)
    assert found.spec.priority == want
    assert told(found) == ([(URGENCY, want, source)] if source else [])


def test_all_that_no_tenant_gives_stays_as_it_was():
    wish = AgentPipelineSpec.model_validate(make.pipeline_spec(retry={"maxAttempts": 9}))
    tenant = AgentTenantSpec.model_validate(
        {"namespaces": ["team-a"], "defaults": {"retry": {"maxAttempts": 2}}}
    )
    assert effective(wish, tenant).spec == wish


def leaves(schema, prefix=""):
    for name, member in schema["properties"].items():
        if "properties" in member:
            yield from leaves(member, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", member


def test_a_tenant_may_say_what_a_pipeline_may_and_nothing_more():
    of_pipelines = structural(AgentPipelineSpec)
    of_pipelines["properties"]["pools"] = of_pipelines["properties"]["pools"]["items"]
    theirs = dict(leaves(of_pipelines))
    for path, member in leaves(structural(PipelineFields)):
        beside = {"default", "description"}
        want = {key: value for key, value in theirs[path].items() if key not in beside}
        assert {key: value for key, value in member.items() if key not in beside} == want, path


def test_the_longest_status_fits():
    every = {
        "priority": "High",
        "retry": {"maxAttempts": 2},
        "limits": {"maxConcurrentRuns": 4, "perRun": {"maxDuration": "1h"}},
        "results": {"ttl": "24h"},
        **pools(maxReplicas=5, idleAfter="90s"),
    }
    wish = {"pools": [{"name": f"p{n}", "scaling": {"minReplicas": 9}} for n in range(16)]}
    assert len(told(in_force(wish, overrides=every))) == 5 + 3 * 16 <= 64
