"""`preventDeletion` on a real API server: the chart's policy refuses, until somebody says so."""

from __future__ import annotations

import pytest

from apiserver import until
from chart import render

pytest.importorskip("helm_python", reason="Helm's library has no wheel here")
pytestmark = pytest.mark.apiserver

TENANTS = "/apis/headrace.dev/v1alpha1/agenttenants"
KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.fixture(scope="module")
def guarded(apiserver):
    """Apply the chart's policy, and wait until it is in force."""
    policies = [one for kind in KINDS for one in render().of_kind(kind)]
    assert apiserver.apply(*policies) == ""
    apply(apiserver, "guard", preventDeletion=True)
    query = "/guard?dryRun=All"
    until(lambda: apiserver.request("DELETE", TENANTS + query)[0] == 403)
    yield apiserver
    apply(apiserver, "guard", preventDeletion=False)
    assert apiserver.request("DELETE", f"{TENANTS}/guard")[0] == 200


def apply(server, name, **spec):
    body = {
        "apiVersion": "headrace.dev/v1alpha1",
        "kind": "AgentTenant",
        "metadata": {"name": name, "labels": {"tests": name}},
        "spec": {"namespaces": [name], **spec},
    }
    path = f"{TENANTS}/{name}?fieldManager=tests&force=true"
    status, answer = server.request("PATCH", path, body)
    assert status in {200, 201}, answer


def test_a_tenant_that_prevents_it_is_not_deleted_until_it_no_longer_does(guarded):
    apply(guarded, "mill", preventDeletion=True)

    status, refused = guarded.request("DELETE", f"{TENANTS}/mill")

    assert status == 403
    words = "AgentTenant 'mill' must not be deleted while its `spec.preventDeletion` is true"
    assert words in refused["message"]
    assert "set it to false first" in refused["message"]
    assert guarded.request("GET", f"{TENANTS}/mill")[0] == 200

    apply(guarded, "mill", preventDeletion=False)
    assert guarded.request("DELETE", f"{TENANTS}/mill")[0] == 200
    assert guarded.request("GET", f"{TENANTS}/mill")[0] == 404


def test_a_tenant_that_says_nothing_may_be_deleted(guarded):
    apply(guarded, "lock")
    assert guarded.request("DELETE", f"{TENANTS}/lock")[0] == 200


def test_it_holds_for_a_whole_collection(guarded):
    apply(guarded, "weir", preventDeletion=True)

    status, refused = guarded.request("DELETE", f"{TENANTS}?labelSelector=tests%3Dweir")

    assert status == 403, refused
    assert guarded.request("GET", f"{TENANTS}/weir")[0] == 200
    apply(guarded, "weir", preventDeletion=False)
    assert guarded.request("DELETE", f"{TENANTS}?labelSelector=tests%3Dweir")[0] == 200


def test_a_tenant_that_prevents_it_may_be_changed(guarded):
    apply(guarded, "guard", preventDeletion=True, stopPolicy="Hold")
    apply(guarded, "guard", preventDeletion=True)
