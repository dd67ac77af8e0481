"""A gateway over a real ledger and a scripted provider, all on real sockets, for one test."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
from pydantic import SecretStr

from gateway_rows import provider_row, row
from headrace_contract.compiled import (
    CompiledLLM,
    CompiledModel,
    CompiledPipeline,
    CompiledPool,
    CompiledPython,
    CompiledRetry,
    CompiledStep,
    CompiledTarget,
)
from headrace_gateway.app import App, Gateway, build_app
from headrace_gateway.clock import Clock
from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.caller import Caller, Identity, bearer
from headrace_gateway.identity.cluster import StaticSecrets
from headrace_gateway.identity.dev import DevIdentity
from headrace_gateway.models.aiohttp_upstream import AiohttpUpstream
from headrace_gateway.options import Options
from headrace_gateway.serving import server
from headrace_ledger.client import Ledger
from headrace_ledger.declared import TenantRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

KEY = "dev-key"
NUMBERS = count(1)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- what is waited for rings no bell
            await asyncio.sleep(0.005)


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- tests compose a gateway as __main__ does


@asynccontextmanager
async def listening(app: Any, **more: Any) -> AsyncIterator[str]:
    """Serve an ASGI app on a free port; yield its address."""
    served = server(app, "127.0.0.1", 0, grace=more.pop("grace", 1), most=more.pop("most", None))
    task = asyncio.ensure_future(served.serve())
    try:
        await until(lambda: served.started)
        port = served.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        served.should_exit = True
        served.force_exit = True
        await task


class Callers(Identity):
    """Identities by their bearer text, for tests of who may do what."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        self.callers = callers

    async def authenticate(self, headers):
        try:
            return self.callers[bearer(headers) or ""]
        except KeyError:
            raise UnauthenticatedError from None


@dataclass
class Names:
    """What one test owns in a ledger that all tests share."""

    number: int = field(default_factory=lambda: next(NUMBERS))

    @property
    def tenant(self) -> str:
        return f"door-{os.getpid()}-{self.number}"

    @property
    def namespace(self) -> str:
        return f"ns-{os.getpid()}-{self.number}"

    @property
    def provider(self) -> str:
        return f"provider-{os.getpid()}-{self.number}"

    @property
    def fallback(self) -> str:
        return f"fallback-{os.getpid()}-{self.number}"


def compiled(names: Names, **changes: Any) -> CompiledPipeline:
    """A pipeline of two steps that follow each other, one of them a model's."""
    python = CompiledPython(function="m:f")
    fields: dict[str, Any] = {
        "tenant": names.tenant,
        "namespace": names.namespace,
        "name": "draft",
        "uid": f"uid-{names.tenant}",
        "generation": 1,
        "input_max_bytes": 100_000,
        "steps": [
            CompiledStep(
                name="outline",
                type="LLM",
                pool="main",
                timeout_seconds=60,
                llm=CompiledLLM(model_class="small", prompt="{{ input.topic }}", max_tokens=64),
            ),
            CompiledStep(
                name="write",
                type="Python",
                depends_on=["outline"],
                pool="main",
                timeout_seconds=60,
                python=python,
            ),
        ],
        "pools": [
            CompiledPool(name="main", concurrency_per_worker=2, max_replicas=4, drain_seconds=10)
        ],
        "models": [
            CompiledModel(
                model_class="small",
                targets=[
                    CompiledTarget(provider=names.provider, model="tiny"),
                    CompiledTarget(provider=names.fallback, model="tiny-two"),
                ],
            )
        ],
        "retry": CompiledRetry(max_attempts=3, initial_seconds=0.01, max_seconds=0.05),
        "run_seconds": 600,
        "result_seconds": 600,
    }
    return CompiledPipeline(**{**fields, **changes}).sealed()


def key_of(text: str) -> tuple[str, str]:
    """A slot's key and its hash, from any text."""
    key = hashlib.sha256(text.encode()).hexdigest()
    return key, hashlib.sha256(key.encode()).hexdigest()


