"""Batches: joined while they wait for each other anyway, and split when one of them fails."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from headrace_ledger.edge import Record, flaw
from headrace_ledger.errors import LedgerError, LedgerUnavailableError, SchemaTooOldError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class OfTenant(Record, Protocol):
    """An item of a batch."""

    @property
    def tenant(self) -> str: ...


I = TypeVar("I", bound=OfTenant)  # noqa: E741 -- an item
O = TypeVar("O")  # noqa: E741 -- its outcome

MAX_BATCH: Final = 512
MAX_FLIGHTS: Final = 4
"""Batches of one verb under way at once; what comes meanwhile shares the next commit."""


async def each(
    items: Sequence[I],
    verb: Callable[[Sequence[I]], Awaitable[list[O]]],
    invalid: Callable[[I, str], O],
) -> list[O]:
    """Run a batch verb so that no item can harm another: one outcome per item, in order.

    What cannot be stored is refused before; a batch that fails all the same is split by tenant,
    then item by item, under the same request ids. Only an unreachable ledger raises.
    """
    outcomes: dict[int, O] = {}
    good: list[int] = []
    for n, item in enumerate(items):
        reason = flaw(item)
        if reason is None:
            good.append(n)
        else:
            outcomes[n] = invalid(item, reason)
    await _split(items, good, verb, invalid, outcomes)
    return [outcomes[n] for n in range(len(items))]


async def _split(
    items: Sequence[I],
    chosen: list[int],
    verb: Callable[[Sequence[I]], Awaitable[list[O]]],
    invalid: Callable[[I, str], O],
    outcomes: dict[int, O],
) -> None:
    if not chosen:
        return
    try:
        done = await verb([items[n] for n in chosen])
    except (LedgerUnavailableError, SchemaTooOldError):
        raise
    except LedgerError as exc:
        if len(chosen) == 1:
            outcomes[chosen[0]] = invalid(items[chosen[0]], str(exc))
            return
        for part in _parts(items, chosen):
            await _split(items, part, verb, invalid, outcomes)
    else:
        outcomes.update(zip(chosen, done, strict=True))


def _parts(items: Sequence[I], chosen: list[int]) -> list[list[int]]:
    """Split by tenant; a batch of one tenant is split item by item."""
    by_tenant = sorted(chosen, key=lambda n: items[n].tenant)
    parts = [list(g) for _, g in groupby(by_tenant, key=lambda n: items[n].tenant)]
    return parts if len(parts) > 1 else [[n] for n in chosen]


class Joined(Generic[I, O]):
    """Join the calls of one event-loop turn into one batch: they share a statement and a commit.

    A lone call waits for nobody. While `MAX_FLIGHTS` batches are under way, later calls gather.
    """

    def __init__(self, verb: Callable[[Sequence[I]], Awaitable[list[O]]]) -> None:
        self._verb = verb
        self._waiting: list[tuple[I, asyncio.Future[O]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._due = False

    async def call(self, item: I) -> O:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[O] = loop.create_future()
        self._waiting.append((item, future))
        if not self._due and len(self._flights) < MAX_FLIGHTS:
            self._due = True
            loop.call_soon(self._take_off)
        return await future

    def _take_off(self) -> None:
        self._due = False
        batch = [(i, f) for i, f in self._waiting[:MAX_BATCH] if not f.done()]
        del self._waiting[:MAX_BATCH]
        if batch:
            flight = asyncio.get_running_loop().create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._take_off)

    async def _fly(self, batch: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            outcomes = await self._verb([item for item, _ in batch])
        except BaseException as exc:  # noqa: BLE001 -- every caller gets it
            for _, future in batch:
                if not future.done():
                    future.set_exception(_same(exc))
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)


def _same(exc: BaseException) -> BaseException:
    """Give every caller an exception of its own: a shared one would gather all their tracebacks."""
    if isinstance(exc, LedgerError):
        return type(exc)(*exc.args)
    return LedgerUnavailableError("the ledger is being closed")
