"""
PostgreSQL, gateways, workers and a mock model as processes on this machine, with limits that bind.

The programs are those of the images, with the roles, tokens and API keys that they have in a
cluster; no time is scaled. Only the API server's answers are made up (see `cluster.py`).
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg

import make
from chaos_journal import TRIGGERS
from chaos_processes import KillableLedger, Program, free_port, listens
from cluster import Cluster, serving_cluster, uid_of
from headrace_cli.local.prepare import plan_of
from headrace_contract.compiled import CompiledLLM, CompiledPipeline, CompiledStep
from headrace_gateway.identity.api_keys import make_key
from headrace_ledger.client import Ledger
from headrace_ledger.declared import ApiKeyRow, ProviderRow, TenantRow
from headrace_operator.apply.rows import limit_set, pipeline_row
from headrace_operator.plan.limits import provider_limits, tenant_limits
from headrace_operator.plan.prices import priced
from worker_scenes import pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PRICE = {"input": "2", "output": "6", "currency": "USD"}
MOST_TOKENS = 6
STEPS = ("draft", "final")
RETRY = {"max_attempts": 5, "initial_seconds": 0, "max_seconds": 0}


@dataclass(frozen=True, slots=True, eq=False)
class House:
    """A tenant: what it declares, and how many workers it has with so many slots each."""

    tenant: str
    workers: int
    slots: int
    limits: tuple[dict[str, Any], ...] = ()
    budgets: tuple[dict[str, Any], ...] = ()

    @property
    def compiled(self) -> CompiledPipeline:
        steps = [_llm(STEPS[0], "About {{ input.topic }}."), _llm(STEPS[1], "Sum it up.", STEPS[0])]
        return pipeline(
            *steps, tenant=self.tenant, namespace=self.tenant, uid=f"uid-{self.tenant}", retry=RETRY
        )

    @property
    def path(self) -> str:
        return f"/v1/namespaces/{self.tenant}/pipelines/{self.compiled.name}/runs"


def _llm(name: str, prompt: str, *after: str) -> CompiledStep:
    asks = CompiledLLM(model_class="small", prompt=prompt, max_tokens=MOST_TOKENS)
    return CompiledStep(
        name=name, type="LLM", pool="main", depends_on=list(after), timeout_seconds=120, llm=asks
    )


@dataclass
class Stack:
    """What faults hit, and what tells of it."""

    folder: Path
    postgres: KillableLedger
    cluster: Cluster
    model: Program
    journal: Path
    gateways: list[Program] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def doors(self) -> list[str]:
        return [f"http://127.0.0.1:{self.ports[one.name]}" for one in self.gateways]

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator[asyncpg.Connection]:
        """Look behind the scenes, as the server's superuser."""
        connection = await asyncpg.connect(self.postgres.admin_url)
        try:
            yield connection
        finally:
            await connection.close()

    def add_gateway(self, name: str) -> None:
        port = self.ports[name] = free_port()
        env = {
            "HEADRACE_LEDGER_URL": self.postgres.gateway_url,
            "HEADRACE_HOST": "127.0.0.1",
            "HEADRACE_PORT": str(port),
            "HEADRACE_METRICS_PORT": str(free_port()),
            "HEADRACE_SCALER_PORT": str(free_port()),
            "HEADRACE_API_SERVER": self.cluster.url,
            "HEADRACE_SERVICE_ACCOUNT": str(self.cluster.mount),
            "HEADRACE_LINGER_SECONDS": "0",
            "HEADRACE_GRACE_SECONDS": "1",
        }
        words = [sys.executable, "-m", "headrace_gateway"]
        self.gateways.append(Program(name, words, env, self.folder / f"{name}.log"))

    def add_worker(self, house: House, nth: int) -> None:
        compiled, name = house.compiled, f"worker-{house.tenant}-{nth}"
        token = self.folder / f"{house.tenant}.token"
        account = pipeline_row(plan_of(compiled, "None")).service_account
        token.write_text(self.cluster.token(house.tenant, account))
        env = {
            "HEADRACE_GATEWAY_URL": self.doors[nth % len(self.doors)],
            "HEADRACE_NAMESPACE": house.tenant,
            "HEADRACE_PIPELINE": compiled.name,
            "HEADRACE_POOL": "main",
            "HEADRACE_POD_NAME": name,
            "HEADRACE_CONCURRENCY": str(house.slots),
            "HEADRACE_TOKEN_FILE": str(token),
            "HEADRACE_HEALTH_PORT": "0",
            "HEADRACE_DRAIN_SECONDS": "1",
        }
        words = [sys.executable, "-m", "headrace_worker"]
        self.workers.append(Program(name, words, env, self.folder / f"{name}.log"))

    def revive(self, program: Program) -> None:
        """Start it again as a kubelet would: a pod that comes back has another name."""
        if program in self.workers:
            name = f"{program.name}-{len(program.pids)}"
            program.env = {**program.env, "HEADRACE_POD_NAME": name}
        program.start()


