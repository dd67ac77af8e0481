"""What keeps tenants apart, on a real API server: doors, borders, and who may name what."""

from __future__ import annotations

import pytest

import operating

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

OPEN = [{"cidr": "203.0.113.0/24", "ports": [443]}]
STRICT = {"networkPolicy": "Strict"}
TENANTS = f"{operating.GROUP}/agenttenants"


async def opened(op, place):
    """Return the ranges that the workers of the pipeline may reach."""
    path = place.children_path("networking.k8s.io/v1", "networkpolicies")
    [policy] = await op.items(path, "headrace.dev/pipeline=essay")
    peers = [peer for rule in policy["spec"]["egress"] for peer in rule["to"]]
    return [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]


async def test_a_tenant_that_becomes_strict_closes_what_was_opened(keda, place, op):
    await op.apply(place.tenant(allowed={"egress": OPEN}))
    await op.apply(place.provider())
    await op.apply(place.pipeline(egress=OPEN))
    await op.until_condition(place.pipeline_path, "Accepted", "True")
    await op.until_quiet()
    assert await opened(op, place) == ["203.0.113.0/24"]

    await op.apply(place.tenant(allowed={"egress": OPEN}, isolation=STRICT))

    told = await op.until_condition(place.pipeline_path, "Accepted", "False", "NotAllowedByTenant")
    assert "`spec.egress[0]` must be left out, and opens '203.0.113.0/24'" in told["message"]
    assert f"tenant '{place.namespace}' has `isolation.networkPolicy: Strict`" in told["message"]
    await op.until_quiet()
    assert await opened(op, place) == []

    await op.apply(place.pipeline())

    await op.until_condition(place.pipeline_path, "Ready", "True")
    assert await opened(op, place) == []


NOT_ALLOWED = {
    "an image": (
        {"allowed": {"imagePrefixes": ["registry.acme.example/"]}},
        {"pools": [{"name": "writers", "image": "docker.io/stranger/essay:1"}]},
        "`spec.pools[0].image` must begin with one of 'registry.acme.example/'",
    ),
    "a provider": (
        {"allowed": {"modelProviders": ["house-models"]}},
        {},
        "`spec.models[0].providerRef.name` must be one of 'house-models'",
    ),
    "a provider to fall back on": (
        {"allowed": {"modelProviders": ["house-models"]}},
        {
            "models": [
                {
                    "class": "small",
                    "providerRef": {"name": "house-models"},
                    "fallbacks": [{"providerRef": {"name": "other-models"}}],
                }
            ]
        },
        "`spec.models[0].fallbacks[0].providerRef.name` must be one of 'house-models'",
    ),
}


