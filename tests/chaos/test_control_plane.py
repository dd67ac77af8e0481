"""Operator, gateway and ledger die under work; nothing that was acknowledged is lost."""

import secrets
import threading
import time

from harness.faults import signal_pod
from harness.kubectl import wait
from headrace_contract.names import SYSTEM_NAMESPACE
from stage import TO_MOCK, llm, slow_http

GATEWAY = "deployment/headrace-gateway"
DATABASE = "deployment/headrace-evaluation-database"


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


def held(stage):
    """Start a step that takes 45 s and does not need the gateway while it runs."""
    stage.apply_pipeline("held", slow_http("think", 45, timeout="150s"), egress=[TO_MOCK])
    door = stage.door()
    run = stage.submit(door, "held")
    stage.wait_step(door, "held", run, "think", "leased")
    return door, run


def ended_well_at_the_first_attempt(stage, door, run):
    wait("the gateway answers again", lambda: readable(stage, door, run), 60)
    assert stage.wait_over(door, "held", run, 150)["status"] == "Succeeded"
    think = stage.step(door, "held", run, "think")
    assert (think["attempt"], think["losses"]) == (1, 0)


def test_an_unreachable_scaler_holds_the_workers(stage):
    door, run = held(stage)
    stage.kubectl.run("-n", SYSTEM_NAMESPACE, "scale", "--replicas=0", GATEWAY)
    try:
        wanted = {stage.workers("held")[0]}

        def unreadable() -> bool:
            wanted.add(stage.workers("held")[0])
            log = stage.kubectl.run("-n", "keda", "logs", "deploy/keda-operator", "--since=2m")
            failed = "error getting metric spec"  # one a poll, every 5 s; the cool-down is 10 s
            return sum(failed in x and stage.name in x for x in log.splitlines()) >= 6

        wait("KEDA could not read the signal for half a minute", unreadable, 90)
        assert min(wanted) >= 1, "scaled to zero because the signal could not be read"
    finally:
        stage.kubectl.run("-n", SYSTEM_NAMESPACE, "scale", "--replicas=1", GATEWAY)
    ended_well_at_the_first_attempt(stage, door, run)


def test_the_ledger_away_for_a_minute_loses_no_lease(stage):
    door, run = held(stage)
    scale = ("-n", SYSTEM_NAMESPACE, "scale", DATABASE)
    stage.kubectl.run(*scale, "--replicas=0")
    try:
        wait("the ledger's pod is gone", lambda: not database_pods(stage.kubectl), 60)
        began = time.monotonic()
        wait("the ledger has been away for a minute", lambda: time.monotonic() - began > 60, 70)
        answer = door.submit(stage.name, "held", {"topic": "tides"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    finally:
        stage.kubectl.run(*scale, "--replicas=1")
    ended_well_at_the_first_attempt(stage, door, run)


def database_pods(kubectl):
    selector = "app.kubernetes.io/component=evaluation-database"
    return kubectl.list("pods", SYSTEM_NAMESPACE, selector)


def readable(stage, door, run) -> bool:
    path = f"/v1/namespaces/{stage.name}/pipelines/held/runs/{run}"
    try:
        return door.request("GET", path).status_code == 200
    except ConnectionError:
        return False