async def declare(stack: Stack, provider: dict[str, Any], houses: list[House]) -> None:
    """Write what the operator would have written of these resources."""
    operator = await Ledger.connect(stack.postgres.operator_url, role="operator", max_size=2)
    gateway = await Ledger.connect(stack.postgres.gateway_url, role="gateway", max_size=2)
    try:
        endpoint = f"http://127.0.0.1:{stack.ports[stack.model.name]}/v1"
        models = [{"name": "mock-small", "classes": ["small"], "price": PRICE}]
        raw = make.provider("mock", endpoint=endpoint, models=models, **provider)
        spec = make.parsed_provider(raw)
        offer = priced(spec, make.NOW).offer.model_dump_json(by_alias=True, exclude_none=True)
        await operator.put_provider(ProviderRow("mock", "uid-of-mock", offer, str(uuid4())))
        identity = replace(make.parsed_tenant(make.tenant("mock")).identity, uid="uid-of-mock")
        await operator.put_limits(limit_set(provider_limits(identity, spec)))
        for house in houses:
            stack.keys[house.tenant] = await _settle_in(house, operator, gateway)
    finally:
        await operator.close()
        await gateway.close()


async def _settle_in(house: House, operator: Ledger, gateway: Ledger) -> str:
    """Declare a tenant with limits and pipeline; return an API key of it."""
    name = house.tenant
    wish = make.tenant(name, (name,), limits=list(house.limits), budgets=list(house.budgets))
    tenant = make.parsed_tenant(wish)
    await operator.put_tenant(TenantRow(name, f"uid-of-{name}", (name,)))
    await operator.put_limits(limit_set(tenant_limits(tenant.identity, tenant.spec)))
    row = pipeline_row(plan_of(house.compiled, "None"))
    account = uid_of(row.service_account)
    await operator.put_pipeline(replace(row, service_account_uid=account))
    made = make_key(os.urandom)
    key = ApiKeyRow(name, name, made.prefix, made.hash, name, ("submit", "read"), name)
    await gateway.create_api_key(key)
    return made.text.get_secret_value()


@contextlib.asynccontextmanager
async def serving_stack(
    folder: Path, provider: dict[str, Any], houses: list[House]
) -> AsyncIterator[Stack]:
    """Start everything, each process ready for the next one; end it all with the block."""
    port, journal = free_port(), folder / "calls.jsonl"
    script = Path(__file__).with_name("chaos_model.py")
    environ = {"PYTHONPATH": str(script.parent)}
    model = Program(
        "model", [sys.executable, script, str(port), journal], environ, folder / "m.log"
    )
    with KillableLedger() as postgres, serving_cluster(folder) as cluster:
        stack = Stack(folder, postgres, cluster, model, journal, ports={"model": port})
        try:
            async with stack.admin() as connection:
                await connection.execute(TRIGGERS)
            await declare(stack, provider, houses)
            model.start()
            model.until(lambda: listens(port))
            for name in ("gateway-a", "gateway-b"):
                stack.add_gateway(name)
            for gateway in stack.gateways:
                gateway.start()
            for gateway in stack.gateways:
                gateway.until(lambda name=gateway.name: listens(stack.ports[name]))
            for house in houses:
                for nth in range(house.workers):
                    stack.add_worker(house, nth)
            for worker in stack.workers:
                worker.start()
            yield stack
        finally:
            for program in [*stack.workers, *stack.gateways, model]:
                program.stop()