@pytest.mark.parametrize(("grants", "changes", "told"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
async def test_what_the_tenant_does_not_allow_is_refused(*, grants, changes, told, keda, place, op):
    await op.apply(place.tenant(**grants))
    await op.apply(place.provider())
    await op.apply(place.pipeline(**changes))

    said = await op.until_condition(place.pipeline_path, "Accepted", "False", "NotAllowedByTenant")
    assert told in said["message"]
    assert f"(allowed by tenant '{place.namespace}')" in said["message"]
    assert await op.items(place.children_path("apps/v1", "deployments")) == []


async def test_what_the_provider_does_not_allow_is_refused(keda, place, op):
    await op.apply(place.tenant())
    await op.apply(place.provider(allowedTenants=["somebody-else"]))
    await op.apply(place.pipeline())
    await op.until_condition(place.pipeline_path, "Accepted", "False", "NotAllowedByProvider")


async def test_a_pipeline_cannot_name_another_tenant(keda, place, op):
    other = operating.tenant(f"{place.namespace}-other", (f"{place.namespace}-other",))
    await op.apply(place.tenant())
    await op.apply(place.provider())
    await op.apply(other)
    await op.until_condition(operating.path_of(other), "Ready", "True")

    await op.apply(place.pipeline(tenantRef={"name": other["metadata"]["name"]}))

    said = await op.until_condition(place.pipeline_path, "Accepted", "False", "TenantNotFound")
    assert f"must name an AgentTenant that holds namespace '{place.namespace}'" in said["message"]
    assert (await op.get(place.pipeline_path))["status"]["tenant"] == ""
    assert await op.items(place.children_path("apps/v1", "deployments")) == []


def pool(**secret):
    return [{"name": "writers", "envFrom": [{"secretRef": secret}]}]


async def test_regression_34_a_reference_reads_no_secret_of_another_namespace(keda, place, op):
    await op.apply(place.tenant())
    await op.apply(place.provider())

    # A client that asks for no validation: the stranger is dropped, and not followed.
    path = f"{place.pipeline_path.rsplit('/', 1)[0]}?fieldValidation=Ignore"
    body = place.pipeline(pools=pool(name="keys", namespace="kube-system"))
    assert place.apiserver.request("POST", path, body)[0] == 201
    await op.until_condition(place.pipeline_path, "Ready", "True")

    [deployment] = await op.items(place.children_path("apps/v1", "deployments"))
    assert deployment["metadata"]["namespace"] == place.namespace
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]


SECRETS = {
    "by a namespace": ({"name": "keys", "namespace": "kube-system"}, "unknown field", 400),
    "by a path": ({"name": "kube-system/keys"}, "secretRef.name", 422),
    "by dots": ({"name": "../keys"}, "secretRef.name", 422),
}


@pytest.mark.parametrize(("secret", "told", "status"), SECRETS.values(), ids=SECRETS)
async def test_regression_34_a_secret_of_another_namespace_cannot_be_named(
    *, secret, told, status, place
):
    path = f"{place.pipeline_path.rsplit('/', 1)[0]}?fieldValidation=Strict"
    body = place.pipeline(pools=pool(**secret))
    code, answer = place.apiserver.request("POST", path, body)
    assert code == status, answer
    assert told in answer["message"]


UNKNOWN = {
    "a model": ({"class": "small", "model": "acme-huge"}, "acme-huge"),
    "a class": ({"class": "deep"}, "deep"),
    "a model to fall back on": ({"class": "small", "fallbacks": [{"model": "acme-huge"}]}, "huge"),
}


@pytest.mark.parametrize(("model", "named"), UNKNOWN.values(), ids=UNKNOWN)
async def test_regression_13_an_unknown_model_or_class_is_told_and_not_silent(
    *, model, named, keda, place, op
):
    ref = {"providerRef": {"name": place.namespace}}
    model = {**model, **ref}
    if "fallbacks" in model:
        model["fallbacks"] = [{**one, **ref} for one in model["fallbacks"]]
    llm = {"class": model["class"], "prompt": "Write about {{ input.topic }}."}
    await op.apply(place.tenant())
    await op.apply(place.provider())

    await op.apply(
        place.pipeline(models=[model], steps=[{"name": "draft", "type": "LLM", "llm": llm}])
    )

    said = await op.until_condition(place.pipeline_path, "ResolvedRefs", "False", "ModelNotFound")
    assert named in said["message"]
    await op.until_condition(place.pipeline_path, "Ready", "False", "ModelNotFound")


async def test_a_tenant_that_is_deleted_under_running_work_says_what_it_waits_for(
    keda, place, op, ledger
):
    await place.settle(op)
    uid = (await op.get(place.pipeline_path))["metadata"]["uid"]
    path = operating.path_of(place.tenant())
    ledger.remaining[uid] = (2, 3)

    await op.delete(path)

    said = await op.until_condition(path, "DeletionBlocked", "True", "RunsInFlight")
    assert said["message"] == "2 steps of its pipelines run, 3 runs are not finished."
    await op.until_condition(path, "Ready", "False", "RunsInFlight")
    await op.until_condition(place.pipeline_path, "Accepted", "False", "TenantNotFound")
    assert uid in ledger.pipeline_rows

    ledger.remaining.clear()

    async def gone():
        return all(one["metadata"]["name"] != place.namespace for one in await op.items(TENANTS))

    await op.until("the tenant is gone", gone)
    assert uid not in ledger.pipeline_rows
    assert place.namespace not in {name for name, _ in ledger.tenant_rows.values()}


QUOTAS = "resourcequotas"


async def quotas(op, place):
    found = await op.items(place.children_path("v1", QUOTAS))
    return {one["metadata"]["name"]: one["spec"] for one in found}


async def test_a_tenant_has_a_quota_of_its_own_beside_those_of_others(keda, place, op):
    theirs = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "theirs", "namespace": place.namespace},
        "spec": {"hard": {"pods": "1k"}},
    }
    await op.wire.post(place.children_path("v1", QUOTAS), theirs)
    hard = {"requests.cpu": "1500m", "limits.memory": "64Gi", "pods": "20"}
    quota = {"hard": hard, "scopes": ["NotTerminating"]}
    await op.apply(place.tenant(isolation={"resourceQuota": quota}))
    tenant = await op.until_condition(f"{TENANTS}/{place.namespace}", "Provisioned", "True")
    assert "1 namespace" in tenant["message"]
    await op.until_quiet()
    made = await quotas(op, place)
    assert made.pop("theirs") == theirs["spec"]
    assert list(made.values()) == [quota]

    await op.delete(f"{place.children_path('v1', QUOTAS)}/{next(iter(made))}")

    async def is_back() -> bool:
        return (await quotas(op, place)).keys() == {"theirs", *made}

    await op.until("the quota is back", is_back)

    await op.apply(place.tenant())
    await op.until_quiet()
    assert await quotas(op, place) == {"theirs": theirs["spec"]}


async def test_a_quota_that_kubernetes_refuses_is_told_in_its_words(keda, place, op):
    quota = {"hard": {"requests.cpu": "1"}, "scopes": ["BestEffort"]}
    await op.apply(place.tenant(isolation={"resourceQuota": quota}))
    told = await op.until_condition(f"{TENANTS}/{place.namespace}", "Provisioned", "False")
    assert "unsupported scope applied to resource" in told["message"]


async def test_workers_run_as_an_account_with_the_annotations_of_the_tenant(keda, place, op):
    role = {"cloud.example/role": "reader"}
    await op.apply(place.tenant(isolation={"serviceAccount": {"annotations": role}}))
    await op.apply(place.provider())
    await op.apply(place.pipeline())
    await op.until_condition(place.pipeline_path, "Ready", "True")
    path = place.children_path("v1", "serviceaccounts")
    [account] = await op.items(path, "headrace.dev/pipeline=essay")
    assert role.items() <= account["metadata"]["annotations"].items()

    await op.apply(place.tenant())
    await op.until_quiet()
    [account] = await op.items(path, "headrace.dev/pipeline=essay")
    assert not role.keys() & account["metadata"]["annotations"].keys()
