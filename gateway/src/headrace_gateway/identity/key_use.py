"""When API keys were last used: noted in memory as they come, written apart from any answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTE_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 10.0
KEYS_KEPT: Final = 20_000
AT_ONCE: Final = 500


class Touched(Protocol):
    """What is told to the ledger here."""

    async def touch_api_keys(self, used: Sequence[tuple[str, str]]) -> int: ...


class KeyUse:
    """Each key once a minute at most; what a gateway had not written when it ended is not known."""

    def __init__(self, ledger: Touched, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._monotonic = monotonic
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._due: dict[tuple[str, str], None] = {}

    def note(self, tenant: str, key: str) -> None:
        """Remember that a verified key was used; costs a look into a dictionary."""
        now, used = self._monotonic(), (tenant, key)
        if now - self._noted.get(used, float("-inf")) < NOTE_SECONDS:
            return
        self._noted[used] = now
        self._noted.move_to_end(used)
        self._due[used] = None
        while len(self._noted) > KEYS_KEPT:
            forgotten, _ = self._noted.popitem(last=False)
            self._due.pop(forgotten, None)

    async def write(self) -> None:
        """Tell the ledger, a bounded number at a time; what it does not take is told again."""
        while self._due:
            used = list(self._due)[:AT_ONCE]
            try:
                await self._ledger.touch_api_keys(used)
            except LedgerError:
                return
            for each in used:
                self._due.pop(each, None)

    async def run(self) -> None:
        """Write every ten seconds, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()
