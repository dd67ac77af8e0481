"""The example against a real language model: real text, real usage, streamed."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from headrace_cli.live import PlainShow
from headrace_cli.local.session import Wish, session

pytestmark = [pytest.mark.model, pytest.mark.postgres]

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"
VIEWS = ("past", "present", "future")


class Recorder(PlainShow):
    """Keeps every event, tokens included."""

    def __init__(self, board):
        super().__init__(board, lambda _: None, lambda: 0.0)
        self.events = []

    def tell(self, event):
        self.events.append(event)
        super().tell(event)

    def text_of(self, step):
        tokens = [e for e in self.events if e.type == "token" and e.step == step]
        return "".join(e.data["text"] for e in tokens), len(tokens)


@pytest.fixture
def folder(tmp_path):
    """The example, with short answers and no chance in them: 135 million weights are few."""
    copy = Path(shutil.copytree(EXAMPLE, tmp_path / "research"))
    file = copy / "pipeline.yaml"
    pipeline = yaml.safe_load(file.read_text())
    for step in pipeline["spec"]["steps"]:
        if step["type"] == "LLM":
            step["llm"]["temperature"] = "0"
            step["llm"]["maxTokens"] = 60 if step["name"] in VIEWS else 700
        step["timeout"] = "3m"
    file.write_text(yaml.safe_dump(pipeline))
    return copy


async def test_the_examples_llm_steps_run_on_a_real_model(folder, local_model):
    endpoint, _ = local_model
    wish = Wish(path=folder, value={"topic": "rivers"}, provider=endpoint)
    shown = []

    def shows(board):
        shown.append(Recorder(board))
        return shown[0]

    async with session(wish) as opened:
        run = await opened.run(1, shows)
    assert run.status == "Succeeded", [s.message for s in run.steps]
    (recorder,) = shown

    for view in VIEWS:
        text, chunks = recorder.text_of(view)
        assert len(text.split()) > 10, text
        assert "At its heart" not in text
        assert chunks >= 2, "the answer came in one piece"

    (pipeline,) = [yaml.safe_load((folder / "pipeline.yaml").read_text())]
    jsonschema.validate(run.output, pipeline["spec"]["output"]["schema"])
    print(f"{run.usage.input_tokens} tokens in, {run.usage.output_tokens} out: {run.output}")
    assert run.usage.input_tokens > 4 * 30
    assert 3 * 20 < run.usage.output_tokens <= 3 * 60 + 2 * 700
    assert run.usage.cost is None, "no price is known for it"
