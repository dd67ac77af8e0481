"""What a call cost, exactly, at the list price: cached and reasoning tokens at theirs."""

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
    given, made = Decimal(price.input), Decimal(price.output)
    cached = given if price.cached_input is None else Decimal(price.cached_input)
    reasoning = made if price.reasoning is None else Decimal(price.reasoning)
    total = (
        (usage.input_tokens - usage.cached_input_tokens) * given
        + usage.cached_input_tokens * cached
        + (usage.output_tokens - usage.reasoning_tokens) * made
        + usage.reasoning_tokens * reasoning
    )
    return total / _PER, price.currency
