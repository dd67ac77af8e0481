"""Every permission that the chart hands out; a change must be seen by whoever reviews it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chart import render

pytest.importorskip("helm_python", reason="Helm's library has no wheel for this machine")

SNAPSHOT = Path(__file__).parent / "permissions.txt"


def lines(rendered):
    """Write one line for each holder, place and resource, with its verbs."""
    for one in rendered.objects:
        if one["kind"] not in {"Role", "ClusterRole"}:
            continue
        place = one["metadata"].get("namespace", "cluster")
        for rule in one["rules"]:
            names = rule.get("resourceNames", [""])
            groups = [f"{group or 'core'}/" for group in rule.get("apiGroups", [""])]
            things = rule.get("nonResourceURLs") or [
                f"{group}{thing}" for group in groups for thing in rule["resources"]
            ]
            for thing in things:
                for name in names:
                    named = f"[{name}]" if name else ""
                    verbs = " ".join(sorted(rule["verbs"]))
                    yield f"{one['metadata']['name']} in {place}: {thing}{named}: {verbs}"


def test_every_permission_is_in_the_snapshot():
    text = "\n".join(sorted(lines(render()))) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        SNAPSHOT.write_text(text)
    assert SNAPSHOT.read_text() == text


VARIANTS = {
    "default": {},
    "chosen namespaces": {"operator": {"watchNamespaces": ["team-a"]}},
    "evaluation": {"evaluation": {"enabled": True}},
}
every_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


@every_variant
def test_nobody_may_everything(values):
    given = list(lines(render(values)))
    assert given
    assert [line for line in given if "*" in line or "escalate" in line or "bind" in line] == []


@every_variant
def test_secrets_are_read_by_the_gateway_in_its_own_namespace_and_by_nobody_else(values):
    about = [line for line in lines(render(values)) if "secrets" in line]
    assert about == ["headrace-gateway in headrace-system: core/secrets: get"]


def test_secrets_may_be_named():
    values = {"gateway": {"secretNames": ["acme-llm"]}}
    about = [line for line in lines(render(values)) if "secrets" in line]
    assert about == ["headrace-gateway in headrace-system: core/secrets[acme-llm]: get"]


def test_in_chosen_namespaces_the_operator_writes_nothing_elsewhere():
    rendered = render({"operator": {"watchNamespaces": ["team-a", "team-b"]}})
    in_cluster = [
        line for line in lines(rendered) if line.startswith("headrace-operator in cluster")
    ]
    written = {line.split(": ")[1] for line in in_cluster if "patch" in line or "create" in line}
    assert written == {
        "headrace.dev/agenttenants",
        "headrace.dev/agenttenants/status",
        "headrace.dev/modelproviders/status",
    }
    places = {one["metadata"]["namespace"] for one in rendered.of_kind("Role")}
    assert places == {"headrace-system", "team-a", "team-b"}


@every_variant
def test_every_role_that_is_for_a_pod_is_bound_to_that_pod(values):
    rendered = render(values)
    for binding in (*rendered.of_kind("RoleBinding"), *rendered.of_kind("ClusterRoleBinding")):
        [subject] = binding["subjects"]
        assert subject["kind"] == "ServiceAccount"
        assert subject["namespace"] == "headrace-system"
        assert binding["roleRef"]["name"].startswith(subject["name"])


def test_people_get_theirs_by_the_roles_they_have():
    roles = {one["metadata"]["name"]: one for one in render().of_kind("ClusterRole")}
    for role in ("view", "edit", "admin"):
        labels = roles[f"headrace-{role}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"
