"""
`make run`: the main job on a real cluster, in plain sight.

A tenant, a model provider and a pipeline are applied as a user would; forty runs are submitted and
accepted at once; workers go from zero to as many as are wanted and back; the answers are read.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from devcluster.errors import DevclusterError
from harness.door import Door, PortForward, admin_token
from harness.kubectl import Kubectl, KubectlError, wait
from headrace_contract.names import LABEL_PIPELINE, PORT_CLIENTS, SYSTEM_NAMESPACE

EXAMPLE: Final = Path(__file__).resolve().parents[1] / "examples" / "research"
NAMESPACE: Final = "acme-research"
PIPELINE: Final = "research"
KIND: Final = "agentpipelines.headrace.dev"
TENANT: Final = "acme"
RUNS: Final = 40
TOPICS: Final = ("rivers", "mills", "tides", "canals", "locks", "weirs", "springs", "deltas")
OVER: Final = {"Succeeded", "Failed", "Cancelled"}


class StalledError(Exception):
    """The pipeline cannot go on by itself; the operator's words say why."""


@dataclass(slots=True)
class Story:
    """What was seen, in seconds since the first submit."""

    began: float
    accepted: float = 0
    first_worker: float = 0
    peak_workers: int = 0
    answered: float = 0
    back_to_zero: float = 0
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def now(self) -> float:
        return time.monotonic() - self.began


def workers(kubectl: Kubectl) -> tuple[int, int]:
    """Return how many workers are wanted and how many are ready."""
    found = kubectl.list("deployments", NAMESPACE, f"{LABEL_PIPELINE}={PIPELINE}")
    wanted = sum(d["spec"].get("replicas", 1) for d in found)
    return wanted, sum(d.get("status", {}).get("readyReplicas", 0) for d in found)


def prepare(kubectl: Kubectl, console: Console) -> None:
    """Apply the example, and wait until the pipeline can take runs and its model answers."""
    console.print(f"[bold]kubectl apply -f examples/research/[/bold]  ({EXAMPLE.name})")
    kubectl.apply_files(EXAMPLE / "namespace.yaml")
    kubectl.apply_files(EXAMPLE)
    took = wait(
        f"AgentPipeline {NAMESPACE}/{PIPELINE} is Ready",
        lambda: kubectl.condition(KIND, PIPELINE, NAMESPACE, "Ready").get("status") == "True",
        120,
    )
    kubectl.run(
        *("-n", "headrace-examples", "rollout", "status", "deployment/mock-llm", "--timeout=120s")
    )
    console.print(f"  the pipeline is Ready after {took:.1f} s, with no worker")
    console.print(kubectl.run("get", "agenttenants,modelproviders,agentpipelines", "-A"))


def key_for(kubectl: Kubectl, forward: PortForward) -> str:
    """Make an API key of the tenant as a platform team would: by the admin's token."""
    admin = Door(forward, admin_token(kubectl))
    try:
        answer = admin.request(
            "POST",
            "/v1/keys",
            json={"tenant": TENANT, "name": "demo", "scopes": ["submit", "read"]},
        )
        key: str = answer.raise_for_status().json()["key"]
        return key
    finally:
        admin.close()


def submit(door: Door, story: Story) -> None:
    for number in range(RUNS):
        topic = TOPICS[number % len(TOPICS)]
        answer = door.submit(NAMESPACE, PIPELINE, {"topic": topic}).raise_for_status().json()
        story.runs[answer["id"]] = answer
    story.accepted = story.now()


def watch(kubectl: Kubectl, door: Door, story: Story, console: Console) -> None:
    """Print a line whenever something changed, until all runs are over and no worker is left."""
    last = ""

    def look() -> bool:
        nonlocal last
        wanted, ready = workers(kubectl)
        story.peak_workers = max(story.peak_workers, ready)
        if ready and not story.first_worker:
            story.first_worker = story.now()
        for run, seen in story.runs.items():
            if seen.get("status") not in OVER:
                story.runs[run] = door.run(NAMESPACE, PIPELINE, run)
        over = sum(seen.get("status") in OVER for seen in story.runs.values())
        if over == RUNS and not story.answered:
            story.answered = story.now()
        line = f"workers {ready} ready of {wanted} wanted · runs {over} over of {RUNS}"
        if line != last:
            console.print(f"  {story.now():6.1f} s  {line}")
            last = line
        stalled = kubectl.condition(KIND, PIPELINE, NAMESPACE, "Stalled")
        if stalled.get("status") == "True":
            raise StalledError(stalled["message"])
        return over == RUNS and wanted == 0 and ready == 0

    wait("all runs are over and no worker is left", look, 420)
    story.back_to_zero = story.now()


def tell(story: Story, console: Console) -> None:
    first = next(iter(story.runs.values()))
    console.print("\n[bold]The first answer[/bold]")
    console.print_json(data=first.get("output"))
    table = Table(title="make run", show_header=False)
    failed = [r for r in story.runs.values() if r["status"] != "Succeeded"]
    usage = [r["usage"] for r in story.runs.values()]
    tokens = sum(u["inputTokens"] + u["outputTokens"] for u in usage)
    cost = sum(float(u["cost"] or 0) for u in usage)
    currency = next((u["currency"] for u in usage if u["currency"]), "")
    rows = {
        "runs accepted": f"{RUNS} in {story.accepted:.2f} s",
        "time to first worker": f"{story.first_worker:.1f} s",
        "peak workers": str(story.peak_workers),
        "time to all answers": f"{story.answered:.1f} s",
        "back to zero after": f"{story.back_to_zero:.1f} s",
        "runs that failed": str(len(failed)),
        "tokens and cost": f"{tokens} tokens, {cost:.4f} {currency} (of the mock model)",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    console.print(
        "Look further:\n"
        "  export KUBECONFIG=.devcluster/kubeconfig\n"
        f"  kubectl -n {NAMESPACE} describe agentpipeline {PIPELINE}\n"
        f"  kubectl -n {NAMESPACE} get deployments,scaledobjects,events\n"
        "  make down                                  # takes it all away"
    )


def main() -> int:
    console = Console()
    try:
        kubectl = Kubectl.for_devcluster()
        prepare(kubectl, console)
        with PortForward(kubectl, "headrace-gateway", PORT_CLIENTS, SYSTEM_NAMESPACE) as forward:
            door = Door(forward, key_for(kubectl, forward))
            console.print(f"[bold]{RUNS} runs[/bold] of {NAMESPACE}/{PIPELINE}")
            story = Story(time.monotonic())
            submit(door, story)
            watch(kubectl, door, story, console)
            tell(story, console)
            door.close()
    except (DevclusterError, KubectlError, StalledError, ConnectionError) as exc:
        console.print(f"[red]make run: {exc}[/red]")
        return 1
    return int(any(run["status"] != "Succeeded" for run in story.runs.values()))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] -- a text stream here
    os.environ.setdefault("COLUMNS", "110")
    sys.exit(main())
