"""The operator as the chart lets it run: refused nothing, given nothing that it never uses."""

from __future__ import annotations

import asyncio

import pytest

import crd_cases
from apiserver import CONTROLLERS, serving, until
from chart import NAMESPACE, render
from headrace_ledger.client import Ledger
from operator_process import operator_process

pytest.importorskip("helm_python", reason="Helm's library has no wheel here")
pytestmark = [pytest.mark.apiserver, pytest.mark.postgres]

GROUP = "headrace.dev/v1alpha1"
PIPELINE = f"/apis/{GROUP}/namespaces/team-a/agentpipelines/river"
TENANT = f"/apis/{GROUP}/agenttenants/mill"
PROVIDER = f"/apis/{GROUP}/modelproviders/acme"
KEDA = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scaledobjects.keda.sh"
CHILDREN = {
    "": ["serviceaccounts", "configmaps", "resourcequotas"],
    "apps": ["deployments"],
    "networking.k8s.io": ["networkpolicies"],
    "keda.sh": ["scaledobjects"],
}
QUOTA = crd_cases.tenant(isolation={"resourceQuota": {"hard": {"pods": "20"}}})
NEVER_USED_HERE = {
    # What an older version called differently is pruned by the next one.
    ("delete", "", "serviceaccounts"),
    ("delete", "", "configmaps"),
    ("delete", "", "resourcequotas"),
    ("delete", "networking.k8s.io", "networkpolicies"),
    # Asked for only where the cluster guards owner references.
    ("update", "headrace.dev", "agentpipelines/finalizers"),
    # What may be listed may be read afresh.
    ("get", "headrace.dev", "agentpipelines"),
    ("get", "headrace.dev", "agenttenants"),
    ("get", "headrace.dev", "modelproviders"),
}


def scaled_objects():
    """KEDA as the operator sees it: the definition is there."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True}
    names = {"kind": "ScaledObject", "plural": "scaledobjects"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {
            "group": "keda.sh",
            "names": names,
            "scope": "Namespaced",
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def apply(server, path, body):
    status, answer = server.request("PATCH", f"{path}?fieldManager=tests&force=true", body)
    assert status in {200, 201}, answer


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def ours(kind, name, spec):
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec}


def names(server, group, plural):
    root = f"/apis/{group}" if group else "/api"
    version = "v1alpha1" if group == "keda.sh" else "v1"
    _, found = server.request("GET", f"{root}/{version}/namespaces/team-a/{plural}")
    return [item["metadata"]["name"] for item in found.get("items", ())]


def condition(server, path, kind):
    _, read = server.request("GET", path)
    found = read.get("status", {}).get("conditions", ())
    return next((one["status"] for one in found if one["type"] == kind), None)


def observed(server):
    return server.request("GET", PIPELINE)[1].get("status", {}).get("observedGeneration")


def gone(server, path):
    return server.request("GET", path)[0] == 404


VARIANTS = {"everywhere": (), "in chosen namespaces": ("team-a",)}


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS)
def namespaces(request):
    return request.param


@pytest.fixture(scope="module")
def rendered(namespaces):
    return render({"operator": {"watchNamespaces": list(namespaces)}})


@pytest.fixture(scope="module")
def asked(tmp_path_factory, ledger_server, rendered, namespaces):
    """Live through what an operator lives through; give all that it asked the API server."""
    folder = tmp_path_factory.mktemp("rights")
    with serving(folder, controllers=CONTROLLERS) as server:
        server.apply(namespace(NAMESPACE), namespace("team-a"), *rendered.objects)
        account = server.kubeconfig_of_account(NAMESPACE, "headrace-operator")
        url, log = ledger_server.operator_url, folder / "operator.log"
        with operator_process(account, url, log, namespaces):
            _live(server, ledger_server.gateway_url)
        yield server.asked(NAMESPACE, "headrace-operator")


async def sweep(url):
    """Do what gateways do all the time: a pool that left a spec goes when no task names it."""
    ledger = await Ledger.connect(url, role="gateway", min_size=1, max_size=1)
    try:
        await ledger.sweep()
    finally:
        await ledger.close()


def _swept(server, gateway_url):
    asyncio.run(sweep(gateway_url))
    left = names(server, "apps", "deployments"), names(server, "keda.sh", "scaledobjects")
    return [len(each) for each in left] == [1, 1]


def _live(server, gateway_url):
    apply(server, PROVIDER, ours("ModelProvider", "acme", crd_cases.provider()))
    apply(server, TENANT, ours("AgentTenant", "mill", QUOTA))
    two = crd_cases.pipeline(pools=[{"name": "main"}, {"name": "spare"}])
    apply(server, PIPELINE, ours("AgentPipeline", "river", two))
    until(lambda: condition(server, PIPELINE, "Accepted") == "True")
    until(lambda: len(names(server, "apps", "deployments")) == 2)
    until(lambda: len(names(server, "", "resourcequotas")) == 1)
    apply(server, KEDA, scaled_objects())
    until(lambda: len(names(server, "keda.sh", "scaledobjects")) == 2)
    one = crd_cases.pipeline(pools=[{"name": "main"}])
    apply(server, PIPELINE, ours("AgentPipeline", "river", one))
    until(lambda: observed(server) == 2)
    until(lambda: _swept(server, gateway_url), 60)
    for path in (PIPELINE, TENANT, PROVIDER):
        server.request("DELETE", path)
        until(lambda path=path: gone(server, path), 60)


def wanted(event):
    """Say what a request needed; a server-side apply that makes the object needs create, too."""
    what = event["objectRef"]
    resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
    verbs = [event["verb"]]
    if event["verb"] == "patch" and event["responseStatus"]["code"] == 201:
        verbs.append("create")
    return {(verb, what.get("apiGroup", ""), resource) for verb in verbs}


def granted(rendered):
    bound = [one for kind in ("Role", "ClusterRole") for one in rendered.of_kind(kind)]
    return {
        (verb, group, resource)
        for one in bound
        if one["metadata"]["name"].startswith("headrace-operator")
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_is_refused_nothing(asked):
    refused = [event["requestURI"] for event in asked if event["responseStatus"]["code"] == 403]
    assert refused == []


def test_it_is_given_nothing_that_it_never_uses(asked, rendered):
    used = set().union(*(wanted(event) for event in asked if "objectRef" in event))
    assert granted(rendered) - used == NEVER_USED_HERE


def test_no_secret_was_asked_for(asked):
    about = {event["objectRef"]["resource"] for event in asked if "objectRef" in event}
    assert "secrets" not in about
