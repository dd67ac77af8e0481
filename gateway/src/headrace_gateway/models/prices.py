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
    given, cached, made, reasoning = _prices(price)
    total = (
        (usage.input_tokens - usage.cached_input_tokens) * given
        + usage.cached_input_tokens * cached
        + (usage.output_tokens - usage.reasoning_tokens) * made
        + usage.reasoning_tokens * reasoning
    )
    return total / _PER, price.currency


def most(usage: Usage, price: Price) -> Decimal:
    """Return the most that tokens can cost, whichever of them are cached or reasoning."""
    given, cached, made, reasoning = _prices(price)
    dearest = usage.input_tokens * max(given, cached) + usage.output_tokens * max(made, reasoning)
    return dearest / _PER


def _prices(price: Price) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Return the prices of input, cached input, output and reasoning."""
    given, made = Decimal(price.input), Decimal(price.output)
    cached = given if price.cached_input is None else Decimal(price.cached_input)
    reasoning = made if price.reasoning is None else Decimal(price.reasoning)
    return given, cached, made, reasoning
