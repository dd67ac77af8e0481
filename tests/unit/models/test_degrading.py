"""Whether a budget makes calls go to a cheaper class."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from headrace_gateway.clock import Clock
from headrace_gateway.models.degrading import Degrading
from headrace_gateway.models.metering import Rules
from headrace_ledger.declared import Limit
from headrace_ledger.usages import Usage

SPEC = '{"currency": "USD", "degradeAt": 50, "degradeTo": "cheap"}'
BUDGET = Limit("acme", 1, "tenant", "budget.m", "cost", "1d", 100, enforced=True, spec=SPEC)
PIPELINE = SimpleNamespace(
    models=[SimpleNamespace(model_class="small"), SimpleNamespace(model_class="cheap")]
)
CLOCK = Clock(now=lambda: datetime(2026, 11, 1, tzinfo=UTC))
ALONE = SimpleNamespace(models=PIPELINE.models[:1])


class Ledger:
    """Knows one budget; counts who asks."""

    def __init__(self, used):
        self.used = used
        self.asked = 0

    async def usage(self, tenant):
        self.asked += 1
        return [make_usage(tenant, self.used)]


def make_usage(tenant, used):
    known = dict.fromkeys(Usage.__dataclass_fields__)
    return Usage(
        **{
            **known,
            "tenant": tenant,
            "owner": BUDGET.owner,
            "name": BUDGET.name,
            "capacity": BUDGET.capacity,
            "used": used,
        }
    )


CASES = {
    "half of it": (50, BUDGET, PIPELINE, "cheap"),
    "more than half": (100, BUDGET, PIPELINE, "cheap"),
    "less than half": (49, BUDGET, PIPELINE, "small"),
    "in Shadow mode": (99, replace(BUDGET, enforced=False), PIPELINE, "small"),
    "another budget": (99, replace(BUDGET, name="budget.n"), PIPELINE, "small"),
    "a pipeline without the class": (99, BUDGET, ALONE, "small"),
}


@pytest.mark.parametrize(("used", "limit", "pipeline", "want"), CASES.values(), ids=CASES)
async def test_class(used, limit, pipeline, want):
    degrading = Degrading(Ledger(used), CLOCK)
    assert await degrading.model("acme", pipeline, "small", [Rules.of(limit)]) == want


async def test_nobody_is_asked_where_no_budget_saves():
    ledger = Ledger(99)
    rules = [Rules.of(replace(BUDGET, spec="{}"))]
    assert await Degrading(ledger, CLOCK).model("acme", PIPELINE, "small", rules) == "small"
    assert ledger.asked == 0
