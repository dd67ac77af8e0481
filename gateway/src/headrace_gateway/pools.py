"""The pools and compiled versions that this gateway knows, kept for moments."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from headrace_contract.compiled import CompiledPipeline
from headrace_contract.names import may_be_pipeline_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from headrace_gateway.clock import Clock
    from headrace_gateway.identity.caller import Account
    from headrace_ledger.declared import PipelineRecord, PoolRecord

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

POOLS_SECONDS: Final = 5.0
POOLS_AGAIN_SECONDS: Final = 0.2
PIPELINE_SECONDS: Final = 1.0
VERSIONS_KEPT: Final = 256


class Kept(Generic[K, V]):
    """Remembers what was found for a moment; asks once for all who ask at the same time.

    What was not found is not remembered: it may be there a moment later.
    """

    def __init__(
        self,
        find: Callable[[K], Awaitable[V | None]],
        seconds: float,
        monotonic: Callable[[], float],
        most: int = 4096,
    ) -> None:
        self._find = find
        self._seconds = seconds
        self._monotonic = monotonic
        self._most = most
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._asked: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K) -> V | None:
        known = self._known.get(key)
        if known and self._monotonic() - known[0] < self._seconds:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(key))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    async def _ask(self, key: K) -> V | None:
        asked_at = self._monotonic()
        found = await self._find(key)
        self._known.pop(key, None)
        if found is not None:
            self._known[key] = (asked_at, found)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found

    def _answered(self, key: K, task: asyncio.Task[V | None]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # read: the caller may have gone

    def forget(self, key: K) -> None:
        self._known.pop(key, None)


class Catalogue(Protocol):
    """What is read of the ledger here."""

    async def pools(self) -> Sequence[PoolRecord]: ...
    async def pipeline(self, namespace: str, name: str) -> PipelineRecord | None: ...
    async def version(self, tenant: str, digest: str) -> str | None: ...


class PoolBook:
    """All pools by the name that workers and KEDA use; a miss looks again, but not too often."""

    def __init__(self, ledger: Catalogue, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._by_name: dict[tuple[str, str, str], PoolRecord] = {}
        self._workers: dict[tuple[str, str, str], int] = {}
        self._names: set[tuple[str, str]] = set()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def find(self, namespace: str, pipeline: str, pool: str) -> PoolRecord | None:
        await self._refresh(POOLS_SECONDS)
        key = (namespace, pipeline, pool)
        if key not in self._by_name:
            await self._refresh(POOLS_AGAIN_SECONDS)
        return self._by_name.get(key)

    async def pipeline_of(self, tenant: str, account: Account) -> int | None:
        """Return the ledger's id of the pipeline whose workers run as this very account."""
        await self._refresh(POOLS_SECONDS)
        key = (tenant, account.namespace, account.uid)
        if key not in self._workers and self.is_workers_name(account):
            await self._refresh(POOLS_AGAIN_SECONDS)
        return self._workers.get(key)

    def is_workers_name(self, account: Account) -> bool:
        """Say whether an account has a name that only workers have, be it an old one of them."""
        return may_be_pipeline_name(account.name) or (
            (account.namespace, account.name) in self._names
        )

    async def all(self) -> list[PoolRecord]:
        await self._refresh(POOLS_SECONDS)
        return list(self._by_name.values())

    async def _refresh(self, older_than: float) -> None:
        if self._clock.monotonic() - self._read_at < older_than:
            return
        asked_at = self._clock.monotonic()
        async with self._reading:
            if self._read_at >= asked_at:  # somebody read while we waited
                return
            now = self._clock.monotonic()
            pools = await self._ledger.pools()
            self._by_name = {(pool.namespace, pool.pipeline, pool.pool): pool for pool in pools}
            self._workers = {
                (pool.tenant, pool.namespace, pool.service_account_uid): pool.pipeline_id
                for pool in pools
                if pool.service_account_uid
            }
            self._names = {(pool.namespace, pool.service_account) for pool in pools}
            self._read_at = now


class Versions:
    """Compiled pipelines by digest: as text for workers, parsed for the door itself."""

    def __init__(self, ledger: Catalogue, clock: Clock) -> None:
        self._ledger = ledger
        self._texts: Kept[tuple[str, str], str] = Kept(
            self._text, float("inf"), clock.monotonic, VERSIONS_KEPT
        )
        self._parsed: Kept[tuple[str, str], CompiledPipeline] = Kept(
            self._parse, float("inf"), clock.monotonic, VERSIONS_KEPT
        )

    async def text(self, tenant: str, digest: str) -> str | None:
        return await self._texts.get((tenant, digest))

    async def parsed(self, tenant: str, digest: str) -> CompiledPipeline | None:
        return await self._parsed.get((tenant, digest))

    async def _text(self, key: tuple[str, str]) -> str | None:
        return await self._ledger.version(*key)

    async def _parse(self, key: tuple[str, str]) -> CompiledPipeline | None:
        text = await self.text(*key)
        return None if text is None else CompiledPipeline.model_validate_json(text)
