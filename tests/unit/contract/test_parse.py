"""What users write, read: the model, or problems that say what can be done."""

from __future__ import annotations

import pytest

import crd_cases
from headrace_contract.check.parsing import parse
from headrace_contract.problem import Problem
from headrace_contract.resources.kinds import AGENT_PIPELINE, AGENT_TENANT, MODEL_PROVIDER

MAIN = {"name": "main"}
WRONG = {
    "nothing": (
        {},
        [("spec.steps", "must be set"), ("spec.pools", "must be set")],
    ),
    "a misspelt field": (
        crd_cases.pipeline(polls=[]),
        [("spec.polls", "is no field of it; did you mean `pools`?")],
    ),
    "a misspelt field of an item": (
        crd_cases.pipeline(steps=[crd_cases.python(dependson=[])]),
        [("spec.steps[0].dependson", "is no field of it; did you mean `dependsOn`?")],
    ),
    "a field by its name in Python": (
        crd_cases.pipeline(stop_policy="Hold"),
        [("spec.stop_policy", "is no field of it; did you mean `stopPolicy`?")],
    ),
    "a field that nothing is like": (
        crd_cases.pipeline(pools=[{**MAIN, "drain": {"zzz": 1}}]),
        [("spec.pools[0].drain.zzz", "is no field of it; it must be one of 'timeout'")],
    ),
    "a value that is not on the list": (
        crd_cases.pipeline(stopPolicy="Pause"),
        [("spec.stopPolicy", "must be one of 'None', 'Hold', 'HoldAndDrain'")],
    ),
    "a duration in days": (
        crd_cases.pipeline(results={"ttl": "7d"}),
        [("spec.results.ttl", "must be a duration such as '90s' or '1h30m'")],
    ),
    "a number in quotes": (
        crd_cases.pipeline(pools=[{**MAIN, "concurrencyPerWorker": "4"}]),
        [("spec.pools[0].concurrencyPerWorker", "must be an integer")],
    ),
    "too large a number": (
        crd_cases.pipeline(retry={"maxAttempts": 99}),
        [("spec.retry.maxAttempts", "must be at most 20")],
    ),
    "a scalar for a list": (
        crd_cases.pipeline(steps="draft"),
        [("spec.steps", "must be a list")],
    ),
    "a list for an object": (
        crd_cases.pipeline(retry=[]),
        [("spec.retry", "must be an object")],
    ),
    "an object for a string": (
        crd_cases.pipeline(steps=[{"name": {}, "type": "LLM"}]),
        [("spec.steps[0].name", "must be a string")],
    ),
    "a step's name with a dash": (
        crd_cases.pipeline(steps=[crd_cases.python("first-draft")]),
        [
            (
                "spec.steps[0].name",
                "must be lower-case letters, digits and '_', and begin with a letter",
            )
        ],
    ),
}


@pytest.mark.parametrize(("raw", "want"), WRONG.values(), ids=WRONG)
def test_says_what_is_wrong_with(raw, want):
    spec, problems = parse(AGENT_PIPELINE, raw)
    assert spec is None
    assert [(problem.path, problem.message) for problem in problems] == want


def test_a_spec_that_is_right_comes_back_frozen():
    spec, problems = parse(AGENT_PIPELINE, crd_cases.pipeline())
    assert problems == []
    assert spec.pools[0].scaling.max_replicas == 10


def test_rules_are_read_with_the_rest():
    raw = crd_cases.provider(timeouts={"total": "0s"})
    assert parse(MODEL_PROVIDER, raw) == (
        None,
        [Problem("spec.timeouts.total", "is refused: the duration must be longer than 0s")],
    )


ATLANTIS = {"name": "days", "window": "CalendarDay", "timeZone": "Europe/Atlantis"}
ZONES = {
    "a tenant's limit": (
        AGENT_TENANT,
        crd_cases.tenant(limits=[{**ATLANTIS, "resource": "tokens", "limit": 5}]),
        "spec.limits[0].timeZone",
    ),
    "a tenant's budget": (
        AGENT_TENANT,
        crd_cases.tenant(budgets=[{"name": "b", "amount": "1"}, {**ATLANTIS, "amount": "1"}]),
        "spec.budgets[1].timeZone",
    ),
    "a provider's limit": (
        MODEL_PROVIDER,
        crd_cases.provider(limits=[{**ATLANTIS, "resource": "tokens", "limit": 5}]),
        "spec.limits[0].timeZone",
    ),
}


@pytest.mark.parametrize(("kind", "raw", "path"), ZONES.values(), ids=ZONES)
@pytest.mark.parametrize("stored", [False, True], ids=["written", "stored"])
def test_a_time_zone_that_is_none_is_refused(kind, raw, path, stored):
    wanted = "must be an IANA time zone such as 'Europe/Berlin', not 'Europe/Atlantis'"
    assert parse(kind, raw, stored=stored) == (None, [Problem(path, wanted)])


def test_a_secret_in_the_wrong_place_is_not_repeated():
    raw = crd_cases.tenant(stopPolicy="hr_supersecret")
    _, [problem] = parse(AGENT_TENANT, raw)
    assert "supersecret" not in str(problem)


def test_a_problem_reads_as_a_sentence():
    assert str(Problem("spec.steps", "must be set")) == "`spec.steps` must be set"
