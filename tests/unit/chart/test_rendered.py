"""What the chart installs, by its defaults and by its values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from chart import CHART, EVALUATION, EVERYTHING, render

pytest.importorskip("helm_python", reason="Helm's library has no wheel for this machine")

GOLDEN = Path(__file__).parent / "golden"
VARIANTS = {"default": {}, "evaluation": EVALUATION, "everything": EVERYTHING}

POLICIES = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
every_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


@pytest.mark.parametrize(("name", "values"), VARIANTS.items(), ids=VARIANTS)
def test_golden(name, values):
    shown = [one for one in render(values).objects if one["kind"] != "CustomResourceDefinition"]
    text = yaml.safe_dump_all(shown, sort_keys=False, width=1000)
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


def test_the_definitions_are_the_generated_ones():
    wanted = {path.name: path.read_text() for path in (CHART.parents[1] / "crds").glob("*.yaml")}
    kept = render().of_kind("CustomResourceDefinition")
    for crd in kept:
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert kept == [yaml.safe_load(wanted[name]) for name in sorted(wanted)]
    assert render({"crds": {"enabled": False}}).of_kind("CustomResourceDefinition") == []
    loose = render({"crds": {"keep": False}}).of_kind("CustomResourceDefinition")
    assert [crd["metadata"].get("annotations") for crd in loose] == [None] * len(wanted)


@every_variant
def test_every_object_has_a_place(values):
    places = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", *POLICIES}
    for one in render(values).objects:
        assert ("namespace" in one["metadata"]) == (one["kind"] not in places), one["metadata"]


@every_variant
def test_no_secret_is_made(values):
    assert render(values).of_kind("Secret") == []


@every_variant
def test_no_hook_is_used(values):
    for one in render(values).objects:
        assert "helm.sh/hook" not in one["metadata"].get("annotations", {})


# ---- what a pod may -----------------------------------------------------------------------------

PODS = [pytest.param(name, pod, id=name) for name, pod in render(EVERYTHING).pods()]


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_pods_are_restricted(name, pod):
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 65532
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_pods_ask_for_what_they_need(name, pod):
    resources = pod["containers"][0]["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert "memory" in resources["limits"]
    for volume in pod["volumes"]:
        assert volume["name"] == "data" or "sizeLimit" in volume["emptyDir"]


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_only_what_asks_the_api_server_has_a_token(name, pod):
    assert pod["automountServiceAccountToken"] == (
        name in {"headrace-operator", "headrace-gateway"}
    )
    assert pod["serviceAccountName"].startswith("headrace-")


def test_every_account_of_a_pod_exists():
    rendered = render(EVERYTHING)
    accounts = {one["metadata"]["name"] for one in rendered.of_kind("ServiceAccount")}
    assert {pod["serviceAccountName"] for _, pod in rendered.pods()} == accounts - {
        "headrace-admin"
    }
