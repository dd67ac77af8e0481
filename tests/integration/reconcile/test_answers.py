"""Bad resources get their reasons, and heal when the reason goes."""

from __future__ import annotations

import pytest

import make
import operating
from headrace_operator.apply.memory_ledger import Spent

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

BAD = {
    "steps that wait for each other": (
        {
            "steps": [
                {
                    "name": "one",
                    "type": "LLM",
                    "dependsOn": ["two"],
                    "llm": {"class": "small", "prompt": "{{ input.topic }}"},
                },
                {
                    "name": "two",
                    "type": "LLM",
                    "dependsOn": ["one"],
                    "llm": {"class": "small", "prompt": "{{ input.topic }}"},
                },
            ]
        },
        "Accepted",
        "CyclicSteps",
    ),
    "a template with a variable that does not exist": (
        {
            "steps": [
                {
                    "name": "one",
                    "type": "LLM",
                    "llm": {"class": "small", "prompt": "{{ steps.nobody.output }}"},
                }
            ]
        },
        "Accepted",
        None,
    ),
    "a provider that does not exist": (
        {"models": [{"class": "small", "providerRef": {"name": "nobody"}}]},
        "ResolvedRefs",
        "ProviderNotFound",
    ),
    "an egress rule that the tenant does not allow": (
        {"egress": [{"cidr": "203.0.113.0/24"}]},
        "Accepted",
        "NotAllowedByTenant",
    ),
    "a tenant that does not hold the namespace": (
        {"tenantRef": {"name": "somebody-else"}},
        "Accepted",
        "TenantNotFound",
    ),
}


