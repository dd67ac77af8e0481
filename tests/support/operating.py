"""The operator in this process against a real API server, with the ledger of a test's choice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubernetes.aio import client, config

import make
from headrace_operator.apply.bucket import Bucket
from headrace_operator.apply.cluster import KubeCluster
from headrace_operator.apply.lease import KubeLease
from headrace_operator.apply.recorder import Recorder
from headrace_operator.apply.wire import Wire
from headrace_operator.metrics import Metrics
from headrace_operator.reconcile.cache import Cache
from headrace_operator.reconcile.lead import Leadership
from headrace_operator.reconcile.queue import WorkQueue
from headrace_operator.reconcile.world import Board, World
from headrace_operator.watch.operate import Rhythm, Start, operate
from headrace_operator.watch.probes import Health
from headrace_operator.watch.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

RHYTHM = Rhythm(resync=300.0, counts=0.2, keda=0.3, concurrency=8, workers=0.2)
GROUP = "/apis/headrace.dev/v1alpha1"
PATIENCE = 20.0


@dataclass
class Running:
    """An operator at work, and hands to touch its cluster with."""

    wire: Wire
    world: World
    health: Health
    stop: asyncio.Event

    # ---- what people do

    async def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Apply an object as kubectl does, server-side."""
        return await self.wire.apply(path_of(body), body, "kubectl")

    async def delete(self, path: str) -> None:
        body = {"propagationPolicy": "Background"}
        await self.wire._send("DELETE", path, body=body)

    async def get(self, path: str) -> dict[str, Any]:
        return await self.wire.get(path)

    async def items(self, path: str, selector: str | None = None) -> list[dict[str, Any]]:
        return await self.wire.list(path, selector)

    async def until(self, what: str, test: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait for something to be true, and return it."""
        end = time.monotonic() + patience
        last: Any = None
        while time.monotonic() < end:
            try:
                last = await test()
            except Exception as exc:  # noqa: BLE001 -- whatever it is, it may pass
                last = exc
            else:
                if last:
                    return last
            await asyncio.sleep(0.05)
        msg = f"never: {what}; last seen: {last!r}"
        raise AssertionError(msg)

    async def condition(self, path: str, kind: str) -> dict[str, Any] | None:
        body = await self.wire.get(path)
        found = (body.get("status") or {}).get("conditions") or ()
        return next((one for one in found if one["type"] == kind), None)

    async def until_condition(
        self, path: str, kind: str, status: str, reason: str | None = None
    ) -> dict[str, Any]:
        async def test() -> dict[str, Any] | None:
            body = await self.wire.get(path)
            if (body.get("status") or {}).get("observedGeneration") != body["metadata"][
                "generation"
            ]:
                return None
            one = await self.condition(path, kind)
            fits = one and one["status"] == status and reason in {None, one["reason"]}
            return one if fits else None

        wanted = f"{kind}={status}" + (f"/{reason}" if reason else "")
        try:
            return await self.until(f"{path} {wanted}", test)
        except AssertionError as exc:
            status_now = (await self.wire.get(path)).get("status")
            msg = f"{exc}: {json.dumps(status_now)}"
            raise AssertionError(msg) from None

    async def until_quiet(self, seconds: float = 0.6) -> None:
        """Wait until nothing is due and no write has happened for a while."""

        async def test() -> bool:
            before = self.writes()
            await asyncio.sleep(seconds)
            return self.world.queue.idle() and self.writes() == before

        await self.until("quiet", test)

    def writes(self) -> float:
        """Count the writes of the operator and of this test, Lease renewals left out."""
        return sum(
            sample.value
            for metric in self.world.metrics.writes.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["resource"] != "leases"
        )


def path_of(body: dict[str, Any]) -> str:
    metadata = body["metadata"]
    plural = {
        "AgentPipeline": "agentpipelines",
        "AgentTenant": "agenttenants",
        "ModelProvider": "modelproviders",
    }[body["kind"]]
    where = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{GROUP}{where}/{plural}/{metadata['name']}"


def bare(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only the API server writes."""
    server = ("uid", "generation", "resourceVersion", "creationTimestamp")
    metadata = {k: v for k, v in body["metadata"].items() if k not in server}
    return {**body, "metadata": metadata}


def pipeline(*args: Any, **changes: Any) -> dict[str, Any]:
    return bare(make.pipeline(*args, **changes))


def tenant(*args: Any, **changes: Any) -> dict[str, Any]:
    return bare(make.tenant(*args, **changes))


def provider(*args: Any, **changes: Any) -> dict[str, Any]:
    return bare(make.provider(*args, **changes))


async def wire_to(kubeconfig: Path, metrics: Metrics, rate: float = 10_000.0) -> Wire:
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = 64
    configuration.client_session_kwargs = {"trust_env": False}
    await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    api = client.ApiClient(configuration)
    return Wire(api, Bucket(rate, int(rate), time.monotonic), metrics)


@contextlib.asynccontextmanager
async def running(
    kubeconfig: Path, ledger: Any, rhythm: Rhythm = RHYTHM, **changes: Any
) -> AsyncIterator[Running]:
    """Run an operator until the block ends; what it raised is raised here."""
    metrics = Metrics()
    wire = await wire_to(kubeconfig, metrics)
    world = World(
        cluster=changes.get("cluster") or KubeCluster(wire),
        ledger=ledger,
        recorder=Recorder(wire, "test"),
        cache=Cache(),
        queue=WorkQueue(time.monotonic, random.random),
        board=Board(),
        site=make.SITE,
        metrics=metrics,
        now=lambda: datetime.now(UTC),  # noqa: TID251 -- this is a composition root
        between_counts=timedelta(seconds=rhythm.counts),
    )
    lease = KubeLease(wire, "default", changes.get("holder", "test"), 30)
    lease_seconds = changes.get("lease_seconds", 30.0)
    leadership = Leadership(lease, lease_seconds, time.monotonic, metrics)
    health = Health(world, Pulse(time.monotonic), leadership, KubeCluster(wire).ping)
    stop = asyncio.Event()
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(kubeconfig)
    task = asyncio.create_task(
        operate(health, rhythm, Start(random.random, ledger.check, stop)), name="operator"
    )
    try:
        await asyncio.wait(
            [task, asyncio.create_task(_primed(health))], return_when=asyncio.FIRST_COMPLETED
        )
        if task.done():
            await task
        yield Running(wire, world, health, stop)
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await leadership.leave()
        await wire.close()
        if before is None:
            del os.environ["KUBECONFIG"]
        else:
            os.environ["KUBECONFIG"] = before


async def _primed(health: Health) -> None:
    while not health.primed:  # noqa: ASYNC110 -- it is set by nobody who knows an event
        await asyncio.sleep(0.01)
