"""Rules of the schema that are no bounds, evaluated here as the API server does there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from headrace_contract.problem import Problem
from headrace_contract.resources.base import Spec

RULES = "x-kubernetes-validations"
Schema = Mapping[str, Any]


def check_rules(spec: Spec) -> list[Problem]:
    """Evaluate every rule on the spec with its defaults filled in, as the API server does."""
    schema = _schema(type(spec))
    value = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return list(violations(schema, value, schema.get("$defs", {}), "spec"))


def violations(schema: Schema, value: Any, defs: Schema, path: str) -> Iterator[Problem]:
    """Walk schema and value together; `defs` are what `$ref` names."""
    for branch in _branches(schema, defs):
        for each in branch.get(RULES, ()):
            if not holds(each["rule"], value):
                yield Problem(path, f"is refused: {each['message']}")
        yield from _twice(branch, value, path)
        for inner, part, name in _inner(branch, value):
            yield from violations(inner, part, defs, f"{path}{name}")


def _inner(schema: Schema, value: Any) -> Iterator[tuple[Schema, Any, str]]:
    """Yield the schema, the value and the name of every member or item."""
    if isinstance(value, Mapping):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield inner, value[name], f".{name}"
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield schema["items"], item, f"[{index}]"


def _twice(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    """Find what is there twice in a list that is a set, or a map by the keys of its items."""
    kind = schema.get("x-kubernetes-list-type")
    if kind not in {"map", "set"} or not isinstance(value, list):
        return
    [key] = schema.get("x-kubernetes-list-map-keys", [""])
    names = [item.get(key) if kind == "map" else item for item in value]
    for index, name in enumerate(names):
        if name in names[:index]:
            where = f"{path}[{index}]" + (f".{key}" if key else "")
            field = path.rpartition(".")[2]
            yield Problem(where, f"must be unique in `{field}`, and '{name}' is there before")


def holds(rule: str, value: Any) -> bool:
    """Tell whether a rule is true of a value; one that cannot be evaluated is not."""
    try:
        return bool(_program(rule).evaluate({"self": json_to_cel(value)}))
    except CELEvalError:
        return False


def _branches(schema: Schema, defs: Schema) -> Iterator[Schema]:
    """Yield the schema with what it refers to; pydantic puts an optional model into `anyOf`."""
    yield schema
    for part in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if "$ref" in part:
            yield defs[part["$ref"].rsplit("/", 1)[-1]]
        elif part is not schema:
            yield part


@lru_cache(maxsize=64)
def _schema(model: type[Spec]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


@lru_cache(maxsize=256)
def _program(rule: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(rule))
