"""What a call may use, and which limits speak about it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from headrace_gateway.models.ask import read_ask, upstream_body
from headrace_gateway.models.metering import Estimator, Rules, Wanted, amount, concerns, draws
from headrace_gateway.models.openai_compatible import Usage
from headrace_ledger.declared import Limit
from headrace_ledger.reservations import NO_SUBJECT

RUN = UUID(int=7)
CALL = Wanted(
    pipeline="uid-1",
    step="outline",
    run=RUN,
    model_class="fast",
    provider="house",
    model="small-1",
    usage=Usage(10, 20),
    cost=Decimal("0.0000000011"),
    currency="USD",
)


def rule(resource="tokens", owner="tenant", window="1m", **spec):
    limit = Limit(
        tenant="acme",
        id=1,
        owner=owner,
        name="a",
        resource=resource,
        window=window,
        capacity=100,
        enforced=True,
        spec=json.dumps(spec),
    )
    return Rules.of(limit)


SPEAKS = {
    "of nobody in particular": (rule(), True),
    "of its provider": (rule(providers=["house"]), True),
    "of another provider": (rule(providers=["other"]), False),
    "of its model": (rule(models=["small-1", "x"]), True),
    "of another model": (rule(models=["x"]), False),
    "of its class": (rule(classes=["fast"]), True),
    "of another class": (rule(classes=["slow"]), False),
    "of all that is named, but one": (rule(providers=["house"], models=["x"]), False),
    "a provider's own": (rule(owner="provider/house"), True),
    "another provider's own": (rule(owner="provider/other"), False),
    "its pipeline's": (rule(owner="pipeline/uid-1"), True),
    "another pipeline's": (rule(owner="pipeline/uid-2"), False),
    "its step's": (rule(owner="pipeline/uid-1", step="outline"), True),
    "another step's": (rule(owner="pipeline/uid-1", step="write"), False),
    "its currency's": (rule("cost", currency="USD"), True),
    "another currency's": (rule("cost", currency="EUR"), False),
}


@pytest.mark.parametrize(("given", "want"), SPEAKS.values(), ids=SPEAKS)
def test_a_limit_speaks_about_what_it_names(given, want):
    assert concerns(given, CALL) is want
    assert len(draws([given], CALL)) == int(want)


def test_a_call_without_a_price_counts_for_no_budget():
    assert not concerns(rule("cost", currency="USD"), replace(CALL, cost=None, currency=None))


AMOUNTS = {"tokens": 30, "inputTokens": 10, "outputTokens": 20, "requests": 1, "llmCalls": 1}


@pytest.mark.parametrize(("resource", "want"), AMOUNTS.items())
def test_amounts_are_tokens_and_calls(resource, want):
    assert amount(resource, CALL) == want


def test_money_is_billionths_and_rounded_up():
    assert amount("cost", CALL) == 2


def test_a_limit_per_run_has_the_run_as_its_subject():
    subjects = [draws([rule(window=window)], CALL)[0].subject for window in ("Run", "1m")]
    assert subjects == [RUN, NO_SUBJECT]


def test_the_estimate_goes_towards_what_the_provider_counts():
    estimator = Estimator()
    first = estimator.tokens("house", "small-1", 1064)
    for _ in range(60):
        estimator.learn("house", "small-1", 1064, 200)
    assert first == 301
    assert 195 <= estimator.tokens("house", "small-1", 1064) <= 205
    assert estimator.tokens("house", "other", 1064) == first  # a ratio per model


@pytest.mark.parametrize(("size", "counted"), [(1064, 0), (10, 5), (0, 0)])
def test_nothing_is_learnt_from_nothing(size, counted):
    estimator = Estimator()
    estimator.learn("house", "small-1", size, counted)
    assert estimator.tokens("house", "small-1", 1064) == 301


def test_no_token_has_less_than_a_byte():
    estimator = Estimator()
    estimator.learn("house", "small-1", 164, 10**9)
    assert estimator.tokens("house", "small-1", 164) == 101


BOUNDS = {
    "none": ({}, None, 1),
    "max_tokens": ({"max_tokens": 5}, 5, 1),
    "the newer name wins": ({"max_tokens": 5, "max_completion_tokens": 6}, 6, 1),
    "nonsense is nobody's bound": ({"max_tokens": True}, None, 1),
    "several answers": ({"n": 3}, None, 3),
    "no answers": ({"n": 0}, None, 1),
}


@pytest.mark.parametrize(("more", "output", "choices"), BOUNDS.values(), ids=BOUNDS)
def test_what_an_ask_bounds_itself(more, output, choices):
    ask = read_ask({"model": "fast", "messages": [], **more}, 100)
    assert (ask.most_output, ask.choices, ask.size) == (output, choices, 100)


def test_an_unbounded_answer_is_bounded_where_a_limit_counts_it():
    ask = read_ask({"model": "fast", "messages": []})
    assert "max_tokens" not in json.loads(upstream_body(ask, "small-1"))
    assert json.loads(upstream_body(ask, "small-1", 64))["max_tokens"] == 64


def test_a_call_larger_than_a_learnt_limit_asks_for_all_of_it():
    learnt = rule(owner="learnt/house", providers=["house"], models=["small-1"])
    large = replace(CALL, usage=Usage(1000, 20))
    assert [draw.amount for draw in draws([learnt, rule()], large)] == [100, 1020]
    assert learnt.named == "limit that 'house' says it has of 'small-1' (tokens)"
    assert learnt.owner == "provider"
    assert not concerns(learnt, replace(CALL, model="x"))
