"""Tells webhooks what is due, on every gateway; the ledger gives each row to one of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from headrace_contract.names import OF_BUDGET
from headrace_gateway.models.ports import SecretMissingError
from headrace_gateway.webhooks.message import event, headers, key_of
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace_gateway.clock import Clock
    from headrace_gateway.metrics import Metrics
    from headrace_gateway.models.ports import SecretReader
    from headrace_ledger.deliveries import Delivery

AT_ONCE: Final = 16


class Outcome(StrEnum):
    """What became of a try, as the metric counts it."""

    DELIVERED = "Delivered"
    REFUSED = "Refused"
    """No webhook may go there."""
    UNREACHABLE = "Unreachable"
    TIMED_OUT = "TimedOut"
    REJECTED = "Rejected"
    """It answered with something else than 2xx."""
    NO_KEY = "NoKey"
    """There is nothing to sign with."""


class UndeliveredError(Exception):
    """A try that failed; the message holds no address of a machine and nothing of an answer."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Sender(Protocol):
    """Posts a message, or raises UndeliveredError."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None: ...


class Due(Protocol):
    """What is read and written of the ledger here."""

    async def claim_deliveries(self, most: int) -> Sequence[Delivery]: ...
    async def delivered(self, delivery: Delivery) -> None: ...


class Deliverer:
    """A row that was claimed is due again by itself, later each time, until it is delivered."""

    def __init__(
        self, ledger: Due, secrets: SecretReader, sender: Sender, clock: Clock, metrics: Metrics
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._secrets = secrets
        self._sender = sender
        self._clock = clock
        self._metrics = metrics
        self._log = structlog.get_logger("headrace.gateway")

    async def run(self, every: float) -> None:
        """Run until cancelled."""
        while True:
            with suppress(LedgerError):  # the sweep tells of a ledger that is away
                await self.turn()
            await asyncio.sleep(every)

    async def turn(self) -> None:
        """Try everything that is due, once."""
        due = await self._ledger.claim_deliveries(AT_ONCE)
        tries = [self._deliver(delivery) for delivery in due]
        for failed in await asyncio.gather(*tries, return_exceptions=True):
            if failed is not None:  # a mistake of ours, which keeps no other from being delivered
                self._log.error("A webhook cannot be told.", error=type(failed).__name__)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._tell(delivery)
        except UndeliveredError as exc:
            self._metrics.webhooks.labels(exc.outcome).inc()
            words = "A webhook is given up." if delivery.last else "A webhook is tried again later."
            self._log.warning(
                words,
                tenant=delivery.tenant,
                budget=delivery.name.removeprefix(OF_BUDGET),
                tries=delivery.tries,
                error=str(exc),
            )
            return
        self._metrics.webhooks.labels(Outcome.DELIVERED).inc()
        with suppress(LedgerError):  # then it is told again: receivers know it by its id
            await self._ledger.delivered(delivery)

    async def _tell(self, delivery: Delivery) -> None:
        webhook = json.loads(delivery.webhook)
        key = await self._key(webhook["secretRef"], fresh=delivery.tries > 1)
        body = event(delivery)
        signed = headers(key, str(delivery.id), body, self._clock.now())
        await self._sender.send(webhook["url"], signed, body)

    async def _key(self, ref: Mapping[str, str], *, fresh: bool) -> bytes:
        try:
            return key_of(await self._secrets.read(ref["name"], ref["key"], fresh=fresh))
        except SecretMissingError as exc:
            raise UndeliveredError(Outcome.NO_KEY, f"{exc}.") from exc
        except ValueError:  # its text may hold what could not be read
            words = (
                f"Key '{ref['key']}' of Secret '{ref['name']}' is no signing key: 24 bytes or"
                " more of text, or of base64 after 'whsec_'."
            )
            raise UndeliveredError(Outcome.NO_KEY, words) from None
