"""Input and output of runs against the user's schema."""

from __future__ import annotations

import pytest

from headrace_contract.check.data import validate_input, validate_output

SCHEMA = {
    "type": "object",
    "required": ["topic"],
    "additionalProperties": False,
    "properties": {
        "topic": {"type": "string", "maxLength": 5},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
}
WRONG = {
    "no object": ([], [("input", "must be of type 'object'")]),
    "nothing": ({}, [("input", "must have 'topic'")]),
    "too long a word": ({"topic": "rivers"}, [("input.topic", "must satisfy `maxLength: 5`")]),
    "an item": (
        {"topic": "mill", "tags": ["a", "z"]},
        [("input.tags[1]", 'must satisfy `enum: ["a", "b"]`')],
    ),
    "a stranger": (
        {"topic": "mill", "colour": 1},
        [("input", "must have no other members than 'topic', 'tags'")],
    ),
}


@pytest.mark.parametrize(("value", "want"), WRONG.values(), ids=WRONG)
def test_says_what_is_wrong_with(value, want):
    problems = validate_input(SCHEMA, value)
    assert [(problem.path, problem.message) for problem in problems] == want


@pytest.mark.parametrize("value", [{}, [], "text", 3, None, True])
def test_anything_goes_without_a_schema(value):
    assert validate_input(None, value) == []


def test_an_output_is_called_an_output():
    assert validate_output({"type": "string"}, 3)[0].path == "output"


def test_a_value_is_never_repeated():
    [problem] = validate_input({"type": "integer"}, "my password")
    assert "password" not in str(problem)


def test_a_remote_reference_is_not_loaded():
    [problem] = validate_input({"$ref": "http://127.0.0.1:9/schema.json"}, {})
    assert "cannot be checked" in problem.message


def test_few_problems_are_told_of_many():
    assert len(validate_input({"items": {"type": "string"}}, [1] * 1000)) == 20
