"""A laptop's ledger is told what a cluster's would be, with the addresses of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headrace_cli.errors import ManifestError
from headrace_cli.local.prepare import Places, prepare
from headrace_cli.manifests import load

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"
MOCK = "http://127.0.0.1:9001"
HERE = Places(model=f"{MOCK}/v1", stand_in=MOCK)


def prepared(places=HERE, path=EXAMPLE):
    bundle = load(path)
    return prepare(bundle, bundle.pipelines[0], places, 1)


def providers(done):
    return {row.name: json.loads(row.spec) for row in done.providers}


def test_every_provider_is_answered_for_by_the_model_of_this_machine():
    (mock,) = providers(prepared()).values()
    assert mock["endpoint"] == f"{MOCK}/v1"
    assert mock["models"][0]["price"]["input"] == "0.15"
    assert "credentials" not in mock


def test_an_http_step_that_asks_the_providers_host_asks_the_mock():
    compiled = prepared().compiled
    assert compiled.step("sources").http.url.startswith(f"{MOCK}/sources?topic=")
    assert any(rule.cidr == "127.0.0.1/32" and rule.ports == [9001] for rule in compiled.egress)


def test_a_run_is_limited_as_in_a_cluster(tmp_path):
    text = (EXAMPLE / "pipeline.yaml").read_text()
    (tmp_path / "provider.yaml").write_text((EXAMPLE / "provider.yaml").read_text())
    limited = text.replace("{maxDuration: 10m}", "{maxTokens: 5000}")
    (tmp_path / "pipeline.yaml").write_text(limited)
    done = prepared(path=tmp_path)
    assert done.limits.owner == f"pipeline/{done.pipeline.uid}"
    assert [(row.name, row.capacity) for row in done.limits.limits] == [("perRun.maxTokens", 5000)]
    assert prepared().limits.limits == ()


MOVES = {
    "another host": ("http://other.acme.svc:8000/x", "http://other.acme.svc:8000/x"),
    "a host with the same beginning": (
        "http://mock-llm.headrace-examples.svc:80001/x",
        "http://mock-llm.headrace-examples.svc:80001/x",
    ),
    "an address of its own": ("http://search.acme.svc/q?x=1", "http://127.0.0.1:9002/q?x=1"),
}


@pytest.mark.parametrize(("url", "want"), MOVES.values(), ids=MOVES)
def test_only_known_addresses_move(tmp_path, url, want):
    text = (EXAMPLE / "pipeline.yaml").read_text()
    old = "http://mock-llm.headrace-examples.svc:8000/sources?topic={{ input.topic | urlencode }}"
    (tmp_path / "pipeline.yaml").write_text(text.replace(old, url))
    (tmp_path / "provider.yaml").write_text((EXAMPLE / "provider.yaml").read_text())
    origins = {"http://search.acme.svc": "http://127.0.0.1:9002"}
    done = prepared(Places(f"{MOCK}/v1", MOCK, origins=origins), tmp_path)
    assert done.compiled.step("sources").http.url == want


def test_one_model_may_answer_for_all():
    done = prepared(Places("http://real/v1", MOCK, model_name="llama", with_key=True))
    (mock,) = providers(done).values()
    assert [model["name"] for model in mock["models"]] == ["llama"]
    assert mock["credentials"]["secretRef"]["name"]
    targets = [target for model in done.compiled.models for target in model.targets]
    assert {(target.provider, target.model) for target in targets} == {("mock", "llama")}


def test_a_pipeline_without_its_provider_gets_one(tmp_path):
    (tmp_path / "pipeline.yaml").write_text((EXAMPLE / "pipeline.yaml").read_text())
    done = prepared(path=tmp_path / "pipeline.yaml")
    assert providers(done)["mock"]["endpoint"] == f"{MOCK}/v1"
    assert done.tenant.tenant == "dev"


def test_the_row_says_what_the_compiled_pipeline_says():
    done = prepared()
    row, compiled = done.pipeline, done.compiled
    assert json.loads(row.compiled)["digest"] == row.digest == compiled.digest
    assert [edge.step for edge in row.steps] == [step.name for step in compiled.steps]
    assert row.steps[4].depends_on == ("past", "present", "future", "sources")
    assert (row.tenant, row.namespace) == ("acme", "acme-research")
    assert done.tenant.namespaces == ("acme-research",)


def test_problems_of_the_files_are_all_told(tmp_path):
    text = (EXAMPLE / "pipeline.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("class: large", "class: huge", 1))
    with pytest.raises(ManifestError, match=r"a\.yaml:.*llm\.class: must be one of `models`"):
        prepared(path=tmp_path)


def test_a_model_that_the_provider_does_not_serve_is_a_problem_with_its_place(tmp_path):
    text = (EXAMPLE / "pipeline.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("model: mock-small", "model: none"))
    (tmp_path / "provider.yaml").write_text((EXAMPLE / "provider.yaml").read_text())
    with pytest.raises(ManifestError, match=r"spec\.models\[1\]\.fallbacks\[0\]\.model: must be"):
        prepared(path=tmp_path)


def test_a_tenant_beside_the_pipeline_gives_defaults_and_overrides(tmp_path):
    grants = (
        "  defaults: {limits: {maxConcurrentRuns: 3}}\n  overrides: {retry: {maxAttempts: 1}}\n"
    )
    for file in EXAMPLE.glob("*.yaml"):
        text = file.read_text()
        changed = text.replace("spec:\n", "spec:\n" + grants, 1)
        (tmp_path / file.name).write_text(changed if "kind: AgentTenant" in text else text)
    compiled = prepared(path=tmp_path).compiled
    assert (compiled.max_concurrent_runs, compiled.retry.max_attempts) == (3, 1)


def test_no_client_of_a_cluster_is_loaded_for_it():
    code = "import sys, headrace_cli.local.prepare as _; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"kubernetes", "aiohttp", "kopf"} & set(done.stdout.split()) == set()
    assert "headrace_operator.apply.rows" in done.stdout.split()
