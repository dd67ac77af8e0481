"""Workers die, hang and come back; work does not notice."""

from harness.faults import signal_pod
from harness.kubectl import wait
from stage import llm, slow

CHAIN = (
    llm("one"),
    slow("two", 20, dependsOn=["one"], timeout="120s"),
    llm("three", "Sum up: {{ steps.one.output }}", dependsOn=["two"]),
)


def only_pod(stage, pipeline):
    [pod] = stage.pods(pipeline)
    return pod


def test_a_killed_worker_in_step_two_resumes_at_step_two(stage):
    stage.apply_pipeline("chain", *CHAIN)
    door = stage.door()
    run = stage.submit(door, "chain")
    stage.wait_step(door, "chain", run, "two", "leased")

    assert signal_pod(only_pod(stage, "chain"), "KILL") >= 1

    over = stage.wait_over(door, "chain", run, 150)
    finished = [e for e in stage.events(door, "chain", run) if e["type"] == "step.finished"]
    assert over["status"] == "Succeeded"
    assert [e["step"] for e in finished] == ["one", "two", "three"]
    two = stage.step(door, "chain", run, "two")
    assert (two["attempt"], two["losses"]) == (1, 1)


def test_a_zombie_is_refused_and_its_work_is_done_once(stage):
    stage.apply_pipeline("zombie", *CHAIN)
    door = stage.door()
    run = stage.submit(door, "zombie")
    stage.wait_step(door, "zombie", run, "two", "leased")
    zombie = only_pod(stage, "zombie")

    assert signal_pod(zombie, "STOP") >= 1
    wait(
        "the lease of the stopped worker has run out",
        lambda: stage.step(door, "zombie", run, "two")["losses"] == 1,
        60,
    )
    assert signal_pod(zombie, "CONT") >= 1

    over = stage.wait_over(door, "zombie", run, 150)
    finished = [e for e in stage.events(door, "zombie", run) if e["type"] == "step.finished"]
    assert over["status"] == "Succeeded"
    assert [e["step"] for e in finished] == ["one", "two", "three"]
    assert stage.step(door, "zombie", run, "two")["attempt"] == 1
