"""From declared limits to the ledger's rows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import make
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_operator.model.identity import Identity
from headrace_operator.model.parse import parse_provider
from headrace_operator.plan.limits import pipeline_limits, provider_limits, tenant_limits

TPM = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
MONTHLY = {"name": "monthly", "amount": "12.50"}
HOOK = {"url": "https://acme.example/hook", "secretRef": {"name": "acme-hook"}}
ALL = {"classes": [], "models": [], "providers": []}


def of_tenant(**changes):
    tenant = make.parsed_tenant(make.tenant(**changes))
    return tenant_limits(tenant.identity, tenant.spec)


def of_provider(**changes):
    raw = make.provider("mill", **changes)
    return provider_limits(Identity.of(raw), parse_provider(raw))


def of_pipeline(**changes):
    spec = AgentPipelineSpec.model_validate(make.pipeline_spec(**changes))
    return pipeline_limits("uid-1", "acme", spec)


def of_run(**changes):
    return of_pipeline(limits={"perRun": changes})


def of_step(**changes):
    [step] = make.pipeline_spec()["steps"]
    return of_pipeline(steps=[{**step, "limits": changes}])


ROWS = {
    "tokens a minute": (
        of_tenant(limits=[TPM]),
        [("tpm", "tokens", "1m", 1000, "UTC", True)],
        [{**ALL, "onExceed": "Park"}],
    ),
    "of some calls, in Shadow mode": (
        of_tenant(
            limits=[
                {
                    **TPM,
                    "window": "CalendarDay",
                    "timeZone": "Europe/Berlin",
                    "mode": "Shadow",
                    "onExceed": "Reject",
                    "selector": {"providers": ["mill"], "models": ["m"], "classes": ["fast"]},
                }
            ]
        ),
        [("tpm", "tokens", "CalendarDay", 1000, "Europe/Berlin", False)],
        [{"onExceed": "Reject", "providers": ["mill"], "models": ["m"], "classes": ["fast"]}],
    ),
    "a budget in billionths, under a name that no limit can have": (
        of_tenant(budgets=[MONTHLY]),
        [("budget.monthly", "cost", "CalendarMonth", 12_500_000_000, "UTC", True)],
        [{**ALL, "onExceed": "Park", "currency": "USD"}],
    ),
    "a budget that saves does so from its lowest percent on": (
        of_tenant(
            budgets=[
                {
                    **MONTHLY,
                    "softPercents": [90, 80],
                    "onSoft": "DegradeClass",
                    "degradeTo": "small",
                }
            ]
        ),
        [("budget.monthly", "cost", "CalendarMonth", 12_500_000_000, "UTC", True)],
        [
            {
                **ALL,
                "onExceed": "Park",
                "currency": "USD",
                "degradeAt": 80,
                "degradeTo": "small",
            }
        ],
    ),
    "the largest budget fits into 64 bits": (
        of_tenant(budgets=[{**MONTHLY, "amount": "999999999.999999999", "currency": "EUR"}]),
        [("budget.monthly", "cost", "CalendarMonth", 999_999_999_999_999_999, "UTC", True)],
        [{**ALL, "onExceed": "Park", "currency": "EUR"}],
    ),
    "a budget with a webhook says whom to tell of what": (
        of_tenant(budgets=[{**MONTHLY, "softPercents": [90, 80], "webhook": HOOK}]),
        [("budget.monthly", "cost", "CalendarMonth", 12_500_000_000, "UTC", True)],
        [
            {
                **ALL,
                "onExceed": "Park",
                "currency": "USD",
                "softPercents": [80, 90],
                "webhook": {
                    "url": "https://acme.example/hook",
                    "secretRef": {"name": "acme-hook", "key": "signingKey"},
                },
            }
        ],
    ),
    "a budget that drains says so": (
        of_tenant(budgets=[{**MONTHLY, "onHard": "HoldAndDrain"}]),
        [("budget.monthly", "cost", "CalendarMonth", 12_500_000_000, "UTC", True)],
        [{**ALL, "onExceed": "HoldAndDrain", "currency": "USD"}],
    ),
    "what is leased says so": (
        of_tenant(limits=[{**TPM, "resource": "requests", "limit": 5000, "accuracy": "Leased"}]),
        [("tpm", "requests", "1m", 5000, "UTC", True)],
        [{**ALL, "onExceed": "Park", "accuracy": "Leased"}],
    ),
    "a provider's concerns its own calls": (
        of_provider(limits=[{**TPM, "resource": "llmCalls", "window": "None", "limit": 8}]),
        [("tpm", "llmCalls", "None", 8, "UTC", True)],
        [{**ALL, "onExceed": "Park", "providers": ["mill"]}],
    ),
    "a run's are refused and not parked, since nothing comes back": (
        of_run(maxTokens=5000, maxCost={"amount": "0.10"}, maxLLMCalls=3),
        [
            ("perRun.maxTokens", "tokens", "Run", 5000, "UTC", True),
            ("perRun.maxCost", "cost", "Run", 100_000_000, "UTC", True),
            ("perRun.maxLLMCalls", "llmCalls", "Run", 3, "UTC", True),
        ],
        [
            {**ALL, "onExceed": "Reject", "pipeline": "uid-1"},
            {**ALL, "onExceed": "Reject", "pipeline": "uid-1", "currency": "USD"},
            {**ALL, "onExceed": "Reject", "pipeline": "uid-1"},
        ],
    ),
    "a step's are named by it and speak about it alone": (
        of_step(maxTokens=900, maxCost={"amount": "0.10"}, maxLLMCalls=3),
        [
            ("steps.draft.maxTokens", "tokens", "Run", 900, "UTC", True),
            ("steps.draft.maxCost", "cost", "Run", 100_000_000, "UTC", True),
            ("steps.draft.maxLLMCalls", "llmCalls", "Run", 3, "UTC", True),
        ],
        [
            {**ALL, "onExceed": "Reject", "pipeline": "uid-1", "step": "draft"},
            {
                **ALL,
                "onExceed": "Reject",
                "pipeline": "uid-1",
                "step": "draft",
                "currency": "USD",
            },
            {**ALL, "onExceed": "Reject", "pipeline": "uid-1", "step": "draft"},
        ],
    ),
    "a step's calls at once are parked, since a place comes back": (
        of_step(maxConcurrentLLMCalls=2),
        [("steps.draft.maxConcurrentLLMCalls", "llmCalls", "None", 2, "UTC", True)],
        [{**ALL, "onExceed": "Park", "pipeline": "uid-1", "step": "draft"}],
    ),
    "a step that limits nothing has none": (of_step(), [], []),
}


@pytest.mark.parametrize(("plan", "rows", "specs"), ROWS.values(), ids=ROWS)
def test_rows(plan, rows, specs):
    told = [(r.name, r.resource, r.window, r.capacity, r.zone, r.enforced) for r in plan.limits]
    assert told == rows
    assert [json.loads(row.spec) for row in plan.limits] == specs


def word(cohort="research", **changes):
    """The word by which a limit of a tenant in a cohort finds those that it shares with."""
    [row] = of_tenant(cohort=cohort, limits=[{**TPM, **changes}]).limits
    return row.cohort


ALIKE = {
    "another amount": {"limit": 5},
    "what it lends and borrows": {"borrowingLimit": 1, "lendingLimit": 0},
    "what happens at it": {"onExceed": "Reject"},
}
OTHER = {
    "another cohort": {"cohort": "sales"},
    "another name": {"name": "of-fast"},
    "another resource": {"resource": "requests"},
    "another window": {"window": "1h"},
    "another time zone": {"window": "CalendarDay", "timeZone": "Europe/Berlin"},
    "another selector": {"selector": {"classes": ["fast"]}},
}


@pytest.mark.parametrize("change", ALIKE.values(), ids=ALIKE)
def test_limits_that_count_the_same_share_whatever_else_differs(change):
    assert word(**change) == word()


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_limits_that_count_something_else_do_not_share(change):
    assert word(**change) not in {word(), word(window="CalendarDay")}


def test_the_order_of_a_selector_makes_no_other_limit():
    assert len({word(selector={"models": both}) for both in (["a", "b"], ["b", "a"])}) == 1


def test_what_a_limit_borrows_and_lends_is_in_its_row():
    row, plain = of_tenant(
        cohort="research",
        limits=[{**TPM, "borrowingLimit": 70, "lendingLimit": 0}, {**TPM, "name": "b"}],
    ).limits
    assert (row.borrowing, row.lending) == (70, 0)
    assert (plain.borrowing, plain.lending) == (None, None)


def test_no_limit_in_shadow_mode_or_of_runs_and_no_budget_takes_part_in_a_cohort():
    plan = of_tenant(
        cohort="research",
        limits=[
            {**TPM, "mode": "Shadow", "lendingLimit": 9},
            {"name": "runs", "resource": "runs", "limit": 9, "window": "None"},
        ],
        budgets=[MONTHLY],
    )
    assert [(row.cohort, row.lending) for row in plan.limits] == [(None, None)] * 3


OWNERS = {
    "a tenant's": (of_tenant(), ("acme", "tenant")),
    "a provider's": (of_provider(), ("_platform", "provider/mill")),
    "a pipeline's": (of_run(), ("acme", "pipeline/uid-1")),
}


@pytest.mark.parametrize(("plan", "owner"), OWNERS.values(), ids=OWNERS)
def test_owner(plan, owner):
    assert (plan.tenant, plan.owner) == owner
    assert plan.limits == ()
    assert plan.digest == ""


def test_the_digest_is_that_of_the_rows():
    plan = of_tenant(limits=[TPM])
    assert plan.digest == of_tenant(limits=[TPM]).digest
    assert plan.digest == replace(plan, tenant="other", uid="other").digest
    others = [
        of_tenant(limits=[{**TPM, **change}]).digest
        for change in ({"limit": 1001}, {"mode": "Shadow"}, {"onExceed": "Reject"})
    ]
    assert len({plan.digest, *others}) == 4
