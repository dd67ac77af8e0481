"""Costs as FOCUS 1.2 wants them: a row a day, tenant, provider, model and currency.

All columns that FOCUS makes mandatory are here, some that it recommends, and our counts as `x_`
columns. docs/how-to/cost.md says which stay empty and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from headrace_contract.api import CostItem

COLUMNS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
    "x_Calls",
    "x_InputTokens",
    "x_CachedInputTokens",
    "x_OutputTokens",
    "x_ReasoningTokens",
)


def focus_rows(day: date, items: Iterable[CostItem]) -> list[dict[str, str]]:
    """Return a row for each item of one day, by model, that has a price."""
    return [_row(day, item, item.cost) for item in items if item.cost is not None]


def _row(day: date, item: CostItem, cost: str) -> dict[str, str]:
    provider, _, model = item.key.partition("/")
    tokens = str(item.input_tokens + item.output_tokens)
    month = day.replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    return {
        **dict.fromkeys(COLUMNS, ""),
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        "BillingAccountId": provider,
        "BillingCurrency": item.currency or "",
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time(following),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{item.calls} calls of {model}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _time(day),
        "ChargePeriodEnd": _time(day + timedelta(days=1)),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens",
        "InvoiceIssuerName": provider,
        "PricingQuantity": tokens,
        "PricingUnit": "Tokens",
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model,
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": item.tenant,
        "SubAccountName": item.tenant,
        "x_Calls": str(item.calls),
        "x_InputTokens": str(item.input_tokens),
        "x_CachedInputTokens": str(item.cached_input_tokens),
        "x_OutputTokens": str(item.output_tokens),
        "x_ReasoningTokens": str(item.reasoning_tokens),
    }


def _time(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
