"""What a call cost, exactly, at the list price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace_contract.resources.model_provider import Price
    from headrace_gateway.models.openai_compatible import Usage

_PER: Final = Decimal(1_000_000)


def cost(usage: Usage, price: Price | None) -> tuple[Decimal | None, str | None]:
    """Return cost and currency; neither is known without a price."""
    if price is None:
        return None, None
    total = usage.input_tokens * Decimal(price.input) + usage.output_tokens * Decimal(price.output)
    return total / _PER, price.currency
