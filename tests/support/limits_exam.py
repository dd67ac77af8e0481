"""What the operator's rows of limits must do: one exam, for the fake and for the real ledger."""

from __future__ import annotations

from dataclasses import replace

import make
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_operator.model.parse import parse_provider
from headrace_operator.plan.limits import pipeline_limits, provider_limits, tenant_limits
from headrace_operator.plan.prices import priced

LIMITS = [
    {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"},
    {"name": "at-once", "resource": "llmCalls", "limit": 4, "window": "None", "mode": "Shadow"},
]
BUDGETS = [{"name": "monthly", "amount": "100", "timeZone": "Europe/Berlin"}]


class LimitsExam:
    """Mixed into a test class that has the fixtures `rows` and `tenant` (a Tenant of its own)."""

    async def test_what_is_put_is_there_unused(self, rows, tenant):
        plan = await put(rows, tenant, limits=LIMITS, budgets=BUDGETS)
        usages = {usage.name: usage for usage in await rows.usage(tenant.name)}
        assert set(usages) == {"tpm", "at-once", "budget.monthly"}
        assert {usage.digest for usage in usages.values()} == {plan.digest}
        assert {usage.owner for usage in usages.values()} == {"tenant"}
        assert usages["tpm"].available == usages["tpm"].capacity == 1000
        assert usages["budget.monthly"].capacity == 100 * 10**9
        assert (usages["at-once"].resource, usages["at-once"].window) == ("llmCalls", "None")

    async def test_what_is_put_again_replaces_all(self, rows, tenant):
        await put(rows, tenant, limits=LIMITS)
        plan = await put(rows, tenant, limits=LIMITS[:1])
        [usage] = await rows.usage(tenant.name)
        assert (usage.name, usage.digest) == ("tpm", plan.digest)

    async def test_without_limits_nothing_is_left(self, rows, tenant):
        await put(rows, tenant, limits=LIMITS)
        await put(rows, tenant)
        assert await rows.usage(tenant.name) == []

    async def test_limits_go_with_their_tenant(self, rows, tenant):
        await put(rows, tenant, limits=LIMITS)
        await rows.delete_tenant(tenant.name, tenant.identity.uid)
        assert await rows.usage(tenant.name) == []

    async def test_limits_of_a_run_are_nobodys_to_watch(self, rows, tenant):
        wish = make.pipeline_spec(limits={"perRun": {"maxTokens": 5000}})
        spec = AgentPipelineSpec.model_validate(wish)
        await rows.put_limits(pipeline_limits("uid-of-a-pipeline", tenant.name, spec))
        assert await rows.usage(tenant.name) == []

    async def test_providers_share_a_tenant_of_their_own(self, rows, tenant):
        identity = replace(tenant.identity, uid=f"{tenant.name}-provider")
        spec = parse_provider(make.provider(tenant.name, limits=LIMITS))
        await rows.put_provider(identity, priced(spec, make.NOW).offer)
        await rows.put_limits(provider_limits(identity, spec))
        owner = f"provider/{tenant.name}"
        mine = [one for one in await rows.usage("_platform") if one.owner == owner]
        assert {one.name for one in mine} == {"tpm", "at-once"}
        await rows.delete_provider(identity.name, identity.uid)
        assert owner not in {one.owner for one in await rows.usage("_platform")}


async def put(rows, tenant, **changes):
    """Put a tenant that declares these limits."""
    spec = make.parsed_tenant(make.tenant(tenant.name, **changes)).spec
    plan = tenant_limits(tenant.identity, spec)
    await rows.put_tenant(replace(tenant, spec=spec), ())
    await rows.put_limits(plan)
    return plan
