"""
What the gateway's model endpoint adds to a call: directly, and through it, one caller, in turns.

The provider answers after five milliseconds, and streams. Through the gateway a call opens a
lease by the key of a running step, is recorded before its answer ends, and has its cost from the
provider's usage: as in production. Added time is the median through the gateway less the median
without it, of a pair's calls. One JSON line per result.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

import durability
from b9_start import ACCOUNT, TENANT
from cluster import uid_of
from doors import Door, gateway
from fixed_model import FIRST_SECONDS, WORDS
from gateway_rows import provider_row, row
from headrace_contract.compiled import (
    CompiledLLM,
    CompiledModel,
    CompiledPipeline,
    CompiledPool,
    CompiledRetry,
    CompiledStep,
    CompiledTarget,
)
from headrace_ledger.client import Ledger
from headrace_ledger.declared import TenantRow
from headrace_ledger.embedded import EmbeddedLedger
from pairs import say
from processes import Process, free_port, listens, started
from timed import Wire

if TYPE_CHECKING:
    from timed import Told

CALLS: Final = 60
WARM_UP: Final = 30
PATH: Final = "/v1/chat/completions"
KEY: Final = hashlib.sha256(b"bench").hexdigest()
STREAM_MS: Final = 2.0


@dataclass
class Scene:
    """The caller's two ways to the model, and what it may do at the gateway."""

    door: Door
    postgres: Process
    provider: Process
    direct: Wire
    through: Wire
    worker: str
    lease: dict[str, Any]
    calls: int = 0

    async def call(self, wire: Wire, token: str, *, stream: bool) -> Told:
        """Ask something that was never asked before; check the answer."""
        self.calls += 1
        question = {"role": "user", "content": f"question {self.calls}"}
        body = {"model": "small", "messages": [question], "stream": stream}
        told = await wire.post(PATH, json.dumps(body).encode(), token)
        assert told.status == 200, told.body
        assert told.body.count(b"word ") == WORDS, told.body
        assert told.body.endswith(b"[DONE]\n\n") is stream, told.body
        return told

    async def beat(self) -> None:
        held = {"task": self.lease["task"], "fence": self.lease["fence"]}
        said = {"worker": "bench", "leases": [held]}
        told = await self.through.post("/v1/work/heartbeat", json.dumps(said).encode(), self.worker)
        assert b"Held" in told.body, told.body


async def series(scene: Scene, pairs: int, *, stream: bool) -> list[dict[str, float]]:
    """Return a pair's medians in milliseconds, pair by pair."""
    found = []
    for number in range(pairs + 1):
        await scene.beat()
        direct, through = [], []
        for _ in range(CALLS if number else WARM_UP):
            direct.append(await scene.call(scene.direct, "", stream=stream))
            through.append(await scene.call(scene.through, KEY, stream=stream))
        ways = {"direct": direct, "through": through}
        found.append(
            {
                f"{way}_{part}": 1000 * statistics.median(getattr(told, part) for told in tolds)
                for way, tolds in ways.items()
                for part in ("first", "last")
            }
        )
    return found[1:]


def tell(figure: str, found: list[dict[str, float]], part: str, floor: float | None) -> bool:
    added = [each[f"through_{part}"] - each[f"direct_{part}"] for each in found]
    median = statistics.median(added)
    gate = {} if floor is None else {"floor": f"<= {floor:g} ms", "holds": median <= floor}
    say(
        bench="first-token",
        figure=figure,
        added_ms=round(median, 3),
        spread=[round(min(added), 3), round(max(added), 3)],
        pairs=len(added),
        **gate,
        direct_ms=round(statistics.median(each[f"direct_{part}"] for each in found), 3),
        through_ms=round(statistics.median(each[f"through_{part}"] for each in found), 3),
    )
    return floor is None or median <= floor


async def recorded(ledger: EmbeddedLedger, calls: int) -> None:
    """Raise unless every call through the gateway is in the ledger once, with usage and cost."""
    admin = await asyncpg.connect(ledger.admin_url)
    try:
        found = await admin.fetchrow(
            "SELECT count(*), count(DISTINCT request_hash), sum(output_tokens), count(cost)"
            " FROM headrace.calls"
        )
    finally:
        await admin.close()
    assert tuple(found) == (calls, calls, calls * WORDS, calls), found


