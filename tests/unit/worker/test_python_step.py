"""Python steps: user code in child processes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from worker_scenes import Scene, finished, llm, pipeline, python, until
from worker_server import Reply, Site, serving, streamed

SUPPORT = Path(sys.modules["worker_scenes"].__file__ or "").parent


def scene(**more) -> Scene:
    environ = {**os.environ, "PYTHONPATH": str(SUPPORT), "HEADRACE_TOKEN_FILE": "/token"}
    return Scene(environ={**environ, **more.pop("environ", {})}, **more)


def alive(told: str) -> bool:
    return Path("/proc", told.removeprefix("pid ")).exists()


async def outcome(step, given=None, at=None):
    at = at or scene()
    async with at.worker():
        return (await finished(at.door.submit(pipeline(step), given))).tasks[step.name]


async def test_a_function_sees_input_and_outputs_and_returns_json():
    at = scene()
    steps = (llm("draft"), python("mill", "worker_functions:echo", after=["draft"]))
    async with at.worker():
        run = await finished(at.door.submit(pipeline(*steps), {"topic": "rivers"}))
    want = {"input": {"topic": "rivers"}, "outputs": {"draft": "An answer."}, "step": "mill"}
    assert run.outputs["mill"] == want


async def test_a_function_may_be_async():
    assert (await outcome(python("mill", "worker_functions:echo_async"), [1])).output == [1]


async def test_the_environment_has_the_steps_own_key_and_no_token():
    at = scene(environ={"RIVER": "Rhine"})
    task = await outcome(python("mill", "worker_functions:environment"), at=at)
    seen = task.output["environ"]
    assert seen["RIVER"] == "Rhine"
    assert seen["OPENAI_BASE_URL"] == at.base_url
    assert seen["OPENAI_API_KEY"] in at.keys
    assert not [name for name in seen if name.startswith("HEADRACE_")]


async def test_a_child_is_used_again_with_another_key_and_a_clean_environment():
    at = scene()
    steps = (
        python("one", "worker_functions:environment"),
        python("two", "worker_functions:environment", after=["one"]),
        python("three", "worker_functions:left_behind", after=["two"]),
    )
    async with at.worker():
        outputs = (await finished(at.door.submit(pipeline(*steps), None))).outputs
    assert outputs["one"]["pid"] == outputs["two"]["pid"] == outputs["three"]["pid"]
    keys = [outputs[name]["environ"]["OPENAI_API_KEY"] for name in ("one", "two")]
    assert keys[0] != keys[1]
    assert outputs["three"]["left"] is None


async def test_a_child_with_a_thread_left_over_is_not_used_again():
    at = scene()
    steps = (
        python("one", "worker_functions:leaves_a_thread"),
        python("two", "worker_functions:left_behind", after=["one"]),
    )
    async with at.worker():
        outputs = (await finished(at.door.submit(pipeline(*steps), None))).outputs
    assert outputs["one"] != outputs["two"]["pid"]


FAILURES = {
    "an exception is a StepError with its class and words": (
        "worker_functions:raises",
        "StepError",
        "LookupError: no such river, says [key]",
    ),
    "an exit is a StepError": ("worker_functions:leaves", "StepError", "SystemExit: 3"),
    "a killed child is a StepError": (
        "worker_functions:dies",
        "StepError",
        "was killed by SIGKILL",
    ),
    "an error of ours keeps its class": ("worker_functions:refuses", "InvalidInput", "rivers only"),
    "what is no JSON is invalid": ("worker_functions:no_json", "InvalidOutput", "is no JSON"),
    "what is too large is invalid": ("worker_functions:far_too_large", "InvalidOutput", "bytes"),
    "a missing function is a StepError": (
        "worker_functions:gone",
        "StepError",
        "has no attribute 'gone'",
    ),
    "a missing module is a StepError": ("no_such_module:gone", "StepError", "ModuleNotFoundError"),
}


@pytest.mark.parametrize(("function", "error_class", "words"), FAILURES.values(), ids=FAILURES)
async def test_failures(function, error_class, words):
    task = await outcome(python("mill", function))
    assert task.error.error_class == error_class
    assert words in task.error.message
    assert "Traceback" not in task.error.message


async def test_a_function_that_hangs_is_killed_at_its_timeout_and_replaced():
    at = scene()
    at.profile = at.with_profile(concurrency=1).profile
    async with at.worker():
        stuck = at.door.submit(
            pipeline(python("mill", "worker_functions:hangs", timeout_seconds=1.0)), None
        )
        after = at.door.submit(pipeline(python("mill", "worker_functions:echo")), None)
        assert (await finished(stuck)).status == "failed"
        assert stuck.tasks["mill"].error.error_class == "Timeout"
        assert (await finished(after)).status == "succeeded"
    await until(lambda: not alive(at.door.progressed[0]))


async def test_a_drain_kills_the_child_and_hands_the_step_back():
    at = scene().with_profile(drain_seconds=0.1)
    async with at.worker():
        run = at.door.submit(pipeline(python("mill", "worker_functions:hangs")), None)
        await until(lambda: at.door.progressed)
    assert run.tasks["mill"].state == "ready"
    assert run.tasks["mill"].attempt == 1
    assert not alive(at.door.progressed[0])


async def test_progress_and_log_lines_get_out(capfd):
    at = scene()
    await outcome(python("mill", "worker_functions:reports"), at=at)
    assert at.door.progressed == ["half way"]
    line = next(json.loads(x) for x in capfd.readouterr().err.splitlines() if '"Told."' in x)
    assert (line["step"], line["count"], line["logger"]) == ("mill", 1, "headrace.step")
    assert {"run", "task", "fence"} <= set(line)


async def test_llm_asks_the_first_model_class_with_the_steps_key():
    with serving(Site()) as site:
        site.reply("/v1/chat/completions", streamed("It ", "flows."))
        at = scene(base_url=f"{site.url}/v1")
        task = await outcome(python("mill", "worker_functions:asks"), "rivers", at)
    assert task.output == "It flows."
    sent = json.loads(site.requests[0].body)
    assert sent["model"] == "small"
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert site.requests[0].headers["authorization"].removeprefix("Bearer ") in at.keys
    assert site.requests[0].headers["traceparent"].startswith("00-")


async def test_async_code_may_ask_twice_at_once():
    with serving(Site()) as site:
        site.reply("/v1/chat/completions", streamed("Yes."))
        at = scene(base_url=f"{site.url}/v1")
        task = await outcome(python("mill", "worker_functions:asks_async"), at=at)
    assert task.output == ["Yes.", "Yes."]


async def test_a_refusal_of_the_model_endpoint_keeps_its_class():
    with serving(Site()) as site:
        refusal = {"title": "The limit is reached.", "reason": "RateLimited"}
        headers = {"content-type": "application/problem+json", "retry-after": "7"}
        site.reply("/v1/chat/completions", Reply(json.dumps(refusal).encode(), 429, headers))
        at = scene(base_url=f"{site.url}/v1")
        async with at.worker():
            run = at.door.submit(pipeline(python("mill", "worker_functions:asks")), "rivers")
            await until(lambda: run.tasks["mill"].error)
    assert run.tasks["mill"].error.error_class == "RateLimited"
    assert run.tasks["mill"].error.retry_after_seconds == 7


async def test_code_that_knows_only_the_openai_variables_works():
    with serving(Site()) as site:
        site.reply("/v1/chat/completions", Reply(b'{"choices": []}'))
        at = scene(base_url=f"{site.url}/v1")
        step = python("mill", "worker_functions:asks_as_the_openai_package_does")
        task = await outcome(step, at=at)
    assert task.output == {"choices": []}
    assert site.requests[0].headers["authorization"].removeprefix("Bearer ") in at.keys