@pytest.mark.parametrize(("changes", "kind", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_spec_gets_its_reason_and_heals(*, changes, kind, reason, keda, place, op):
    await op.apply(place.tenant())
    await op.apply(place.provider())

    await op.apply(place.pipeline(**changes))

    await op.until_condition(place.pipeline_path, kind, "False", reason)
    await op.until_condition(place.pipeline_path, "Ready", "False", reason)
    stalled = await op.condition(place.pipeline_path, "Stalled")
    assert stalled is not None

    await op.apply(place.pipeline())

    await op.until_condition(place.pipeline_path, "Ready", "True")
    assert await op.condition(place.pipeline_path, "Stalled") is None
    assert await op.condition(place.pipeline_path, "Reconciling") is None


async def test_what_a_pipeline_needs_may_come_later(keda, place, op):
    await op.apply(place.pipeline())
    await op.until_condition(place.pipeline_path, "Accepted", "False", "TenantNotFound")

    await op.apply(place.tenant())
    await op.until_condition(place.pipeline_path, "ResolvedRefs", "False", "ProviderNotFound")

    await op.apply(place.provider())
    await op.until_condition(place.pipeline_path, "Ready", "True")


async def test_a_spec_that_is_spoilt_leaves_the_last_good_one_serving(keda, place, op, ledger):
    await place.settle(op)
    status = (await op.get(place.pipeline_path))["status"]
    deployments = await op.items(place.children_path("apps/v1", "deployments"))

    await op.apply(place.pipeline(egress=[{"cidr": "203.0.113.0/24"}]))
    await op.until_condition(place.pipeline_path, "Accepted", "False")

    assert (await op.get(place.pipeline_path))["status"]["digest"] == status["digest"]
    after = await op.items(place.children_path("apps/v1", "deployments"))
    assert [one["metadata"]["uid"] for one in after] == [
        one["metadata"]["uid"] for one in deployments
    ]


async def test_a_namespace_that_is_claimed_twice_stays_with_the_older_tenant(keda, place, op):
    await place.settle(op)
    younger = operating.tenant(f"{place.namespace}-younger", (place.namespace, "free"))
    path = operating.path_of(younger)

    await op.apply(younger)

    told = await op.until_condition(path, "Accepted", "False", "NamespaceConflict")
    assert place.namespace in told["message"]
    assert (await op.get(path))["status"]["namespaces"] == ["free"]
    assert (await op.get(place.pipeline_path))["status"]["tenant"] == place.namespace

    await op.delete(operating.path_of(place.tenant()))

    await op.until_condition(path, "Ready", "True")

    async def moved() -> bool:
        return (await op.get(place.pipeline_path))["status"][
            "tenant"
        ] == f"{place.namespace}-younger"

    await op.until("the pipeline has moved to the younger tenant", moved)


async def test_a_hold_is_a_wish_that_is_fulfilled(keda, place, op):
    await place.settle(op)

    await op.apply(place.tenant(stopPolicy="Hold"))
    await op.until_condition(place.pipeline_path, "Paused", "True", "StopPolicyHold")
    await op.until_condition(place.pipeline_path, "Ready", "True")

    await op.apply(place.pipeline(stopPolicy="HoldAndDrain"))
    await op.until_condition(place.pipeline_path, "Paused", "True", "StopPolicyHoldAndDrain")

    await op.apply(place.tenant(stopPolicy="None"))
    await op.apply(place.pipeline(stopPolicy="None"))

    async def lifted() -> bool:
        return await op.condition(place.pipeline_path, "Paused") is None

    await op.until("the hold is lifted", lifted)


async def test_limits_are_shown_with_what_is_used_of_them(keda, place, op, ledger):
    limit = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
    budget = {"name": "monthly", "amount": "10", "softPercents": [80]}
    shared = {**limit, "borrowingLimit": 500, "lendingLimit": 400}
    tenant = place.tenant(limits=[shared], budgets=[budget], weight=5, cohort="research")
    name, path = place.namespace, operating.path_of(tenant)
    await op.apply(tenant)
    await op.apply(place.provider(limits=[limit]))
    await op.until_condition(path, "LimitsEnforced", "True")
    await op.until_condition(operating.path_of(place.provider()), "LimitsEnforced", "True")

    ledger.spent[name, "tenant", "tpm"] = Spent(
        used=900, reserved=20, resets_at=make.NOW, borrowable=300, lent=60
    )
    ledger.spent[name, "tenant", "budget.monthly"] = Spent(used=8_500_000_000)

    await op.until_condition(path, "WithinBudget", "True", "SoftBudgetReached")

    async def shown() -> bool:
        return (await op.get(path))["status"]["nearest"] == "tokens 1m 92 %"

    await op.until("what is used is shown", shown)
    status = (await op.get(path))["status"]
    told = [status["limits"][0][name] for name in ("available", "borrowed", "lent")]
    assert told == [380, 0, 60]
    assert status["budgets"][0]["spent"] == "8.5"


async def test_limits_are_shown_in_the_namespaces_and_mended_there(keda, place, op):
    limit = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
    maps = place.children_path("v1", "configmaps")
    path = f"{maps}/headrace-limits"
    tenant = operating.tenant(place.namespace, (place.namespace, "not-there"), limits=[limit])
    await op.apply(tenant)
    await op.until_condition(operating.path_of(tenant), "Ready", "True")
    first = await op.get(path)
    assert first["metadata"]["ownerReferences"][0]["kind"] == "AgentTenant"

    await op.delete(path)

    async def anew() -> bool:
        return (await op.get(path))["metadata"]["uid"] != first["metadata"]["uid"]

    await op.until("it is made anew", anew)
    await op.apply(operating.tenant(place.namespace, (place.namespace,)))

    async def gone() -> bool:
        return "headrace-limits" not in {one["metadata"]["name"] for one in await op.items(maps)}

    await op.until("it is removed", gone)


async def test_a_provider_counts_who_leans_on_it(keda, place, op):
    await place.settle(op)
    path = operating.path_of(place.provider())

    async def counted(wanted: int) -> bool:
        return (await op.get(path))["status"]["pipelines"] == wanted

    await op.until("one pipeline", lambda: counted(1))
    await op.delete(place.pipeline_path)
    await op.until("no pipeline", lambda: counted(0))


async def test_bad_news_is_told_once_as_an_event(keda, place, op):
    await op.apply(place.pipeline())
    await op.until_condition(place.pipeline_path, "Ready", "False", "TenantNotFound")

    events = await op.until(
        "an event", lambda: op.items(place.children_path("events.k8s.io/v1", "events"))
    )
    assert [(one["reason"], one["type"], one["regarding"]["name"]) for one in events] == [
        ("TenantNotFound", "Warning", "essay")
    ]
