"""Expressions of `limits.perKey`: cheap, and about the input alone."""

from __future__ import annotations

import pytest

from headrace_contract.check.expressions import check_key
from headrace_contract.check.keys import read_keys
from headrace_contract.compiled import CompiledKey

GOOD = (
    "input.customer",
    "has(input.a) ? input.a : null",
    "string(input.n) + '/' + input.b",
    "'all'",
)
BAD = {
    "input.": "must be a CEL expression that compiles",
    "steps.a.output": "names the unknown step 'a'",
    "customer": "names the unknown variable 'customer'",
    "input.all(x, x > 1)": "must not call 'all', since every submit pays for it",
    "input.a.map(x, x)[0]": "must not call 'map'",
    "input.a.matches('(a+)+$')": "must not call 'matches'",
    "matches(input.a, 'b')": "must not call 'matches'",
    "hash(input.a)": "calls the unknown function 'hash'",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_key_of_the_input(text):
    assert check_key("key", text) == []


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=BAD)
def test_what_no_key_may_say(text, message):
    (problem,) = check_key("key", text)
    assert (problem.path, message in problem.message) == ("key", True), problem.message


@pytest.mark.parametrize("value", [{"n": 10**30}, {"a": [{"b": -(2**64)}]}])
def test_an_input_beyond_the_numbers_of_cel_is_a_problem_and_no_crash(value):
    key = CompiledKey(name="customer", key="'all'", limit=1, on_exceed="Queue")
    found, [problem] = read_keys([key], value)
    assert (found, problem.path) == ({}, "input")
