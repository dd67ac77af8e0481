"""Model calls that are under way, and what ends them early: a fence that moved, a cancelled run."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from headrace_contract.protocol import BeatOutcome
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator
    from uuid import UUID

    from headrace_gateway.models.limited import LimitFailure
    from headrace_gateway.models.metering import Wanted
    from headrace_ledger.records import KeyedLease

T = TypeVar("T")


class CutError(Exception):
    """The call was ended from outside: the fence moved, the run was cancelled, the caller went."""

    def __init__(self, outcome: BeatOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class NeverMadeError(CutError):
    """It was ended before anything was sent."""


class Live:
    """One call under way. Every wait for the provider goes through `within`, so it can be cut."""

    def __init__(self) -> None:
        self.lease: KeyedLease | None = None
        self.wanted: Wanted | None = None
        """What it may use of its provider at most, once it is being made."""
        self.drained: LimitFailure | None = None
        """Why it was ended, where its step is to wait."""
        self._cut: BeatOutcome | None = None
        self._scope: asyncio.Timeout | None = None

    def drain(self, why: LimitFailure) -> None:
        """End it; its step is to wait for what stands in its way."""
        if self._cut is None:
            self.drained = why
            self.cut(BeatOutcome.INTERRUPT)

    def cut(self, outcome: BeatOutcome = BeatOutcome.LOST) -> None:
        if self._cut is not None:
            return
        self._cut = outcome
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def before_it_is_made(self) -> None:
        """Raise NeverMadeError where it has been cut: what `within` begins it also sends."""
        if self._cut is not None:
            raise NeverMadeError(self._cut)

    async def within(self, deadline: float, wait: Awaitable[T]) -> T:
        """Await until the loop's time `deadline`; raise TimeoutError then, CutError when cut."""
        scope = asyncio.timeout_at(deadline)
        try:
            async with scope:
                if self._cut is not None:
                    scope.reschedule(asyncio.get_running_loop().time())
                self._scope = scope
                return await wait
        except TimeoutError as exc:
            if self._cut is not None:
                raise CutError(self._cut) from exc
            raise
        finally:
            self._scope = None


class Asked(Protocol):
    """What is asked of the ledger here."""

    async def check_fence(self, tenant: str, task: UUID, fence: int) -> str: ...


class Drains(Protocol):
    """Ends calls that must not go on."""

    async def look(self, lives: Iterable[Live]) -> None: ...


class Calls:
    """All calls under way in this process."""

    def __init__(self, ledger: Asked, draining: Drains, every: float) -> None:
        self._ledger = ledger
        self._draining = draining
        self._every = every
        self._by_task: dict[UUID, set[Live]] = defaultdict(set)
        self._by_run: dict[UUID, set[Live]] = defaultdict(set)
        self._due = asyncio.Event()
        self._runs_due: set[UUID] = set()

    def __len__(self) -> int:
        return sum(len(lives) for lives in self._by_task.values())

    @contextmanager
    def watched(self, live: Live, lease: KeyedLease) -> Iterator[None]:
        """Keep a call where it can be found while it runs."""
        live.lease = lease
        self._by_task[lease.task].add(live)
        self._by_run[lease.run].add(live)
        try:
            yield
        finally:
            _drop(self._by_task, lease.task, live)
            _drop(self._by_run, lease.run, live)

    def cut_task(self, task: UUID, fence: int) -> None:
        """End the calls of this fence and of older ones: the lease is over."""
        for live in tuple(self._by_task.get(task, ())):
            if live.lease is not None and live.lease.fence <= fence:
                live.cut()

    def cut_run(self, run: UUID) -> None:
        for live in tuple(self._by_run.get(run, ())):
            live.cut(BeatOutcome.CANCELLED)

    def doubted(self, task: UUID) -> None:
        """Look at once after the calls of a task whose lease somebody has found to be over."""
        self.happened([live.lease.run for live in self._by_task.get(task, ()) if live.lease])

    def happened(self, runs: Iterable[UUID]) -> None:
        """Look at once after the calls of these runs; another gateway may have cancelled them."""
        mine = {run for run in runs if run in self._by_run}
        if mine:
            self._runs_due |= mine
            self._due.set()

    async def watch(self) -> None:
        """Look after all calls every two seconds, and after those of which we hear at once."""
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._due.wait()
                runs, self._runs_due = self._runs_due, set()
                lives = [live for run in runs for live in self._by_run.get(run, ())]
            except TimeoutError:
                lives = [live for each in self._by_task.values() for live in each]
                await self._draining.look(lives)
            self._due.clear()
            await self._check(lives)

    async def _check(self, lives: list[Live]) -> None:
        leases = {
            (live.lease.tenant, live.lease.task, live.lease.fence) for live in lives if live.lease
        }
        await asyncio.gather(*(self._check_one(*lease) for lease in leases))

    async def _check_one(self, tenant: str, task: UUID, fence: int) -> None:
        try:
            outcome = BeatOutcome(await self._ledger.check_fence(tenant, task, fence))
        except LedgerError:
            return  # unknown is not lost: the call goes on
        if outcome in (BeatOutcome.LOST, BeatOutcome.CANCELLED):
            for live in tuple(self._by_task.get(task, ())):
                if live.lease is not None and live.lease.fence <= fence:
                    live.cut(outcome)


def _drop(where: dict[UUID, set[Live]], key: UUID, live: Live) -> None:
    where[key].discard(live)
    if not where[key]:
        del where[key]
