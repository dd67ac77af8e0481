"""One running step, and what has stopped it, if anything has."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from headrace_contract.failures import ErrorClass
from headrace_worker.steps.judge import Failed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from headrace_contract.protocol import BeatOutcome
    from headrace_worker.steps.judge import Verdict


class Holding:
    """Keeps the step in a task of its own, so that stopping it does not stop its settlement."""

    def __init__(self, step: Coroutine[None, None, Verdict]) -> None:
        self._running = asyncio.create_task(step)
        self._loop = asyncio.get_running_loop()
        self._stopped: BeatOutcome | None = None

    def stop(self, why: BeatOutcome) -> None:
        """Stop the step; the first reason counts, and a step that has ended keeps its verdict."""
        if self._stopped is None and not self._running.done():
            self._stopped = why
            self._running.cancel()

    def tell(self, why: BeatOutcome) -> None:
        """Do the same from another thread."""
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self.stop, why)

    async def end(self) -> Verdict | BeatOutcome:
        """Wait for the step to end by itself or by a stop."""
        try:
            await asyncio.wait({self._running})
        except asyncio.CancelledError:
            self._running.cancel()
            raise
        if not self._running.cancelled():
            return self._running.result()
        return self._stopped or Failed(ErrorClass.STEP_ERROR, "The step cancelled itself.")
