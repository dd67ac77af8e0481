"""JSON Schemas of users, and the data that must satisfy them. No remote `$ref` is ever loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST: Final = 20  # problems of one value that are told
_NOWHERE: Final[Registry[Any]] = Registry()  # it retrieves nothing


def check_schema(path: str, schema: Mapping[str, Any] | None) -> list[Problem]:
    """Find what keeps this from being a schema of the 2020-12 dialect that stands alone."""
    if schema is None:
        return []
    if schema.get("$schema", _DIALECT) != _DIALECT:
        message = f"must be '{_DIALECT}', or absent"
        return [Problem(f"{path}.$schema", message, Reason.INVALID_TEMPLATE)]
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as exc:
        message = f"must be a JSON Schema (2020-12): {_told(exc)}"
        return [Problem(_at(path, exc), message, Reason.INVALID_TEMPLATE)]
    except RecursionError:
        return [Problem(path, "must not be nested so deeply", Reason.INVALID_TEMPLATE)]
    return list(_broken_references(path, schema))


def validate_input(schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    """Find what is wrong with the input of a run; everything is right without a schema."""
    return _validate("input", schema, value)


def validate_output(schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    """Find what is wrong with the output of a run or a step."""
    return _validate("output", schema, value)


def _validate(root: str, schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
    if schema is None:
        return []
    validator = Draft202012Validator(dict(schema), registry=_NOWHERE)
    try:
        errors = list(islice(validator.iter_errors(value), _MOST))
    except (Unresolvable, RecursionError) as exc:
        return [Problem(root, f"cannot be checked by its schema: {type(exc).__name__}")]
    return [Problem(_at(root, error), _told(error)) for error in errors]


def _broken_references(path: str, schema: Mapping[str, Any]) -> Iterator[Problem]:
    resource = Resource.from_contents(dict(schema), default_specification=DRAFT202012)
    resolver = _NOWHERE.with_resource("", resource).resolver()
    for reference in dict.fromkeys(_references(schema)):
        if not reference.startswith("#"):
            message = f"must not refer to another document: '{reference}'"
            yield Problem(path, message, Reason.INVALID_TEMPLATE)
            continue
        try:
            resolver.lookup(reference)
        except Unresolvable:
            message = f"refers to '{reference}', which must be part of the schema"
            yield Problem(path, message, Reason.INVALID_TEMPLATE)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in {"$ref", "$dynamicRef"} and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _at(root: str, error: ValidationError | SchemaError) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return root + "".join(parts)


def _told(error: ValidationError | SchemaError) -> str:
    """Say what must be so without repeating the value, which may be large or private."""
    wanted: Any = error.validator_value
    if error.validator == "required" and isinstance(error.instance, Mapping):
        missing = [name for name in wanted if name not in error.instance]
        return f"must have {quoted(missing)}"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        return f"must have no other members than {quoted(known)}"
    if error.validator == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        return f"must be of type {quoted(kinds)}"
    return f"must satisfy `{error.validator}: {json.dumps(wanted)[:200]}`"
