"""Limits, budgets and holds as a team meets them: work waits without a pod, and then goes on."""

import json
import time

import httpx2 as httpx

from harness.door import PortForward
from harness.kubectl import wait
from stage import PIPELINES, TENANTS, llm, slow

TEN_TOKENS = {"class": "fast", "prompt": "Say a word about {{ input.topic }}.", "maxTokens": 10}
A_CENT_A_CALL = {"input": "0", "output": "1000"}  # per million tokens: ten of them


def test_a_raised_budget_lets_parked_work_go_on_within_ten_seconds(stage):
    stage.kubectl.apply(stage.provider(stage.name, A_CENT_A_CALL))
    stage.apply_tenant(budgets=[{"name": "month", "amount": "0.03"}])
    stage.apply_pipeline("paid", llm("think", llm=TEN_TOKENS))
    door = stage.door()
    runs = [stage.submit(door, "paid") for _ in range(8)]
    wait("three are paid, five parked", lambda: thought(stage, door, runs) == (3, 5))
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
    peak = 0

    def three_had_their_turn() -> bool:
        nonlocal peak
        peak = max(peak, *stage.workers("fed"))
        return parked(stage, door, runs) == 17

    wait("three had their turn, the rest is parked", three_had_their_turn, 45)
    print(f"workers for a fresh backlog under three calls a minute: {peak}")
    assert peak == 1
    wait("the pipeline says what holds it back", lambda: capped(stage), 20)
    wait("the backlog is told as parked", lambda: backlog(stage).get("parked", 0) >= 14, 20)
    took = wait("the parked hold no worker", lambda: stage.workers("fed") == (0, 0), 60)
    print(f"no worker {took:.1f} s later, with {parked(stage, door, runs)} parked")
    assert parked(stage, door, runs) > 0

    def fed_again() -> bool:
        nonlocal peak
        peak = max(peak, *stage.workers("fed"))
        return taken(stage, door, runs, "fed") >= 6

    wait("the next minute has fed three more", fed_again, 90)
    print(f"workers for three calls a minute: {peak}")
    assert peak == 1

    stage.apply_tenant()
    for run in runs:
        assert stage.wait_over(door, "fed", run)["status"] == "Succeeded"


def test_a_cordon_stops_new_model_calls_within_five_seconds(stage, kubectl):
    pool = {"concurrencyPerWorker": 2, "scaling": {"maxReplicas": 1, "idleAfter": "10s"}}
    stage.apply_pipeline("busy", slow("think", 2), pool=pool)
    door = stage.door()
    runs = [stage.submit(door, "busy", stage.name) for _ in range(20)]
    with PortForward(kubectl, "mock-llm", 8000, "headrace-examples") as mock:
        wait("the model is busy with it", lambda: calls(stage, mock) >= 4)
        hold = {"spec": {"stopPolicy": "Hold"}}
        kubectl.run("patch", TENANTS, stage.name, "--type=merge", f"--patch={json.dumps(hold)}")
        began = time.monotonic()
        asked: list[tuple[float, int]] = []

        def drained() -> bool:
            asked.append((time.monotonic() - began, calls(stage, mock)))
            return stage.workers("busy") == (0, 0)

        wait("what ran has ended, and no worker is left", drained, 90)
    last = asked[-1][1]
    print(f"last new call {next(t for t, n in asked if n == last):.1f} s after the cordon")
    assert {n for t, n in asked if t > 5} == {last}
    assert last < len(runs)
    assert stage.condition("busy", "Paused")["status"] == "True"

    kubectl.apply(stage.tenant(stopPolicy="None"))
    for run in runs:
        assert stage.wait_over(door, "busy", run)["status"] == "Succeeded"


def thought(stage, door, runs) -> tuple[int, int]:
    """Count the steps that are done, and those that are parked."""
    found = stage.states(door, "paid", runs, "think")
    return found["done"], found["parked"]


def taken(stage, door, runs, pipeline="paid") -> int:
    """Count the steps that a worker has or had."""
    found = stage.states(door, pipeline, runs, "think")
    return found["leased"] + found["done"]


def within_budget(stage) -> str:
    return stage.kubectl.condition(TENANTS, stage.name, "", "WithinBudget").get("status", "")


def parked(stage, door, runs) -> int:
    return stage.states(door, "fed", runs, "think")["parked"]


def capped(stage) -> bool:
    found = stage.condition("fed", "ScalerReady")
    told = "may have 1 of the 4 workers that its work would take, by limit 'rpm'"
    return found.get("reason") == "CappedByTokenRate" and told in found["message"]


def backlog(stage) -> dict:
    seen = stage.kubectl.get(PIPELINES, "fed", stage.name) or {}
    return seen.get("status", {}).get("backlog", {})


def calls(stage, mock) -> int:
    """Count the calls that the model was asked on behalf of this story."""
    journal = httpx.get(f"{mock.url}/journal").raise_for_status().json()
    return sum(stage.name in call["prompt"] for call in journal["calls"])
