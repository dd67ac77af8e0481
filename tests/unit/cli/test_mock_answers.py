"""The mock model answers as a model would: plausible, counted, and the same every time."""

from __future__ import annotations

import json

import jsonschema
import pytest

from headrace_cli.mock.answer import Pace, compose
from headrace_cli.mock.faults import Fault

PROMPT = "Topic: rivers\nWrite about trade, borders and mills."


def ask(prompt=PROMPT, fault=None, **rest):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
    return compose({"model": "mock-small", "messages": messages, **rest}, "call-1", fault)


def said(answer):
    return "".join(answer.pieces)


def test_the_same_prompt_gets_the_same_answer_and_another_gets_another():
    assert said(ask()) == said(ask())
    assert said(ask()) != said(ask("Topic: rivers\nWrite about floods, dams and fish."))


def test_an_answer_speaks_of_what_was_asked():
    assert "rivers" in said(ask())
    assert any(word in said(ask()) for word in ("trade", "borders", "mills"))


def test_usage_is_a_quarter_of_the_bytes_in_and_one_per_piece_out():
    answer = ask("x" * 400)
    assert answer.usage["prompt_tokens"] == pytest.approx(100 + 2 + 2 * 4, abs=1)
    assert answer.usage["completion_tokens"] == len(answer.pieces)
    assert len(answer.pieces) == pytest.approx(len(said(answer)) / 4, rel=0.5)


def test_max_tokens_ends_the_answer():
    answer = ask(max_tokens=5)
    assert (len(answer.pieces), answer.finish_reason) == (5, "length")


SCHEMAS = {
    "an object with every simple type": {
        "type": "object",
        "required": ["title", "tags", "score", "count", "ok", "nothing"],
        "properties": {
            "title": {"type": "string", "maxLength": 10},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 5},
            "score": {"type": "number", "minimum": 0.5, "maximum": 0.75},
            "count": {"type": "integer", "minimum": 3, "maximum": 4},
            "ok": {"type": "boolean"},
            "nothing": {"type": "null"},
        },
        "additionalProperties": False,
    },
    "an enum and a constant": {
        "type": "object",
        "properties": {"level": {"enum": ["low", "high"]}, "kind": {"const": "report"}},
        "required": ["level", "kind"],
    },
    "references and choices": {
        "$defs": {"point": {"type": "object", "required": ["text"],
                            "properties": {"text": {"type": "string", "minLength": 200}}}},
        "type": "object",
        "required": ["points", "either"],
        "properties": {
            "points": {"type": "array", "items": {"$ref": "#/$defs/point"}, "minItems": 1},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        },
    },
    "a required name without a property": {"type": "object", "required": ["free"]},
    "a multiple": {"type": "integer", "multipleOf": 7, "exclusiveMinimum": 7, "maximum": 21},
    "a list at the top": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
}  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_json_answer_satisfies_its_schema(schema):
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    jsonschema.validate(json.loads(said(ask(response_format=wanted))), schema)


def test_a_schema_written_in_the_prompt_is_obeyed_too():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = ask(f"{PROMPT} Use {{braces}}. Answer in JSON by {json.dumps(schema)}, please.")
    jsonschema.validate(json.loads(said(answer)), schema)


def test_bad_json_is_half_an_object():
    answer = ask(fault=Fault("badjson"), response_format={"type": "json_object"})
    assert said(answer).startswith("{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(said(answer))


def test_a_refusal_says_so_in_its_finish_reason():
    assert ask(fault=Fault("refuse")).finish_reason == "content_filter"


def test_only_a_slow_fault_changes_the_pace():
    pace = Pace(0.1, 100)
    assert pace.with_fault(Fault("500")) == pace
    assert pace.with_fault(Fault("slow", latency=3)).due(0) == 3
    assert pace.with_fault(Fault("slow", pace=1)).due(5) == pytest.approx(5.1)


def test_a_stream_says_the_same_as_the_whole_and_then_what_it_cost():
    answer = ask()
    *told, usage = answer.chunks(0, with_usage=True)
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in told]
    assert "".join(deltas) == answer.whole(0)["choices"][0]["message"]["content"]
    assert usage["choices"] == []
    assert usage["usage"] == answer.whole(0)["usage"]
    assert len(list(answer.chunks(0, with_usage=False))) == len(told)
