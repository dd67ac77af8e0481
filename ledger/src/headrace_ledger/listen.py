"""Wake-ups between gateways: a hint on a channel, never the truth.

Payload: `g<sender>`, then `p<id>` and `r<uuid>`, separated by spaces.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

from headrace_ledger.errors import LedgerError, ledger_errors
from headrace_ledger.records import Wake

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from types import TracebackType

    import asyncpg

CHANNEL: Final = "headrace"
SAFETY_SECONDS: Final = 5.0
"""A lost hint costs this much at most."""
COALESCE_SECONDS: Final = 0.01
_MAX_PAYLOAD: Final = 7900  # PostgreSQL: less than 8,000 bytes
_LONGEST_WAIT: Final = 5.0


class Notifier:
    """Send at most one notification per 10 ms; what comes meanwhile goes with the next."""

    def __init__(self, send: Callable[[str], Awaitable[object]], sender: str) -> None:
        self._send = send
        self._sender = sender
        self._words: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, pool_ids: Iterable[int], runs: Iterable[UUID]) -> None:
        self._words |= {f"p{pool}" for pool in pool_ids} | {f"r{run}" for run in runs}
        if self._words and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._words:
                words, self._words = self._words, set()
                for payload in payloads(words):
                    await self._send(f"g{self._sender} {payload}")
                await asyncio.sleep(COALESCE_SECONDS)
        except LedgerError:
            self._words.clear()  # a hint only: whoever missed it looks again within seconds
        finally:
            self._task = None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def payloads(words: Iterable[str]) -> list[str]:
    """Pack words into as few payloads as PostgreSQL's limit allows."""
    packed: list[str] = []
    for word in sorted(words):
        if packed and len(packed[-1]) + 1 + len(word) <= _MAX_PAYLOAD:
            packed[-1] += f" {word}"
        else:
            packed.append(word)
    return packed


def parse(payload: str) -> Wake:
    """Read a payload; words of a newer version are passed over."""
    words = payload.split(" ")
    pools = frozenset(int(w[1:]) for w in words if w[:1] == "p" and w[1:].isdecimal())
    return Wake(pools, frozenset(UUID(w[1:]) for w in words if w[:1] == "r"))


class Listener:
    """Wakes of the other gateways, over a connection of its own that is made again when it breaks.

    What `own` sent is passed over: it woke its own waiters when it sent it. After each connect,
    and every 5 s, comes a `resync`: look for yourself.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], rng: random.Random, own: str
    ) -> None:
        self._connect = connect
        self._rng = rng
        self._own = f"g{own} "
        self._wakes: asyncio.Queue[Wake] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def __aiter__(self) -> AsyncIterator[Wake]:
        return self

    async def __anext__(self) -> Wake:
        """Return what has come since the last call, as one wake."""
        try:
            wakes = [await asyncio.wait_for(self._wakes.get(), SAFETY_SECONDS)]
        except TimeoutError:
            return Wake(resync=True)
        while not self._wakes.empty():
            wakes.append(self._wakes.get_nowait())
        return Wake(
            frozenset().union(*(w.pool_ids for w in wakes)),
            frozenset().union(*(w.runs for w in wakes)),
            any(w.resync for w in wakes),
        )

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                with ledger_errors():
                    await self._listen_until_it_breaks()
                failures = 0
            except LedgerError:
                failures += 1
            await asyncio.sleep(self._rng.random() * min(_LONGEST_WAIT, 0.1 * 2**failures))

    async def _listen_until_it_breaks(self) -> None:
        gone = asyncio.Event()
        con = await self._connect()
        try:
            con.add_termination_listener(lambda _: gone.set())
            await con.add_listener(CHANNEL, self._heard)
            self._wakes.put_nowait(Wake(resync=True))
            while not gone.is_set():
                try:
                    await asyncio.wait_for(gone.wait(), SAFETY_SECONDS)
                except TimeoutError:
                    # A peer that vanished without a word would be listened to for ever.
                    await con.execute("SELECT 1", timeout=SAFETY_SECONDS)
        finally:
            con.terminate()

    def _heard(self, _con: Any, _pid: int, _channel: str, payload: object) -> None:
        text = str(payload)
        if not text.startswith(self._own):
            self._wakes.put_nowait(parse(text))
