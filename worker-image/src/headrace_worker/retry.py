"""The one place where a request to the gateway is tried again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from headrace_worker.errors import DoorUnavailableError

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Insist:
    """
    Try until it works: the caller's request keeps its id, so that a retry finds its own result.

    There is no last attempt. What ends the trying is a cancellation: of the claim by a drain,
    of a settlement by the end of the hand-back time.
    """

    rng: random.Random
    first: float = 0.1
    most: float = 5.0

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        ceiling = self.first
        while True:
            try:
                return await call()
            except DoorUnavailableError as exc:
                # Full jitter: a thousand workers must not come back in the same millisecond.
                log.warning("The gateway is not there; trying again.", extra={"error": str(exc)})
                pause = self.rng.uniform(0, ceiling) + min(exc.retry_after or 0, self.most)
            await asyncio.sleep(pause)
            ceiling = min(ceiling * 2, self.most)
