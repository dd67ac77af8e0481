"""What the chart installs, by its defaults and by its values."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
import yaml

from chart import CHART, render

helm_python = pytest.importorskip(
    "helm_python", reason="Helm's library has no wheel for this machine"
)

GOLDEN = Path(__file__).parent / "golden"
EVALUATION = {"evaluation": {"enabled": True, "hostPath": "/var/lib/headrace-eval"}}
EVERYTHING = {
    **EVALUATION,
    "imagePullSecrets": [{"name": "registry"}],
    "commonLabels": {"team": "platform"},
    "operator": {
        "watchNamespaces": ["team-a", "team-b"],
        "priorityClassName": "high",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    },
    "gateway": {"secretNames": ["acme-llm"], "service": {"annotations": {"a": "b"}}},
    "networkPolicy": {"metricsNamespaces": ["monitoring"]},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "more", "namespace": "{{ .Release.Namespace }}"},
        }
    ],
}
VARIANTS = {"default": {}, "evaluation": EVALUATION, "everything": EVERYTHING}

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
    places = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
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


# ---- the parts ----------------------------------------------------------------------------------


def env_of(pod):
    return {
        one["name"]: one.get("value", one.get("valueFrom")) for one in pod["containers"][0]["env"]
    }


def test_the_operator_is_alone():
    spec = render(EVERYTHING).only("Deployment", "headrace-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    budgets = render(EVERYTHING).of_kind("PodDisruptionBudget")
    assert [one["metadata"]["name"] for one in budgets] == ["headrace-gateway"]


def test_the_operator_is_told_where_everything_is():
    pods = dict(render({"images": {"tag": "9"}}, namespace="mill").pods())
    env = env_of(pods["headrace-operator"])
    assert env["HEADRACE_SYSTEM_NAMESPACE"] == "mill"
    assert env["HEADRACE_GATEWAY_URL"] == "http://headrace-gateway.mill.svc:8080"
    assert env["HEADRACE_WORKER_IMAGE"] == "headrace/worker:9"


ROLES = {"headrace-operator": "operator", "headrace-gateway": "gateway"}


@pytest.mark.parametrize(("name", "role"), ROLES.items(), ids=ROLES)
def test_each_part_has_the_login_of_its_own_role_and_no_other(name, role):
    env = env_of(dict(render(EVERYTHING).pods())[name])
    refs = [value["secretKeyRef"] for value in env.values() if "secretKeyRef" in value]
    assert refs == [{"name": "headrace-database", "key": role}]


def test_the_gateway_listens_where_workers_and_keda_expect_it():
    services = {one["metadata"]["name"]: one["spec"] for one in render().of_kind("Service")}
    clients, scaler = services["headrace-gateway"], services["headrace-gateway-scaler"]
    assert [port["port"] for port in clients["ports"]] == [8080]
    assert [port["port"] for port in scaler["ports"]] == [9090]
    assert (scaler["clusterIP"], scaler["publishNotReadyAddresses"]) == ("None", False)


def test_services_find_the_pods():
    rendered = render(EVERYTHING)
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in rendered.of_kind("Deployment")]
    for service in rendered.of_kind("Service"):
        wanted = service["spec"]["selector"].items()
        assert len([labels for labels in pods if wanted <= labels.items()]) == 1


def test_the_gateway_leaves_politely():
    pod = dict(render().pods())["headrace-gateway"]
    assert pod["terminationGracePeriodSeconds"] == 300
    assert env_of(pod)["HEADRACE_GRACE_SECONDS"] == "290"


def migration(values=None):
    [job] = render(values).of_kind("Job")
    return job["metadata"]["name"]


def test_the_migration_has_a_job_for_each_version():
    assert migration().startswith("headrace-migrate-0-1-0-")
    assert migration({"images": {"tag": "v1.2_3"}}).startswith("headrace-migrate-v1-2-3-")
    assert len(migration({"images": {"tag": "t" * 128}})) <= 63


def test_a_job_that_would_change_is_another_job():
    values = ({}, {"images": {"pullPolicy": "Always"}}, {"podAnnotations": {"images": "a"}})
    assert len({migration(each) for each in values}) == 3
    assert migration({"gateway": {"replicas": 3}}) == migration()


def test_the_evaluation_database_keeps_its_data_where_it_is_told():
    def volume(values):
        pod = dict(render(values).pods())["headrace-evaluation-database"]
        return next(one for one in pod["volumes"] if one["name"] == "data")

    assert volume({"evaluation": {"enabled": True}}) == {"name": "data", "emptyDir": {}}
    assert volume(EVALUATION)["hostPath"] == {"path": "/var/lib/headrace-eval", "type": "Directory"}


IMAGES = {
    "the version of the chart": ({}, "headrace/gateway:0.1.0"),
    "a place and a tag": ({"prefix": "acme.example/x/", "tag": "2"}, "acme.example/x/gateway:2"),
    "a digest": ({"gateway": "acme.example/g@sha256:1"}, "acme.example/g@sha256:1"),
}


@pytest.mark.parametrize(("values", "want"), IMAGES.values(), ids=IMAGES)
def test_images(values, want):
    pod = dict(render({"images": values}).pods())["headrace-gateway"]
    assert pod["containers"][0]["image"] == want


@pytest.mark.parametrize("part", ["operator", "gateway"])
def test_every_variable_is_a_setting_of_the_part(part):
    """A variable that nobody reads is a mistake in one of the two places."""
    settings = importlib.import_module(f"headrace_{part}.settings").Settings
    pod = dict(render(EVERYTHING).pods())[f"headrace-{part}"]
    known = {f"HEADRACE_{name.upper()}" for name in settings.model_fields}
    assert set(env_of(pod)) <= known


# ---- who may reach whom -------------------------------------------------------------------------


def ingress(values, name):
    return render(values).only("NetworkPolicy", name)["spec"]["ingress"]


def test_only_keda_reaches_the_scaler():
    [rule] = [
        rule
        for rule in ingress({"networkPolicy": {"kedaNamespace": "scalers"}}, "headrace-gateway")
        if rule["ports"][0]["port"] == "scaler"
    ]
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": "scalers"}}
    assert rule["from"] == [{"namespaceSelector": namespace}]


def test_nobody_reads_metrics_unless_told():
    assert ingress({}, "headrace-operator") == []
    [rule] = ingress(EVERYTHING, "headrace-operator")
    assert rule["ports"] == [{"port": "metrics", "protocol": "TCP"}]


def test_the_evaluation_database_is_open_to_our_pods_alone():
    [rule] = ingress(EVALUATION, "headrace-evaluation-database")
    [peer] = rule["from"]
    assert "namespaceSelector" not in peer


def test_policies_may_be_left_to_others():
    assert render({"networkPolicy": {"enabled": False}}).of_kind("NetworkPolicy") == []


# ---- values and words ---------------------------------------------------------------------------

REFUSED = {
    "an unknown key": ({"gatway": {}}, "gatway"),
    "an unknown key of a part": ({"gateway": {"replica": 2}}, "replica"),
    "no gateway at all": ({"gateway": {"replicas": 0}}, "replicas"),
    "a second operator": ({"operator": {"replicas": 2}}, "replicas"),
    "a namespace that is none": ({"operator": {"watchNamespaces": ["Team A"]}}, "watchNamespaces"),
    "a relative folder": ({"evaluation": {"hostPath": "data"}}, "hostPath"),
    "a level that is none": ({"gateway": {"logLevel": "LOUD"}}, "logLevel"),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(values, words):
    with pytest.raises(helm_python.HelmError, match=words):
        render(values)


def leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "resources":
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_value_is_in_the_readme():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    readme = (CHART / "README.md").read_text()
    assert [name for name in leaves(values) if f"| `{name}` |" not in readme] == []


def test_the_notes_name_what_is_really_there():
    rendered = render({"database": {"secretName": "ledger"}})
    assert "create secret generic ledger" in rendered.notes
    assert f"logs job/{migration({'database': {'secretName': 'ledger'}})}" in rendered.notes
    assert "create secret" not in render(EVALUATION).notes
    assert "not for production" in render(EVALUATION).notes


def test_helm_finds_nothing_to_say():
    found = helm_python.lint(str(CHART))
    assert [one for one in found["messages"] if one["error"] != "icon is recommended"] == []
