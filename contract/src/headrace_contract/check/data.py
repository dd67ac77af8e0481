"""JSON Schemas of users, and the data that must satisfy them. No remote `$ref` is ever loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from headrace_contract.check.validator import (
    META_SCHEMA,
    UNCOUNTED,
    CostsTooMuchError,
    compiled,
    find_errors,
    granted,
    spend,
)
from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST: Final = 20  # problems of one value that are told
_STEPS: Final = 600_000  # for one value: a second, and a megabyte of ordinary data
_STEPS_AT_ONCE: Final = 5_000  # some milliseconds
_STEPS_OF_SCHEMA: Final = 200_000  # for one schema: a thousand parts
_STEPS_OF_PATTERN: Final = 800
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef"})


def check_schema(path: str, schema: Mapping[str, Any] | None) -> list[Problem]:
    """Find what keeps this from being a schema of the 2020-12 dialect that stands alone."""
    if schema is None:
        return []
    if schema.get("$schema", _DIALECT) != _DIALECT:
        message = f"must be '{_DIALECT}', or absent"
        return [Problem(f"{path}.$schema", message, Reason.INVALID_TEMPLATE)]
    try:
        with granted(_STEPS_OF_SCHEMA):
            found = dict.fromkeys(_faults(path, dict(schema)))
    except (CostsTooMuchError, RecursionError):
        found = {(path, "must be smaller, and must not be nested so deeply"): None}
    return [Problem(where, message, Reason.INVALID_TEMPLATE) for where, message in found]


def validate_input(schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    """Find what is wrong with the input of a run; everything is right without a schema."""
    return validate("input", schema, value)


def try_input(schema: Mapping[str, Any] | None, value: object) -> list[Problem] | None:
    """Answer as `validate_input` if that is a matter of milliseconds; else give it up."""
    try:
        return _validate_for(_STEPS_AT_ONCE, "input", schema, value)
    except CostsTooMuchError:
        return None


def validate_output(schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    """Find what is wrong with the output of a run or a step."""
    return validate("output", schema, value)


def validate(root: str, schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    """Find what is wrong with a value that messages call `root`; it may take a second."""
    try:
        return _validate_for(_STEPS, root, schema, value)
    except CostsTooMuchError:
        return [Problem(root, "takes too long to be checked by its schema: one must be simpler")]


def _validate_for(
    steps: int, root: str, schema: Mapping[str, Any] | None, value: object
) -> list[Problem]:
    if schema is None:
        return []
    try:
        with granted(steps):
            errors = find_errors(schema, value, _MOST)
    except (Unresolvable, RecursionError, ArithmeticError) as exc:
        return [Problem(root, f"cannot be checked by its schema: {type(exc).__name__}")]
    return [Problem(_at(root, error), _told(error)) for error in errors]


def _faults(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Look at every part that is a schema by its place, or since a reference leads to it."""
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry()  # it retrieves nothing
    resolver = registry.with_resource("", resource).resolver()
    seen: set[int] = set()
    due: list[Any] = [schema]
    while due:
        root = due.pop()
        if id(root) in seen:
            continue
        for error in find_errors(META_SCHEMA, root, 1):
            yield _at(path, error), f"must be a JSON Schema (2020-12): {_told(error)}"
            return
        for part in _parts(root, seen):
            yield from ((path, message) for message in _unusable(part, inner=part is not schema))
            for keyword in _REFERENCES & part.keys():
                try:
                    due.append(_led_to(part[keyword], resolver))
                except ValueError as exc:
                    yield path, str(exc)


def _led_to(reference: str, resolver: Any) -> Any:
    """Follow a reference; raise ValueError, which says what is wrong with it."""
    if not reference.startswith("#"):
        msg = f"must not refer to another document: '{reference}'"
        raise ValueError(msg)
    if not reference.startswith("#/") and reference != "#":  # anchors are looked for at a price
        msg = f"must refer by a path such as '#/$defs/x', not by '{reference}'"
        raise ValueError(msg)
    try:
        return resolver.lookup(reference).contents
    except Unresolvable as exc:
        msg = f"refers to '{reference}', which must be part of the schema"
        raise ValueError(msg) from exc


def _parts(root: Any, seen: set[int]) -> Iterator[dict[str, Any]]:
    todo = [root]
    while todo:
        part = todo.pop()
        if id(part) not in seen and isinstance(part, dict):
            spend(1)
            seen.add(id(part))
            todo.extend(DRAFT202012.subresources_of(part))
            yield part


def _unusable(part: Mapping[str, Any], *, inner: bool) -> Iterator[str]:
    """Find what the dialect has and we have not."""
    if inner and "$id" in part:
        yield "must not have an `$id` within"
    for keyword in sorted(UNCOUNTED & part.keys()):
        yield f"must not have `{keyword}`: list what may be there, or use `additionalProperties`"
    patterns = [part["pattern"]] if "pattern" in part else []
    for pattern in (*patterns, *part.get("patternProperties", ())):
        spend(_STEPS_OF_PATTERN)
        try:
            compiled(pattern)
        except ValueError as exc:
            yield f"has a pattern that RE2 does not take, which knows no look-around: {exc}"


def _at(root: str, error: ValidationError) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return root + "".join(parts)


def _told(error: ValidationError) -> str:
    """Say what must be so without repeating the value, which may be large or private."""
    wanted: Any = error.validator_value
    if error.validator == "required" and isinstance(error.instance, Mapping):
        missing = [name for name in wanted if name not in error.instance]
        return f"must have {quoted(missing[:_MOST])}"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        return f"must have no other members than {quoted(known[:_MOST])}"
    if error.validator == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        return f"must be of type {quoted(kinds)}"
    return f"must satisfy `{error.validator}: {json.dumps(wanted)[:200]}`"
