"""Two tenants and one provider: the noisy one waits for its turn, the quiet one does not."""

import time
from collections.abc import Iterator

import pytest

from harness.kubectl import wait
from stage import Stage, llm

A_MINUTE = 20


@pytest.fixture
def quiet(stage: Stage) -> Iterator[Stage]:
    other = Stage(stage.kubectl, stage.forward, stage.admin, f"{stage.name}-quiet")
    other.open()
    yield other
    other.close()


def test_a_noisy_tenant_is_slowed_and_a_quiet_one_is_not(stage, quiet):
    shared = stage.provider(stage.name)
    limits = [{"name": "rpm", "resource": "requests", "limit": A_MINUTE, "window": "1m"}]
    stage.kubectl.apply({**shared, "spec": {**shared["spec"], "limits": limits}})
    models = [{"class": "fast", "providerRef": {"name": stage.name}}]
    pool = {"concurrencyPerWorker": 4, "scaling": {"maxReplicas": 2, "idleAfter": "120s"}}
    stage.apply_pipeline("noisy", llm("think"), pool=pool)
    quiet.apply_pipeline("calm", llm("think"), pool=pool, models=models)
    loud, calm = stage.door(), quiet.door()

    runs = [stage.submit(loud, "noisy") for _ in range(4 * A_MINUTE)]
    wait("the noisy one waits for the provider", lambda: parked(stage, loud, runs) > A_MINUTE, 90)
    first = whole_run(quiet, calm)
    took = [whole_run(quiet, calm) for _ in range(5)]
    waiting = parked(stage, loud, runs)
    print(f"quiet runs beside {waiting} that wait: {first:.1f} s, then {max(took):.1f} s at most")
    assert waiting > 0
    assert max(took) < 15  # a minute or more, had it to wait for its turn behind the others

    stage.kubectl.apply(shared)
    for run in runs:
        assert stage.wait_over(loud, "noisy", run)["status"] == "Succeeded"


def whole_run(quiet, door) -> float:
    began = time.monotonic()
    run = quiet.submit(door, "calm")
    assert quiet.wait_over(door, "calm", run, 120)["status"] == "Succeeded"
    return time.monotonic() - began


def parked(stage, door, runs) -> int:
    return stage.states(door, "noisy", runs, "think")["parked"]
