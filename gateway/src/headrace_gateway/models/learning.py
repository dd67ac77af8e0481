"""Limits that providers say themselves (`limitsFrom: ResponseHeaders`), told to the ledger."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from headrace_gateway.models import rate_headers
from headrace_ledger.cooldowns import PROVIDER_EXHAUSTED, of_model
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_gateway.clock import Clock
    from headrace_gateway.models.targets import Target

REPEAT_SECONDS: Final = 60.0
"""How often a figure that stays the same is told again, so that it is not forgotten."""
CHANGE_SECONDS: Final = 5.0
"""How often at most another one is told."""
MOST_COOL_SECONDS: Final = 600.0
"""Then a call is made all the same: where the window is a day, something is left much earlier."""


class Limits(Protocol):
    """What is told to the ledger here."""

    async def learn_limits(self, provider: str, model: str, most: Mapping[str, int]) -> None: ...


class Cooling(Protocol):
    """Keeps everybody from a provider, or a model of it, for a while."""

    async def cool(self, provider: str, seconds: float, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What was told last of a model, and when."""

    most: Mapping[str, int]
    at: float


class Learning:
    """Listens to every answer; the ledger is asked only where it says something new."""

    def __init__(self, ledger: Limits, cooling: Cooling, clock: Clock) -> None:
        self._ledger = ledger
        self._cooling = cooling
        self._clock = clock
        self._told: dict[tuple[str, str], Told] = {}

    async def heard(self, target: Target, headers: Mapping[str, str], prompt: int) -> None:
        """Take what a provider said with an answer to a prompt of so many tokens."""
        if not target.learns:
            return
        said = rate_headers.read(headers, self._clock.now)
        seconds = min(rate_headers.exhausted(said, prompt), MOST_COOL_SECONDS)
        if seconds > 0:
            model = of_model(target.provider, target.model)
            await self._cooling.cool(model, seconds, PROVIDER_EXHAUSTED)
        await self._tell(target, rate_headers.most(said))

    async def _tell(self, target: Target, most: Mapping[str, int]) -> None:
        key, now = (target.provider, target.model), self._clock.monotonic()
        last = self._told.get(key)
        if not most or (last is not None and now < last.at + _pause(last, most)):
            return
        self._told[key] = Told(most, now)
        with suppress(LedgerError):  # it is told again
            await self._ledger.learn_limits(*key, most)


def _pause(last: Told, most: Mapping[str, int]) -> float:
    return REPEAT_SECONDS if last.most == most else CHANGE_SECONDS
