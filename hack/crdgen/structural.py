"""A pydantic model as a structural schema: what the API server accepts, and nothing that bloats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, NoReturn, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

ALLOWED: Final = frozenset(
    {
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    }
)
"""Keywords that may be in a schema of ours; every other one stops the generator."""

FORMATS: Final = frozenset({"date-time", "int32", "int64"})
_DROPPED: Final = ("title", "$defs")
_INT32: Final = 2**31 - 1


class SchemaRefusedError(Exception):
    """The model says something that a custom resource must not, or leaves a bound out."""


class Structural(GenerateJsonSchema):
    """JSON Schema of a model with everything inline and nothing nullable."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        loose = super().generate(schema, mode)
        inline: JsonSchemaValue = _inline(loose, loose.get("$defs", {}), ())
        return inline

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Say optional by absence: `nullable` breaks merges and empties `kubectl explain`."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Show what an absent member means, whole: rules judge a default before it is filled in."""
        made = super().default_schema(schema)
        if "default_factory" in schema:
            make = cast(
                "Callable[[], object]", schema["default_factory"]
            )  # none of ours takes data
            value = make()
            if isinstance(value, BaseModel):
                value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
            return {**made, "default": value}
        if made.get("default") is None:
            made.pop("default", None)
        return made

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return {"type": "string", "enum": list(schema["expected"])}

    def float_schema(self, schema: core_schema.FloatSchema) -> NoReturn:
        _refuse("a float has no place in a resource; use a decimal string", schema)

    def tuple_schema(self, schema: core_schema.TupleSchema) -> NoReturn:
        _refuse("a tuple has no structural schema; use a list", schema)

    def set_schema(self, schema: core_schema.SetSchema) -> NoReturn:
        _refuse("a set has no structural schema; use a list with as_set()", schema)

    def union_schema(self, schema: core_schema.UnionSchema) -> NoReturn:
        _refuse("a union has no structural schema; use a `type` and one member for each", schema)


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a model; refuse what the API server or our own rules refuse."""
    schema = model.model_json_schema(by_alias=True, schema_generator=Structural)
    check(schema, model.__name__)
    return schema


def _refuse(why: str, what: object) -> NoReturn:
    msg = f"{why}: {what}"
    raise SchemaRefusedError(msg)


def _inline(node: Any, defs: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
    """Put every definition where it is used; what stands beside a `$ref` wins."""
    if isinstance(node, list):
        return [_inline(item, defs, seen) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        if name in seen:
            _refuse("a schema must not contain itself", name)
        beside = {key: value for key, value in node.items() if key != "$ref"}
        # A copy: YAML would write what is shared as an anchor.
        return _inline({**deepcopy(defs[name]), **beside}, defs, (*seen, name))
    kept = {key: value for key, value in node.items() if key not in _DROPPED}
    _inline_values(kept, defs, seen)
    if "properties" in kept:
        members = {name: _inline(one, defs, seen) for name, one in kept["properties"].items()}
        kept["properties"] = members
    if "items" in kept:
        kept["items"] = _inline(kept["items"], defs, seen)
    if kept.get("type") == "integer":
        kept["format"] = "int32" if kept.get("maximum", _INT32 + 1) <= _INT32 else "int64"
    return kept


def _inline_values(node: dict[str, Any], defs: Mapping[str, Any], seen: tuple[str, ...]) -> None:
    """Keep what the values of a map are; of anything else it says that nothing more is there."""
    values = node.pop("additionalProperties", None)
    if isinstance(values, dict) and "x-kubernetes-preserve-unknown-fields" not in node:
        node["additionalProperties"] = _inline(values, defs, seen)


def check(schema: Mapping[str, Any], path: str) -> None:
    """Hold every node to the rules of the API server and to our own."""
    strange = set(schema) - ALLOWED
    if strange:
        _refuse(f"{path} has keywords that are not allowed", sorted(strange))
    if schema.get("format", "int32") not in FORMATS:
        _refuse(f"{path} has a format that is not allowed", schema["format"])
    missing = _BOUNDS.get(schema.get("type", ""), _object)(schema)
    if missing:
        _refuse(f"{path} lacks", missing)
    for name, member in schema.get("properties", {}).items():
        if not member.get("description"):
            _refuse("every field needs a description", f"{path}.{name}")
        check(member, f"{path}.{name}")
    if "items" in schema:
        check(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        check(schema["additionalProperties"], f"{path}.*")


def _string(schema: Mapping[str, Any]) -> str:
    return "" if schema.keys() & {"enum", "maxLength"} else "maxLength"


def _integer(schema: Mapping[str, Any]) -> str:
    return "" if "minimum" in schema else "minimum"


def _array(schema: Mapping[str, Any]) -> str:
    return ", ".join({"items", "maxItems", "x-kubernetes-list-type"} - schema.keys())


def _boolean(_: Mapping[str, Any]) -> str:
    return ""


def _object(schema: Mapping[str, Any]) -> str:
    free = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if "additionalProperties" in schema:
        return "" if "maxProperties" in schema else "maxProperties"
    return "" if "properties" in schema or free else "properties"


_BOUNDS: Final = {"string": _string, "integer": _integer, "array": _array, "boolean": _boolean}
"""What a node of each type must say; anything else is an object."""
