from __future__ import annotations

import json
import uuid
from decimal import Decimal

import pytest

from headrace_contract.compiled import CompiledModel, CompiledTarget
from headrace_contract.resources.model_provider import Price
from headrace_gateway.models.ask import key_hash, read_ask, upstream_body
from headrace_gateway.models.numbering import Numbering
from headrace_gateway.models.openai_compatible import Usage
from headrace_gateway.models.prices import cost
from headrace_gateway.models.refusals import ModelError, UnknownModelError
from headrace_gateway.models.targets import named

BODY = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}

BAD = {
    "no object": [],
    "no model": {"messages": []},
    "a model that is no text": {"model": 1, "messages": []},
    "an empty model": {"model": "", "messages": []},
    "no messages": {"model": "small"},
    "a stream that is no yes or no": {**BODY, "stream": "yes"},
    "options that are none": {**BODY, "stream_options": 3},
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_request_is_refused_with(value):
    with pytest.raises(ModelError) as refused:
        read_ask(value)
    assert refused.value.code == 400


def test_a_question_is_the_same_however_its_answer_is_carried():
    hashes = {
        read_ask(BODY).request_hash,
        read_ask({**BODY, "stream": True}).request_hash,
        read_ask({**BODY, "stream": True, "stream_options": {"include_usage": True}}).request_hash,
        read_ask(dict(reversed(BODY.items()))).request_hash,
    }
    assert len(hashes) == 1
    assert read_ask({**BODY, "seed": 1}).request_hash not in hashes


def test_the_provider_gets_its_own_name_and_is_asked_for_usage():
    sent = json.loads(upstream_body(read_ask({**BODY, "stream": True}), "tiny"))
    assert sent == {
        **BODY,
        "stream": True,
        "model": "tiny",
        "stream_options": {"include_usage": True},
    }
    assert "stream_options" not in json.loads(upstream_body(read_ask(BODY), "tiny"))


@pytest.mark.parametrize("key", [None, "", "ab", "A" * 64, "g" * 64, "0" * 65])
def test_what_is_no_slot_key_has_no_hash(key):
    assert key_hash(key) is None


def test_equal_calls_are_numbered_and_a_number_that_came_to_nothing_is_given_again():
    numbers, task = Numbering(), uuid.uuid4()
    assert [numbers.take(task, 1, b"h") for _ in range(3)] == [0, 1, 2]
    assert numbers.take(task, 1, b"other") == 0
    assert numbers.take(task, 2, b"h") == 0
    numbers.give_back(task, 1, b"h", 1)
    assert numbers.take(task, 1, b"h") == 1
    assert numbers.take(task, 1, b"h") == 3


def test_cost_is_exact():
    price = Price(input="0.15", output="0.6", currency="EUR")
    assert cost(Usage(1000, 10), price) == (Decimal("0.000156"), "EUR")
    assert cost(Usage(1, 1), None) == (None, None)


class Pipeline:
    models = (
        CompiledModel(
            model_class="small",
            targets=[
                CompiledTarget(provider="p", model="tiny"),
                CompiledTarget(provider="q", model="tiny-two"),
            ],
        ),
    )


def _asked(name):
    model_class, targets = named(Pipeline, name)
    return model_class, [target.provider for target in targets]


def test_a_class_means_all_its_targets_and_a_name_means_one():
    assert _asked("small") == ("small", ["p", "q"])
    assert _asked("tiny-two") == ("small", ["q"])
    with pytest.raises(UnknownModelError, match="small"):
        named(Pipeline, "huge")
