"""Limits and budgets as a team meets them: work parks, holds no pod, and goes on when it may."""

import time
from collections import Counter

from harness.kubectl import wait
from stage import TENANTS, llm

TEN_TOKENS = {"class": "fast", "prompt": "Say a word about {{ input.topic }}.", "maxTokens": 10}
A_CENT_A_CALL = {"input": "0", "output": "1000"}  # per million tokens: ten of them


def test_a_raised_budget_lets_parked_work_go_on_within_ten_seconds(stage):
    stage.kubectl.apply(stage.provider(stage.name, A_CENT_A_CALL))
    stage.apply_tenant(budgets=[{"name": "month", "amount": "0.03"}])
    stage.apply_pipeline("paid", llm("think", llm=TEN_TOKENS))
    door = stage.door()
    runs = [stage.submit(door, "paid") for _ in range(8)]
    wait(
        "three are paid, five parked", lambda: states(stage, door, runs) == {"done": 3, "parked": 5}
    )
    wait("the tenant says so", lambda: within_budget(stage) == "False", 20)
    assert "cost CalendarMonth 100 %" in stage.kubectl.run("get", "aten", stage.name)
    wait("what is parked holds no worker", lambda: stage.workers("paid") == (0, 0), 60)

    began = time.monotonic()
    stage.kubectl.apply(stage.tenant(budgets=[{"name": "month", "amount": "1.00"}]))
    wait("a parked step has a worker", lambda: taken(stage, door, runs) > 3, 10)
    print(f"raised budget to a step on a worker: {time.monotonic() - began:.2f} s")

    for run in runs:
        assert stage.wait_over(door, "paid", run)["status"] == "Succeeded"
    wait("the tenant has money left", lambda: within_budget(stage) == "True", 20)


def states(stage, door, runs, pipeline="paid") -> Counter:
    """Count the steps `think` of some runs by their state."""
    return Counter(stage.step(door, pipeline, run, "think")["state"] for run in runs)


def taken(stage, door, runs, pipeline="paid") -> int:
    """Count the steps that a worker has or had."""
    found = states(stage, door, runs, pipeline)
    return found["leased"] + found["done"]


def within_budget(stage) -> str:
    return stage.kubectl.condition(TENANTS, stage.name, "", "WithinBudget").get("status", "")
