"""The one check of a pipeline: each thing that is wrong has its path, its words and its reason."""

from __future__ import annotations

import pytest

import crd_cases
from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.reasons import Reason
from headrace_contract.resources.kinds import AGENT_PIPELINE, AGENT_TENANT

CLASSES = [{"class": "fast", "providerRef": {"name": "mill"}}]


def llm(name="draft", prompt="Say hello.", **changes):
    return {"name": name, "type": "LLM", "llm": {"class": "fast", "prompt": prompt}, **changes}


def http(url="https://acme.example/", body=None, **changes):
    member = {"url": url} if body is None else {"url": url, "body": body}
    return {"name": "ask", "type": "HTTP", "http": member, **changes}


def python(name, *depends_on, **changes):
    return crd_cases.python(name, dependsOn=list(depends_on), **changes)


def problems(*steps, **changes):
    given = {"steps": list(steps)} if steps else {}
    spec, unread = parse(AGENT_PIPELINE, crd_cases.pipeline(**given, **changes))
    assert unread == []
    return check_pipeline(spec)


def told(found):
    return [(problem.path, problem.reason) for problem in found]


WELL = {
    "input in a prompt": [llm(prompt="Write on {{ input.topic | upper }}.")],
    "the output of a step before": [
        python("a"),
        llm("b", "{{ steps.a.output.text }}", dependsOn=["a"]),
    ],
    "the output of a step before that": [
        python("a"),
        python("b", "a"),
        llm("c", "{{ steps['a'].output }}", dependsOn=["b"]),
    ],
    "whether a step was skipped": [
        python("a"),
        llm("b", "{% if steps.a is defined %}{{ steps.a.output }}{% endif %}", dependsOn=["a"]),
    ],
    "names of its own": [llm(prompt="{% for i in range(3) %}{{ loop.index }}{{ i }}{% endfor %}")],
    "an address and a body": [http("https://acme.example/{{ input.id }}", "{{ input | tojson }}")],
    "a condition": [python("a"), python("b", "a", when="steps.a.output.score > 3")],
    "a condition with a macro": [
        python("a", when="input.tags.exists(t, t == 'x') && has(input.y)")
    ],
    "a condition that indexes": [python("a"), python("b", "a", when="steps['a'].output == 'x'")],
    "a diamond": [python("a"), python("b", "a"), python("c", "a"), python("d", "b", "c")],
}


@pytest.mark.parametrize("steps", WELL.values(), ids=WELL)
def test_nothing_is_wrong_with(steps):
    assert problems(*steps, models=CLASSES) == []


PROMPT = "spec.steps[0].llm.prompt"
WHEN = "spec.steps[0].when"
TEMPLATE, UNKNOWN = Reason.INVALID_TEMPLATE, Reason.UNKNOWN_REFERENCE
WRONG = {
    "a template that does not parse": ([llm(prompt="{{ input.")], PROMPT, TEMPLATE, "parses"),
    "an unknown filter": ([llm(prompt="{{ input | shout }}")], PROMPT, TEMPLATE, "'shout'"),
    "an unknown test": ([llm(prompt="{{ 1 if input is loud }}")], PROMPT, TEMPLATE, "'loud'"),
    "an unknown variable": ([llm(prompt="{{ topic }}")], PROMPT, TEMPLATE, "'topic'"),
    "all steps at once": ([llm(prompt="{{ steps }}")], PROMPT, TEMPLATE, "steps.<name>.output"),
    "a computed name": (
        [llm(prompt="{{ steps[input.x] }}")],
        PROMPT,
        TEMPLATE,
        "name a step",
    ),
    "an unknown step": ([llm(prompt="{{ steps.ghost.output }}")], PROMPT, UNKNOWN, "'ghost'"),
    "its own output": ([llm(prompt="{{ steps.draft.output }}")], PROMPT, TEMPLATE, "dependsOn"),
    "a step beside it": (
        [llm(prompt="{{ steps.b.output }}"), python("b")],
        PROMPT,
        TEMPLATE,
        "`dependsOn`",
    ),
    "something else of a step": (
        [llm(prompt="{{ steps.b.result }}", dependsOn=["b"]), python("b")],
        PROMPT,
        TEMPLATE,
        "only `output`",
    ),
    "another template": ([llm(prompt="{% include 'x' %}")], PROMPT, TEMPLATE, "include"),
    "an unknown variable of an address": (
        [http("https://{{ host }}/")],
        "spec.steps[0].http.url",
        TEMPLATE,
        "'host'",
    ),
    "an unknown variable of a body": (
        [http(body="{{ data }}")],
        "spec.steps[0].http.body",
        TEMPLATE,
        "'data'",
    ),
    "a broken condition": (
        [python("a", when="input.x >")],
        WHEN,
        TEMPLATE,
        "compiles",
    ),
    "a condition on an unknown variable": ([python("a", when="x > 1")], WHEN, TEMPLATE, "'x'"),
    "a condition on an unknown step": ([python("a", when="steps.b.output")], WHEN, UNKNOWN, "'b'"),
    "a condition on a step beside it": (
        [python("a", when="has(steps.b.output)"), python("b")],
        WHEN,
        TEMPLATE,
        "`dependsOn`",
    ),
    "an unknown function": (
        [python("a", when="now() > 1")],
        WHEN,
        TEMPLATE,
        "'now'",
    ),
    "a macro of nothing": ([python("a", when="input.all()")], WHEN, TEMPLATE, "'all'"),
    "a macro over no name": ([python("a", when="input.map(1, 2)")], WHEN, TEMPLATE, "'map'"),
    "a macro as a function": ([python("a", when="all(1, 2)")], WHEN, TEMPLATE, "'all'"),
    "a macro's variable outside of it": (
        [python("a", when="input.all(x, x > 1) && x > 1")],
        WHEN,
        TEMPLATE,
        "'x'",
    ),
    "a step that is not there": (
        [python("a", "ghost")],
        "spec.steps[0].dependsOn[0]",
        UNKNOWN,
        "'ghost'",
    ),
    "an unknown pool": (
        [python("a", pool="big")],
        "spec.steps[0].pool",
        UNKNOWN,
        "'main'",
    ),
    "a circle": (
        [python("a", "c"), python("b", "a"), python("c", "b")],
        "spec.steps",
        Reason.CYCLIC_STEPS,
        "'a' → 'c' → 'b' → 'a'",
    ),
    "a circle behind a step that is fine": (
        [python("a", "b"), python("b", "c"), python("c", "b")],
        "spec.steps",
        Reason.CYCLIC_STEPS,
        "'b' → 'c' → 'b'",
    ),
    "a step after itself": ([python("a", "a")], "spec.steps", Reason.INVALID_SPEC, "itself"),
    "a name that is there twice": (
        [python("a"), python("a")],
        "spec.steps[1].name",
        Reason.INVALID_SPEC,
        "unique",
    ),
}


