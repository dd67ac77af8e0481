"""Providers that nobody may call for a while: they asked for it, have nothing left, or fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_ledger.call import Verbs

if TYPE_CHECKING:
    from datetime import datetime

CIRCUIT_OPEN: Final = "CircuitOpen"
"""The reason of a cool-down that failures brought about."""
PROVIDER_EXHAUSTED: Final = "ProviderExhausted"
"""The reason of a cool-down of a model of which its provider says that nothing is left."""


def of_model(provider: str, model: str) -> str:
    """Name one model of a provider where a whole provider may be named."""
    return f"{provider}/{model}"


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A provider that nobody may call, until when (by the ledger's clock) and why."""

    provider: str
    """Its name, or `provider/model` where only that model is meant."""
    until: datetime
    reason: str


class Cooldowns(Verbs):
    """The verbs of cool-downs; each is in force for every gateway at its next call."""

    async def cool_down(self, provider: str, seconds: float, reason: str) -> None:
        """Let nobody call a provider, or a model of it, for a while; the longest pause stands."""
        await self._caller.rows("cool_down", provider, seconds, reason)

    async def open_circuit(self, provider: str, seconds: float, most_seconds: float) -> None:
        """Let nobody call a provider that fails; twice as long each time in a row, up to the most.

        A circuit that is open already stays as it is.
        """
        await self._caller.rows("open_circuit", provider, seconds, most_seconds)

    async def close_circuit(self, provider: str) -> bool:
        """Say that a provider has answered; return False if its circuit is open meanwhile."""
        return bool(await self._caller.value("close_circuit", provider))

    async def cooldowns(self) -> list[Cooldown]:
        """Return every provider that may not be called at this moment, by name."""
        return [Cooldown(*row) for row in await self._caller.rows("cooldowns")]
