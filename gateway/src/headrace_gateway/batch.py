"""Group commit: what arrives in one turn of the event loop goes to the ledger as one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from headrace_gateway.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

I = TypeVar("I")  # noqa: E741 -- I for item, O for outcome
O = TypeVar("O")  # noqa: E741 -- see above

LARGEST: Final = 512
PARALLEL: Final = 2
WAITING: Final = 20_000


class Batcher(Generic[I, O]):
    """Joins the items of concurrent callers; a lone caller waits for nobody.

    While the ledger answers one batch, the next one gathers. When it stalls, the pile is bounded.
    """

    def __init__(
        self, verb: Callable[[Sequence[I]], Awaitable[Sequence[O]]], largest: int = LARGEST
    ) -> None:
        self._verb = verb
        self._largest = largest
        self._queue: list[tuple[I, asyncio.Future[O]]] = []
        self._flushes: set[asyncio.Task[None]] = set()

    async def put(self, items: Sequence[I]) -> list[O]:
        """Return one outcome per item, in order."""
        if len(self._queue) + len(items) > WAITING:
            message = "The gateway has more work than the ledger takes; try again."
            raise UnavailableError(message)
        loop = asyncio.get_running_loop()
        waits = [(item, loop.create_future()) for item in items]
        self._queue.extend(waits)
        self._start()
        # Not cancelled with the caller: the outcome is in the ledger whether or not it is awaited.
        return list(await asyncio.gather(*(asyncio.shield(future) for _, future in waits)))

    def _start(self) -> None:
        if self._queue and len(self._flushes) < PARALLEL:
            task = asyncio.get_running_loop().create_task(self._flush())
            self._flushes.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._flushes.discard(task)
        self._start()

    async def _flush(self) -> None:
        batch, self._queue = self._queue[: self._largest], self._queue[self._largest :]
        if not batch:
            return
        try:
            outcomes = await self._verb([item for item, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        except BaseException as exc:
            for _, future in batch:
                if not future.done():
                    future.set_exception(exc)
                    future.exception()  # read: a caller that went away must not leave a warning
            if not isinstance(exc, Exception):
                raise
