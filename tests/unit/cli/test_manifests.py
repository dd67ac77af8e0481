"""What is wrong in a YAML file is told with file, line, object and field."""

from __future__ import annotations

from textwrap import dedent

import pytest

from headrace_cli.manifests import load

HEAD = """\
apiVersion: headrace.dev/v1alpha1
kind: AgentPipeline
metadata: {name: draft}
spec:
  pools: [{name: default}]
"""
STEP = """\
  steps:
    - name: a
      type: LLM
      llm: {class: small, prompt: hi}
"""
MODELS = """\
  models:
    - class: small
      providerRef: {name: mock}
"""
WRONG = {
    "a field that does not exist": (
        HEAD + STEP + MODELS + "  stpes: []\n", 13, "spec.stpes", "did you mean `steps`?"),
    "an unknown pool": (
        HEAD + STEP + "      pool: gpu\n" + MODELS, 10, "spec.steps[0].pool", "not 'gpu'"),
    "an unknown model class": (HEAD + STEP, 9, "spec.steps[0].llm.class", "not 'small'"),
    "a field that is missing": (HEAD, 4, "spec.steps", "must be set"),
    "another version": (
        "apiVersion: headrace.dev/v2\nkind: AgentPipeline\nmetadata: {name: x}\nspec: {}\n",
        1, "apiVersion", "must be 'headrace.dev/v1alpha1'"),
    "an unknown kind": (
        "apiVersion: headrace.dev/v1alpha1\nkind: AgentPipe\n", 2, "kind", "must be one of"),
    "no name": (
        "apiVersion: headrace.dev/v1alpha1\nkind: AgentTenant\nspec: {}\n",
        1, "metadata.name", "must be set"),
    "no spec": (
        "apiVersion: headrace.dev/v1alpha1\nkind: AgentTenant\nmetadata: {name: x}\n",
        1, "spec", "must be an object"),
    "broken YAML": ("a: b\nc: [d\n", 3, "syntax", "must be YAML"),
    "the second document": (
        "kind: ConfigMap\n---\n" + HEAD, 6, "spec.steps", "must be set"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "path", "message"), WRONG.values(), ids=WRONG)
def test_a_problem_names_its_place(tmp_path, text, line, path, message):
    file = tmp_path / "pipeline.yaml"
    file.write_text(text)
    problem = load(file).problems[0]
    assert (problem.file, problem.line, problem.path) == (file, line, path)
    assert message in problem.message
    assert str(problem).startswith(f"{file}:{line}: ")


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    (problem,) = load(tmp_path / "none.yaml").problems
    assert "must be readable" in problem.message


def test_objects_of_others_are_passed_over(tmp_path):
    (tmp_path / "a.yaml").write_text(
        dedent("""\
        apiVersion: v1
        kind: Namespace
        metadata: {name: x}
        ---
        - a list
        """)
    )
    (tmp_path / "notes.txt").write_text("apiVersion: headrace.dev/v1alpha1")
    bundle = load(tmp_path)
    assert (bundle.problems, bundle.pipelines) == ([], [])


def test_a_tenant_is_found_by_name_or_by_namespace(tmp_path):
    tenant = (
        "apiVersion: headrace.dev/v1alpha1\nkind: AgentTenant\n"
        "metadata: {name: acme}\nspec: {namespaces: [default]}\n---\n"
    )
    file = tmp_path / "all.yaml"
    file.write_text(tenant + HEAD + STEP + MODELS)
    bundle = load(file)
    assert bundle.tenant_of(bundle.pipelines[0]) == "acme"
    file.write_text(tenant + HEAD + STEP + MODELS + "  tenantRef: {name: other}\n")
    bundle = load(file)
    assert bundle.tenant_of(bundle.pipelines[0]) == "other"
