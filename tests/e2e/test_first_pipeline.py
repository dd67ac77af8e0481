"""A stranger applies a tenant, a provider and a pipeline, submits a run, and reads the answer."""

from harness.kubectl import wait
from stage import PIPELINES, llm


def test_the_first_pipeline_answers(stage):
    stage.apply_pipeline(
        "first",
        llm("facts"),
        llm("summary", "Sum up: {{ steps.facts.output }}", dependsOn=["facts"]),
    )
    assert stage.condition("first", "Ready")["reason"] == "ScaledToZero"
    assert stage.workers("first") == (0, 0)

    door = stage.door("submit", "read")
    run = stage.wait_over(door, "first", stage.submit(door, "first"))

    assert run["status"] == "Succeeded"
    assert isinstance(run["output"], str)
    assert run["output"]
    assert {s["step"]: s["state"] for s in run["steps"]} == {"facts": "done", "summary": "done"}
    assert run["usage"]["inputTokens"] > 0
    assert run["usage"]["outputTokens"] > 0
    assert float(run["usage"]["cost"]) > 0


def test_the_same_idempotency_key_is_the_same_run(stage):
    stage.apply_pipeline("once", llm("facts"))
    door = stage.door("submit", "read")
    first = door.submit(stage.name, "once", {"topic": "tides"}, idempotency_key="k1")
    again = door.submit(stage.name, "once", {"topic": "tides"}, idempotency_key="k1")
    other = door.submit(stage.name, "once", {"topic": "mills"}, idempotency_key="k1")

    assert first.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 409


def test_status_shows_the_work_and_then_none(stage):
    stage.apply_pipeline("shown", llm("facts"))
    door = stage.door()
    stage.wait_over(door, "shown", stage.submit(door, "shown"))

    def quiet() -> bool:
        status = stage.kubectl.get(PIPELINES, "shown", stage.name)["status"]
        return status["backlog"]["running"] == 0 and status["workers"]["desired"] == 0

    wait("status says that nothing runs and no worker is wanted", quiet, 90)
    assert stage.condition("shown", "Ready")["reason"] == "ScaledToZero"
