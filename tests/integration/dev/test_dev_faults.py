"""What the mock model does wrong on demand, a pipeline survives: the whole path in one process."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from headrace_cli.live import show_for
from headrace_cli.local.session import Wish, develop

pytestmark = pytest.mark.postgres

FAULTS = {
    "a stream that is cut is asked for again": (
        "mock-small", "cut;after=3;nth=1", "step.failed", "ProviderError"),
    "a provider that fails once is asked again": (
        "mock-small", "500;nth=1", "step.failed", "ProviderError"),
    "a 429 that ends soon is waited out": ("mock-small", "429;retry-after=1;nth=1", None, None),
    "a 429 that lasts parks the step": (
        "mock-small", "429;retry-after=4;nth=1", "step.parked", "RateLimited"),
    "an answer that is no JSON is repaired": ("mock-large", "badjson;nth=1", None, None),
    "a body that is garbage is asked for again": (
        "mock-small", "garbage;nth=1", "step.failed", "ProviderError"),
}  # fmt: skip


async def run(folder):
    told = io.StringIO()
    wish = Wish(path=folder, value={"topic": "rivers"})
    console = Console(file=told, width=200)
    code = await develop(wish, lambda board: show_for(board, console))
    return code, told.getvalue()


def spoil(folder, model, fault):
    """Name the faulty model wherever the good one was named, without any fallback."""
    provider, pipeline = folder / "provider.yaml", folder / "pipeline.yaml"
    provider.write_text(provider.read_text().replace(f"name: {model}", f'name: "{model}!{fault}"'))
    lines = pipeline.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if "fallbacks:" in line)
    pipeline.write_text("\n".join(lines[:at] + lines[at + 3 :]) + "\n")


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
async def test_a_fault_does_not_reach_the_answer(example, capsys, case):
    model, fault, event, word = case
    spoil(example, model, fault)
    code, told = await run(example)
    assert code == 0, told
    assert json.loads(capsys.readouterr().out)["title"] == "Rivers"
    if event is None:
        assert "step.failed" not in told
        assert "step.parked" not in told
    else:
        assert any(event in line and word in line for line in told.splitlines()), told


async def test_a_fault_that_stays_ends_the_run_with_its_reason(example, capsys):
    spoil(example, "mock-large", "refuse")
    code, told = await run(example)
    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert "Refused" in said.err
    assert "run.finished  Failed" in told


async def test_a_fallback_answers_for_a_model_that_is_down(example, capsys):
    provider = example / "provider.yaml"
    provider.write_text(provider.read_text().replace("name: mock-large", 'name: "mock-large!503"'))
    code, told = await run(example)
    assert code == 0, told
    assert "step.failed" not in told
