"""The worker of each pool, in this process; user code runs in children of it, as in a pod."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from headrace_cli.errors import CliError
from headrace_cli.local.stack import Stack
from headrace_contract.compiled import CompiledPipeline, CompiledPool
from headrace_contract.resources.pools import Pool
from headrace_worker.connect import connect
from headrace_worker.consume import Worker
from headrace_worker.profile import Profile
from headrace_worker.world import World

_OWN: Final = ("HEADRACE_", "OPENAI_")
_DRAIN_SECONDS: Final = 0.5


def environment_of(pool: Pool, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """
    Return what a worker of the pool sees.

    The shell's variables stand for the Secrets of `envFrom`, and the pipeline's folder for the
    image that carries its modules.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(_OWN)}
    path = os.pathsep.join([str(folder), *filter(None, [kept.get("PYTHONPATH")])])
    return {**kept, **{one.name: one.value for one in pool.env}, "PYTHONPATH": path}


@asynccontextmanager
async def workers(
    stack: Stack, compiled: CompiledPipeline, environments: Mapping[str, Mapping[str, str]]
) -> AsyncIterator[None]:
    """
    Run a worker for each pool while the block lasts.

    A command that fails in the block says so itself: inside the group it would become one of a
    group of errors, which is for what breaks in a worker.
    """
    failed: CliError | None = None
    async with asyncio.TaskGroup() as group:
        started = []
        for pool in compiled.pools:
            world = connect(stack.gateway_url, stack.key.get_secret_value, environments[pool.name])
            worker = Worker(_profile(compiled, pool), world)
            started.append(worker)
            group.create_task(_run(worker, world))
        try:
            yield
        except CliError as exc:
            failed = exc
        finally:
            for worker in started:
                worker.drain()
    if failed is not None:
        raise failed


async def _run(worker: Worker, world: World) -> None:
    try:
        await worker.run()
    finally:
        await world.close()


def _profile(compiled: CompiledPipeline, pool: CompiledPool) -> Profile:
    return Profile(
        namespace=compiled.namespace,
        pipeline=compiled.name,
        pool=pool.name,
        worker=f"dev-{pool.name}-{compiled.generation}",
        concurrency=pool.concurrency_per_worker,
        drain_seconds=_DRAIN_SECONDS,
        allow_loopback=True,
    )
