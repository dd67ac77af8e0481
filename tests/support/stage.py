"""A tenant with a namespace of its own on the development cluster: where one user story plays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.door import Door, PortForward
from harness.kubectl import Kubectl, wait
from headrace_contract.names import LABEL_PIPELINE
from headrace_contract.resources.base import API_VERSION

MOCK = "http://mock-llm.headrace-examples.svc:8000/v1"
TO_MOCK = {"namespace": "headrace-examples", "ports": [8000]}
OVER = {"Succeeded", "Failed", "Cancelled"}
PIPELINES = "agentpipelines.headrace.dev"
TENANTS = "agenttenants.headrace.dev"
PROVIDERS = "modelproviders.headrace.dev"


def llm(name: str, prompt: str = "Say a word about {{ input.topic }}.", **more: Any) -> dict:
    step = {"name": name, "type": "LLM", "llm": {"class": "fast", "prompt": prompt}}
    return {**step, **more}


def slow(name: str, seconds: int, **more: Any) -> dict:
    """A step whose model takes its time; the model's name says how much."""
    step = llm(name, **more)
    step["llm"]["class"] = f"slow-{seconds}"
    return step


def slow_http(name: str, seconds: int, **more: Any) -> dict:
    """A step that takes its time without the gateway: it asks the mock over the open egress."""
    messages = '[{"role": "user", "content": "Say a word about {{ input.topic }}."}]'
    body = f'{{"model": "mock-small!slow;latency={seconds}", "messages": {messages}}}'
    header = {"name": "content-type", "value": "application/json"}
    http = {"method": "POST", "url": f"{MOCK}/chat/completions", "headers": [header], "body": body}
    return {"name": name, "type": "HTTP", "http": http, **more}


