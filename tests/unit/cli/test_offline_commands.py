"""Commands that need nobody: check, version, help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace_cli.main import COMMANDS, load

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"


def test_check_names_what_is_valid(headrace):
    done = headrace("check", "-f", str(EXAMPLE))
    assert done.exit_code == 0
    assert "agentpipeline.headrace.dev/research is valid" in done.stdout


def test_check_tells_every_problem_with_its_place(headrace, tmp_path):
    text = (EXAMPLE / "pipeline.yaml").read_text()
    file = tmp_path / "pipeline.yaml"
    file.write_text(text.replace("dependsOn: [dossier]", "dependsOn: [dosier]"))
    done = headrace("check", "-f", str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"error: {file}:")
    assert "spec.steps[5].dependsOn[0]: must be one of `steps`" in first


STRANGERS = {
    "a namespace that the tenant does not list": (
        "namespace: acme-research",
        "namespace: elsewhere",
        "metadata.namespace: must be listed by an AgentTenant, and 'elsewhere' is not",
    ),
    "a tenant of other namespaces": (
        "spec:\n",
        "spec:\n  tenantRef: {name: ghost}\n",
        "spec.tenantRef.name: must name an AgentTenant that holds namespace 'acme-research'",
    ),
    "more than the tenant allows": ("ports: [8000]", "ports: [9]", "spec.egress[0]"),
}


@pytest.mark.parametrize(("old", "new", "words"), STRANGERS.values(), ids=STRANGERS)
def test_check_holds_a_pipeline_against_the_tenants_of_the_files(
    headrace, tmp_path, old, new, words
):
    for file in EXAMPLE.glob("*.yaml"):
        text = file.read_text()
        assert file.name != "pipeline.yaml" or old in text
        changed = text.replace(old, new, 1) if file.name == "pipeline.yaml" else text
        (tmp_path / file.name).write_text(changed)
    done = headrace("check", "-f", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_check_cannot_know_the_tenants_of_other_files(headrace):
    done = headrace("check", "-f", str(EXAMPLE / "pipeline.yaml"))
    assert done.exit_code == 0


def test_check_wants_something_to_check(headrace, tmp_path):
    done = headrace("check", "-f", str(tmp_path))
    assert done.exit_code == 2
    assert "must hold objects" in done.stderr


def test_version_says_what_it_speaks(headrace):
    assert "headrace.dev/v1alpha1" in headrace("version").stdout
    assert json.loads(headrace("version", "-o", "json").stdout)["workerProtocol"] == "1"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_helps_with_an_example(headrace, name):
    command = load(name)
    parts = getattr(command, "commands", None) or {"": command}
    for part in parts:
        told = headrace(name, *([part] if part else []), "--help")
        assert told.exit_code == 0
        assert "Example: headrace" in told.stdout


def test_help_lists_every_command(headrace):
    told = headrace("--help").stdout
    assert all(name in told for name in COMMANDS)
