"""A real gateway over a real ledger in the test's own event loop, for whoever speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
from pydantic import SecretStr

from headrace_cli.local.prepare import plan_of
from headrace_contract.compiled import CompiledPipeline
from headrace_contract.resources.model_provider import ModelProviderSpec, ProviderModel
from headrace_gateway.app import Gateway, build_app
from headrace_gateway.clock import Clock
from headrace_gateway.identity.dev import DevIdentity
from headrace_gateway.models.aiohttp_upstream import AiohttpUpstream
from headrace_gateway.serving import server
from headrace_ledger.client import Ledger
from headrace_ledger.declared import ProviderRow, TenantRow
from headrace_ledger.records import RunRecord
from headrace_operator.apply.rows import pipeline_row
from worker_scenes import until

KEY = "local-key"
TENANT = "acme"


class NoSecrets:
    async def read(self, name: str, key: str, *, fresh: bool = False) -> SecretStr:
        raise AssertionError(name)


@dataclass
class Served:
    """What a test does at the door, as operator and as client."""

    url: str
    gateway: Ledger
    operator: Ledger
    admin_url: str

    async def apply(self, pipeline: CompiledPipeline, stop_policy: str = "None") -> None:
        await self.operator.put_tenant(TenantRow(TENANT, TENANT, (pipeline.namespace,)))
        await self.operator.put_pipeline(pipeline_row(plan_of(pipeline, stop_policy)))

    async def provide(self, endpoint: str) -> None:
        spec = ModelProviderSpec(
            endpoint=endpoint, models=[ProviderModel(name="mock-small", classes=["small"])]
        )
        text = spec.model_dump_json(by_alias=True, exclude_none=True)
        await self.operator.put_provider(ProviderRow("mock", "mock", text, str(uuid4())))

    async def submit(self, pipeline: CompiledPipeline, given: Any) -> UUID:
        path = f"/v1/namespaces/{pipeline.namespace}/pipelines/{pipeline.name}/runs"
        headers = {"authorization": f"Bearer {KEY}", "idempotency-key": str(uuid4())}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers) as client:
            answer = await client.post(path, json=given)
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    async def run(self, run: UUID) -> RunRecord:
        found = await self.gateway.run(TENANT, run)
        assert found is not None
        return found

    async def finished(self, run: UUID, patience: float = 30) -> RunRecord:
        await until(lambda: self._over(run), patience)
        return await self.run(run)

    async def step(self, run: UUID, name: str) -> Any:
        return next(step for step in (await self.run(run)).steps if step.step == name)

    async def until_step(self, run: UUID, name: str, state: str, patience: float = 30) -> Any:
        await until(lambda: self._is(run, name, state), patience)
        return await self.step(run, name)

    async def expire(self, run: UUID) -> None:
        """Let every lease of a run be over now, and not in half a minute."""
        admin = await asyncpg.connect(self.admin_url)
        try:
            await admin.execute(
                "UPDATE headrace.tasks SET lease_until = now() WHERE run = $1 AND state = 'leased'",
                run,
            )
        finally:
            await admin.close()
        # By hand, since a gateway that has just started lets nothing expire for a lease's length.
        assert (await self.gateway.sweep()).expired

    async def _over(self, run: UUID) -> bool:
        return (await self.run(run)).finished_at is not None

    async def _is(self, run: UUID, name: str, state: str) -> bool:
        return (await self.step(run, name)).state == state


def output_of(record: RunRecord) -> Any:
    return None if record.output is None else json.loads(record.output)


@contextlib.asynccontextmanager
async def serving_gateway(urls: Any) -> AsyncIterator[Served]:
    """Serve until the block ends; `urls` is the embedded ledger."""
    async with contextlib.AsyncExitStack() as stack:
        gateway = await Ledger.connect(urls.gateway_url, role="gateway")
        stack.push_async_callback(gateway.close)
        operator = await Ledger.connect(urls.operator_url, role="operator")
        stack.push_async_callback(operator.close)
        upstream = AiohttpUpstream()
        stack.push_async_callback(upstream.close)
        app = build_app(
            Gateway(
                ledger=gateway,
                identity=DevIdentity(SecretStr(KEY), TENANT),
                secrets=NoSecrets(),
                upstream=upstream,
                clock=Clock(now=lambda: datetime.now(UTC)),  # noqa: TID251 -- a test's own root
            )
        )
        await stack.enter_async_context(app.background())
        port = free_port()
        clients = server(app, "127.0.0.1", port, 1)
        running = asyncio.create_task(clients.serve())
        try:
            await until(lambda: clients.started)
            yield Served(f"http://127.0.0.1:{port}", gateway, operator, urls.admin_url)
        finally:
            app.stop()
            clients.should_exit = True
            await running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
