from __future__ import annotations

import json
import socket
from datetime import UTC, datetime

import pytest

import make
from headrace_contract.priced import PricedProvider
from headrace_operator.model.parse import parse_provider
from headrace_operator.plan.prices import LIST, priced

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OPENAI = "https://api.openai.com/v1"
WRITTEN = {"input": "1.5", "output": "2", "cachedInput": "0.25", "reasoning": "3"}
MODELS = [
    {"name": "house-blend", "price": WRITTEN},
    {"name": "gpt-4o-mini"},
    {"name": "nobody-knows"},
]


def offered(**changes):
    spec = parse_provider(make.provider(**{"endpoint": OPENAI, "models": MODELS, **changes}))
    assert not isinstance(spec, list)
    return priced(spec, NOW)


def prices(done):
    return {model.name: model.price for model in done.offer.models}


def test_only_what_is_written_is_a_price_unless_the_spec_asks_for_more():
    done = offered()
    assert (done.written, done.listed, done.missing) == (1, 0, ("gpt-4o-mini", "nobody-knows"))
    assert prices(done)["gpt-4o-mini"] is None
    assert done.offer.price_versions == {}


def test_the_list_fills_in_what_is_not_written_and_says_so():
    done = offered(pricesFrom="GenaiPrices")
    assert (done.written, done.listed, done.missing) == (1, 1, ("nobody-knows",))
    found = prices(done)
    assert (found["house-blend"].input, found["house-blend"].reasoning) == ("1.5", "3")
    mini = found["gpt-4o-mini"]
    assert (mini.input, mini.output, mini.cached_input) == ("0.15", "0.6", "0.075")
    assert (mini.reasoning, mini.currency) == (None, "USD")
    assert done.offer.price_version("gpt-4o-mini") == LIST
    assert done.offer.price_version("house-blend") == "spec"


def test_the_gateway_reads_what_the_operator_wrote():
    offer = offered(pricesFrom="GenaiPrices").offer
    assert PricedProvider.model_validate_json(offer.row()) == offer


def test_a_row_holds_nothing_that_an_older_gateway_does_not_know_unless_it_is_used():
    models = [{"name": "small", "price": {"input": "1", "output": "2"}}]
    row = offered(models=models).offer.row()
    assert json.loads(row) == {"endpoint": OPENAI, "models": models}
    newer = row.replace("{", '{"fieldOfTomorrow": 1, ', 1)
    assert PricedProvider.model_validate_json(newer).endpoint == OPENAI


NOT_ON_THE_LIST = {
    "a model that is served at home, whatever its name": ("http://llm.acme", "gpt-4o-mini"),
    "a price that depends on the length of the prompt": (
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-pro",
    ),
}


@pytest.mark.parametrize(("endpoint", "model"), NOT_ON_THE_LIST.values(), ids=NOT_ON_THE_LIST)
def test_no_price_is_made_up_for(endpoint, model):
    done = offered(endpoint=endpoint, models=[{"name": model}], pricesFrom="GenaiPrices")
    assert done.missing == (model,)


def test_the_list_is_in_the_package_and_nothing_is_fetched(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(args, kwargs)

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert offered(pricesFrom="GenaiPrices").listed == 1
