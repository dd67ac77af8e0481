"""What `headrace tenant onboard` prints, on a real API server with the chart's roles."""

from __future__ import annotations

import pytest
import yaml
from typer.testing import CliRunner

from chart import render
from headrace_cli.main import app

pytest.importorskip("helm_python", reason="Helm's library has no wheel here")
pytestmark = pytest.mark.apiserver

LEADS, ALL = "reach-leads", "reach-all"


@pytest.fixture(scope="module")
def onboarded(apiserver):
    """Apply the chart's roles, then what the command prints, as Git tools do."""
    apiserver.apply(*render().of_kind("ClusterRole"))
    words = ["tenant", "onboard", "reach", "-n", "reach-upper", "-n", "reach-lower"]
    words += ["--admin-group", LEADS, "--user-group", ALL]
    printed = CliRunner().invoke(app, words)
    assert printed.exit_code == 0, printed.stderr
    assert apiserver.apply(*yaml.safe_load_all(printed.stdout)) == ""
    return apiserver


def may(server, group, verb, resource, namespace):
    attributes = {"verb": verb, "group": "headrace.dev", "resource": resource}
    if resource == "secrets":
        attributes["group"] = ""
    attributes["namespace"] = namespace
    spec = {"user": "somebody", "groups": [group], "resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    status, answer = server.request(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body
    )
    assert status == 201, answer
    return answer["status"]["allowed"]


RIGHTS = {
    "users see pipelines": (ALL, "list", "agentpipelines", "reach-upper", True),
    "users make pipelines": (ALL, "create", "agentpipelines", "reach-lower", True),
    "users do not clear a namespace": (
        ALL, "deletecollection", "agentpipelines", "reach-upper", False),
    "administrators make pipelines": (LEADS, "patch", "agentpipelines", "reach-lower", True),
    "administrators clear a namespace": (
        LEADS, "deletecollection", "agentpipelines", "reach-upper", True),
    "administrators change no tenant": (LEADS, "patch", "agenttenants", "", False),
    "administrators read no Secret": (LEADS, "get", "secrets", "reach-upper", False),
    "nobody reaches elsewhere": (LEADS, "list", "agentpipelines", "default", False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "verb", "resource", "place", "want"), RIGHTS.values(), ids=RIGHTS
)
def test_people_may_what_their_group_says(*, onboarded, group, verb, resource, place, want):
    assert may(onboarded, group, verb, resource, place) == want


def test_the_tenant_lists_its_namespaces(onboarded):
    path = "/apis/headrace.dev/v1alpha1/agenttenants/reach"
    status, tenant = onboarded.request("GET", path)
    assert status == 200
    assert tenant["spec"]["namespaces"] == ["reach-upper", "reach-lower"]