@dataclass
class Stage:
    kubectl: Kubectl
    forward: PortForward
    admin: Door
    name: str
    doors: list[Door] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    def open(self) -> None:
        """Make the namespace, the tenant and a provider in front of the mock model."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": self.name, "labels": labels},
            },
            self.tenant(),
            self.provider(self.name),
        )
        self.others += [(TENANTS, self.name), (PROVIDERS, self.name)]

    def close(self) -> None:
        for door in self.doors:
            door.close()
        for kind, name in self.others:
            self.kubectl.delete(kind, name)
        self.kubectl.delete("namespace", self.name)

    def resource(self, kind: str, name: str, spec: dict, namespace: str = "") -> dict:
        where = {"namespace": namespace} if namespace else {}
        return {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": name, **where},
            "spec": spec,
        }

    def tenant(self, **spec: Any) -> dict:
        whole = {"namespaces": [self.name], "allowed": {"egress": [TO_MOCK]}, **spec}
        return self.resource("AgentTenant", self.name, whole)

    def apply_tenant(self, **spec: Any) -> None:
        """Apply, and wait until the ledger enforces the limits of this generation."""
        self.kubectl.apply(self.tenant(**spec))
        wait("the tenant's limits are in force", self.is_enforced, 30)

    def is_enforced(self) -> bool:
        seen = self.kubectl.get(TENANTS, self.name) or {}
        found = self.kubectl.condition(TENANTS, self.name, "", "LimitsEnforced")
        newest = seen.get("metadata", {}).get("generation")
        return found.get("status") == "True" and found.get("observedGeneration") == newest

    def provider(self, name: str, price: dict | None = None) -> dict:
        price = price or {"input": "0.50", "output": "1.50"}
        slow_models = [
            {"name": f"mock-small!slow;latency={n}", "classes": [f"slow-{n}"], "price": price}
            for n in (2, 5, 20, 45, 90)
        ]
        models = [{"name": "mock-small", "classes": ["fast"], "price": price}, *slow_models]
        spec = {"endpoint": MOCK, "models": models, "timeouts": {"firstByte": "120s"}}
        return self.resource("ModelProvider", name, spec)

    def pipeline(self, name: str, *steps: dict, pool: dict | None = None, **spec: Any) -> dict:
        classes = sorted({s["llm"]["class"] for s in steps if "llm" in s})
        whole = {
            "steps": list(steps),
            "pools": [{"name": "default", "scaling": {"idleAfter": "10s"}, **(pool or {})}],
            "models": [{"class": c, "providerRef": {"name": self.name}} for c in classes],
            **spec,
        }
        return self.resource("AgentPipeline", name, whole, self.name)

    def apply_pipeline(self, name: str, *steps: dict, **options: Any) -> float:
        """Apply, and wait until it is Ready; return the seconds that it took."""
        self.kubectl.apply(self.pipeline(name, *steps, **options))
        return self.wait_ready(name)

    def wait_ready(self, name: str, seconds: float = 60) -> float:
        return wait(
            f"pipeline {name} is Ready for its newest generation",
            lambda: self.is_ready(name),
            seconds,
        )

    def is_ready(self, name: str) -> bool:
        seen = self.kubectl.get(PIPELINES, name, self.name) or {}
        ready = self.condition(name, "Ready")
        newest = seen.get("metadata", {}).get("generation")
        return ready.get("status") == "True" and ready.get("observedGeneration") == newest

    def condition(self, name: str, of: str) -> dict:
        return self.kubectl.condition(PIPELINES, name, self.name, of)

    def door(self, *scopes: str) -> Door:
        """Return a client with an API key of this tenant."""
        body = {
            "tenant": self.name,
            "name": f"key-{len(self.doors)}",
            "scopes": list(scopes or ("submit", "read", "operate")),
        }
        made: list[str] = []

        def make() -> bool:
            try:
                answer = self.admin.request("POST", "/v1/keys", json=body)
            except ConnectionError:  # the gateway of the story before is still coming back
                return False
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["key"])
            return True

        wait("the gateway makes a key", make, 60)
        self.doors.append(Door(self.forward, made[0]))
        return self.doors[-1]

    def submit(self, door: Door, pipeline: str, topic: str = "rivers") -> str:
        answer = door.submit(self.name, pipeline, {"topic": topic})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def wait_over(self, door: Door, pipeline: str, run: str, seconds: float = 90) -> dict:
        wait(
            f"run {run} of {pipeline} is over",
            lambda: door.run(self.name, pipeline, run)["status"] in OVER,
            seconds,
        )
        return door.run(self.name, pipeline, run)

    def step(self, door: Door, pipeline: str, run: str, step: str) -> dict:
        found = door.run(self.name, pipeline, run)
        return next(s for s in found["steps"] if s["step"] == step)

    def states(self, door: Door, pipeline: str, runs: Iterable[str], step: str) -> Counter[str]:
        """Count the steps of this name in some runs by their state."""
        return Counter(self.step(door, pipeline, run, step)["state"] for run in runs)

    def wait_step(self, door: Door, pipeline: str, run: str, step: str, state: str) -> None:
        wait(
            f"step {step} of run {run} is {state}",
            lambda: self.step(door, pipeline, run, step)["state"] == state,
            60,
        )

    def events(self, door: Door, pipeline: str, run: str) -> list[dict]:
        """Return all events of a run that is over: then the stream ends by itself."""
        path = f"/v1/namespaces/{self.name}/pipelines/{pipeline}/runs/{run}/events"
        answer = door.request("GET", path).raise_for_status()
        return [json.loads(x[5:]) for x in answer.text.splitlines() if x.startswith("data:")]

    def workers(self, pipeline: str) -> tuple[int, int]:
        """Return how many workers are wanted and how many are ready."""
        found = self.kubectl.list("deployments", self.name, f"{LABEL_PIPELINE}={pipeline}")
        wanted = sum(d["spec"].get("replicas", 1) for d in found)
        return wanted, sum(d.get("status", {}).get("readyReplicas", 0) for d in found)

    def pods(self, pipeline: str) -> list[dict]:
        found = self.kubectl.list("pods", self.name, f"{LABEL_PIPELINE}={pipeline}")
        return [p for p in found if not p["metadata"].get("deletionTimestamp")]
