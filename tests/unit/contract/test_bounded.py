"""No user's words keep the check busy: it is run where other tenants wait."""

from __future__ import annotations

import pytest

from headrace_contract.check.references import Scope
from headrace_contract.check.templates import check_template, environment

SCOPE = Scope(frozenset(), frozenset())


@pytest.fixture
def evaluated(monkeypatch):
    """What the check calls of a template's own words; a constant filter is the cheap witness."""
    calls = []
    monkeypatch.setitem(environment().filters, "upper", lambda value: calls.append(value) or "")
    return calls


CONSTANTS = {
    "an output": "{{ 'a' | upper }}",
    "an operand": "{{ input.x ~ ('a' | upper) }}",
    "a condition": "{% if 'a' | upper %}x{% endif %}",
    "a loop": "{% for i in ['a' | upper] %}x{% endfor %}",
    "a variable": "{% set x = 'a' | upper %}",
    "an argument": "{{ input.x | default('a' | upper) }}",
    "a slice": "{{ input.x['a' | upper:] }}",
    "a block": "{% filter upper %}a{% endfilter %}",
    "a macro": "{% macro m(x='a' | upper) %}{{ x }}{% endmacro %}{{ m() }}",
    "a with": "{% with x = 'a' | upper %}{{ x }}{% endwith %}",
    "an option of escaping": "{% autoescape 'a' | upper %}x{% endautoescape %}",
}


@pytest.mark.parametrize("text", CONSTANTS.values(), ids=CONSTANTS)
def test_nothing_is_evaluated_in(text, evaluated):
    check_template("prompt", text, SCOPE)
    assert evaluated == []


ENDLESS = {
    "a number": "{{ 9**(9**9) }}",
    "a long text": "{{ 'a' * 10**10 }}",
    "a wide text": "{{ 'a' | center(10**10) }}",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_would_never_end_is_a_template_all_the_same(text):
    assert check_template("prompt", text, SCOPE) == []


REFUSED = {
    "a number of too many digits": ("{{ " + "1" * 5000 + " }}", "must be a template that parses"),
    "an option that would be evaluated": (CONSTANTS["an option of escaping"], "`autoescape`"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(text, words):
    [problem] = check_template("prompt", text, SCOPE)
    assert words in problem.message
