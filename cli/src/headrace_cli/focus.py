"""Costs as FOCUS 1.2 wants them: a row a day, tenant, provider, model and currency.

All columns that FOCUS makes mandatory are here, some that it recommends, and our counts as `x_`
columns. docs/how-to/cost.md says which stay empty and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from headrace_contract.api import CostItem, WorkerCost

CLUSTER: Final = "cluster"
"""Whom workers are paid to: whose nodes they run on is not known here."""
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


def worker_rows(day: date, workers: Iterable[WorkerCost]) -> list[dict[str, str]]:
    """Return a row for the workers of each pipeline on one day."""
    return [_workers(day, one) for one in workers]


def _row(day: date, item: CostItem, cost: str) -> dict[str, str]:
    provider, _, model = item.key.partition("/")
    return {
        **_charge(day, item.tenant, cost, item.currency or ""),
        "BillingAccountId": provider,
        "ChargeDescription": f"{item.calls} calls of {model}",
        **_quantity(str(item.input_tokens + item.output_tokens), "Tokens"),
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model,
        "ServiceSubcategory": "Generative AI",
        "x_Calls": str(item.calls),
        "x_InputTokens": str(item.input_tokens),
        "x_CachedInputTokens": str(item.cached_input_tokens),
        "x_OutputTokens": str(item.output_tokens),
        "x_ReasoningTokens": str(item.reasoning_tokens),
    }


def _workers(day: date, one: WorkerCost) -> dict[str, str]:
    return {
        **_charge(day, one.tenant, one.cost, one.currency),
        "BillingAccountId": CLUSTER,
        "ChargeDescription": f"workers of {one.key}",
        **_quantity(one.hours, "Hours"),
        "InvoiceIssuerName": CLUSTER,
        "ProviderName": CLUSTER,
        "PublisherName": CLUSTER,
        "ServiceCategory": "Compute",
        "ServiceName": f"workers of {one.key}",
        "ServiceSubcategory": "Containers",
    }


def _charge(day: date, tenant: str, cost: str, currency: str) -> dict[str, str]:
    month = day.replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    return {
        **dict.fromkeys(COLUMNS, ""),
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        "BillingCurrency": currency,
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time(following),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _time(day),
        "ChargePeriodEnd": _time(day + timedelta(days=1)),
        "SubAccountId": tenant,
        "SubAccountName": tenant,
    }


def _quantity(amount: str, unit: str) -> dict[str, str]:
    return {
        "ConsumedQuantity": amount,
        "ConsumedUnit": unit,
        "PricingQuantity": amount,
        "PricingUnit": unit,
    }


def _time(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
