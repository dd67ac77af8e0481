"""Group commit: what arrives in one turn of the event loop goes to the ledger as one call."""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._queue: deque[tuple[Sequence[I], asyncio.Future[Sequence[O]]]] = deque()
        self._waiting = 0
        self._flushes: set[asyncio.Task[None]] = set()

    async def put(self, items: Sequence[I]) -> list[O]:
        """Return one outcome per item, in order."""
        if self._waiting + len(items) > WAITING:
            message = "The gateway has more work than the ledger takes; try again."
            raise UnavailableError(message)
        loop = asyncio.get_running_loop()
        parts = [items[n : n + self._largest] for n in range(0, len(items), self._largest)]
        waits: list[asyncio.Future[Sequence[O]]] = [loop.create_future() for _ in parts]
        self._queue.extend(zip(parts, waits, strict=True))
        self._waiting += len(items)
        self._start()
        # Not cancelled with the caller: the outcome is in the ledger whether or not it is awaited.
        outcomes = await asyncio.gather(*(asyncio.shield(future) for future in waits))
        return [outcome for part in outcomes for outcome in part]

    def _start(self) -> None:
        if self._queue and len(self._flushes) < PARALLEL:
            task = asyncio.get_running_loop().create_task(self._flush())
            self._flushes.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._flushes.discard(task)
        self._start()

    def _take(self) -> list[tuple[Sequence[I], asyncio.Future[Sequence[O]]]]:
        """Take whole parts for as long as they fit."""
        batch, size = [], 0
        while self._queue and size + len(self._queue[0][0]) <= self._largest:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0])
        self._waiting -= size
        return batch

    async def _flush(self) -> None:
        batch = self._take()
        if not batch:
            return
        try:
            outcomes = await self._verb([item for items, _ in batch for item in items])
            at = 0
            for items, future in batch:
                if not future.done():
                    future.set_result(outcomes[at : at + len(items)])
                at += len(items)
        except BaseException as exc:
            for _, future in batch:
                if not future.done():
                    future.set_exception(exc)
                    future.exception()  # read: a caller that went away must not leave a warning
            if not isinstance(exc, Exception):
                raise
