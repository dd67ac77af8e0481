"""LLM steps: what is asked, what an answer becomes, the one repair."""

from __future__ import annotations

import pytest

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.chat import Answer, Ask, failure, parse_frame
from headrace_worker.steps.template import render
from headrace_worker.testing import ScriptedModel
from worker_scenes import Scene, finished, llm, pipeline

SCHEMA = {
    "type": "object",
    "properties": {"rivers": {"type": "array", "items": {"type": "string"}}},
    "required": ["rivers"],
}


async def run_of(scene, step, given=None):
    async with scene.worker():
        return await finished(scene.door.submit(pipeline(step), given))


async def test_system_and_user_messages_and_bounds_are_sent():
    scene = Scene()
    step = llm("a", "On {{ input }}.", system="Be {{ input }}.", temperature="0.2")
    await run_of(scene, step, "rivers")
    assert scene.model.bodies == [
        {
            "model": "small",
            "messages": [
                {"role": "system", "content": "Be rivers."},
                {"role": "user", "content": "On rivers."},
            ],
            "max_tokens": 64,
            "temperature": 0.2,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


GOOD = {
    "plain JSON": '{"rivers": ["Rhine"]}',
    "JSON in a fenced block": 'Sure:\n```json\n{"rivers": ["Rhine"]}\n```',
    "a bare fenced block": '```\n{"rivers": ["Rhine"]}\n```',
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
async def test_an_answer_with_a_schema_is_parsed(text):
    scene = Scene(model=ScriptedModel(text))
    run = await run_of(scene, llm("a", answer_schema=SCHEMA))
    assert run.outputs["a"] == {"rivers": ["Rhine"]}
    assert len(scene.model.bodies) == 1
    assert scene.model.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_one_wrong_answer_is_mended():
    scene = Scene(model=ScriptedModel('{"rivers": [1]}', '{"rivers": ["Rhine"]}'))
    run = await run_of(scene, llm("a", answer_schema=SCHEMA))
    assert run.outputs["a"] == {"rivers": ["Rhine"]}
    turns = scene.model.bodies[1]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == '{"rivers": [1]}'
    assert "$.rivers[0]" in turns[2]["content"]
    assert len(set(scene.model.keys)) == 1


async def test_a_second_wrong_answer_is_a_dead_letter():
    scene = Scene(model=ScriptedModel("no JSON", "none again"))
    run = await run_of(scene, llm("a", answer_schema=SCHEMA))
    task = run.tasks["a"]
    assert (task.error.error_class, task.attempt) == ("InvalidOutput", 1)
    assert len(scene.model.bodies) == 2


async def test_a_schema_is_never_fetched_from_elsewhere():
    schema = {"$ref": "https://schemas.example/river.json"}
    scene = Scene(model=ScriptedModel("{}"))
    run = await run_of(scene, llm("a", answer_schema=schema))
    assert run.tasks["a"].error.error_class == "InvalidOutput"


async def test_an_answer_that_was_cut_off_is_the_providers_fault():
    scene = Scene()
    scene.model.cut = True
    run = await run_of(scene, llm("a"))
    assert run.tasks["a"].error.error_class == "ProviderError"
    assert run.tasks["a"].attempt == 2


TEMPLATES = {
    "an unknown variable": "{{ input.nothing }}",
    "an unknown step": "{{ steps.other.output }}",
    "the way out of the sandbox": "{{ input.__class__.__mro__ }}",
    "a change of the input": "{{ input.update({}) }}",
    "a division by zero": "{{ 1 // 0 }}",
    "another template": "{% include 'x' %}",
}


@pytest.mark.parametrize("prompt", TEMPLATES.values(), ids=TEMPLATES)
async def test_templates_that_fail_are_dead_letters(prompt):
    scene = Scene()
    run = await run_of(scene, llm("a", prompt), {})
    task = run.tasks["a"]
    assert (task.error.error_class, task.attempt) == ("InvalidInput", 1)
    assert "llm.prompt" in task.error.message
    assert scene.model.bodies == []


def test_templates_of_two_steps_share_nothing():
    assert render("x", "{% set n = namespace(v=1) %}{{ n.v }}", {}) == "1"
    with pytest.raises(StepFailedError):
        render("x", "{{ n.v }}", {})


REFUSALS = {
    "a problem with a class": (
        429,
        {"reason": "RateLimited", "title": "Later."},
        "RateLimited",
        "Later.",
    ),
    "a problem whose class beats its status": (
        502,
        {"reason": "Refused", "title": "No."},
        "Refused",
        "No.",
    ),
    "an error as OpenAI writes it": (
        400,
        {"error": {"message": "Bad.", "type": "invalid"}},
        "BadRequest",
        "Bad.",
    ),
    "an error with a class as its code": (
        500,
        {"error": {"message": "B.", "code": "BudgetExceeded"}},
        "BudgetExceeded",
        "B.",
    ),
    "a limit": (429, {}, "RateLimited", "The model endpoint answered 429."),
    "a lease that is over": (
        410,
        {"reason": "StaleFence"},
        "Interrupted",
        "The model endpoint answered 410.",
    ),
    "a provider that is slow": (504, {}, "Timeout", "The model endpoint answered 504."),
    "anything else": (418, {}, "ProviderError", "The model endpoint answered 418."),
    "a status that HTTP does not know": (
        599,
        {},
        "ProviderError",
        "The model endpoint answered 599.",
    ),
    "an error that is no object": (
        400,
        {"error": "bad"},
        "BadRequest",
        "The model endpoint answered 400.",
    ),
    "a class that cannot be hashed": (
        400,
        {"error": {"code": ["x"], "message": "B."}},
        "BadRequest",
        "B.",
    ),
}


@pytest.mark.parametrize(
    ("status", "body", "error_class", "message"), REFUSALS.values(), ids=REFUSALS
)
def test_refusals_have_a_class(status, body, error_class, message):
    error = failure(status, body, {"retry-after": "3"})
    assert (error.error_class, str(error), error.retry_after) == (error_class, message, 3)


def test_the_header_of_the_gateway_beats_all_other_words():
    error = failure(429, {"reason": "Later"}, {"x-headrace-error-class": "BudgetExceeded"})
    assert error.error_class is ErrorClass.BUDGET_EXCEEDED


def test_an_error_in_the_middle_of_a_stream_is_one():
    answer = Answer()
    answer.take({"choices": [{"index": 0, "delta": {"content": "It"}}]})
    with pytest.raises(StepFailedError, match="broke") as caught:
        answer.take({"error": {"message": "It broke.", "code": "Timeout"}})
    assert caught.value.error_class is ErrorClass.TIMEOUT


def test_a_filtered_answer_is_refused():
    answer = Answer()
    answer.take({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]})
    with pytest.raises(StepFailedError) as caught:
        answer.checked()
    assert caught.value.error_class is ErrorClass.REFUSED


def test_other_choices_and_empty_pieces_are_passed_over():
    answer = Answer()
    answer.take(
        {"choices": [{"index": 1, "delta": {"content": "no"}}, {"delta": {"content": "yes"}}]}
    )
    answer.take({"choices": [{"index": 0, "delta": None, "finish_reason": "length"}]})
    answer.take({"choices": None, "usage": {"prompt_tokens": 1}})
    assert (answer.checked(), answer.usage) == ("yes", {"prompt_tokens": 1})


@pytest.mark.parametrize("data", ["{", "[]", "1"])
def test_a_frame_that_is_no_object_is_the_providers_fault(data):
    with pytest.raises(StepFailedError, match="could not be read"):
        parse_frame(data)


def test_what_is_not_wanted_is_not_sent():
    body = Ask(model="small", messages=(), max_tokens=1).body()
    assert "temperature" not in body
    assert "response_format" not in body
