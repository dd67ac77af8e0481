"""Providers that fail, as this gateway sees them; which circuits are open the ledger knows."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from headrace_contract.failures import ErrorClass
from headrace_contract.resources.base import parse_duration
from headrace_gateway.models.ports import UpstreamUnreachableError
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from headrace_gateway.metrics import Metrics
    from headrace_gateway.models.openai_compatible import ProviderFailure
    from headrace_gateway.models.targets import Target

SERVER_ERROR: Final = 500


class Circuits(Protocol):
    """What is told to the ledger here."""

    async def open_circuit(self, provider: str, seconds: float, most_seconds: float) -> None: ...
    async def close_circuit(self, provider: str) -> bool: ...


class Breaker:
    """Opens a circuit after so many failures in a row, and after one where it was open before."""

    def __init__(self, ledger: Circuits, metrics: Metrics) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._failures: Counter[str] = Counter()
        self._doubted: set[str] = set()
        """Providers whose circuit was open, and that have answered nothing since."""

    def doubt(self, provider: str) -> None:
        """Note that the circuit is open, whoever opened it."""
        self._doubted.add(provider)

    async def failed(self, target: Target, failure: ProviderFailure) -> None:
        """Count a failure that is the provider's, and open its circuit if that is one too many."""
        rule = target.breaker
        if rule is None or not _counts(failure):
            return
        provider = target.provider
        self._failures[provider] += 1
        enough = provider in self._doubted or self._failures[provider] >= rule.consecutive_failures
        if not enough:
            return
        del self._failures[provider]
        self.doubt(provider)
        self._metrics.circuits.labels(provider).inc()
        with suppress(LedgerError):  # the next failure tells it again
            await self._ledger.open_circuit(
                provider,
                parse_duration(rule.open_for).total_seconds(),
                parse_duration(rule.max_open_for).total_seconds(),
            )

    async def answered(self, provider: str) -> None:
        """Forget the failures before; the ledger is told only where a circuit was open."""
        self._failures.pop(provider, None)
        if provider not in self._doubted:
            return
        with suppress(LedgerError):
            if await self._ledger.close_circuit(provider):
                self._doubted.discard(provider)


def _counts(failure: ProviderFailure) -> bool:
    """Say whether the provider is ill: no bad request, no limit and no refused key says so."""
    return (
        failure.error_class is ErrorClass.TIMEOUT
        or failure.status >= SERVER_ERROR
        or isinstance(failure.__cause__, UpstreamUnreachableError)
    )
