"""From what a user wrote to a frozen spec, or to problems in our own words."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from headrace_contract.check.pipeline import check_egress
from headrace_contract.check.rules import check_rules
from headrace_contract.check.zones import check_zones
from headrace_contract.problem import Problem, quoted
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.agent_tenant import AgentTenantSpec
from headrace_contract.resources.base import (
    DNS_LABEL_PATTERN,
    DURATION_PATTERN,
    MONEY_PATTERN,
    STEP_NAME_PATTERN,
    Spec,
)
from headrace_contract.resources.kinds import Kind
from headrace_contract.resources.model_provider import ModelProviderSpec


def parse(
    kind: Kind, raw: Mapping[str, Any], *, stored: bool = False
) -> tuple[Spec | None, list[Problem]]:
    """
    Read the `spec` of an object: the frozen model, or everything that is wrong with it.

    The rules of the schema are evaluated too, so that a file is judged offline as the API server
    judges it; those of a pipeline by `check_pipeline`, which it wants next. What is `stored` there
    was judged already.
    """
    try:
        spec = kind.spec.model_validate(dict(raw), by_alias=True, by_name=False)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        return None, [_problem(kind.spec, error) for error in errors]
    problems = [] if stored or isinstance(spec, AgentPipelineSpec) else check_rules(spec)
    if isinstance(spec, AgentTenantSpec):
        problems += check_egress("spec.allowed.egress", spec.allowed.egress)
        problems += check_zones("spec.limits", spec.limits)
        problems += check_zones("spec.budgets", spec.budgets)
    if isinstance(spec, ModelProviderSpec):
        problems += check_zones("spec.limits", spec.limits)
    return (None if problems else spec), problems


def _problem(model: type[Spec], error: ErrorDetails) -> Problem:
    location = error["loc"]
    path = "spec" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)
    if error["type"] == "extra_forbidden":
        return Problem(path, _stranger(model, location))
    told = _WORDS.get(error["type"])
    return Problem(path, told(error.get("ctx", {})) if told else error["msg"])


def _pattern(ctx: dict[str, Any]) -> str:
    pattern = ctx["pattern"]
    return _PATTERNS.get(pattern, f"must match '{pattern}'")


_PATTERNS: Final = {
    DURATION_PATTERN: "must be a duration such as '90s' or '1h30m'",
    DNS_LABEL_PATTERN: "must be lower-case letters, digits and inner dashes",
    STEP_NAME_PATTERN: "must be lower-case letters, digits and '_', and begin with a letter",
    MONEY_PATTERN: "must be a decimal number in quotes, such as '0.15'",
}

_WORDS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "missing": lambda _: "must be set",
    "string_type": lambda _: "must be a string",
    "int_type": lambda _: "must be an integer",
    "list_type": lambda _: "must be a list",
    "mapping_type": lambda _: "must be an object",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "model_attributes_type": lambda _: "must be an object",
    "literal_error": lambda ctx: f"must be one of {ctx['expected']}".replace(" or ", ", "),
    "string_pattern_mismatch": _pattern,
    "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "too_short": lambda ctx: f"must have at least {ctx['min_length']} items",
    "too_long": lambda ctx: f"must have at most {ctx['max_length']} items",
    "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']}",
    "less_than_equal": lambda ctx: f"must be at most {ctx['le']}",
}


def _stranger(model: type[Spec], location: tuple[int | str, ...]) -> str:
    known = _fields_at(model, location[:-1])
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f"is no field of it; did you mean `{near[0]}`?"
    return f"is no field of it; it must be one of {quoted(known)}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            by_alias = {field.alias: field for field in model.model_fields.values()}
            model = _model_in(by_alias[part].annotation) or model
    return [field.alias or "" for field in model.model_fields.values()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model in `Model | None`, `list[Model]` and whatever annotates them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found:
            return found
    return None
