"""How limits and budgets stand, as people and kubectl read it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

import make
from headrace_contract.resources.agent_tenant import AgentTenantStatus
from headrace_contract.resources.model_provider import ModelProviderStatus
from headrace_operator.errors import LedgerUnavailableError
from headrace_operator.model.identity import Identity
from headrace_operator.model.seen import ProviderSeen, TenantSeen
from headrace_operator.model.usage import Usage
from headrace_operator.plan.limits import provider_limits, tenant_limits
from headrace_operator.status.limits import money
from headrace_operator.status.notes import notes
from headrace_operator.status.platform import assess_provider, assess_tenant

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
TPM = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
SHADOW = {"name": "rpm", "resource": "requests", "limit": 50, "window": "1m", "mode": "Shadow"}
MONTHLY = {"name": "monthly", "amount": "100", "softPercents": [50, 80]}
AWAY = LedgerUnavailableError("away")


def standing(plan, **spent):
    """Say how the limits of a plan stand, where these were used."""
    counts = {"used": 0, "reserved": 0, "shadowed": 0, "waiting": 0, "resets_at": None}
    return tuple(
        Usage(
            owner=plan.owner,
            name=row.name,
            resource=row.resource,
            window=row.window,
            capacity=row.capacity,
            digest=plan.digest,
            **(counts | spent.get(row.name.replace("budget.", ""), {})),
        )
        for row in plan.limits
    )


def seen(usages=None, status=None, **changes):
    tenant = make.parsed_tenant(make.tenant(**changes))
    return TenantSeen(tenant.identity, status or {}, tenant.spec, (), usages=usages)


def told(status, kind):
    [one] = [one for one in status["conditions"] if one["type"] == kind]
    return one["status"], one["reason"], one["message"]


def with_limits(spent=None, failure=None, status=None, **changes):
    known = seen(**changes)
    usages = standing(tenant_limits(known.identity, known.spec), **(spent or {}))
    return assess_tenant(seen(usages, status, **changes), failure, make.NOW)


def test_regression_12_a_limit_that_is_counted_but_not_enforced_is_visible():
    status = with_limits(limits=[TPM, SHADOW], budgets=[MONTHLY])
    assert told(status, "LimitsEnforced") == (
        "True",
        "LimitsEnforced",
        "2 limits in force, 1 in Shadow mode.",
    )
    former = seen(limits=[TPM])
    usages = standing(tenant_limits(former.identity, former.spec), tpm={"used": 400})
    status = assess_tenant(seen(usages, limits=[{**TPM, "limit": 500}]), None, make.NOW)
    assert told(status, "LimitsEnforced")[:2] == ("False", "LimitsNotInLedger")
    assert status["limits"][0]["limit"] == 1000  # what is in force, not what is wished for


ENFORCED = {
    "no limits": (seen(), None, ("True", "LimitsEnforced", "No limits are declared.")),
    "one limit": (
        seen(standing(tenant_limits(seen().identity, seen(limits=[TPM]).spec)), limits=[TPM]),
        None,
        ("True", "LimitsEnforced", "1 limit in force."),
    ),
    "a ledger that has none of them": (
        seen((), limits=[TPM]),
        None,
        (
            "False",
            "LimitsNotInLedger",
            "The ledger does not have the limits of the spec; they are written again.",
        ),
    ),
    "a ledger that could not be told": (
        seen((), limits=[TPM]),
        AWAY,
        (
            "False",
            "LimitsNotInLedger",
            "The ledger does not have the limits of the spec: away",
        ),
    ),
    "a ledger that was never asked": (
        seen(limits=[TPM]),
        AWAY,
        ("Unknown", "LedgerUnavailable", "away"),
    ),
}


@pytest.mark.parametrize(("known", "failure", "want"), ENFORCED.values(), ids=ENFORCED)
def test_limits_enforced(known, failure, want):
    assert told(assess_tenant(known, failure, make.NOW), "LimitsEnforced") == want


def test_a_spec_that_is_refused_leaves_the_former_limits_in_force():
    usages = standing(tenant_limits(seen().identity, seen(limits=[TPM]).spec))
    refused = TenantSeen(
        seen().identity, {}, None, tuple(make.parse_tenant(make.tenant(limits=3))), usages=usages
    )
    status = assess_tenant(refused, None, make.NOW)
    assert told(status, "LimitsEnforced")[:2] == ("Unknown", "Progressing")
    assert [one["name"] for one in status["limits"]] == ["tpm"]


BILLION = 10**9
MONEY = {
    "nothing spent": ({}, MONTHLY, ("True", "WithinBudget", "No soft percent has been reached.")),
    "less than the first percent": (
        {"used": 49 * BILLION, "reserved": 40 * BILLION},
        MONTHLY,
        ("True", "WithinBudget", "No soft percent has been reached."),
    ),
    "the first percent": (
        {"used": 50 * BILLION},
        MONTHLY,
        ("True", "SoftBudgetReached", "Budget 'monthly': 50 % of 100 USD have been spent."),
    ),
    "the last percent": (
        {"used": 93 * BILLION},
        MONTHLY,
        ("True", "SoftBudgetReached", "Budget 'monthly': 80 % of 100 USD have been spent."),
    ),
    "all of it": (
        {"used": 100 * BILLION, "resets_at": FEBRUARY},
        MONTHLY,
        (
            "False",
            "BudgetExhausted",
            "Budget 'monthly' of 100 USD is used up until 2026-02-01T00:00:00Z.",
        ),
    ),
    "less than the next call may cost": (
        {"used": 99 * BILLION, "waiting": 2, "resets_at": FEBRUARY},
        {**MONTHLY, "window": "1d"},
        (
            "False",
            "BudgetExhausted",
            "Budget 'monthly' of 100 USD is used up until older spending is a day old.",
        ),
    ),
    "more than all of it in Shadow mode": (
        {"used": 130 * BILLION},
        {**MONTHLY, "mode": "Shadow"},
        ("True", "SoftBudgetReached", "Budget 'monthly': 100 % of 100 USD have been spent."),
    ),
}


@pytest.mark.parametrize(("spent", "budget", "want"), MONEY.values(), ids=MONEY)
def test_within_budget(spent, budget, want):
    status = with_limits({"monthly": spent}, budgets=[budget])
    assert told(status, "WithinBudget") == want


def test_without_a_budget_none_is_used_up():
    status = with_limits(limits=[TPM])
    assert told(status, "WithinBudget") == ("True", "WithinBudget", "No budget is declared.")


def test_usage_is_told_in_whole_numbers_and_money_in_decimals():
    spent = {
        "tpm": {"used": 700, "reserved": 220, "waiting": 3, "resets_at": FEBRUARY},
        "rpm": {"used": 60, "shadowed": 12},
        "monthly": {"used": 12_500_000_000, "reserved": 1, "resets_at": FEBRUARY},
    }
    status = with_limits(spent, limits=[TPM, SHADOW], budgets=[MONTHLY])
    assert status["limits"] == [
        {
            "name": "tpm",
            "resource": "tokens",
            "window": "1m",
            "limit": 1000,
            "used": 700,
            "reserved": 220,
            "available": 80,
            "shadowed": 0,
            "waiting": 3,
            "resetsAt": "2026-02-01T00:00:00Z",
        },
        {
            "name": "rpm",
            "resource": "requests",
            "window": "1m",
            "limit": 50,
            "used": 60,
            "reserved": 0,
            "available": 0,
            "shadowed": 12,
            "waiting": 0,
        },
    ]
    assert status["budgets"] == [
        {
            "name": "monthly",
            "currency": "USD",
            "amount": "100",
            "spent": "12.5",
            "reserved": "0.000000001",
            "available": "87.499999999",
            "resetsAt": "2026-02-01T00:00:00Z",
        }
    ]
    assert status["nearest"] == "requests 1m 120 %"
    AgentTenantStatus.model_validate(status)


def test_in_a_cohort_it_is_told_what_is_borrowed_and_lent_and_what_may_be():
    spent = {"tpm": {"used": 900, "reserved": 220, "borrowable": 300, "lent": 7}}
    status = with_limits(spent, cohort="research", limits=[TPM, SHADOW])
    told = [(one["available"], one.get("borrowed"), one.get("lent")) for one in status["limits"]]
    assert told == [(180, 120, 7), (50, None, None)]
    AgentTenantStatus.model_validate(status)


NEAREST = {
    "nothing is used": ({}, ""),
    "a limit": ({"tpm": {"used": 900, "reserved": 20}}, "tokens 1m 92 %"),
    "money": ({"monthly": {"used": 93 * BILLION}, "tpm": {"used": 9}}, "cost CalendarMonth 93 %"),
    "calls at once": ({"calls": {"reserved": 3}}, "llmCalls at once 75 %"),
}


@pytest.mark.parametrize(("spent", "want"), NEAREST.values(), ids=NEAREST)
def test_nearest(spent, want):
    calls = {"name": "calls", "resource": "llmCalls", "limit": 4, "window": "None"}
    assert with_limits(spent, limits=[TPM, calls], budgets=[MONTHLY])["nearest"] == want


def test_what_cannot_be_asked_stays_as_it_was_told():
    before = with_limits({"tpm": {"used": 900}}, limits=[TPM], budgets=[MONTHLY])
    status = assess_tenant(seen(status=before, limits=[TPM]), AWAY, make.NOW)
    for name in ("limits", "budgets", "nearest"):
        assert status[name] == before[name]


def test_limits_that_left_the_spec_leave_the_status():
    before = with_limits({"tpm": {"used": 900}}, limits=[TPM])
    status = assess_tenant(seen(status=before), None, make.NOW)
    assert (status["limits"], status["nearest"]) == ([], "")


def test_a_provider_tells_of_its_limits_too():
    raw = make.provider(limits=[TPM])
    identity, spec = Identity.of(raw), make.parsed_provider(raw)
    usages = standing(provider_limits(identity, spec), tpm={"used": 500})
    status = assess_provider(
        ProviderSeen(identity, {}, spec, (), usages=usages), None, None, make.NOW
    )
    assert told(status, "LimitsEnforced") == ("True", "LimitsEnforced", "1 limit in force.")
    assert status["nearest"] == "tokens 1m 50 %"
    ModelProviderStatus.model_validate(status)


def test_each_percent_of_a_budget_is_an_event():
    at = [
        with_limits({"monthly": {"used": spent * BILLION}}, budgets=[MONTHLY])
        for spent in (10, 51, 60, 81, 100, 20)
    ]
    said = [[(one.type, one.reason) for one in notes(*both)] for both in itertools.pairwise(at)]
    assert said == [
        [("Warning", "SoftBudgetReached")],
        [],
        [("Warning", "SoftBudgetReached")],
        [("Warning", "BudgetExhausted")],
        [("Normal", "WithinBudget")],
    ]


AMOUNTS = {"zero": (0, "0"), "tens": (100 * BILLION, "100"), "parts": (1_250_000_000, "1.25")}


@pytest.mark.parametrize(("billionths", "want"), AMOUNTS.values(), ids=AMOUNTS)
def test_money(billionths, want):
    assert money(billionths) == want
