"""Due keys: each once, never in two passes at a time, later each time it fails."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import timedelta

    from headrace_operator.model.resource import Key

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 300.0


class WorkQueue:
    """
    Every event, child, resync and retry ends here as a key.

    A key that is added while it is in a pass is due again when that pass ends.
    """

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance
        self._ready: dict[Key, float] = {}
        """Due keys in the order in which they came, and since when."""
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()

    def add(self, key: Key) -> None:
        """Make a key due now."""
        self._cancel(key)
        if key in self._busy:
            self._again.add(key)
            return
        self._ready.setdefault(key, self._clock())
        self._wake.set()

    def again(self, key: Key, after: timedelta) -> None:
        """Make a key due after a time, unless it is due sooner."""
        loop = asyncio.get_running_loop()
        when = loop.time() + after.total_seconds()
        timer = self._timers.get(key)
        if key in self._ready or key in self._again or (timer and timer.when() <= when):
            return
        self._cancel(key)
        self._timers[key] = loop.call_at(when, self._due, key)

    def failed(self, key: Key) -> float:
        """Say how long to wait after one more failure: doubled each time, jittered, capped."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(count, 16))
        return longest * (0.5 + 0.5 * self._chance())

    def succeeded(self, key: Key) -> None:
        self._failures.pop(key, None)

    def hurry(self) -> None:
        """Make every key due now that waits after a failure: what was away is back."""
        for key in list(self._failures):
            self.add(key)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Key]:
        """Lend the key that waits longest; it is in no other pass until this one ends."""
        while not self._ready:
            self._wake.clear()
            await self._wake.wait()
        key = next(iter(self._ready))
        del self._ready[key]
        self._busy.add(key)
        try:
            yield key
        finally:
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def busy(self, key: Key) -> bool:
        """Say whether a pass over this key is under way."""
        return key in self._busy

    def depth(self) -> int:
        return len(self._ready)

    def idle(self) -> bool:
        """Say whether nothing is due now and no pass is under way."""
        return not self._ready and not self._busy

    def age(self) -> float:
        """Say how long the oldest due key has waited."""
        return self._clock() - min(self._ready.values()) if self._ready else 0.0

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
