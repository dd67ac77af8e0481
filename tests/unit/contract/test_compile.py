"""From a spec to a compiled pipeline: every default filled in, every class resolved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import crd_cases
from headrace_contract.check.parsing import parse
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import CompiledPipeline
from headrace_contract.reasons import Reason
from headrace_contract.resources.kinds import AGENT_PIPELINE, MODEL_PROVIDER

RECORDED = Path(__file__).parent / "recorded"
IDENTITY = {"tenant": "mill", "namespace": "team-a", "name": "river", "uid": "u-1"}


def compiled(spec=None, *, generation=1, providers=None):
    model, problems = parse(AGENT_PIPELINE, spec or crd_cases.pipeline())
    assert problems == []
    return compile_pipeline(
        **IDENTITY, generation=generation, spec=model, providers=providers or {}
    )


def provider(*models):
    return parse(MODEL_PROVIDER, crd_cases.provider(models=list(models)))[0]


DRAINS = {
    "the longest step": ([("a", "30s"), ("b", "2m")], {}, 120),
    "at most five minutes": ([("a", "1h")], {}, 300),
    "what the pool says": ([("a", "1h")], {"drain": {"timeout": "10s"}}, 10),
    "even no time": ([("a", "1h")], {"drain": {"timeout": "0s"}}, 0),
}


@pytest.mark.parametrize(("steps", "pool", "seconds"), DRAINS.values(), ids=DRAINS)
def test_drain(steps, pool, seconds):
    spec = crd_cases.pipeline(
        steps=[crd_cases.python(name, timeout=timeout) for name, timeout in steps],
        pools=[{"name": "main", **pool}],
    )
    assert compiled(spec).pools[0].drain_seconds == seconds


def test_a_pool_drains_by_its_own_steps():
    spec = crd_cases.pipeline(
        steps=[
            crd_cases.python("a", timeout="4m"),
            crd_cases.python("b", pool="big", timeout="1m"),
        ],
        pools=[{"name": "main"}, {"name": "big"}, {"name": "idle"}],
    )
    assert [pool.drain_seconds for pool in compiled(spec).pools] == [240, 60, 10]


def test_a_step_without_a_pool_runs_in_the_first():
    spec = crd_cases.pipeline(pools=[{"name": "first"}, {"name": "second"}])
    assert compiled(spec).steps[0].pool == "first"


TWO = {
    "acme": provider({"name": "small", "classes": ["fast"]}, {"name": "large"}),
    "mill": provider({"name": "local", "classes": ["fast", "cheap"]}),
}
TARGETS = {
    "the model of the class": ({}, [("acme", "small")]),
    "the model that is named": ({"model": "large"}, [("acme", "large")]),
    "the fallbacks in their order": (
        {"fallbacks": [{"providerRef": {"name": "mill"}}, {"providerRef": {"name": "acme"}}]},
        [("acme", "small"), ("mill", "local"), ("acme", "small")],
    ),
}


def of_class(model_class="fast", **changes):
    model = {"class": model_class, "providerRef": {"name": "acme"}, **changes}
    return crd_cases.pipeline(models=[model])


@pytest.mark.parametrize(("changes", "want"), TARGETS.values(), ids=TARGETS)
def test_a_class_means(changes, want):
    [model] = compiled(of_class(**changes), providers=TWO).models
    assert [(target.provider, target.model) for target in model.targets] == want


PATH = "spec.models[0]"
MISSING = {
    "a provider": (
        of_class(providerRef={"name": "ghost"}),
        f"{PATH}.providerRef.name",
        Reason.PROVIDER_NOT_FOUND,
    ),
    "a model of the provider": (of_class(model="huge"), f"{PATH}.model", Reason.MODEL_NOT_FOUND),
    "a model of the class": (of_class("deep"), f"{PATH}.model", Reason.MODEL_NOT_FOUND),
    "the provider of a fallback": (
        of_class(fallbacks=[{"providerRef": {"name": "ghost"}}]),
        f"{PATH}.fallbacks[0].providerRef.name",
        Reason.PROVIDER_NOT_FOUND,
    ),
}


@pytest.mark.parametrize(("spec", "path", "reason"), MISSING.values(), ids=MISSING)
def test_says_that_it_lacks(spec, path, reason):
    problems = compiled(spec, providers=TWO)
    assert [(problem.path, problem.reason) for problem in problems] == [(path, reason)]


def test_the_digest_names_the_content_and_not_the_generation():
    first = compiled()
    assert first.digest == compiled(generation=7).digest
    assert first.digest != compiled(crd_cases.pipeline(retry={"maxAttempts": 4})).digest
    assert first.digest.startswith("sha256:")


def largest():
    steps = [
        {
            "name": "draft",
            "type": "LLM",
            "llm": {
                "class": "fast",
                "system": "You are brief.",
                "prompt": "Write on {{ input.topic }}.",
                "schema": {"type": "object"},
                "temperature": "0.2",
            },
        },
        {
            "name": "ask",
            "type": "HTTP",
            "dependsOn": ["draft"],
            "when": "has(steps.draft.output)",
            "http": {
                "method": "POST",
                "url": "https://acme.example/",
                "headers": [{"name": "Authorization", "valueFromEnv": "ACME_KEY"}],
                "body": "{{ steps.draft.output | tojson }}",
            },
        },
        crd_cases.python("polish", dependsOn=["draft", "ask"], timeout="90s"),
    ]
    return crd_cases.pipeline(
        steps=steps,
        models=of_class()["models"],
        input={"schema": {"type": "object"}, "maxBytes": 1000},
        output={"schema": {"type": "string"}},
        egress=[{"cidr": "203.0.113.0/24"}, {"namespace": "data", "ports": [5432]}],
        limits={"maxConcurrentRuns": 5},
    )


def test_what_version_1_says_is_still_said():
    """A run keeps the pipeline it was accepted with, so the same spec must not compile anew."""
    recorded = json.loads((RECORDED / "compiled-v1.json").read_text())
    assert json.loads(compiled(largest(), providers=TWO).model_dump_json()) == recorded


def test_what_version_1_said_can_still_be_read():
    text = (RECORDED / "compiled-v1.json").read_text()
    read = CompiledPipeline.model_validate_json(text)
    assert json.loads(read.model_dump_json()) == json.loads(text)


def test_only_a_pipeline_that_says_something_of_priorities_has_them_in_its_digest():
    plain = compiled()
    assert not {"priority", "maxPriority"} & plain.model_dump().keys()
    urgent = compiled(crd_cases.pipeline(priority="High"))
    assert urgent.model_dump()["priority"] == "High"
    assert CompiledPipeline.model_validate_json(urgent.model_dump_json()) == urgent
    assert plain.digest != urgent.digest


def test_a_newer_message_can_be_read():
    text = (RECORDED / "compiled-v1.json").read_text()
    newer = {**json.loads(text), "invented": {"later": True}}
    assert CompiledPipeline.model_validate(newer) == CompiledPipeline.model_validate_json(text)


WINDOWS = {
    "of a model whose window nobody knows": ({}, {"maxTokens": 100_000}, None),
    "that fits": ({"contextWindow": 2048}, {"maxTokens": 2048}, None),
    "that is larger than the window": ({"contextWindow": 2048}, {"maxTokens": 2049}, 2048),
    "of a length that nobody wrote down": ({"contextWindow": 512}, {}, 512),
}


def answering(llm, **changes):
    step = {"name": "draft", "type": "LLM", "llm": {"class": "fast", "prompt": "Hello.", **llm}}
    model = {"class": "fast", "providerRef": {"name": "acme"}, **changes}
    return crd_cases.pipeline(steps=[step], models=[model])


@pytest.mark.parametrize(("model", "llm", "most"), WINDOWS.values(), ids=WINDOWS)
def test_an_answer(model, llm, most):
    acme = provider({"name": "small", "classes": ["fast"], **model})
    found = compiled(answering(llm), providers={"acme": acme})
    if most is None:
        assert isinstance(found, CompiledPipeline)
        return
    [problem] = found
    assert problem.path == "spec.steps[0].llm.maxTokens"
    assert problem.message.startswith(f"must be at most {most}")
    assert problem.reason == Reason.MODEL_TOO_SMALL


def test_a_fallback_has_a_window_too():
    small = provider({"name": "local", "classes": ["fast"], "contextWindow": 100})
    spec = answering({}, fallbacks=[{"providerRef": {"name": "mill"}}])
    [problem] = compiled(spec, providers={**TWO, "mill": small})
    assert "'local' of provider 'mill'" in problem.message
