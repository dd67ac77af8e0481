"""What the month costs, and what it will come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import make
from headrace_contract.resources.agent_tenant import AgentTenantStatus
from headrace_operator.model.seen import TenantSeen
from headrace_operator.model.spend import month_spend
from headrace_operator.model.usage import Usage
from headrace_operator.plan.limits import tenant_limits
from headrace_operator.status.limits import within_budget
from headrace_operator.status.platform import assess_tenant
from headrace_operator.status.writing import due

NOTHING = {"resets_at": None, "digest": ""}
NOON = datetime(2026, 11, 16, 12, 59, tzinfo=UTC)
FORECASTS = {
    "the middle of a month": (NOON, "15.5", "30.00"),
    "nothing is said of the first day": (datetime(2026, 11, 1, 23, 59, tzinfo=UTC), "1", None),
    "a day is a thirtieth": (datetime(2026, 11, 2, tzinfo=UTC), "1", "30.00"),
    "a leap year": (datetime(2028, 2, 2, tzinfo=UTC), "1", "29.00"),
    "hundredths, rounded": (datetime(2026, 11, 4, tzinfo=UTC), "0.0001", "0.00"),
    "the last hour": (datetime(2026, 11, 30, 23, tzinfo=UTC), "719", "720.00"),
}


@pytest.mark.parametrize(("now", "spent", "want"), FORECASTS.values(), ids=FORECASTS)
def test_forecast(now, spent, want):
    [one] = month_spend({"USD": Decimal(spent)}, now)
    assert one.forecast == (None if want is None else Decimal(want))
    assert one.month == f"{now:%Y-%m}"


def test_within_an_hour_nothing_moves():
    spent = {"USD": Decimal(3)}
    assert month_spend(spent, NOON) == month_spend(spent, NOON.replace(minute=0))
    assert month_spend(spent, NOON) != month_spend(spent, NOON.replace(hour=13))


def assessed(spend, status=None):
    tenant = make.parsed_tenant(make.tenant())
    seen = TenantSeen(tenant.identity, status or {}, tenant.spec, (), spend=spend)
    return assess_tenant(seen, None, make.NOW)


def test_each_currency_is_told_by_itself():
    spent = {"USD": Decimal("12.500"), "EUR": Decimal("1E+2")}
    status = assessed(month_spend(spent, NOON))
    assert status["costs"] == [
        {"currency": "EUR", "month": "2026-11", "spent": "100", "forecast": "193.55"},
        {"currency": "USD", "month": "2026-11", "spent": "12.5", "forecast": "24.19"},
    ]
    AgentTenantStatus.model_validate(status)
    assert assessed(None, status)["costs"] == status["costs"]  # nobody could ask
    assert assessed((), status)["costs"] == []


def test_a_budget_that_saves_says_so():
    saves = {
        "name": "monthly",
        "amount": "100",
        "softPercents": [50],
        "onSoft": "DegradeClass",
        "degradeTo": "small",
    }
    tenant = make.parsed_tenant(make.tenant(budgets=[saves]))
    [row] = tenant_limits(tenant.identity, tenant.spec).limits
    known = dict.fromkeys(("reserved", "shadowed", "waiting"), 0)
    used = 60 * row.capacity // 100
    usage = Usage("tenant", row.name, "cost", row.window, row.capacity, used, **known, **NOTHING)
    said = within_budget(tenant.spec.budgets, [usage])
    assert said.message == (
        "Budget 'monthly': 50 % of 100 USD have been spent; calls go to class 'small'."
    )


def test_costs_are_written_as_seldom_as_counts():
    before = assessed(month_spend({"USD": Decimal(1)}, NOON))
    after = assessed(month_spend({"USD": Decimal(2)}, NOON))
    after["conditions"] = before["conditions"]
    assert due(before, after, timedelta(0), timedelta(seconds=5)).seconds == 5
