"""The CRDs on a real API server: they install, explain themselves and default as pydantic does."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import crd_cases
import crd_overrides
import crd_places
from apiserver import until
from headrace_contract.check.parsing import parse
from headrace_contract.resources.base import API_VERSION, GROUP
from headrace_contract.resources.kinds import AGENT_PIPELINE, KINDS

pytestmark = pytest.mark.apiserver

CRDS = Path(__file__).parents[3] / "crds"
SERIAL = itertools.count()


def path_of(kind, name=""):
    scope = "namespaces/default/" if kind.scope == "Namespaced" else ""
    return f"/apis/{API_VERSION}/{scope}{kind.plural}{'/' + name if name else ''}"


def create(apiserver, kind, spec, name=None):
    body = {
        "apiVersion": API_VERSION,
        "kind": kind.name,
        "metadata": {"name": name or f"crds-{next(SERIAL)}"},
        "spec": spec,
    }
    return apiserver.request("POST", path_of(kind) + "?fieldValidation=Strict", body)


def test_install_without_a_warning_and_twice(apiserver):
    done = apiserver.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CRDS}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_server_finds_no_fault_with_the_schema(apiserver, kind):
    name = f"{kind.plural}.{GROUP}"
    status, crd = apiserver.request(
        "GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    )
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert status == 200
    assert conditions.pop("NonStructuralSchema", "False") == "False"
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


EXPLAINED = {
    "agentpipelines.spec.pools.scaling.minReplicas": "an idle pool costs nothing",
    "agentpipelines.spec.steps.llm.prompt": "sandboxed Jinja2",
    "agentpipelines.status.backlog.parked": "start no pod",
    "agenttenants.spec.allowed.imagePrefixes": "any image when empty",
    "modelproviders.spec.credentials.secretRef": "in headrace's own namespace",
}


@pytest.mark.parametrize(("path", "words"), EXPLAINED.items(), ids=EXPLAINED)
def test_kubectl_explain_shows_descriptions(apiserver, path, words):
    def explained():
        done = apiserver.kubectl("explain", path)
        return " ".join(done.stdout.split()) if done.returncode == 0 else ""

    assert words in until(explained)


@pytest.mark.parametrize("case", crd_cases.SMALLEST, ids=lambda case: case.kind.name)
def test_defaults_are_those_of_pydantic(apiserver, case):
    status, stored = create(apiserver, case.kind, case.spec)
    assert status == 201, stored
    model, problems = parse(case.kind, case.spec)
    assert problems == []
    left_open = crd_overrides.LEFT_OPEN[case.kind.name]
    assert stored["spec"] == model.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude=left_open
    )


@pytest.mark.parametrize("case", crd_cases.SMALLEST, ids=lambda case: case.kind.name)
def test_a_fresh_object_is_behind_its_generation(apiserver, case):
    _, created = create(apiserver, case.kind, case.spec)
    _, read = apiserver.request("GET", path_of(case.kind, created["metadata"]["name"]))
    assert read["status"]["observedGeneration"] == -1


@pytest.mark.parametrize("case", crd_places.EVERY, ids=lambda case: case.says)
def test_rules_and_bounds(apiserver, case):
    status, answer = create(apiserver, case.kind, case.spec)
    if case.refused is None:
        assert status == 201, answer
    else:
        assert status == 422, answer
        assert case.refused in answer["message"]


@pytest.mark.parametrize("case", crd_cases.SMALLEST, ids=lambda case: case.kind.name)
@pytest.mark.parametrize(("name", "want"), crd_cases.NAMES.values(), ids=crd_cases.NAMES)
def test_names(apiserver, case, name, want):
    status, answer = create(apiserver, case.kind, case.spec, name)
    assert (status == 201) == want, answer
    if not want:
        assert "`metadata.name` must be a DNS label" in answer["message"]


def test_unknown_fields_are_reported(apiserver):
    spec = {**crd_cases.pipeline(), "step": []}
    status, answer = create(apiserver, AGENT_PIPELINE, spec)
    assert status == 400
    assert 'unknown field "spec.step"' in answer["message"]


def test_pipelines_are_found_by_their_tenant(apiserver):
    create(apiserver, AGENT_PIPELINE, {**crd_cases.pipeline(), "tenantRef": {"name": "mill"}})
    create(apiserver, AGENT_PIPELINE, {**crd_cases.pipeline(), "tenantRef": {"name": "lock"}})
    query = "?fieldSelector=spec.tenantRef.name%3Dmill"
    status, found = apiserver.request("GET", path_of(AGENT_PIPELINE) + query)
    assert status == 200
    assert {item["spec"]["tenantRef"]["name"] for item in found["items"]} == {"mill"}


def test_columns_answer_at_a_glance(apiserver):
    create(apiserver, AGENT_PIPELINE, crd_cases.pipeline())
    listed = until(lambda: apiserver.kubectl("get", "apl").stdout)
    head = "NAME TENANT READY REASON RUNNING BACKLOG PARKED DLQ WORKERS AGE"
    assert listed.splitlines()[0].split() == head.split()


def test_the_category_lists_every_kind(apiserver):
    listed = until(lambda: apiserver.kubectl("api-resources", "--categories=headrace").stdout)
    assert all(kind.name in listed for kind in KINDS)
