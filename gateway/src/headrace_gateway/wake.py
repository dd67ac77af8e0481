"""Who waits for what: claims for pools, streams and `?wait=` for runs; woken in process first."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID


class Notifier(Protocol):
    """Tells the other gateways; at most one notice per 10 ms, and nobody waits for it."""

    async def notify(self, pool_ids: Iterable[int] = (), runs: Iterable[UUID] = ()) -> None: ...


class Bell:
    """One waiter for one thing that may happen, any number of times."""

    __slots__ = ("_any", "_rung")

    def __init__(self) -> None:
        self._any = asyncio.Event()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something happened that the ledger knows."""
        self._rung.set()
        self._any.set()

    def nudge(self) -> None:
        """Something is to be told that is in no ledger."""
        self._any.set()

    async def heard(self, seconds: float) -> bool:
        """Wait to be woken; say whether the ledger is worth a look, which a mere nudge is not."""
        if not await _within(self._any, seconds):
            return True
        self._any.clear()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    async def rung(self, seconds: float) -> bool:
        """Wait for a ring alone."""
        rung = await _within(self._rung, seconds)
        self._rung.clear()
        return rung


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class Wakes:
    """The bells of this process, by pool and by run."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._runs: dict[UUID, set[Bell]] = defaultdict(set)
        self._ends: dict[UUID, set[Bell]] = defaultdict(set)
        self._pool_hooks: list[Callable[[Iterable[int] | None], None]] = []
        self._run_hooks: list[Callable[[Iterable[UUID]], None]] = []
        self._untold_pools: set[int] = set()
        self._untold_runs: set[UUID] = set()
        self._telling: asyncio.Task[None] | None = None
        self.stopping = asyncio.Event()

    def on_pools(self, hook: Callable[[Iterable[int] | None], None]) -> None:
        """Call this whenever pools may have become runnable; None means any of them."""
        self._pool_hooks.append(hook)

    def on_runs(self, hook: Callable[[Iterable[UUID]], None]) -> None:
        """Call this whenever something happened to runs."""
        self._run_hooks.append(hook)

    def run(self, run: UUID) -> AbstractContextManager[Bell]:
        """Hear of everything that happens to a run; also rung when the gateway stops."""
        return _among(self._runs, run)

    def end(self, run: UUID) -> AbstractContextManager[Bell]:
        """Hear of the end of a run: rung when it is over, nudged when it may be."""
        return _among(self._ends, run)

    def hear(self, pool_ids: Iterable[int], runs: Iterable[UUID]) -> None:
        """Wake who waits here for what another gateway has told."""
        happened = tuple(runs)
        self._ring(tuple(pool_ids), happened)
        for run in happened:
            for bell in self._ends.get(run, ()):
                bell.nudge()

    def tell(
        self, pool_ids: Iterable[int], runs: Iterable[UUID] = (), *, going_on: bool = False
    ) -> None:
        """Wake who waits here, and have the other gateways do the same; wait for neither.

        `going_on` says that none of the runs is over.
        """
        pools, happened = tuple(pool_ids), tuple(runs)
        if not pools and not happened:
            return
        self._ring(pools, happened)
        if not going_on:
            for run in happened:
                _ring(self._ends, run)
        self._untold_pools.update(pools)
        self._untold_runs.update(happened)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        try:
            while self._untold_pools or self._untold_runs:
                pools, self._untold_pools = self._untold_pools, set()
                runs, self._untold_runs = self._untold_runs, set()
                # A lost notice is made good by the listeners' safety look.
                with suppress(LedgerError):
                    await self._notifier.notify(pools, runs)
        finally:
            self._telling = None

    def ring_all(self) -> None:
        """Wake everybody: after a gap in the notices nobody knows what happened."""
        for pool_hook in self._pool_hooks:
            pool_hook(None)
        self._ring((), tuple(self._runs))
        for run in tuple(self._ends):
            _ring(self._ends, run)

    def stop(self) -> None:
        self.stopping.set()
        self.ring_all()

    def _ring(self, pools: Sequence[int], happened: Sequence[UUID]) -> None:
        if pools:
            for pool_hook in self._pool_hooks:
                pool_hook(pools)
        for run in happened:
            _ring(self._runs, run)
        if happened:
            for run_hook in self._run_hooks:
                run_hook(happened)


@contextmanager
def _among(bells: dict[UUID, set[Bell]], run: UUID) -> Iterator[Bell]:
    bell = Bell()
    bells[run].add(bell)
    try:
        yield bell
    finally:
        bells[run].discard(bell)
        if not bells[run]:
            del bells[run]


def _ring(bells: dict[UUID, set[Bell]], run: UUID) -> None:
    for bell in bells.get(run, ()):
        bell.ring()
