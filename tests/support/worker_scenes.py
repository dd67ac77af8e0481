"""Pipelines, worlds and running workers for the worker's tests."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace_contract.compiled import (
    CompiledEgress,
    CompiledHeader,
    CompiledHTTP,
    CompiledLLM,
    CompiledModel,
    CompiledPipeline,
    CompiledPool,
    CompiledPython,
    CompiledRetry,
    CompiledStep,
    CompiledTarget,
)
from headrace_worker.consume import Worker
from headrace_worker.profile import Profile
from headrace_worker.testing import MemoryDoor, ScriptedModel
from headrace_worker.world import World

PATIENCE = 10.0
OF_ANY_STEP = ("when", "timeout_seconds", "output_schema")


def llm(
    name: str, prompt: str = "Say it.", *, after: Iterable[str] = (), **more: Any
) -> CompiledStep:
    step = {key: more.pop(key) for key in OF_ANY_STEP if key in more}
    ask = CompiledLLM(model_class="small", prompt=prompt, max_tokens=64, **more)
    return _step(name, "LLM", after, llm=ask, **step)


def http(name: str, url: str, *, after: Iterable[str] = (), **more: Any) -> CompiledStep:
    step = {key: more.pop(key) for key in OF_ANY_STEP if key in more}
    headers = [CompiledHeader(**header) for header in more.pop("headers", ())]
    asked = {"method": "GET", "success_codes": [200, 201, 202, 204], **more}
    return _step(name, "HTTP", after, http=CompiledHTTP(url=url, headers=headers, **asked), **step)


def python(name: str, function: str, *, after: Iterable[str] = (), **more: Any) -> CompiledStep:
    return _step(name, "Python", after, python=CompiledPython(function=function), **more)


def _step(name: str, kind: Any, after: Iterable[str], **more: Any) -> CompiledStep:
    given = {"pool": "main", "timeout_seconds": 60.0, **more}
    return CompiledStep(name=name, type=kind, depends_on=list(after), **given)


def pipeline(*steps: CompiledStep, **more: Any) -> CompiledPipeline:
    given = {
        "tenant": "acme",
        "namespace": "team",
        "name": "essay",
        "uid": "00000000-0000-0000-0000-000000000001",
        "generation": 1,
        "input_max_bytes": 262144,
        "pools": [
            CompiledPool(name="main", concurrency_per_worker=4, max_replicas=1, drain_seconds=10)
        ],
        "models": [
            CompiledModel(
                model_class="small", targets=[CompiledTarget(provider="mock", model="mock-small")]
            )
        ],
        "retry": CompiledRetry(max_attempts=2, initial_seconds=0, max_seconds=0),
        "run_seconds": 3600,
        "result_seconds": 3600,
        **more,
    }
    return CompiledPipeline(steps=list(steps), **given).sealed()


def egress(
    cidr: str | None = None, namespace: str | None = None, ports: Iterable[int] = (443,)
) -> CompiledEgress:
    return CompiledEgress(cidr=cidr, namespace=namespace, ports=list(ports))


PROFILE = Profile(
    namespace="team",
    pipeline="essay",
    pool="main",
    worker="worker-1",
    drain_seconds=5.0,
    poll_seconds=5.0,
)


@dataclass
class Scene:
    """One worker at a door in memory."""

    door: MemoryDoor = field(default_factory=lambda: MemoryDoor(time.monotonic))
    model: ScriptedModel = field(default_factory=ScriptedModel)
    profile: Profile = PROFILE
    environ: Mapping[str, str] = field(default_factory=dict)
    base_url: str = "http://127.0.0.1:1/v1"
    keys: list[str] = field(default_factory=list)

    def with_profile(self, **changes: Any) -> Scene:
        self.profile = replace(self.profile, **changes)
        return self

    def world(self) -> World:
        return World(
            door=self.door,
            models=self.model,
            monotonic=time.monotonic,
            rng=random.Random(7),
            new_key=self._new_key,
            environ=self.environ,
            base_url=self.base_url,
        )

    def _new_key(self) -> str:
        self.keys.append(secrets.token_hex(32))
        return self.keys[-1]

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """Run a worker; drain it at the end, whatever has happened."""
        worker = Worker(self.profile, self.world())
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.drain()
            async with asyncio.timeout(PATIENCE):
                await running


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until a condition, which may be async, holds; fail at the deadline."""
    async with asyncio.timeout(patience):
        while True:
            found = condition()
            found = await found if inspect.isawaitable(found) else found
            if found:
                return found
            await asyncio.sleep(0.005)


async def finished(run: Any, patience: float = PATIENCE) -> Any:
    """Wait for the end of a run in memory; return it."""
    await until(lambda: run.status != "running", patience)
    return run
