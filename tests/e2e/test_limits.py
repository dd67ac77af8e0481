"""Limits, and budgets as a team meets them: work waits without a pod, and then goes on."""

import time
from collections import Counter

from harness.kubectl import wait
from stage import PIPELINES, TENANTS, llm

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


def test_a_rate_limited_backlog_starts_no_more_workers_than_its_tokens_feed(stage):
    three = {"name": "rpm", "resource": "requests", "limit": 3, "window": "1m"}
    pool = {"concurrencyPerWorker": 1, "scaling": {"maxReplicas": 4, "idleAfter": "10s"}}
    stage.apply_tenant(limits=[three])
    stage.apply_pipeline("fed", llm("think"), pool=pool)
    door = stage.door()
    runs = [stage.submit(door, "fed") for _ in range(20)]
    wait("three had their turn, the rest is parked", lambda: parked(stage, door, runs) == 17, 30)
    wait("the backlog is told as parked", lambda: backlog(stage).get("parked", 0) >= 14, 20)
    took = wait("the parked hold no worker", lambda: stage.workers("fed") == (0, 0), 60)
    print(f"no worker {took:.1f} s later, with {parked(stage, door, runs)} parked")
    assert parked(stage, door, runs) > 0

    peak = 0

    def fed_again() -> bool:
        nonlocal peak
        peak = max(peak, *stage.workers("fed"))
        return taken(stage, door, runs, "fed") >= 6

    wait("the next minute has fed three more", fed_again, 90)
    print(f"workers for three calls a minute: {peak}")
    assert peak <= 3

    stage.apply_tenant()
    for run in runs:
        assert stage.wait_over(door, "fed", run)["status"] == "Succeeded"


def states(stage, door, runs, pipeline="paid") -> Counter:
    """Count the steps `think` of some runs by their state."""
    return Counter(stage.step(door, pipeline, run, "think")["state"] for run in runs)


def taken(stage, door, runs, pipeline="paid") -> int:
    """Count the steps that a worker has or had."""
    found = states(stage, door, runs, pipeline)
    return found["leased"] + found["done"]


def within_budget(stage) -> str:
    return stage.kubectl.condition(TENANTS, stage.name, "", "WithinBudget").get("status", "")


def parked(stage, door, runs) -> int:
    return states(stage, door, runs, "fed")["parked"]


def backlog(stage) -> dict:
    seen = stage.kubectl.get(PIPELINES, "fed", stage.name) or {}
    return seen.get("status", {}).get("backlog", {})
