"""`cost`: what it asks for, and its files as other programs read them."""

from __future__ import annotations

import csv
import io
import json

import pytest

from headrace_cli.focus import COLUMNS

# https://focus.finops.org/focus-specification/v1-2/: what a file must have, and what may be empty.
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
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
}
EMPTY = {"BillingAccountName", "ChargeClass"}


def item(**more):
    made = {
        "tenant": "acme",
        "key": "openai/small",
        "calls": 3,
        "inputTokens": 10,
        "cachedInputTokens": 4,
        "outputTokens": 5,
        "reasoningTokens": 2,
        "cost": "0.300000000000000003",
        "currency": "USD",
    }
    return {name: value for name, value in {**made, **more}.items() if value is not None}


UNPRICED = item(cost=None, currency=None, calls=7)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_has_a_line_for_each_key_and_currency(headrace, gateway):
    gateway.costs = [item(key="ns/draft"), UNPRICED, item(key="", currency="EUR")]
    done = headrace("cost", "--by", "pipeline", "--since", "2026-11-01", "--until", "2026-11-08")
    assert done.exit_code == 0, done.stderr
    titles, *lines = (line.split() for line in done.stdout.splitlines())
    assert titles[:3] == ["TENANT", "PIPELINE", "CALLS"]
    assert lines[0][-2:] == ["0.300000000000000003", "USD"]
    assert lines[1][-2:] == ["2", "<none>"]
    assert lines[2][1] == "<forgotten>"
    (asked,) = gateway.asked
    assert dict(asked.url.params) == {
        "by": "pipeline",
        "since": "2026-11-01",
        "until": "2026-11-08",
    }


def test_csv_and_json_say_the_same(headrace, gateway):
    gateway.costs = [item(key='odd,"name"'), UNPRICED]
    [first, second] = read(headrace("cost", "-o", "csv", "--tenant", "acme").stdout)
    assert (first["key"], first["cost"], first["currency"]) == ('odd,"name"', item()["cost"], "USD")
    assert (second["calls"], second["cost"], second["currency"]) == ("7", "", "")
    assert gateway.asked[0].url.params["tenant"] == "acme"
    told = json.loads(headrace("cost", "-o", "json").stdout)
    assert told["items"] == gateway.costs
    assert told["by"] == "tenant"


def test_focus_has_a_row_a_day_with_all_that_the_specification_asks_for(headrace, gateway):
    gateway.costs = [item(), UNPRICED]
    done = headrace("cost", "-o", "focus", "--since", "2026-10-31", "--until", "2026-11-02")
    assert done.exit_code == 0, done.stderr
    rows = read(done.stdout)
    assert [row["ChargePeriodStart"] for row in rows] == [
        "2026-10-31T00:00:00Z",
        "2026-11-01T00:00:00Z",
    ]
    assert [row["BillingPeriodEnd"] for row in rows] == [
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
    ]
    for row in rows:
        assert set(row) == set(COLUMNS) >= MANDATORY
        assert {name for name in row if not row[name]} == EMPTY
        for cost in ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"):
            assert row[cost] == "0.300000000000000003"
        assert (row["ProviderName"], row["ServiceName"], row["SubAccountId"]) == (
            "openai",
            "small",
            "acme",
        )
        assert (row["PricingQuantity"], row["PricingUnit"]) == ("15", "Tokens")
    assert [asked.url.params["by"] for asked in gateway.asked] == ["model", "pipeline"] * 2
    assert "14 calls of models without a price" in done.stderr


WORKERS = {
    "tenant": "acme",
    "key": "acme-research/research",
    "hours": "1.5000",
    "cost": "0.066000000",
    "currency": "USD",
}


def test_what_workers_cost_stands_beside_what_calls_cost(headrace, gateway):
    gateway.costs, gateway.workers = [item(key="ns/draft")], [WORKERS]
    *_, titles, line = headrace("cost", "--by", "pipeline").stdout.splitlines()
    assert titles.split() == ["TENANT", "PIPELINE", "WORKER", "HOURS", "COST"]
    assert line.split() == ["acme", "acme-research/research", "1.50", "0.066000000", "USD"]
    [calls, workers] = read(headrace("cost", "-o", "csv").stdout)
    assert (calls["workerHours"], workers["workerHours"], workers["calls"]) == ("", "1.5000", "")
    assert workers["cost"] == WORKERS["cost"]
    assert json.loads(headrace("cost", "-o", "json").stdout)["workers"] == [WORKERS]


def test_focus_has_a_row_for_the_workers_of_each_pipeline(headrace, gateway):
    gateway.workers = [WORKERS]
    days = ("--since", "2026-10-31", "--until", "2026-11-01")
    [row] = read(headrace("cost", "-o", "focus", *days).stdout)
    assert all(row[name] for name in MANDATORY - EMPTY)
    assert (row["ServiceCategory"], row["BilledCost"]) == ("Compute", WORKERS["cost"])
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("1.5000", "Hours")
    assert row["ServiceName"] == "workers of acme-research/research"


WRONG = {
    "a key that a FOCUS row cannot have": (["-o", "focus", "--by", "run"], "`--by model`"),
    "days that are none": (["--since", "yesterday"], "`since` must be a day"),
}


@pytest.mark.parametrize(("given", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_told_without_asking(headrace, gateway, given, words):
    done = headrace("cost", *given)
    assert done.exit_code == 2
    assert words in done.stderr
    assert gateway.asked == []