@pytest.mark.parametrize(("steps", "path", "reason", "words"), WRONG.values(), ids=WRONG)
def test_says_what_is_wrong_with(steps, path, reason, words):
    found = problems(*steps, models=CLASSES)
    assert told(found) == [(path, reason)], found
    assert words in found[0].message


def test_a_class_that_is_not_there():
    assert told(problems(llm())) == [("spec.steps[0].llm.class", UNKNOWN)]


def test_everything_is_told_at_once():
    found = problems(llm(prompt="{{ a }}{{ b }}", pool="big"), models=CLASSES)
    assert told(found) == [("spec.steps[0].pool", UNKNOWN), (PROMPT, TEMPLATE), (PROMPT, TEMPLATE)]


SCHEMAS = {
    "an unknown type": ({"type": "text"}, ".type"),
    "another document": ({"$ref": "https://acme.example/schema.json"}, ""),
    "another document, deep inside": ({"properties": {"x": {"$ref": "other.json#/a"}}}, ""),
    "a part that is not there": ({"$ref": "#/$defs/ghost"}, ""),
    "another dialect": ({"$schema": "http://json-schema.org/draft-07/schema#"}, ".$schema"),
}


@pytest.mark.parametrize(("schema", "at"), SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_stand_alone_and_are_of_one_dialect(schema, at):
    step = llm()
    step["llm"]["schema"] = schema
    paths = ("spec.input.schema", "spec.output.schema", "spec.steps[0].llm.schema")
    found = problems(step, models=CLASSES, input={"schema": schema}, output={"schema": schema})
    assert told(found) == [(path + at, TEMPLATE) for path in paths]


def test_a_schema_may_refer_to_its_own_parts():
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}, "b": {"$anchor": "x"}}}
    assert problems(input={"schema": schema}) == []


SEVERAL_ENDS = {
    "one last step": ([python("a"), python("b", "a")], None),
    "two last steps": ([python("a"), python("b")], "'a', 'b'"),
}


@pytest.mark.parametrize(("steps", "words"), SEVERAL_ENDS.values(), ids=SEVERAL_ENDS)
def test_the_schema_of_the_output_is_about_one_last_step(steps, words):
    found = problems(*steps, output={"schema": {"type": "object"}})
    assert [problem.path for problem in found] == (["spec.output.schema"] if words else [])
    assert all(words in problem.message for problem in found)
    assert problems(*steps) == []


RANGES = {
    "a network of IPv4": ("203.0.113.0/24", None),
    "a network of IPv6": ("2001:db8::/32", None),
    "one address": ("203.0.113.7/32", None),
    "no address": ("999.0.0.0/8", "range of addresses"),
    "too long a prefix": ("10.0.0.0/33", "range of addresses"),
    "an address inside of its range": ("10.1.2.3/8", "'10.0.0.0/8'"),
}


@pytest.mark.parametrize(("cidr", "words"), RANGES.values(), ids=RANGES)
def test_ranges_of_addresses(cidr, words):
    found = problems(egress=[{"cidr": cidr}])
    _, of_tenant = parse(AGENT_TENANT, crd_cases.tenant(allowed={"egress": [{"cidr": cidr}]}))
    if words is None:
        assert (found, of_tenant) == ([], [])
    else:
        assert words in found[0].message
        assert [p.path for p in found] == ["spec.egress[0].cidr"]
        assert [p.path for p in of_tenant] == ["spec.allowed.egress[0].cidr"]


def test_the_largest_graph_is_walked_in_time():
    """64 steps that each wait for all before: a walk of every way would take 2**62 turns."""
    names = [f"s{index}" for index in range(64)]
    steps = [python(name, *names[:index]) for index, name in enumerate(names)]
    assert problems(*steps) == []
