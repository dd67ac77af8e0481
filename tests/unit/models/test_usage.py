from __future__ import annotations

import json
from decimal import Decimal

import pytest

from headrace_contract.resources.model_provider import Price
from headrace_gateway.models.estimate import answer_bytes, complete, estimated_usage
from headrace_gateway.models.openai_compatible import Usage, usage_of
from headrace_gateway.models.prices import cost, most

COUNTED = {
    "nothing": ({}, Usage()),
    "what is no number": ({"prompt_tokens": "7", "completion_tokens": True}, Usage()),
    "less than nothing": ({"prompt_tokens": -1, "completion_tokens": -2}, Usage()),
    "no details": ({"prompt_tokens": 9, "completion_tokens": 5}, Usage(9, 5)),
    "details that are none": (
        {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": 3},
        Usage(9, 5),
    ),
    "both details": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(9, 5, 4, 2),
    ),
    "more cached than there was, and more thought than said": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 90},
            "completion_tokens_details": {"reasoning_tokens": 50},
        },
        Usage(9, 5, 9, 5),
    ),
    "cached input in the words of DeepSeek": (
        {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4},
        Usage(9, 5, 4),
    ),
    "cached input in the words of Moonshot": (
        {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4},
        Usage(9, 5, 4),
    ),
    "reasoning beside the answer's tokens, as the total shows": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(32, 103, 0, 94),
    ),
    "reasoning among the answer's tokens, as the total shows": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 103,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(32, 103, 0, 94),
    ),
    "reasoning and nothing said, among the answer's tokens": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 94,
            "total_tokens": 126,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(32, 94, 0, 94),
    ),
    "details below nothing": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": -4},
            "completion_tokens_details": {"reasoning_tokens": None},
        },
        Usage(9, 5),
    ),
}


@pytest.mark.parametrize(("said", "want"), COUNTED.values(), ids=COUNTED)
def test_a_provider_counts(said, want):
    assert usage_of({"usage": said}) == want


PRICED = {
    "each kind at its own price": (
        {"cached_input": "0.075", "reasoning": "1.2"},
        Decimal(600) * Decimal("0.15")
        + 400 * Decimal("0.075")
        + 7 * Decimal("0.6")
        + 3 * Decimal("1.2"),
    ),
    "cached input for nothing": (
        {"cached_input": "0"},
        Decimal(600) * Decimal("0.15") + 10 * Decimal("0.6"),
    ),
    "kinds without a price as what they are part of": (
        {},
        Decimal(1000) * Decimal("0.15") + 10 * Decimal("0.6"),
    ),
}


@pytest.mark.parametrize(("prices", "millionths"), PRICED.values(), ids=PRICED)
def test_a_call_costs(prices, millionths):
    price = Price(input="0.15", output="0.6", currency="EUR", **prices)
    assert cost(Usage(1000, 10, 400, 3), price) == (millionths / 1_000_000, "EUR")


@pytest.mark.parametrize(
    "prices",
    [{}, {"cached_input": "0.01", "reasoning": "0.01"}, {"cached_input": "1", "reasoning": "4"}],
)
def test_a_budget_holds_the_most_that_a_call_can_cost_whatever_kind_its_tokens_are(prices):
    price = Price(input="0.15", output="0.6", **prices)
    bound = most(Usage(1000, 10), price)
    kinds = [
        cost(Usage(1000, 10, cached, said), price)[0]
        for cached in (0, 400, 1000)
        for said in (0, 3, 10)
    ]
    assert bound == max(kinds)


@pytest.mark.parametrize(("sent", "got", "want"), [(0, 0, (0, 0)), (1, 4, (1, 1)), (8, 9, (2, 3))])
def test_an_estimate_is_a_token_for_every_four_bytes_rounded_up(sent, got, want):
    assert estimated_usage(sent, got) == Usage(*want, estimated=True)


EMPTY = b'{"choices":[{"message":{"role":"assistant","content":""}}]}'
COMPLETED = {
    "what was counted stays": (Usage(9, 5, 4, 2), b"x" * 8, Usage(9, 5, 4, 2)),
    "nothing was counted": (Usage(), b"x" * 8, Usage(25, 2, estimated=True)),
    "the answer was not counted": (Usage(9, 0, 4), b"x" * 8, Usage(9, 2, 4, estimated=True)),
    "the prompt was not counted": (Usage(0, 5), b"x" * 8, Usage(25, 5, estimated=True)),
    "an answer that is empty has no tokens": (Usage(9), EMPTY, Usage(9)),
}


@pytest.mark.parametrize(("counted", "said", "want"), COMPLETED.values(), ids=COMPLETED)
def test_regression_09_what_a_provider_has_not_counted_is_estimated(counted, said, want):
    assert complete(counted, lambda: b"x" * 100, said, streamed=False) == want


SAID = b'[{"content":"Hello."}]'
WHOLE = json.dumps(
    {"id": "x" * 500, "choices": [{"message": {"role": "assistant", "content": "Hello."}}]}
).encode()
FRAMES = b"".join(
    b"data: "
    + json.dumps({"choices": [{"index": 0, "delta": {"content": part}}]}).encode()
    + b"\n\n"
    for part in ("Hel", "lo.")
)


@pytest.mark.parametrize(("response", "streamed"), [(WHOLE, False), (FRAMES, True)])
def test_only_what_was_said_is_counted_not_the_frames_around_it(response, streamed):
    assert answer_bytes(response, streamed=streamed) == len(SAID)


@pytest.mark.parametrize(
    "response", [b"", b"no JSON", b"[]", b'{"choices": 3}', b'{"choices": [1]}']
)
def test_an_answer_that_nobody_can_read_counts_whole(response):
    assert answer_bytes(response, streamed=False) == len(response)
