"""Workers follow the work: from zero to as many as are wanted, and back."""

import time

from harness.kubectl import wait
from stage import llm, slow


def test_forty_runs_take_a_pool_from_zero_to_many_and_back(stage):
    pool = {"concurrencyPerWorker": 4, "scaling": {"maxReplicas": 3, "idleAfter": "10s"}}
    stage.apply_pipeline("burst", slow("think", 5), pool=pool)
    door = stage.door()
    runs = [stage.submit(door, "burst") for _ in range(40)]
    peak = 0

    def over() -> bool:
        nonlocal peak
        peak = max(peak, stage.workers("burst")[1])
        return all(door.run(stage.name, "burst", r)["status"] == "Succeeded" for r in runs)

    wait("all forty runs have answers", over, 180)
    assert peak >= 2
    wait("no worker is left", lambda: stage.workers("burst") == (0, 0), 120)


def test_one_single_run_wakes_the_pool_within_three_seconds(stage):
    stage.apply_pipeline("lone", llm("facts"))
    door = stage.door()
    stage.wait_over(door, "lone", stage.submit(door, "lone"))  # the image is warm after this
    wait("the pool is back at zero", lambda: stage.workers("lone") == (0, 0), 120)

    began = time.monotonic()
    run = stage.submit(door, "lone")
    wait("a worker is ready", lambda: stage.workers("lone")[1] >= 1, 30)
    took = time.monotonic() - began
    print(f"submit to a ready worker: {took:.2f} s")

    stage.wait_over(door, "lone", run)
    assert took <= 3.0


def test_a_running_step_keeps_its_worker_past_the_cool_down(stage):
    stage.apply_pipeline("long", slow("think", 45, timeout="120s"))
    door = stage.door()
    run = stage.submit(door, "long")
    stage.wait_step(door, "long", run, "think", "leased")
    [pod] = stage.pods("long")
    seen: set[str] = set()

    def over() -> bool:
        status = door.run(stage.name, "long", run)["status"]
        if status == "Running":
            seen.update(p["metadata"]["name"] for p in stage.pods("long"))
            assert stage.workers("long")[0] >= 1, "scaled to zero under running work"
        return status == "Succeeded"

    wait("the long step has ended well", over, 90)
    assert seen == {pod["metadata"]["name"]}
    assert stage.step(door, "long", run, "think")["attempt"] == 1
