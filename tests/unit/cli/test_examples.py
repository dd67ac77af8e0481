"""The examples parse, check and compile, always."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headrace_cli.manifests import files_in, load
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import CompiledPipeline

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir())


@pytest.fixture(params=FOLDERS, ids=[folder.name for folder in FOLDERS])
def folder(request):
    return request.param


def pods(folder):
    for file in files_in(folder):
        for body in yaml.safe_load_all(file.read_text()):
            if body["kind"] == "Deployment":
                yield body["spec"]["template"]["spec"]


def test_nothing_is_wrong_with_an_example(folder):
    bundle = load(folder)
    assert [str(problem) for problem in bundle.problems] == []
    assert bundle.pipelines


def test_an_example_brings_all_that_it_refers_to(folder):
    bundle = load(folder)
    for pipeline in bundle.pipelines:
        compiled = compile_pipeline(
            tenant=bundle.tenant_of(pipeline),
            namespace=pipeline.namespace,
            name=pipeline.name,
            uid="u",
            generation=1,
            spec=pipeline.spec,
            providers=bundle.providers,
        )
        assert isinstance(compiled, CompiledPipeline), compiled


def test_an_example_keeps_within_what_its_tenant_allows(folder):
    bundle = load(folder)
    for pipeline in bundle.pipelines:
        allowed = bundle.tenants[bundle.tenant_of(pipeline)].allowed
        wanted = {m.provider_ref.name for m in pipeline.spec.models}
        assert wanted <= set(allowed.model_providers)
        assert all(rule in allowed.egress for rule in pipeline.spec.egress)
        for pool in pipeline.spec.pools:
            assert pool.image is None or pool.image.startswith(tuple(allowed.image_prefixes))


def test_the_pods_of_an_example_pass_the_restricted_standard(folder):
    for pod in pods(folder):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_python_steps_of_an_example_are_in_its_image(folder):
    for pipeline in load(folder).pipelines:
        for step in pipeline.spec.steps:
            if step.python:
                module = step.python.function.partition(":")[0] + ".py"
                assert (folder / module).exists()
                assert module in (folder / "Dockerfile").read_text()
