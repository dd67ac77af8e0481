"""What is deleted leaves nothing behind."""

import time

from harness.kubectl import wait
from headrace_contract.names import LABEL_PIPELINE
from stage import PIPELINES, llm, slow

CHILDREN = "deployments,scaledobjects,configmaps,serviceaccounts,networkpolicies,pods"


def left(stage, pipeline: str) -> list[str]:
    found = stage.kubectl.list(CHILDREN, stage.name, f"{LABEL_PIPELINE}={pipeline}")
    return [f"{o['kind']}/{o['metadata']['name']}" for o in found]


def test_a_deleted_pipeline_leaves_nothing_within_thirty_seconds(stage):
    stage.apply_pipeline("gone", slow("think", 90, timeout="120s"))
    door = stage.door()
    run = stage.submit(door, "gone")
    stage.wait_step(door, "gone", run, "think", "leased")
    assert left(stage, "gone")

    began = time.monotonic()
    stage.kubectl.delete(PIPELINES, "gone", stage.name)
    wait(
        "the pipeline and its children are gone",
        lambda: (
            stage.kubectl.get(PIPELINES, "gone", stage.name) is None and not left(stage, "gone")
        ),
        45,
    )
    took = time.monotonic() - began
    print(f"delete to nothing left: {took:.1f} s")
    assert took <= 30 + 5  # the worker's own grace is on top of the ledger's thirty seconds


def test_a_deleted_namespace_goes_too(stage):
    stage.apply_pipeline("inside", llm("facts"))
    door = stage.door()
    stage.wait_over(door, "inside", stage.submit(door, "inside"))
    stage.kubectl.delete("namespace", stage.name)
    wait("the namespace is gone", lambda: stage.kubectl.get("namespace", stage.name) is None, 60)


def test_the_same_name_again_is_another_pipeline(stage):
    stage.apply_pipeline("again", llm("facts"))
    door = stage.door()
    first = door.submit(stage.name, "again", {"topic": "tides"}, idempotency_key="k")
    stage.wait_over(door, "again", first.json()["id"])
    stage.kubectl.delete(PIPELINES, "again", stage.name, wait=True)
    stage.apply_pipeline("again", llm("facts"))

    second = door.submit(stage.name, "again", {"topic": "tides"}, idempotency_key="k")
    assert second.json()["id"] != first.json()["id"], (
        "the key belonged to the pipeline that is gone"
    )
    assert stage.wait_over(door, "again", second.json()["id"])["status"] == "Succeeded"
    old = door.run(stage.name, "again", first.json()["id"])
    assert old["status"] == "Succeeded", "a finished run is kept until its ttl is over"
