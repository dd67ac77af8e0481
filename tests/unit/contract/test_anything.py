"""Whatever users write, the check answers with problems and never with an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace_contract.check.data import check_schema, validate_input
from headrace_contract.check.expressions import check_expression
from headrace_contract.check.references import Scope
from headrace_contract.check.templates import check_template

# cel-python raises the limit for good when it evaluates, and hypothesis wonders about that.
pytestmark = pytest.mark.filterwarnings("ignore:The recursion limit will not be reset")

SCOPE = Scope(frozenset({"a", "b"}), frozenset({"a"}))
WORDS = """
input steps a b .output ['a'] [0] . ( ) { } , ? : && || ! == < + - in has all exists map filter size
matches 'x' 1 -1 1.5 true null b'x' r'd' {{ }} {% %} {# #} if endif for endfor is not defined
| upper tojson set = block macro raw endraw \\ " ' é 日
"""
PIECES = st.sampled_from([*WORDS.split(), "\n", "\x00", " "])
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=16).map(" ".join), st.lists(PIECES).map("".join)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "$ref",
                    "$id",
                    "$defs",
                    "properties",
                    "items",
                    "enum",
                    "pattern",
                    "$anchor",
                ]
            ),
            inner | st.sampled_from(["object", "#", "#/$defs/a", "#a", "http://[", "string", "("]),
            max_size=4,
        )
    ),
    max_leaves=12,
)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(text=TEXTS)
def test_any_expression(text):
    check_expression("when", text, SCOPE)


@many
@given(text=TEXTS)
def test_any_template(text):
    check_template("prompt", text, SCOPE)


@many
@given(schema=st.dictionaries(st.sampled_from(["type", "$ref", "$id", "$defs", "items"]), JSON))
def test_any_schema(schema):
    if check_schema("schema", schema) == []:
        validate_input(schema, {"a": [1]})


STRANGE = {
    "a macro of nothing": "input.all()",
    "a macro of one thing": "input.all(x)",
    "a macro over no name": "input.map(1, 2)",
    "has of nothing": "has()",
    "deep brackets": "(" * 400 + "1" + ")" * 400,
    "many of them": " && ".join(["input.x > 1"] * 200),
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_expressions(text):
    check_expression("when", text, SCOPE)


DEEP = {
    "a deep template": "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "many loops": "{% for i in input %}" * 60 + "{% endfor %}" * 60,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_strange_templates(text):
    check_template("prompt", text, SCOPE)


def test_a_deep_schema():
    schema = json.loads('{"items":' * 300 + "{}" + "}" * 300)
    check_schema("schema", schema)


def test_a_schema_that_is_itself():
    assert check_schema("schema", {"$ref": "#"}) == []
    [problem] = validate_input({"$ref": "#"}, {})
    assert "cannot be checked" in problem.message
