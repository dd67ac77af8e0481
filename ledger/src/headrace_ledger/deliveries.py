"""What webhooks are told: claimed by one gateway at a time, tried again until it was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_ledger.call import Verbs

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a budget has come to; amounts in billionths of the currency."""

    tenant: str
    id: UUID
    """The same at each try."""
    name: str
    """Of the limit that the budget is in the ledger."""
    amount: int
    percent: int
    exhausted: bool
    window_end: datetime
    spent: int
    currency: str
    at: datetime
    """When that was found."""
    tries: int
    """This one included."""
    last: bool
    """Whether it is given up if this try fails."""
    webhook: str
    """JSON, as it is declared at this moment: where to, and the name of the key that signs."""


class Deliveries(Verbs):
    """The verbs of deliveries."""

    async def tell_refusal(self, tenant: str, limit_id: int, amount: int) -> None:
        """Say that a call of this amount was refused for good: its budget may be at its end."""
        await self._caller.rows("tell_budgets", tenant, limit_id, amount)

    async def claim_deliveries(self, most: int) -> list[Delivery]:
        """Claim what is due, for 30 s: a try that fails is due again without a word."""
        return [Delivery(*row) for row in await self._caller.rows("claim_deliveries", most)]

    async def delivered(self, delivery: Delivery) -> None:
        """Say that it was told."""
        await self._caller.rows("delivered", delivery.tenant, delivery.id)
