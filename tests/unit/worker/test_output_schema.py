"""The output of a run's last step, held against the schema of its pipeline."""

from __future__ import annotations

import json

import pytest

from headrace_worker.testing import ScriptedModel
from worker_scenes import Scene, finished, llm, pipeline

OUTPUTS = {
    "what fits is the output": ("river", "succeeded"),
    "what does not is no output, and trying again would not help": ("sea", "failed"),
}


@pytest.mark.parametrize(("answer", "status"), OUTPUTS.values(), ids=OUTPUTS)
async def test_the_last_output_fits_the_schema_of_the_pipeline(answer, status):
    scene = Scene(model=ScriptedModel(answer))
    step = llm("only", output_schema={"enum": ["river"]})
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(step), {}))
    assert run.status == status
    if status == "failed":
        error = run.tasks["only"].error
        assert error.error_class == "InvalidOutput"
        assert "`output.schema`" in error.message
        assert len(scene.model.bodies) == 1


class TellsItsKey(ScriptedModel):
    async def chat(self, key, body, *, traceparent):
        self._script = [json.dumps({key.get_secret_value(): True})]
        async for chunk in super().chat(key, body, traceparent=traceparent):
            yield chunk


async def test_a_key_in_an_output_that_does_not_fit_stays_out_of_the_message():
    scene = Scene(model=TellsItsKey())
    schema = {"additionalProperties": {"type": "string"}}
    step = llm("only", answer_schema={"type": "object"}, output_schema=schema)
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(step), {}))
    error = run.tasks["only"].error
    assert error.error_class == "InvalidOutput"
    assert "[key]" in error.message
    assert scene.model.keys[0] not in error.message
