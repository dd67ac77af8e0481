"""Workers over a real gateway: in this process, and as processes that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx2

from headrace_worker.connect import connect
from headrace_worker.consume import Worker
from headrace_worker.profile import Profile
from worker_gateway import KEY, free_port
from worker_scenes import llm, pipeline, until

SUPPORT = Path(sys.modules["worker_scenes"].__file__ or "").parent
ENVIRON = {**os.environ, "PYTHONPATH": str(SUPPORT)}
THREE = (
    llm("first", "One."),
    llm("second", "After {{ steps.first.output }}", after=["first"]),
    llm("third", "After {{ steps.second.output }}", after=["second"]),
)


def named(*steps, **more):
    """Make a pipeline that no other test has."""
    return pipeline(*steps, name=f"essay-{uuid4().hex[:8]}", uid=str(uuid4()), **more)


@contextlib.asynccontextmanager
async def working(served, compiled, **changes):
    profile = Profile(
        namespace=compiled.namespace,
        pipeline=compiled.name,
        pool="main",
        worker=f"worker-{uuid4().hex[:8]}",
        poll_seconds=5,
        allow_loopback=True,
    )
    world = connect(served.url, lambda: KEY, ENVIRON)
    worker = Worker(replace(profile, **changes), world)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.drain()
        await asyncio.wait_for(running, 20)
        await world.close()


class Process:
    """A worker as a pod runs it."""

    def __init__(self, served, compiled, log, **changes):
        self.health = free_port()
        environ = {
            **ENVIRON,
            "HEADRACE_GATEWAY_URL": served.url,
            "HEADRACE_NAMESPACE": compiled.namespace,
            "HEADRACE_PIPELINE": compiled.name,
            "HEADRACE_POOL": "main",
            "HEADRACE_POD_NAME": f"pod-{uuid4().hex[:8]}",
            "HEADRACE_TOKEN_FILE": str(log.with_suffix(".token")),
            "HEADRACE_HEALTH_PORT": str(self.health),
            "HEADRACE_DRAIN_SECONDS": "1",
            **changes,
        }
        log.with_suffix(".token").write_text(f"{KEY}\n")
        self.log = log
        self._stderr = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "headrace_worker"], env=environ, stderr=self._stderr
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._stderr.close()

    async def ready(self):
        url = f"http://127.0.0.1:{self.health}/readyz"
        async with httpx2.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(url)).status_code == 200
            except httpx2.ConnectError:
                return False

    async def ended(self, patience=15):
        return await asyncio.to_thread(self.process.wait, patience)


async def asked(model, times, patience=20):
    await until(lambda: len(model.requests) >= times, patience)
