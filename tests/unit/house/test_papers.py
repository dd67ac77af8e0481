"""What the papers tell a reader to type exists, and what they tell him to apply is valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from headrace_cli.main import app
from headrace_cli.manifests import load
from headrace_contract.resources.model_provider import SecretKeyRef

ROOT = Path(__file__).parents[3]
PAPERS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "hack" / "devcluster" / "README.md",
    *sorted((ROOT / "examples").rglob("*.md")),
]
HAS_UV = 'export PATH="$PWD/.headrace/bin:$PATH"'
each_paper = pytest.mark.parametrize("paper", PAPERS, ids=lambda p: str(p.relative_to(ROOT)))


def typed(paper):
    """Every line of a shell block of a paper, without its comment."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", paper.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


@each_paper
def test_a_command_of_ours_is_one(paper):
    group = typer.main.get_command(app)
    context = group.make_context("headrace", ["version"])
    for line in typed(paper):
        for words in re.findall(r"uv run headrace ([a-z-]+)(?: ([a-z]+) )?", line):
            command = group.get_command(context, words[0])
            assert command is not None, line
            if words[1] and hasattr(command, "commands"):
                assert words[1] in command.commands, line


@each_paper
def test_a_target_of_make_is_one(paper):
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {t for line in typed(paper) for t in re.findall(r"\bmake ([a-z0-9-]+)", line)}
    assert named <= set(targets)


@each_paper
def test_who_is_told_to_call_uv_is_told_where_it_is(paper):
    lines = typed(paper)
    called = [number for number, line in enumerate(lines) if "uv run" in line]
    if called:
        told = next(number for number, line in enumerate(lines) if line.startswith(HAS_UV))
        assert told < called[0]


@pytest.fixture
def by_hand(tmp_path):
    """The pipeline that the README has its reader save."""
    text = (ROOT / "README.md").read_text()
    (found,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "brief.yaml").write_text(found)
    return tmp_path / "brief.yaml"


def test_the_first_pipeline_by_hand_is_valid_and_has_all_that_it_names(by_hand):
    bundle = load(by_hand)
    assert not bundle.problems
    (pipeline,) = bundle.pipelines
    assert bundle.tenant_of(pipeline) == "acme"
    example = ROOT / "examples" / "research"
    spaces = list(yaml.safe_load_all((example / "namespace.yaml").read_text()))
    assert pipeline.namespace in {one["metadata"]["name"] for one in spaces}
    (provider,) = bundle.providers.values()
    service = list(yaml.safe_load_all((example / "mock-llm.yaml").read_text()))[-1]["metadata"]
    assert f"//{service['name']}.{service['namespace']}.svc:" in provider.endpoint
    ref = provider.credentials.secret_ref
    said = f"create secret generic {ref.name} --from-literal={SecretKeyRef(name='x').key}="
    assert any(said in line for line in typed(ROOT / "README.md"))
