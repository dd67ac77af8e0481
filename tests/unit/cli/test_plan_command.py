"""`plan` prints what the operator's own function makes, and refuses what the operator would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"
CHILDREN = ["ServiceAccount", "NetworkPolicy", "ConfigMap", "Deployment", "ScaledObject"]


def kinds(text):
    return [body["kind"] for body in yaml.safe_load_all(text)]


def test_the_children_of_the_example_are_printed(headrace):
    done = headrace("plan", "-f", str(EXAMPLE))
    assert (done.exit_code, done.stderr) == (0, "")
    assert kinds(done.stdout) == CHILDREN
    assert "replicas:" not in done.stdout.split("kind: Deployment")[1].split("---")[0]


def test_without_keda_there_is_no_scaler(headrace):
    assert "ScaledObject" not in kinds(headrace("plan", "-f", str(EXAMPLE), "--no-keda").stdout)


def test_the_nodes_are_told_to_the_workers(headrace):
    done = headrace("plan", "-f", str(EXAMPLE), "--node-cidr", "10.0.0.0/16")
    assert "value: 10.0.0.0/16" in done.stdout
    refused = headrace("plan", "-f", str(EXAMPLE), "--node-cidr", "10.0.0.1/16")
    assert refused.exit_code != 0
    assert "--node-cidr: 10.0.0.1/16" in refused.stderr


def test_a_tenant_beside_the_pipeline_bounds_its_pools(headrace, tmp_path):
    grants = "spec:\n  overrides: {pools: {scaling: {maxReplicas: 2}}}\n"
    for file in EXAMPLE.glob("*.yaml"):
        text = file.read_text()
        changed = text.replace("spec:\n", grants, 1) if "kind: AgentTenant" in text else text
        (tmp_path / file.name).write_text(changed)
    done = headrace("plan", "-f", str(tmp_path))
    assert "maxReplicaCount: 2\n" in done.stdout, done.stderr


def test_names_and_json(headrace):
    assert len(headrace("plan", "-f", str(EXAMPLE), "-o", "name").stdout.splitlines()) == 5
    listed = json.loads(headrace("plan", "-f", str(EXAMPLE), "-o", "json").stdout)
    assert [item["kind"] for item in listed["items"]] == CHILDREN


def test_what_no_file_tells_is_assumed_and_said(headrace):
    done = headrace("plan", "-f", str(EXAMPLE / "pipeline.yaml"), "-o", "name")
    assert done.exit_code == 0
    assert "warning: no AgentTenant lists namespace 'acme-research'" in done.stderr
    assert "warning: ModelProvider 'mock' is in no file" in done.stderr


REFUSED = {
    "an image of another registry": (
        "pipeline.yaml", "localhost/headrace/example", "elsewhere/x", "pools[0].image"),
    "egress beyond the tenant's": ("pipeline.yaml", "ports: [8000]", "ports: [9]", "egress[0]"),
    "egress of a strict tenant": (
        "tenant.yaml", "spec:", "spec:\n  isolation: {networkPolicy: Strict}", "egress[0]"),
    "a provider for others": ("provider.yaml", "- acme", "- other", "models[0].providerRef"),
    "a model nobody serves": (
        "pipeline.yaml", "model: mock-small", "model: x", "models[1].fallbacks[0]"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_the_operator_would_refuse_is_refused(headrace, tmp_path, case):
    name, old, new, path = case
    for file in EXAMPLE.glob("*.yaml"):
        text = file.read_text()
        assert file.name != name or old in text
        (tmp_path / file.name).write_text(text.replace(old, new) if file.name == name else text)
    done = headrace("plan", "-f", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"spec.{path}" in done.stderr


def test_a_folder_without_a_pipeline_is_refused(headrace):
    done = headrace("plan", "-f", str(EXAMPLE / "tenant.yaml"))
    assert done.exit_code == 2
    assert "must hold an AgentPipeline" in done.stderr
