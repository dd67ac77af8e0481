"""The chart on a real API server: everything is admitted, and accounts may what they should."""

from __future__ import annotations

import pytest

from apiserver import until
from chart import NAMESPACE, render

pytest.importorskip("helm_python", reason="Helm's library has no wheel here")
pytestmark = pytest.mark.apiserver

RBAC = "rbac.authorization.k8s.io"
LEASE = "coordination.k8s.io/leases"
VALUES = {"evaluation": {"enabled": True}}


@pytest.fixture(scope="module")
def installed(apiserver):
    """Apply the chart where Pod Security is as strict as it gets."""
    places = (namespace(NAMESPACE, strict=True), namespace("team-a"))
    assert apiserver.apply(*places, *render(VALUES).objects) == ""
    return apiserver


def namespace(name, *, strict=False):
    level = {"pod-security.kubernetes.io/enforce": "restricted"} if strict else {}
    warn = {"pod-security.kubernetes.io/warn": "restricted"} if strict else {}
    metadata = {"name": name, "labels": {**level, **warn}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


@pytest.mark.parametrize("name", [name for name, _ in render(VALUES).pods()])
def test_pods_are_admitted_where_pod_security_is_restricted(installed, name):
    spec = dict(render(VALUES).pods())[name]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name[:60], "namespace": NAMESPACE},
        "spec": spec,
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict"
    status, answer = installed.request("POST", path, pod)
    assert status == 201, answer


PIPELINES = "headrace.dev/agentpipelines"
MAY = {
    "the operator finds pipelines everywhere": ("operator", "watch", PIPELINES, ""),
    "the operator says what it saw": ("operator", "patch", f"{PIPELINES}/status", "team-a"),
    "the operator makes workers": ("operator", "create", "apps/deployments", "team-a"),
    "the operator scales them": ("operator", "patch", "keda.sh/scaledobjects", "team-a"),
    "the operator renews its Lease": ("operator", "update", LEASE, NAMESPACE, "headrace-operator"),
    "the gateway asks who calls": ("gateway", "create", "authentication.k8s.io/tokenreviews", ""),
    "the gateway reads a provider's key": ("gateway", "get", "/secrets", NAMESPACE, "acme"),
}
MAY_NOT = {
    "the operator reads a Secret": ("operator", "get", "/secrets", NAMESPACE, "acme"),
    "the operator lists Secrets": ("operator", "list", "/secrets", "team-a"),
    "the operator makes a pipeline": ("operator", "create", PIPELINES, "team-a"),
    "the operator replaces a pipeline": ("operator", "update", PIPELINES, "team-a"),
    "the operator deletes a pipeline": ("operator", "delete", PIPELINES, "team-a"),
    "the operator takes another Lease": ("operator", "update", LEASE, NAMESPACE, "other"),
    "the operator hands out roles": ("operator", "create", f"{RBAC}/rolebindings", "team-a"),
    "the operator runs a pod": ("operator", "create", "/pods", "team-a"),
    "the operator enters a pod": ("operator", "create", "/pods/exec", "team-a"),
    "the operator makes a token": ("operator", "create", "/serviceaccounts/token", "team-a"),
    "the gateway lists Secrets": ("gateway", "list", "/secrets", NAMESPACE),
    "the gateway reads a Secret elsewhere": ("gateway", "get", "/secrets", "team-a", "acme"),
    "the gateway sees pipelines": ("gateway", "get", PIPELINES, "team-a"),
    "the gateway sees pods": ("gateway", "list", "/pods", "team-a"),
    "the migration reads a Secret": ("migrate", "get", "/secrets", NAMESPACE, "acme"),
    "the database reads a Secret": ("evaluation-database", "get", "/secrets", NAMESPACE, "acme"),
    "the administrator reads a Secret": ("admin", "get", "/secrets", NAMESPACE, "acme"),
}


def allowed(apiserver, user, *question):
    verb, thing, place, *name = question
    group, resource, *rest = thing.split("/")
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": place}
    attributes |= {"name": "".join(name), "subresource": "".join(rest)}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    status, answer = apiserver.request("POST", path, body)
    assert status == 201, answer
    return answer["status"]["allowed"]


def may(apiserver, account, *question):
    return allowed(apiserver, f"system:serviceaccount:{NAMESPACE}:headrace-{account}", *question)


@pytest.mark.parametrize("question", MAY.values(), ids=MAY)
def test_it_is_allowed_that(installed, question):
    assert may(installed, *question)


@pytest.mark.parametrize("question", MAY_NOT.values(), ids=MAY_NOT)
def test_it_is_forbidden_that(installed, question):
    assert not may(installed, *question)


PEOPLE = {
    "viewers see pipelines": ("view", "list", PIPELINES, True),
    "viewers change nothing": ("view", "patch", PIPELINES, False),
    "editors change pipelines": ("edit", "patch", PIPELINES, True),
    "editors do not clear a namespace": ("edit", "deletecollection", PIPELINES, False),
    "administrators clear a namespace": ("admin", "deletecollection", PIPELINES, True),
    "administrators write no status": ("admin", "patch", f"{PIPELINES}/status", False),
    "administrators make no tenant": ("admin", "create", "headrace.dev/agenttenants", False),
}


@pytest.mark.parametrize(("role", "verb", "thing", "want"), PEOPLE.values(), ids=PEOPLE)
def test_people_may_what_their_role_in_the_namespace_says(installed, role, verb, thing, want):
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": "team-a"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": f"some-{role}"}],
    }
    path = f"/apis/{RBAC}/v1/namespaces/team-a/rolebindings/{role}?fieldManager=tests&force=true"
    assert installed.request("PATCH", path, binding)[0] in {200, 201}
    # The role has ours once this is true: it is aggregated a moment after it is installed.
    until(lambda: allowed(installed, f"some-{role}", "list", PIPELINES, "team-a"))
    assert allowed(installed, f"some-{role}", verb, thing, "team-a") == want
