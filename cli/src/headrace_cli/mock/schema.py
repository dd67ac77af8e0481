"""A value that satisfies a JSON Schema, made from the prompt: what a well-behaved model answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headrace_cli.mock import text

_DEPTH: Final = 12
_FORMATS: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_SHORT: Final = ("title", "name", "headline", "label", "topic", "subject")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the answer a value stands; the words are chosen by it."""

    root: Mapping[str, Any]
    prompt: str
    name: str = ""
    nth: int = 0
    depth: int = 0

    def inside(self, name: str, nth: int) -> _Place:
        return _Place(self.root, self.prompt, name, nth, self.depth + 1)


def wanted_schema(request: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    """Find the schema of the answer: in `response_format`, else written out in the prompt."""
    wanted = request.get("response_format")
    if isinstance(wanted, Mapping):
        inner = wanted.get("json_schema")
        schema = inner.get("schema") if isinstance(inner, Mapping) else None
        if isinstance(schema, Mapping):
            return schema
        if wanted.get("type") == "json_object":
            return _written_schema(prompt) or {"type": "object"}
    return _written_schema(prompt) or ({"type": "object"} if "JSON object" in prompt else None)


def _written_schema(prompt: str) -> Mapping[str, Any] | None:
    decoder = json.JSONDecoder()
    at = prompt.find("{")
    while at >= 0:
        try:
            value, _ = decoder.raw_decode(prompt, at)
        except ValueError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
        at = prompt.find("{", at + 1)
    return None


def satisfy(schema: Mapping[str, Any], prompt: str) -> Any:
    """Return a value that the schema accepts; patterns are beyond it."""
    return _value(schema, _Place(schema, prompt))


def _value(schema: Any, place: _Place) -> Any:
    if not isinstance(schema, Mapping) or place.depth > _DEPTH:
        return text.topic_of(place.prompt)
    schema = _resolved(schema, place.root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][text.digest_of(place.prompt + place.name) % len(schema["enum"])]
    maker = _MAKERS[kind] if (kind := _type_of(schema)) in _MAKERS else _string
    return maker(schema, place)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    merged = dict(schema)
    for _ in range(_DEPTH):
        parts: Sequence[Any] = merged.pop("allOf", [])
        for choice in ("anyOf", "oneOf"):
            parts = [*parts, *merged.pop(choice, [])[:1]]
        if "$ref" in merged:
            parts = [*parts, _pointed(root, merged.pop("$ref"))]
        if not parts:
            break
        for part in parts:
            merged = {**merged, **part} if isinstance(part, Mapping) else merged
    return merged


def _pointed(root: Mapping[str, Any], ref: str) -> Any:
    found: Any = root
    for key in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    return found


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _object(schema: Mapping[str, Any], place: _Place) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    if not properties and not schema.get("required"):
        return {"answer": text.sentence(place.prompt, 0)}
    names = [*properties, *(name for name in schema.get("required", []) if name not in properties)]
    return {
        name: _value(properties.get(name, {}), place.inside(name, nth))
        for nth, name in enumerate(names)
    }


def _array(schema: Mapping[str, Any], place: _Place) -> list[Any]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
    count = max(least, min(3, most))
    return [_value(schema.get("items", {}), place.inside(place.name, n + 1)) for n in range(count)]


def _string(schema: Mapping[str, Any], place: _Place) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if place.name.lower() in _SHORT:
        topic = text.topic_of(place.prompt)
        said = topic[:1].upper() + topic[1:]
    elif "summary" in place.name.lower():
        said = text.paragraph(place.prompt, middles=1)
    else:
        said = text.sentence(place.prompt, place.nth)
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(said))
    return said.ljust(least, ".")[: max(most, least)]


def _number(schema: Mapping[str, Any], place: _Place) -> float:
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", low + 1))
    share = 0.25 + 0.5 * (text.digest_of(place.prompt + place.name) % 1000) / 1000
    return round(low + (high - low) * share, 2)


def _integer(schema: Mapping[str, Any], place: _Place) -> int:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 11 * step) - 1)
    first, last = -(-low // step), high // step
    return int(
        step * (first + text.digest_of(place.prompt + place.name) % max(1, last - first + 1))
    )


def _boolean(_schema: Mapping[str, Any], place: _Place) -> bool:
    return text.digest_of(place.prompt + place.name) % 2 == 0


def _null(_schema: Mapping[str, Any], _place: _Place) -> None:
    return None


_MAKERS: Final[dict[str, Callable[[Mapping[str, Any], _Place], Any]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "null": _null,
}
