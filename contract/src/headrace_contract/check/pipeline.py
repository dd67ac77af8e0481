"""What a pipeline's spec must satisfy beyond its schema."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from headrace_contract.check.data import check_schema
from headrace_contract.check.expressions import check_expression, check_key
from headrace_contract.check.references import Scope, scopes
from headrace_contract.check.rules import check_rules
from headrace_contract.check.templates import check_template
from headrace_contract.check.validator import granted
from headrace_contract.compile import last_steps
from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.egress import EgressRule
from headrace_contract.resources.steps import Step

_STEPS: Final = 500_000  # for all schemas of a pipeline: half a second or so


def check_pipeline(spec: AgentPipelineSpec, *, stored: bool = False) -> list[Problem]:
    """
    Find everything that is wrong with a pipeline, in the order of the spec.

    The API server has judged the schema's rules of what is `stored`; here they cost milliseconds.
    """
    with granted(_STEPS):
        return _found(spec, stored=stored)


def _found(spec: AgentPipelineSpec, *, stored: bool) -> list[Problem]:
    seen = scopes({step.name: step.depends_on for step in spec.steps})
    found = [
        *([] if stored else check_rules(spec)),
        *check_schema("spec.input.schema", spec.input.schema_),
        *check_schema("spec.output.schema", spec.output.schema_),
        *_last_step(spec),
        *_circle(spec),
    ]
    for index, one in enumerate(spec.limits.per_key):
        found += check_key(f"spec.limits.perKey[{index}].key", one.key)
    for index, step in enumerate(spec.steps):
        path = f"spec.steps[{index}]"
        found += _references(path, step, spec)
        found += _texts(path, step, seen[step.name])
    return [*found, *check_egress("spec.egress", spec.egress)]


def check_egress(path: str, egress: list[EgressRule]) -> list[Problem]:
    """Find ranges that are none; the pattern of the schema admits '999.0.0.0/99'."""
    return [
        Problem(f"{path}[{index}].cidr", message)
        for index, rule in enumerate(egress)
        if rule.cidr and (message := _bad_cidr(rule.cidr))
    ]


def _bad_cidr(cidr: str) -> str | None:
    try:
        loose = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return "must be a range of addresses such as '203.0.113.0/24' or '2001:db8::/32'"
    given = ipaddress.ip_address(cidr.partition("/")[0])
    return None if given == loose.network_address else f"must begin its range, as in '{loose}'"


def _last_step(spec: AgentPipelineSpec) -> Iterator[Problem]:
    """Refuse a schema that has several outputs to be about."""
    known = {step.name for step in spec.steps}
    last = last_steps(spec.steps)
    # A step whose name is misspelled in `dependsOn` only looks like a last one.
    misspelled = any(name not in known for step in spec.steps for name in step.depends_on)
    if spec.output.schema_ is not None and len(last) > 1 and not misspelled:
        message = f"needs one last step to be about, and these are all last: {quoted(last)}"
        yield Problem("spec.output.schema", message)


def _circle(spec: AgentPipelineSpec) -> list[Problem]:
    """Find one circle, and name it in the order in which its steps wait for each other."""
    graph = {step.name: [one for one in step.depends_on if one != step.name] for step in spec.steps}
    done: set[str] = set()
    for start in graph:
        way = _way_back(start, graph, done)
        if way:
            told = " → ".join(f"'{name}'" for name in way)
            message = f"must not depend on each other in a circle: {told}"
            return [Problem("spec.steps", message, Reason.CYCLIC_STEPS)]
    return []


def _way_back(start: str, graph: dict[str, list[str]], done: set[str]) -> list[str]:
    """Go as deep as `dependsOn` goes; return the circle that was met, closed, or nothing."""
    way: list[str] = []
    due: list[tuple[str, int]] = [(start, 0)]
    while due:
        name, depth = due.pop()
        done.update(way[depth:])
        del way[depth:]
        if name in way:
            return [*way[way.index(name) :], name]
        if name not in done and name in graph:
            way.append(name)
            due.extend((one, depth + 1) for one in graph[name])
    done.update(way)
    return []


def _references(path: str, step: Step, spec: AgentPipelineSpec) -> Iterator[Problem]:
    steps = [one.name for one in spec.steps if one.name != step.name]
    for index, name in enumerate(step.depends_on):
        if name not in steps and name != step.name:
            yield _unknown(f"{path}.dependsOn[{index}]", name, "steps", steps)
    pools = [pool.name for pool in spec.pools]
    if step.pool and step.pool not in pools:
        yield _unknown(f"{path}.pool", step.pool, "pools", pools)
    classes = [model.class_ for model in spec.models]
    if step.llm and step.llm.class_ not in classes:
        yield _unknown(f"{path}.llm.class", step.llm.class_, "models", classes)


def _unknown(path: str, name: str, field: str, known: list[str]) -> Problem:
    message = f"must be one of `{field}` ({quoted(known)}), not '{name}'"
    return Problem(path, message, Reason.UNKNOWN_REFERENCE)


def _texts(path: str, step: Step, scope: Scope) -> Iterator[Problem]:
    """Check what the worker will evaluate: the condition, the templates, the answer's schema."""
    if step.when:
        yield from check_expression(f"{path}.when", step.when, scope)
    templates: dict[str, str | None] = {}
    if step.llm:
        templates |= {"llm.system": step.llm.system, "llm.prompt": step.llm.prompt}
        yield from check_schema(f"{path}.llm.schema", step.llm.schema_)
    if step.http:
        templates |= {"http.url": step.http.url, "http.body": step.http.body}
    for field, text in templates.items():
        if text:
            yield from check_template(f"{path}.{field}", text, scope)
