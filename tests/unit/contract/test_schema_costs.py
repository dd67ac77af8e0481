"""No schema and no input keep others waiting: what both may cost together is bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import crd_cases
from headrace_contract.check.data import check_schema, try_input, validate_input
from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.resources.kinds import AGENT_PIPELINE

BACKTRACKING = {"pattern": "^(a|a)*$"}
NEARLY = "a" * 40 + "!"
OBJECTS = [{"a": number, "b": [number, number]} for number in range(8000)]
ARRAY = list(range(50_000))
DOUBLED = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)},
        "a40": {"type": "string"},
    },
}
TOO_LONG = "takes too long"
COSTS = {
    "a pattern that others go back and forth for": (BACKTRACKING, NEARLY, "pattern"),
    "such a pattern for members": (
        {"patternProperties": {"^(a|a)*$": False}, "additionalProperties": False},
        {NEARLY: 1},
        "no other members",
    ),
    "such a pattern under a dialect of its own": (
        {"items": {"$schema": Draft202012Validator.META_SCHEMA["$id"], **BACKTRACKING}},
        [NEARLY],
        "pattern",
    ),
    "a long pattern over a long text": ({"pattern": "[ab]*a[ab]{900}c"}, "ab" * 400_000, TOO_LONG),
    "a text that is no Unicode": ({"pattern": "a$"}, "\ud800a", None),
    "references that double": (DOUBLED, "x", TOO_LONG),
    "many objects that must differ": ({"uniqueItems": True}, OBJECTS, None),
    "many objects, one of them twice": ({"uniqueItems": True}, [*OBJECTS, OBJECTS[0]], "unique"),
    "many lists, each one of many": (
        {"items": {"enum": [[n] for n in range(1000)]}},
        [[0]] * 50_000,
        TOO_LONG,
    ),
    "many words, each one of many": (
        {"items": {"enum": [f"word {n}" for n in range(250)]}},
        ["word 249"] * 20_000,
        None,
    ),
    "many alternatives for a large value": (
        {"anyOf": [{"type": "string"}] * 800},
        ARRAY,
        TOO_LONG,
    ),
    "as many items as fit": ({"items": {"type": "integer"}}, ARRAY, None),
    "a number that no float can hold": ({"multipleOf": 0.1}, 10**400, "cannot be checked"),
}


@pytest.mark.parametrize(("schema", "value", "words"), COSTS.values(), ids=COSTS)
def test_costs(schema, value, words):
    assert check_schema("schema", schema) == []
    problems = validate_input(schema, value)
    assert ([words in problem.message for problem in problems]) == ([] if words is None else [True])


def test_what_is_wrong_is_told_although_the_steps_ran_out():
    schema = {"items": {"enum": [[n] for n in range(1000)]}}
    problems = validate_input(schema, ["stranger", *[[0]] * 50_000])
    assert [problem.path for problem in problems] == ["input[0]"]


def test_only_what_is_cheap_is_answered_at_once():
    schema = {"items": {"type": "integer"}}
    assert try_input(schema, [1, 2]) == []
    assert [problem.path for problem in try_input(schema, [1, "2"]) or ()] == ["input[1]"]
    assert try_input(schema, ARRAY) is None
    assert try_input(None, ARRAY) == []


SAME = {
    "a number and its float": ([1, 1.0], True),
    "a large number and its float": ([2**60, float(2**60)], True),
    "one and true": ([1, True], False),
    "nothing and false": ([0, False], False),
    "a number and its text": ([1, "1"], False),
    "members in another order": ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], True),
    "lists in another order": ([[1, 2], [2, 1]], False),
    "null and its text": ([None, "null"], False),
}


@pytest.mark.parametrize(("items", "same"), SAME.values(), ids=SAME)
def test_equal_items(items, same):
    assert bool(validate_input({"uniqueItems": True}, items)) is same


REFUSED = {
    "look-ahead": ({"pattern": "^(?=a)"}, "pattern that RE2"),
    "a back-reference": ({"patternProperties": {r"(a)\1": True}}, "pattern that RE2"),
    "a pattern that becomes large": ({"pattern": r"(\pL{100}){100}"}, "pattern that RE2"),
    "a keyword that costs more than it says": (
        {"$defs": {"x": {"unevaluatedProperties": False}}},
        "`unevaluatedProperties`",
    ),
    "an anchor": ({"$ref": "#x", "$defs": {"x": {"$anchor": "x"}}}, "must refer by a path"),
    "a document within the document": ({"items": {"$id": "https://acme.example/"}}, "`$id`"),
    "a reference to what is no schema": ({"$ref": "#/x", "x": {"pattern": 3}}, "type 'string'"),
    "a pattern where only a reference leads": (
        {"$ref": "#/x/y", "x": {"y": {"pattern": "(?=a)"}}},
        "pattern that RE2",
    ),
    "very many parts": ({"properties": {f"p{n}": {"minimum": n} for n in range(5000)}}, "smaller"),
    "very many patterns": (
        {"properties": {f"p{n}": {"pattern": f"x{n}"} for n in range(950)}},
        "smaller",
    ),
}


@pytest.mark.parametrize(("schema", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(schema, words):
    [problem] = check_schema("schema", schema)
    assert words in problem.message


def test_the_schemas_of_a_pipeline_share_what_they_may_cost():
    large = {"properties": {f"p{n}": {"minimum": n} for n in range(900)}}
    assert check_schema("schema", large) == []
    asked = {"class": "fast", "prompt": "Hello.", "schema": large}
    steps = [{"name": f"s{n}", "type": "LLM", "llm": asked} for n in range(8)]
    models = [{"class": "fast", "providerRef": {"name": "mill"}}]
    spec, _ = parse(AGENT_PIPELINE, crd_cases.pipeline(steps=steps, models=models))
    problems = check_pipeline(spec)
    assert problems[0].path != "spec.steps[0].llm.schema"
    assert {problem.path for problem in problems} >= {"spec.steps[7].llm.schema"}
    assert all("must be smaller" in problem.message for problem in problems)


def test_what_looks_like_a_reference_in_data_is_none():
    assert check_schema("schema", {"enum": [{"$ref": "https://acme.example/"}]}) == []


LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5, "a", "ab", ""])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "null"]),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "pattern": st.sampled_from(["a", "^a$", "b+", "[^a]"]),
            "uniqueItems": st.booleans(),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "minItems": st.integers(0, 3),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
        },
    )
    | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["a", "[bc]"]), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "dependentSchemas": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(schema=SCHEMAS.filter(lambda schema: isinstance(schema, dict)), value=VALUES)
def test_the_verdict_is_that_of_jsonschema(schema, value):
    assert check_schema("schema", schema) == []
    said = validate_input(schema, value)
    assert (said == []) is Draft202012Validator(schema).is_valid(value), json.dumps(schema)
