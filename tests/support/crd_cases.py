"""
One table of objects that the schema admits or refuses, and why.

It is run twice: offline against the generated schema, and against a real API server, so that the
offline check of `headrace plan` and the cluster give the same answer.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace_contract.resources.kinds import AGENT_PIPELINE, AGENT_TENANT, MODEL_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace_contract.resources.kinds import Kind


@dataclass(frozen=True, slots=True)
class Case:
    """An object, and the words of the refusal; None where it is admitted."""

    says: str
    kind: Kind
    spec: dict[str, Any]
    refused: str | None = None


def pipeline(**changes: Any) -> dict[str, Any]:
    """Return the smallest pipeline, with these members of its spec changed."""
    return {"steps": [python()], "pools": [{"name": "main"}], **copy.deepcopy(changes)}


def python(name: str = "draft", **changes: Any) -> dict[str, Any]:
    return {"name": name, "type": "Python", "python": {"function": "work:draft"}, **changes}


def tenant(**changes: Any) -> dict[str, Any]:
    return {"namespaces": ["team-a"], **copy.deepcopy(changes)}


def provider(**changes: Any) -> dict[str, Any]:
    models = [{"name": "small", "classes": ["fast"]}]
    return {"endpoint": "https://llm.acme.example/v1", "models": models, **copy.deepcopy(changes)}


def _http(*headers: dict[str, str], **more: Any) -> dict[str, Any]:
    http = {"url": "https://acme.example/", "headers": list(headers)}
    return pipeline(steps=[{"name": "ask", "type": "HTTP", "http": http, **more}])


def _pool(**changes: Any) -> dict[str, Any]:
    return pipeline(pools=[{"name": "main", **changes}])


def _limited(make: Callable[..., dict[str, Any]], **changes: Any) -> dict[str, Any]:
    limit = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
    return make(limits=[{**limit, **changes}])


def _run(**changes: Any) -> dict[str, Any]:
    return pipeline(limits={"perRun": changes})


def _budget(**changes: Any) -> dict[str, Any]:
    return tenant(budgets=[{"name": "monthly", "amount": "100", **changes}])


def _llm(**changes: Any) -> dict[str, Any]:
    llm = {"class": "fast", "prompt": "Say hello."}
    return {"name": "draft", "type": "LLM", "llm": llm, **changes}


SMALLEST = (
    Case("the smallest pipeline", AGENT_PIPELINE, pipeline()),
    Case("the smallest tenant", AGENT_TENANT, tenant()),
    Case("the smallest provider", MODEL_PROVIDER, provider()),
)

_MEMBER = "each step must have exactly the member that its `type` names"
_HEADER = "each header must have exactly one of `value` and `valueFromEnv`"
_EGRESS = "each rule must have exactly one of `cidr` and `namespace`"
_ENV = "names that begin with 'HEADRACE_' or 'OPENAI_' are set by headrace"
_SCALING = "`minReplicas` must be at most `maxReplicas`"
_BACKOFF = "`initial` must be at most `max`"
_POSITIVE = "the duration must be longer than 0s"
_CLASSES = "each class must be served by exactly one model of the provider"
_ZONED = "`timeZone` must be left out unless `window` is 'CalendarDay' or 'CalendarMonth'"
_CONCURRENT = "`window` must not be 'None' (how many at once)"
_NO_MONEY = "the amount must be more than 0"
_NO_CALLS = "a step of type HTTP makes no model calls, and must leave out `limits`"
_FEW = {"maxTokens": 9, "maxConcurrentLLMCalls": 1}
_AT_ONCE = {"resource": "llmCalls", "window": "None"}
_BERLIN = {"timeZone": "Europe/Berlin"}
_CIDR = {"cidr": "203.0.113.0/24"}

# What CEL rules decide.
RULES = (
    Case("an LLM step with `llm`", AGENT_PIPELINE, pipeline(steps=[_llm()])),
    Case(
        "an LLM step with `python`", AGENT_PIPELINE, pipeline(steps=[python(type="LLM")]), _MEMBER
    ),
    Case(
        "a step with two members",
        AGENT_PIPELINE,
        pipeline(steps=[_llm(python={"function": "work:draft"})]),
        _MEMBER,
    ),
    Case(
        "a step with no member",
        AGENT_PIPELINE,
        pipeline(steps=[{"name": "draft", "type": "HTTP"}]),
        _MEMBER,
    ),
    Case("a step with limits", AGENT_PIPELINE, pipeline(steps=[python(limits=_FEW)])),
    Case("an HTTP step with limits", AGENT_PIPELINE, _http(limits=_FEW), _NO_CALLS),
    Case(
        "a step after another",
        AGENT_PIPELINE,
        pipeline(steps=[python(), python("polish", dependsOn=["draft"])]),
    ),
    Case(
        "a step after itself",
        AGENT_PIPELINE,
        pipeline(steps=[python(dependsOn=["draft"])]),
        "a step must not depend on itself",
    ),
    Case("a header with a value", AGENT_PIPELINE, _http({"name": "Accept", "value": "text/plain"})),
    Case(
        "a header from the environment", AGENT_PIPELINE, _http({"name": "K", "valueFromEnv": "K"})
    ),
    Case("a header with nothing", AGENT_PIPELINE, _http({"name": "Accept"}), _HEADER),
    Case(
        "a header with both",
        AGENT_PIPELINE,
        _http({"name": "Accept", "value": "a", "valueFromEnv": "A"}),
        _HEADER,
    ),
    Case("a range of addresses", AGENT_PIPELINE, pipeline(egress=[_CIDR])),
    Case("a namespace", AGENT_PIPELINE, pipeline(egress=[{"namespace": "data"}])),
    Case("egress to both", AGENT_PIPELINE, pipeline(egress=[{**_CIDR, "namespace": "a"}]), _EGRESS),
    Case("egress to nothing", AGENT_PIPELINE, pipeline(egress=[{"ports": [443]}]), _EGRESS),
    Case("a variable", AGENT_PIPELINE, _pool(env=[{"name": "MODE", "value": "fast"}])),
    Case(
        "a variable of headrace",
        AGENT_PIPELINE,
        _pool(env=[{"name": "HEADRACE_POOL", "value": "other"}]),
        _ENV,
    ),
    Case(
        "the key of the step",
        AGENT_PIPELINE,
        _pool(env=[{"name": "OPENAI_API_KEY", "value": "mine"}]),
        _ENV,
    ),
    Case(
        "as many workers at least as at most",
        AGENT_PIPELINE,
        _pool(scaling={"minReplicas": 3, "maxReplicas": 3}),
    ),
    Case(
        "more workers at least than at most",
        AGENT_PIPELINE,
        _pool(scaling={"minReplicas": 4, "maxReplicas": 3}),
        _SCALING,
    ),
    Case(
        "more workers at least than the default allows",
        AGENT_PIPELINE,
        _pool(scaling={"minReplicas": 11}),
        _SCALING,
    ),
    Case(
        "a first wait as long as the longest",
        AGENT_PIPELINE,
        pipeline(retry={"backoff": {"initial": "1m", "max": "60s"}}),
    ),
    Case(
        "a first wait beyond the longest",
        AGENT_PIPELINE,
        pipeline(retry={"backoff": {"initial": "61s"}}),
        _BACKOFF,
    ),
    Case("a step of an hour and a half", AGENT_PIPELINE, pipeline(steps=[python(timeout="1h30m")])),
    Case("a step without time", AGENT_PIPELINE, pipeline(steps=[python(timeout="0s")]), _POSITIVE),
    Case(
        "a run without time",
        AGENT_PIPELINE,
        pipeline(limits={"perRun": {"maxDuration": "0h0m"}}),
        _POSITIVE,
    ),
    Case("results kept no time", AGENT_PIPELINE, pipeline(results={"ttl": "0s"}), _POSITIVE),
    Case("a tenant with egress", AGENT_TENANT, tenant(allowed={"egress": [_CIDR]})),
    Case(
        "a tenant with egress to nothing", AGENT_TENANT, tenant(allowed={"egress": [{}]}), _EGRESS
    ),
    Case(
        "models of classes of their own",
        MODEL_PROVIDER,
        provider(models=[{"name": "a", "classes": ["x"]}, {"name": "b", "classes": ["y"]}]),
    ),
    Case("a model of no class", MODEL_PROVIDER, provider(models=[{"name": "a"}])),
    Case(
        "a class of two models",
        MODEL_PROVIDER,
        provider(models=[{"name": "a", "classes": ["x"]}, {"name": "b", "classes": ["x"]}]),
        _CLASSES,
    ),
    Case("no time to connect", MODEL_PROVIDER, provider(timeouts={"connect": "0s"}), _POSITIVE),
    Case("no time to answer", MODEL_PROVIDER, provider(timeouts={"firstByte": "0s"}), _POSITIVE),
    Case("no time for a call", MODEL_PROVIDER, provider(timeouts={"total": "0m"}), _POSITIVE),
    Case("tokens a minute", AGENT_TENANT, _limited(tenant, selector={"classes": ["fast"]})),
    Case("tokens a minute of all", MODEL_PROVIDER, _limited(provider, mode="Shadow")),
    Case("calls at once", AGENT_TENANT, _limited(tenant, **_AT_ONCE)),
    Case("calls at once of all", MODEL_PROVIDER, _limited(provider, **_AT_ONCE)),
    Case("tokens at once", AGENT_TENANT, _limited(tenant, window="None"), _CONCURRENT),
    Case("tokens at once of all", MODEL_PROVIDER, _limited(provider, window="None"), _CONCURRENT),
    Case("a day in Berlin", AGENT_TENANT, _limited(tenant, window="CalendarDay", **_BERLIN)),
    Case("a minute in Berlin", AGENT_TENANT, _limited(tenant, **_BERLIN), _ZONED),
    Case("a minute of all in Berlin", MODEL_PROVIDER, _limited(provider, **_BERLIN), _ZONED),
    Case("a budget", AGENT_TENANT, _budget(softPercents=[50, 80], **_BERLIN)),
    Case("24 hours in Berlin", AGENT_TENANT, _budget(window="1d", **_BERLIN), _ZONED),
    Case("a budget of nothing", AGENT_TENANT, _budget(amount="0.00"), _NO_MONEY),
    Case("a run for a cent", AGENT_PIPELINE, _run(maxCost={"amount": "0.01"}, maxLLMCalls=3)),
    Case("a run for nothing", AGENT_PIPELINE, _run(maxCost={"amount": "0"}), _NO_MONEY),
)

NAMES = {
    "a label": ("river", True),
    "a label of 63 characters": ("r" * 63, True),
    "a label of 64 characters": ("r" * 64, False),
    "a name with dots": ("river.mill", False),
}

# What bounds and list types decide.
BOUNDS = (
    Case("no step", AGENT_PIPELINE, pipeline(steps=[]), "spec.steps"),
    Case(
        "a dash in a step's name",
        AGENT_PIPELINE,
        pipeline(steps=[python("first-draft")]),
        "spec.steps[0].name",
    ),
    Case("days in a duration", AGENT_PIPELINE, pipeline(results={"ttl": "7d"}), "spec.results.ttl"),
    Case("an empty duration", AGENT_PIPELINE, _pool(scaling={"idleAfter": ""}), "idleAfter"),
    Case(
        "two steps of one name",
        AGENT_PIPELINE,
        pipeline(steps=[python(), python()]),
        "Duplicate value",
    ),
    Case(
        "two variables of one name",
        AGENT_PIPELINE,
        _pool(env=[{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]),
        "Duplicate value",
    ),
    Case(
        "a step that is waited for twice",
        AGENT_PIPELINE,
        pipeline(steps=[python(), python("polish", dependsOn=["draft", "draft"])]),
        "Duplicate value",
    ),
    Case(
        "a port twice",
        AGENT_PIPELINE,
        pipeline(egress=[{**_CIDR, "ports": [443, 443]}]),
        "Duplicate value",
    ),
    Case(
        "a namespace twice",
        AGENT_TENANT,
        tenant(namespaces=["team-a", "team-a"]),
        "Duplicate value",
    ),
    Case("a tier of another day", AGENT_PIPELINE, pipeline(tier="Sync"), "spec.tier"),
    Case("an endpoint by ftp", MODEL_PROVIDER, provider(endpoint="ftp://a"), "endpoint"),
    Case("no tokens of all", MODEL_PROVIDER, _limited(provider, limit=0), "limits[0].limit"),
    Case("tokens a week", AGENT_TENANT, _limited(tenant, window="1w"), "limits[0].window"),
    Case("all of a budget, softly", AGENT_TENANT, _budget(softPercents=[100]), "softPercents"),
    Case("a weight of nothing", AGENT_TENANT, tenant(weight=0), "weight"),
    Case("a run without tokens", AGENT_PIPELINE, _run(maxTokens=0), "maxTokens"),
    Case(
        "two limits of one name",
        AGENT_TENANT,
        tenant(limits=2 * _limited(tenant)["limits"]),
        "Duplicate value",
    ),
    Case("a tenant of no namespace", AGENT_TENANT, tenant(namespaces=[]), "namespaces"),
    Case("opens nothing", AGENT_TENANT, tenant(isolation={"networkPolicy": "Strict"})),
    Case("half open", AGENT_TENANT, tenant(isolation={"networkPolicy": "Half"}), "networkPolicy"),
    Case("a tenant that stays", AGENT_TENANT, tenant(preventDeletion=True)),
    Case("perhaps it stays", AGENT_TENANT, tenant(preventDeletion="maybe"), "preventDeletion"),
)
ALL = (*SMALLEST, *RULES, *BOUNDS)
