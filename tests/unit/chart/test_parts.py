"""The parts that the chart installs: how they find, reach and leave each other."""

from __future__ import annotations

import importlib

import pytest
from pydantic import TypeAdapter

from chart import EVALUATION, EVERYTHING, ISSUER, env_of, render
from headrace_gateway.identity.issuers import TrustedIssuer

pytest.importorskip("helm_python", reason="Helm's library has no wheel here")


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


def test_the_gateway_reads_the_issuers_that_the_values_name():
    pods = dict(render(EVERYTHING).pods())
    text = env_of(pods["headrace-gateway"])["HEADRACE_OIDC_ISSUERS"]
    [trusted] = TypeAdapter(tuple[TrustedIssuer, ...]).validate_json(text)
    assert trusted.model_dump(mode="json", by_alias=True, exclude_none=True) == ISSUER
    assert "HEADRACE_OIDC_ISSUERS" not in env_of(dict(render().pods())["headrace-gateway"])


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