async def declare(ledger: EmbeddedLedger, port: int) -> None:
    llm = CompiledLLM(model_class="small", prompt="p", max_tokens=64)
    step = CompiledStep(name="ask", type="LLM", pool="main", timeout_seconds=3600, llm=llm)
    pool = CompiledPool(name="main", concurrency_per_worker=1, max_replicas=1, drain_seconds=5)
    target = CompiledTarget(provider="fixed", model="m")
    pipeline = CompiledPipeline(
        tenant=TENANT,
        namespace=TENANT,
        name="ask",
        uid="uid-ask",
        generation=1,
        input_max_bytes=1000,
        steps=[step],
        pools=[pool],
        models=[CompiledModel(model_class="small", targets=[target])],
        retry=CompiledRetry(max_attempts=3, initial_seconds=1, max_seconds=1),
        run_seconds=3600,
        result_seconds=3600,
    ).sealed()
    operator = await Ledger.connect(ledger.operator_url, role="operator", min_size=1, max_size=1)
    try:
        await operator.put_tenant(TenantRow(TENANT, TENANT, (TENANT,)))
        await operator.put_provider(provider_row("fixed", f"http://127.0.0.1:{port}/v1", "m"))
        await operator.put_pipeline(
            row(pipeline, service_account=ACCOUNT, service_account_uid=uid_of(ACCOUNT))
        )
    finally:
        await operator.close()


async def lease(wire: Wire, door: Door, worker: str) -> dict[str, Any]:
    """Submit a run, and claim its step as a worker does."""
    api_key = await asyncio.to_thread(door.key, TENANT)
    path = f"/v1/namespaces/{TENANT}/pipelines/ask/runs"
    assert (await wire.post(path, b"{}", api_key)).status == 202
    wish = {
        "requestId": "1",
        "worker": "bench",
        "namespace": TENANT,
        "pipeline": "ask",
        "pool": "main",
        "stepTypes": ["LLM"],
        "slots": [{"keyHash": hashlib.sha256(KEY.encode()).hexdigest()}],
        "waitSeconds": 5,
    }
    told = await wire.post("/v1/work/claim", json.dumps(wish).encode(), worker)
    found: dict[str, Any] = json.loads(told.body)["leases"][0]
    return found


async def measure(folder: Path, pairs: int) -> bool:
    port = free_port()
    words = [sys.executable, Path(__file__).with_name("fixed_model.py"), str(port)]
    with EmbeddedLedger() as ledger, started(words, {}, folder / "model.log") as provider:
        await declare(ledger, port)
        provider.until(lambda: listens(port))
        durable = await asyncio.to_thread(durability.of_postgres, ledger.gateway_url)
        say(
            bench="first-token",
            settings={
                "ours": durable,
                "first_byte_ms": 1000 * FIRST_SECONDS,
                "disk_sync_ms": durability.disk_sync_ms(),
                "limits": "none: a call waits for no reservation",
                "cores": os.cpu_count(),
            },
        )
        with gateway(ledger, folder) as door:
            direct, through = await Wire.to(port), await Wire.to(door.port)
            worker = door.cluster.token(TENANT, ACCOUNT)
            held = await lease(through, door, worker)
            assert ledger._guard is not None
            postgres = Process(ledger._guard, folder / "none.log")
            scene = Scene(door, postgres, provider, direct, through, worker, held)
            before = door.process.cpu, postgres.cpu
            streams = await series(scene, pairs, stream=True)
            wholes = await series(scene, pairs, stream=False)
            after = door.process.cpu, postgres.cpu
            await recorded(ledger, scene.calls // 2)
            good = tell("added time to first token, one caller", streams, "first", STREAM_MS)
            tell("added time to the end of a stream, one caller", streams, "last", None)
            tell("added time of a call that is one document, one caller", wholes, "last", None)
            cpu = [1000 * (b - a) / (scene.calls / 2) for a, b in zip(before, after, strict=True)]
            say(
                bench="first-token",
                figure="CPU of a call, milliseconds",
                gateway=round(cpu[0], 3),
                postgres=round(cpu[1], 3),
            )
            await direct.close()
            await through.close()
    return good


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pairs", type=int, default=5)
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return 0 if asyncio.run(measure(Path(name), asked.pairs)) else 1


if __name__ == "__main__":
    sys.exit(main())
