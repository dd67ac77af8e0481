"""
JSON Schema at a bounded price: jsonschema's validator, with every step counted.

A schema is its author's program, and it runs where other tenants wait. So patterns are RE2's, which
take time in proportion to the text, items are compared by hash, and every keyword, member, item and
message costs steps of about a microsecond each. See docs/adr/0006.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY
from referencing import Registry

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

META_SCHEMA: Final = Draft202012Validator.META_SCHEMA
# jsonschema finds these out by walks of its own, which nobody counts.
UNCOUNTED: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})

_READ: Final = 500  # characters times instructions of RE2 in one step, at their worst
_WRITTEN: Final = 100  # characters of a message in one step
_COMPARED: Final = 16  # words of a list in one step
_LISTS: Final = frozenset({"const", "enum", "required", "type", "dependentRequired"})
_PATTERN_BYTES: Final = 1 << 19  # that RE2 may take for one pattern; it refuses what needs more
_PATTERNS: Final = 256  # that are kept, more than one schema can have
_NOWHERE: Final[Registry[Any]] = Registry()  # it retrieves nothing


class CostsTooMuchError(Exception):
    """The steps that were granted did not suffice."""


@dataclass(slots=True)
class _Purse:
    left: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as RE2 knows it, and how long its program is."""

    expression: Any
    size: int


_PURSE: Final[ContextVar[_Purse]] = ContextVar("headrace_schema_steps")


@contextmanager
def granted(steps: int) -> Iterator[None]:
    """Let what is within cost so much, and no more than is left of a grant around it."""
    outer = _PURSE.get(None)
    had = steps if outer is None else min(steps, outer.left)
    purse = _Purse(had)
    token = _PURSE.set(purse)
    try:
        yield
    finally:
        _PURSE.reset(token)
        if outer is not None:
            outer.left -= had - max(purse.left, 0)


def spend(steps: int) -> None:
    """Pay for what will be done next."""
    purse = _PURSE.get()
    purse.left -= steps
    if purse.left < 0:
        raise CostsTooMuchError


def find_errors(schema: Mapping[str, Any], value: object, most: int) -> list[ValidationError]:
    """
    Find what keeps a value from satisfying its schema, `most` errors at most, for granted steps.

    Raises CostsTooMuchError only while there is none, and what jsonschema raises on a reference
    that leads nowhere or to itself.
    """
    registry = REGISTRY if schema is META_SCHEMA else _NOWHERE
    found: list[ValidationError] = []
    try:
        found.extend(islice(_VALIDATOR(schema, registry=registry).iter_errors(value), most))
    except CostsTooMuchError:
        if not found:
            raise
    return found


@lru_cache(maxsize=_PATTERNS)
def compiled(text: str) -> Pattern:
    """Compile a pattern; raise ValueError for one that RE2 does not know, or that is too large."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _PATTERN_BYTES
    try:
        expression = re2.compile(text.encode(), options)
    except re2.error as exc:
        told = exc.args[0]
        raise ValueError(told.decode() if isinstance(told, bytes) else told) from exc
    return Pattern(expression, expression.programsize)


def _size(value: object) -> int:
    return len(value) if isinstance(value, (list, dict)) else 0


def _counted(name: str, keyword: Keyword) -> Keyword:
    """Charge a keyword for itself, for what it may look through and for what it says."""
    by_step = _COMPARED if name in _LISTS else 1

    def look(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        spend(1 + _size(wanted) // by_step + _size(instance))
        for error in keyword(validator, wanted, instance, schema) or ():
            spend(len(error.message) // _WRITTEN)
            yield error

    return look


def _compared(keyword: Keyword) -> Keyword:
    """Charge `const` and `enum` for all that a list or an object may be compared with."""

    def look(
        validator: Any, wanted: Any, instance: Any, schema: Any
    ) -> Iterable[ValidationError] | None:
        if isinstance(instance, (list, dict)):
            _plain(wanted)
        return keyword(validator, wanted, instance, schema)

    return look


def _found(keyword: Keyword) -> Keyword:
    """Charge a reference for its way."""

    def look(
        validator: Any, wanted: str, instance: Any, schema: Any
    ) -> Iterable[ValidationError] | None:
        spend(2 + 2 * wanted.count("/"))
        return keyword(validator, wanted, instance, schema)

    return look


def _matches(text: str, value: str) -> bool:
    pattern = compiled(text)
    spend(1 + len(value) * pattern.size // _READ)
    return pattern.expression.search(value.encode(errors="surrogatepass")) is not None


def _pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(wanted, instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, wanted: Mapping[str, Any], instance: Any, _: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in wanted.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = (
        name
        for name in instance
        if name not in known and not any(_matches(pattern, name) for pattern in patterns)
    )
    if wanted is False:
        if any(True for _ in others):
            yield ValidationError("has other members")
        return
    for name in others:
        yield from validator.descend(instance[name], wanted, path=name)


def _unique_items(_: Any, wanted: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not wanted or not isinstance(instance, list):
        return
    seen = {json.dumps(_plain(item), sort_keys=True) for item in instance}
    if len(seen) < len(instance):
        yield ValidationError("has an item twice")


def _plain(value: Any) -> Any:
    """Write equal values in one way: 1.0 is 1, but true is not; charge for each on the way."""
    spend(1)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _refused(_: Any, __: Any, ___: Any, ____: Any) -> Iterable[ValidationError]:
    raise CostsTooMuchError


def _evolve(self: Any, *, schema: Any, _resolver: Any = None) -> Any:
    """Stay in this class, whatever a `$schema` within says."""
    resolver = self._resolver if _resolver is None else _resolver
    return _VALIDATOR(schema, registry=self._registry, _resolver=resolver)


_OWN: Final[dict[str, Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "const": _compared(Draft202012Validator.VALIDATORS["const"]),
    "enum": _compared(Draft202012Validator.VALIDATORS["enum"]),
    "$ref": _found(Draft202012Validator.VALIDATORS["$ref"]),
    "$dynamicRef": _found(Draft202012Validator.VALIDATORS["$dynamicRef"]),
    **dict.fromkeys(UNCOUNTED, _refused),
}
_KEYWORDS: Final = {**Draft202012Validator.VALIDATORS, **_OWN}
_VALIDATOR: Final[Any] = extend(
    Draft202012Validator, {name: _counted(name, each) for name, each in _KEYWORDS.items()}
)
_VALIDATOR.evolve = _evolve
