"""
Composition root of the worker: settings → world → worker → run.

SIGTERM first, then the imports: they take a second on a small pod, and as process 1 of a container
a program without a handler does not get the signal at all, so it would be killed after its grace.
"""

# ruff: noqa: E402 -- see above
from __future__ import annotations

import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # nothing is held yet

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final

from headrace_worker.connect import connect
from headrace_worker.consume import Worker
from headrace_worker.errors import SettingsError
from headrace_worker.logs import look_up_less, set_up
from headrace_worker.profile import Profile
from headrace_worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

HEALTH_SECONDS: Final = 1.0

log = logging.getLogger("headrace_worker")


def main() -> int:
    set_up(sys.stderr)
    look_up_less()
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as exc:
        log.error("The worker cannot start.", extra={"error": str(exc)})  # noqa: TRY400 -- a stack says nothing here
        return 2
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    world = connect(settings.gateway_url, _token(settings), os.environ)
    worker = Worker(_profile(settings), world)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.drain)
    running = asyncio.create_task(worker.run())
    # Imported after the first answer, as nothing could be said before; but a gateway that is away
    # must not look like a dead worker.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(worker.answered.wait(), HEALTH_SECONDS)
    from headrace_worker.health import Health  # noqa: PLC0415 -- see above

    health = Health(worker.vitals, settings.health_port)
    health.start()
    try:
        await running
    finally:
        health.stop()
        await world.close()


def _profile(settings: Settings) -> Profile:
    return Profile(
        namespace=settings.namespace,
        pipeline=settings.pipeline,
        pool=settings.pool,
        worker=settings.worker,
        concurrency=settings.concurrency,
        drain_seconds=settings.drain_seconds,
        node_cidrs=settings.node_cidrs,
    )


def _token(settings: Settings) -> Callable[[], str]:
    """Read the token anew for each request: the kubelet replaces it long before it expires."""
    path = settings.token_file
    if path is None:
        return lambda: ""
    return lambda: path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