@dataclass
class Scene:
    """What a test holds."""

    names: Names
    ledger: Ledger
    operator: Ledger
    app: App
    url: str
    http: httpx.AsyncClient
    pipeline: CompiledPipeline

    @property
    def runs(self) -> str:
        return f"/v1/namespaces/{self.names.namespace}/pipelines/draft/runs"

    async def submit(self, value: Any = None, **options: Any) -> httpx.Response:
        return await self.http.post(self.runs, json=value or {"topic": "rivers"}, **options)

    async def run_id(self, value: Any = None) -> str:
        answer = await self.submit(value)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def claim(self, name: str, *, wait: float = 0, slots: int = 1, **more: Any):
        """Claim as a worker would; return the leases."""
        answer = await self.http.post("/v1/work/claim", json=self.wish(name, wait, slots, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()["leases"]

    def slot(self, name: str, number: int = 0) -> str:
        """Keys are found in the whole ledger, so each scene has its own."""
        return f"{self.names.tenant}-{name}-{number}"

    def key(self, name: str, number: int = 0) -> str:
        return key_of(self.slot(name, number))[0]

    def wish(self, name: str, wait: float = 0, slots: int = 1, **more: Any) -> dict[str, Any]:
        return {
            "requestId": name,
            "worker": "worker-1",
            "namespace": self.names.namespace,
            "pipeline": "draft",
            "pool": "main",
            "stepTypes": ["LLM", "HTTP", "Python"],
            "slots": [{"keyHash": key_of(self.slot(name, n))[1]} for n in range(slots)],
            "waitSeconds": wait,
            **more,
        }

    async def complete(self, lease: dict[str, Any], output: Any, name: str, **more: Any):
        item = {"task": lease["task"], "fence": lease["fence"], "output": output, **more}
        body = {"requestId": name, "worker": "worker-1", "items": [item]}
        answer = await self.http.post("/v1/work/complete", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]

    async def run(self, run: str) -> dict[str, Any]:
        answer = await self.http.get(f"{self.runs}/{run}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def chat(self, key: str, **more: Any) -> httpx.Response:
        body = {"model": "small", "messages": [{"role": "user", "content": "hello"}], **more}
        return await self.http.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        )


@asynccontextmanager
async def scene(ledger_server: Any, providers: list[str], **how: Any) -> AsyncIterator[Scene]:
    """Make tenant, providers and pipeline; serve a gateway; clean the connections up."""
    names: Names = how.get("names") or Names()
    pipeline = compiled(names, **how.get("pipeline", {}))
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway")
    operator = await Ledger.connect(ledger_server.operator_url, role="operator", max_size=2)
    upstream = AiohttpUpstream()
    try:
        await operator.put_tenant(
            TenantRow(names.tenant, f"uid-{names.tenant}", (names.namespace,))
        )
        named = [(names.provider, "tiny"), (names.fallback, "tiny-two")]
        for (name, model), endpoint in zip(named, providers, strict=False):
            await operator.put_provider(provider_row(name, endpoint, model, **how.get("spec", {})))
        await operator.put_pipeline(row(pipeline, **how.get("row", {})))
        app = build_app(
            Gateway(
                ledger=ledger,
                identity=how.get("identity") or DevIdentity(SecretStr(KEY), tenant=names.tenant),
                secrets=how.get("secrets") or StaticSecrets(),
                upstream=upstream,
                clock=Clock(now=now),
                options=how.get("options") or Options(),
                sender=how.get("sender"),
            )
        )
        async with (
            app.background(),
            listening(app) as url,
            httpx.AsyncClient(
                base_url=url,
                headers={"authorization": f"Bearer {KEY}"},
                timeout=30,
                trust_env=False,
            ) as http,
        ):
            yield Scene(names, ledger, operator, app, url, http, pipeline)
    finally:
        await upstream.close()
        await operator.close()
        await ledger.close()
