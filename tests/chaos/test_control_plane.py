"""Operator, gateway and ledger die under work; nothing that was acknowledged is lost."""

import secrets
import threading

from harness.faults import signal_pod
from harness.kubectl import wait
from headrace_contract.names import SYSTEM_NAMESPACE
from stage import llm, slow


def system_pod(kubectl, component):
    selector = f"app.kubernetes.io/component={component}"
    found = kubectl.list("pods", SYSTEM_NAMESPACE, selector)
    return next(p for p in found if p["status"]["phase"] == "Running")


def restarts(kubectl, component):
    pods = kubectl.list("pods", SYSTEM_NAMESPACE, f"app.kubernetes.io/component={component}")
    return sum(c["restartCount"] for p in pods for c in p["status"].get("containerStatuses", []))


def kill(kubectl, component):
    """Kill a component, and prove by the kubelet's own count that it died."""
    before = restarts(kubectl, component)
    assert signal_pod(system_pod(kubectl, component), "KILL") >= 1
    wait(f"the kubelet has restarted {component}", lambda: restarts(kubectl, component) > before)


def submit_with_retries(stage, door, pipeline, keys, acknowledged):
    """Submit one run per key as a careful client: the same key until an answer came."""
    for key in keys:

        def accepted(key=key) -> bool:
            try:
                answer = door.submit(stage.name, pipeline, {"topic": key}, idempotency_key=key)
            except ConnectionError:
                return False
            if answer.status_code == 202:
                acknowledged[key] = answer.json()["id"]
            else:
                assert answer.status_code == 503, answer.text
            return answer.status_code == 202

        wait(f"submit {key} is acknowledged", accepted, 90)


def runs_survive(stage, components):
    stage.apply_pipeline("keep", llm("facts"))
    door = stage.door()
    keys = [secrets.token_hex(4) for _ in range(120)]
    acknowledged: dict[str, str] = {}
    client = threading.Thread(
        target=submit_with_retries, args=(stage, door, "keep", keys, acknowledged)
    )
    client.start()
    for component in components:
        wait("some submits are acknowledged", lambda: len(acknowledged) >= 10)
        kill(stage.kubectl, component)
    client.join(180)
    assert sorted(acknowledged) == sorted(keys)
    assert len(set(acknowledged.values())) == len(keys), "two keys share a run"

    def all_over() -> bool:
        try:
            seen = [door.run(stage.name, "keep", run)["status"] for run in acknowledged.values()]
        except ConnectionError:
            return False
        return set(seen) == {"Succeeded"}

    wait("every acknowledged run has its answer", all_over, 180)


def test_a_killed_gateway_loses_no_acknowledged_run(stage):
    runs_survive(stage, ["gateway"])


def test_a_killed_ledger_loses_no_acknowledged_run(stage):
    runs_survive(stage, ["evaluation-database"])


def test_an_operator_killed_amid_changes_converges(stage):
    names = [f"p{n}" for n in range(12)]
    for n, name in enumerate(names):
        stage.kubectl.apply(stage.pipeline(name, llm("facts")))
        if n == len(names) // 2:
            kill(stage.kubectl, "operator")
    for name in names:
        stage.wait_ready(name, 90)
    deployments = stage.kubectl.list("deployments", stage.name)
    assert len(deployments) == len(names), "children are missing or there twice"


def test_an_unreachable_scaler_holds_the_workers(stage):
    stage.apply_pipeline("held", slow("think", 45, timeout="150s"))
    door = stage.door()
    run = stage.submit(door, "held")
    stage.wait_step(door, "held", run, "think", "leased")

    gateway = system_pod(stage.kubectl, "gateway")
    assert signal_pod(gateway, "STOP") >= 1
    try:
        seen = {stage.workers("held")[0]}
        errors = "the ScaledObject says that its scaler cannot be read"

        def unreadable() -> bool:
            seen.add(stage.workers("held")[0])
            [scaled] = stage.kubectl.list("scaledobjects", stage.name)
            health = scaled.get("status", {}).get("health", {})
            return any(h.get("numberOfFailures", 0) > 0 for h in health.values())

        wait(errors, unreadable, 90)
        assert min(seen) >= 1, "scaled to zero because the signal could not be read"
    finally:
        assert signal_pod(gateway, "CONT") >= 1
    assert stage.wait_over(door, "held", run, 150)["status"] == "Succeeded"
